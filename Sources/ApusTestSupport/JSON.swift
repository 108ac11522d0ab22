/// A JSON value. Numbers are doubles: the fixtures write longer integers as strings.
public enum JSON: Sendable, Hashable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  /// Parses one value.
  public init(_ text: some StringProtocol) throws {
    var parser = Parser(bytes: Array(text.utf8))
    self = try parser.value()
    try parser.end()
  }

  public var isNull: Bool { self == .null }
  public var number: Double? { if case .number(let value) = self { value } else { nil } }
  public var int: Int? { number.flatMap { Int(exactly: $0) } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  public var array: [JSON]? { if case .array(let values) = self { values } else { nil } }
  public subscript(key: String) -> JSON? { if case .object(let members) = self { members[key] } else { nil } }

  public struct ParseError: Error, CustomStringConvertible {
    public let position: Int
    public var description: String { "not JSON at byte \(position)" }
  }

  private struct Parser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    private var error: ParseError { ParseError(position: position) }
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
      while let byte = next, byte == 32 || (9...13).contains(byte) { position += 1 }
    }

    private mutating func accept(_ character: Character) -> Bool {
      skipSpace()
      guard next == character.asciiValue else { return false }
      position += 1
      return true
    }

    private mutating func expect(_ text: String) throws {
      guard bytes[position...].starts(with: text.utf8) else { throw error }
      position += text.utf8.count
    }

    mutating func end() throws {
      skipSpace()
      if next != nil { throw error }
    }

    mutating func value() throws -> JSON {
      skipSpace()
      switch next.map({ Character(UnicodeScalar($0)) }) {
      case "{": return try object()
      case "[": return try array()
      case "\"": return .string(try string())
      case "t":
        try expect("true")
        return .bool(true)
      case "f":
        try expect("false")
        return .bool(false)
      case "n":
        try expect("null")
        return .null
      default: return .number(try number())
      }
    }

    private mutating func number() throws -> Double {
      let start = position
      while let byte = next, "+-.0123456789eE".utf8.contains(byte) { position += 1 }
      guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else { throw error }
      return value
    }

    private mutating func string() throws -> String {
      position += 1
      let start = position
      while let byte = next, byte != 34 {
        // The fixtures contain no escapes.
        if byte == 92 { throw error }
        position += 1
      }
      guard next != nil else { throw error }
      position += 1
      return String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
    }

    private mutating func array() throws -> JSON {
      position += 1
      var values: [JSON] = []
      if accept("]") { return .array(values) }
      repeat { values.append(try value()) } while accept(",")
      guard accept("]") else { throw error }
      return .array(values)
    }

    private mutating func object() throws -> JSON {
      position += 1
      var members: [String: JSON] = [:]
      if accept("}") { return .object(members) }
      repeat {
        skipSpace()
        guard next == 34 else { throw error }
        let key = try string()
        guard accept(":") else { throw error }
        members[key] = try value()
      } while accept(",")
      guard accept("}") else { throw error }
      return .object(members)
    }
  }
}
