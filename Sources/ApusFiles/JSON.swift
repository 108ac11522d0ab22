/// A JSON value (RFC 8259), for the headers of model files, configuration files and the output of tools.
///
/// Why not `JSONDecoder`: importing FoundationEssentials and decoding one small object makes a process start 2.0 ms
/// later (5.0 to 6.9 ms; statically linked 1.0 ms, 3.0 to 3.9) and a static executable 12 MB larger, while a whole
/// prediction has 10 ms; and it lets pass what a file from a stranger must not contain, such as one key twice.
///
/// Numbers are exact: a whole number that does not fit an `Int` and a number too large for a `Double` are refused
/// rather than changed. Objects keep the order of their members.
public enum JSON: Hashable, Sendable {
  case null
  case bool(Bool)
  /// A number written without fraction and exponent.
  case integer(Int)
  /// Any other number. JSON has no infinity and no NaN: they are printed as `null`.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  /// A key of an object with its value.
  public struct Member: Hashable, Sendable {
    public var key: String
    public var value: JSON

    public init(_ key: String, _ value: JSON) {
      self.key = key
      self.value = value
    }
  }
}

// MARK: - Looking inside

extension JSON {
  /// The value of the member `key`; nil if there is none or this is not an object. It looks at one member after the
  /// other.
  public subscript(key: String) -> JSON? { object?.first { $0.key == key }?.value }

  /// The element at `index`; nil if there is none or this is not an array.
  public subscript(index: Int) -> JSON? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }

  /// The truth value; nil for anything else.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// The whole number; nil for anything else, `1.0` included.
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }

  /// The number, whole or not; nil for anything else.
  public var number: Double? {
    switch self {
    case .number(let value): value
    case .integer(let value): Double(value)
    default: nil
    }
  }

  /// The text; nil for anything else.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// The elements; nil for anything but an array.
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }

  /// The members in their order; nil for anything but an object.
  public var object: [Member]? { if case .object(let value) = self { value } else { nil } }

  /// What this is, in words, for messages: "a text", "an object".
  public var kindDescription: String {
    switch self {
    case .null: "null"
    case .bool: "true or false"
    case .integer: "a whole number"
    case .number: "a number"
    case .string: "a text"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

// MARK: - Writing as literals

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements.map { Member($0, $1) }) }
  public init(nilLiteral: ()) { self = .null }
}

// MARK: - Printing

extension JSON: CustomStringConvertible {
  /// The value on one line, without blanks.
  public var description: String { text() }

  /// The value as a text that parses to the same value, infinities and NaN aside, which become `null`.
  /// - Parameter pretty: whether members and elements get lines of their own, indented by two blanks. Arrays of single
  ///   values stay on one line.
  public func text(pretty: Bool = false) -> String {
    var text = ""
    print(into: &text, indentation: pretty ? 0 : nil)
    return text
  }

  private func print(into text: inout String, indentation: Int?) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    // The shortest decimal that reads back as the same number; it always has a point or an exponent.
    case .number(let value): text += value.isFinite ? value.description : "null"
    case .string(let value): Self.print(value, into: &text)
    case .array(let elements):
      let isFlat = elements.allSatisfy { $0.array == nil && $0.object == nil }
      let inner = isFlat ? nil : indentation.map { $0 + 1 }
      text += "["
      for (i, element) in elements.enumerated() {
        if i > 0 { text += isFlat && indentation != nil ? ", " : "," }
        Self.printLineBreak(inner, into: &text)
        element.print(into: &text, indentation: inner)
      }
      if !isFlat { Self.printLineBreak(indentation, into: &text) }
      text += "]"
    case .object(let members):
      text += "{"
      for (i, member) in members.enumerated() {
        if i > 0 { text += "," }
        Self.printLineBreak(indentation.map { $0 + 1 }, into: &text)
        Self.print(member.key, into: &text)
        text += indentation == nil ? ":" : ": "
        member.value.print(into: &text, indentation: indentation.map { $0 + 1 })
      }
      if !members.isEmpty { Self.printLineBreak(indentation, into: &text) }
      text += "}"
    }
  }

  private static func printLineBreak(_ indentation: Int?, into text: inout String) {
    guard let indentation else { return }
    text += "\n" + String(repeating: "  ", count: indentation)
  }

  private static func print(_ string: String, into text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      case "\u{0}"..."\u{1F}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
