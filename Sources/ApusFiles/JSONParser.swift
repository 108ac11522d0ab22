/// A text that is not JSON: where, and what is wrong there.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The first line and the first character of a line have the number 1.
  public let line: Int
  public let column: Int
  /// What is wrong, as a clause.
  public let reason: String

  public var description: String { "line \(line), column \(column): \(reason)" }
}

extension JSON {
  /// Parses a whole text, strictly: UTF-8, no comments, no trailing commas, no key twice in an object, nothing after
  /// the value.
  /// - Parameters:
  ///   - bytes: the text.
  ///   - maximumDepth: how many arrays and objects may be nested in each other; recursion ends there.
  ///   - maximumValues: how many values there may be in all. A value takes up to twenty times the memory of its text.
  public init(
    parsing bytes: [UInt8], maximumDepth: Int = 64, maximumValues: Int = .max
  ) throws(JSONError) {
    var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth, valuesLeft: maximumValues)
    self = try parser.document()
  }

  /// Parses a whole text, as ``init(parsing:maximumDepth:maximumValues:)-([UInt8],_,_)`` does.
  public init(parsing text: String, maximumDepth: Int = 64, maximumValues: Int = .max) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), maximumDepth: maximumDepth, maximumValues: maximumValues)
  }
}

private struct JSONParser {
  let bytes: [UInt8]
  let maximumDepth: Int
  var valuesLeft: Int
  var position = 0

  mutating func document() throws(JSONError) -> JSON {
    let value = try value(depth: 0)
    skipBlanks()
    guard position == bytes.count else { throw error("something follows the end of the value") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSON {
    skipBlanks()
    guard let first = next else { throw error("the text ends where a value should stand") }
    guard valuesLeft > 0 else { throw error("there are too many values") }
    valuesLeft -= 1
    switch first {
    case "{", "[":
      guard depth < maximumDepth else { throw error("arrays and objects are nested deeper than \(maximumDepth)") }
      return first == "{" ? try object(depth: depth + 1) : try array(depth: depth + 1)
    case "\"": return .string(try string())
    case "-", "0"..."9": return try number()
    case "t": return try word("true", .bool(true))
    case "f": return try word("false", .bool(false))
    case "n": return try word("null", .null)
    default: throw error("a value should stand here")
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    var members: [JSON.Member] = []
    var keys: Set<String> = []
    position += 1
    skipBlanks()
    if take("}") { return .object([]) }
    while true {
      skipBlanks()
      guard next == "\"" else { throw error("a key in double quotes should stand here") }
      let start = position
      let key = try string()
      // Swift's equality: two spellings of one text in Unicode are the same key, and nobody could tell them apart.
      guard keys.insert(key).inserted else { throw error("a key stands twice in one object", at: start) }
      skipBlanks()
      guard take(":") else { throw error("a colon should follow the key") }
      members.append(JSON.Member(key, try value(depth: depth)))
      skipBlanks()
      if take("}") { return .object(members) }
      guard take(",") else { throw error("a comma or a closing brace should stand here") }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    var elements: [JSON] = []
    position += 1
    skipBlanks()
    if take("]") { return .array([]) }
    while true {
      elements.append(try value(depth: depth))
      skipBlanks()
      if take("]") { return .array(elements) }
      guard take(",") else { throw error("a comma or a closing bracket should stand here") }
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
    let end = position + word.utf8CodeUnitCount
    let isWord = end <= bytes.count && word.withUTF8Buffer { $0.elementsEqual(bytes[position..<end]) }
    guard isWord else { throw error("a value should stand here") }
    position = end
    return value
  }

  // MARK: - Numbers

  private mutating func number() throws(JSONError) -> JSON {
    let start = position
    let isNegative = take("-")
    let digits = position
    guard skipDigits() > 0 else { throw error("a digit should follow the sign") }
    let beginsWithZero = bytes[digits] == UInt8(ascii: "0")
    if beginsWithZero && position > digits + 1 { throw error("a number begins with a zero", at: start) }
    let integerEnd = position
    if take("."), skipDigits() == 0 { throw error("a digit should follow the decimal point") }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      guard skipDigits() > 0 else { throw error("a digit should stand in the exponent") }
    }

    // "-0" is the floating-point number: an Int has no negative zero.
    if position == integerEnd && !(isNegative && beginsWithZero) {
      guard let value = integer(bytes[digits..<integerEnd], isNegative: isNegative) else {
        throw error("a whole number does not fit 64 bits", at: start)
      }
      return .integer(value)
    }
    // Exact: the nearest Double, whatever the locale.
    guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)), value.isFinite else {
      throw error("a number is too large", at: start)
    }
    return .number(value)
  }

  private func integer(_ digits: ArraySlice<UInt8>, isNegative: Bool) -> Int? {
    var result = 0
    for digit in digits {
      let value = Int(digit - UInt8(ascii: "0"))
      let (product, isTooLarge) = result.multipliedReportingOverflow(by: 10)
      let (sum, isTooLargeToo) =
        isNegative ? product.subtractingReportingOverflow(value) : product.addingReportingOverflow(value)
      guard !isTooLarge && !isTooLargeToo else { return nil }
      result = sum
    }
    return result
  }

  private mutating func skipDigits() -> Int {
    let start = position
    while let digit = next, digit >= "0" && digit <= "9" { position += 1 }
    return position - start
  }

  // MARK: - Texts

  private mutating func string() throws(JSONError) -> String {
    let start = position
    position += 1
    var runStart = position
    var unescaped: [UInt8] = []
    while let character = next {
      switch character {
      case "\"":
        let text =
          unescaped.isEmpty
          ? String(validating: bytes[runStart..<position], as: UTF8.self)
          : String(validating: unescaped + bytes[runStart..<position], as: UTF8.self)
        guard let text else { throw error("a text is not valid UTF-8", at: start) }
        position += 1
        return text
      case "\\":
        unescaped += bytes[runStart..<position]
        position += 1
        unescaped.append(contentsOf: UTF8.encode(try escapedScalar())!)
        runStart = position
      case "\u{0}"..."\u{1F}": throw error("a control character in a text must be escaped")
      default: position += 1
      }
    }
    throw error("a text is never closed", at: start)
  }

  /// The character that the escape behind a backslash stands for.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let start = position - 1
    guard let kind = next else { throw error("a text is never closed") }
    position += 1
    switch kind {
    case "\"", "\\", "/": return kind
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u": break
    default: throw error("there is no such escape", at: start)
    }
    let unit = try hexadecimal(start)
    if let scalar = Unicode.Scalar(unit) { return scalar }
    // A character beyond 16 bits is written as two halves, the high one first.
    if UTF16.isLeadSurrogate(unit), take("\\"), take("u") {
      let low = try hexadecimal(start)
      if UTF16.isTrailSurrogate(low) {
        return Unicode.Scalar(0x10000 + (UInt32(unit - 0xD800) << 10) + UInt32(low - 0xDC00))!
      }
    }
    throw error("one half of a character's escape stands alone", at: start)
  }

  private mutating func hexadecimal(_ start: Int) throws(JSONError) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let character = next, let digit = Character(character).hexDigitValue else {
        throw error("four hexadecimal digits should stand here", at: start)
      }
      value = value << 4 | UInt16(digit)
      position += 1
    }
    return value
  }

  // MARK: - Bytes

  /// The byte at the position, as the character that it is in ASCII; nil at the end.
  private var next: Unicode.Scalar? { position < bytes.count ? Unicode.Scalar(bytes[position]) : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == character else { return false }
    position += 1
    return true
  }

  private mutating func skipBlanks() {
    while let blank = next, blank == " " || blank == "\n" || blank == "\r" || blank == "\t" { position += 1 }
  }

  private func error(_ reason: String, at place: Int? = nil) -> JSONError {
    var (line, column) = (1, 1)
    for byte in bytes[..<(place ?? position)] {
      if byte == UInt8(ascii: "\n") {
        (line, column) = (line + 1, 1)
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return JSONError(line: line, column: column, reason: reason)
  }
}
