/// What is wrong with one field.
struct FieldProblem: Error {
  var kind: CSVError.Kind
  var line: Int

  init(_ kind: CSVError.Kind, line: Int) {
    self.kind = kind
    self.line = line
  }

  init(_ problem: FieldScanner.Problem) {
    switch problem {
    case .unterminatedQuote(let line): self.init(.unterminatedQuote, line: line)
    case .textAfterQuote(let line): self.init(.textAfterQuote, line: line)
    }
  }
}

/// A column while it is being read: numbers until a field is none.
struct ColumnBuilder {
  /// What the column is taken for.
  enum Role {
    /// All fields so far are numbers.
    case number
    /// The fields are the names of categories.
    case text
    /// A number came first and another text later: the fields are only checked, and read again in a second pass.
    case undecided
    /// The fields are passed over.
    case ignored
  }

  let name: String
  var role: Role
  var numbers: [Double] = []
  private(set) var codes: [Int32] = []
  private(set) var names: [String] = []
  private var codeOfName: [String: Int32] = [:]

  /// Whether a missing value is noted instead of refused: NaN among numbers, a code of its own among categories.
  private let allowsMissing: Bool

  /// Whether a schema says what the column must hold.
  private(set) var isRequired = false

  /// Whether a schema's categories are whole numbers: 1.0 is 1 then, as it was when the column was read as numbers.
  private var hasWholeNumbers = false

  /// The first field that is infinite or too large: an error if the column turns out to be numeric.
  private(set) var firstInfinity: (line: Int, text: String)?

  init(name: String, role: Role, allowsMissing: Bool = false) {
    self.name = name
    self.role = role
    self.allowsMissing = allowsMissing
  }

  /// Makes the column one of `kind`: other fields are errors.
  mutating func require(_ kind: TableSchema.Kind) {
    isRequired = true
    switch kind {
    case .number: role = .number
    case .category(let names):
      role = .text
      self.names = names
      for (code, name) in names.enumerated() { codeOfName[name] = Int32(code) }
      hasWholeNumbers = names.allSatisfy { name in Int(name).map { String($0) == name } ?? false }
    }
  }

  /// Reads the next field; returns whether it is the last of its row.
  @inline(__always)
  mutating func readField(from scanner: inout FieldScanner) throws(FieldProblem) -> Bool {
    if role == .number {
      let (start, line) = (scanner.position, scanner.line)
      if let (value, endsRow) = scanner.nextNumber() {
        numbers.append(value)
        if !value.isFinite { noteInfinity(at: start, line: line, of: scanner) }
        return endsRow
      }
    }
    return try readText(from: &scanner)
  }

  private mutating func readText(from scanner: inout FieldScanner) throws(FieldProblem) -> Bool {
    let line = scanner.line
    let field: FieldScanner.Field
    do { field = try scanner.nextField() } catch { throw FieldProblem(error) }
    guard role != .ignored else { return field.endsRow }

    let trimmed = scanner.trimmed(field)
    if Self.isMissing(scanner.bytes, trimmed.start, trimmed.end) {
      guard allowsMissing else { throw FieldProblem(.missingValue(text: scanner.text(of: trimmed)), line: line) }
      if role == .number { numbers.append(.nan) } else if role == .text { codes.append(Table.missingCode) }
      return field.endsRow
    }
    switch role {
    case .ignored, .undecided: break
    case .text: try append(scanner.text(of: field), line: line)
    case .number:
      // A number in quotes, or an infinity in words.
      let text = scanner.text(of: trimmed)
      if let value = DecimalNumber.value(of: text) ?? (Self.isInfinity(text) ? .infinity : nil) {
        numbers.append(value)
        if !value.isFinite { firstInfinity = firstInfinity ?? (line, text) }
      } else if isRequired {
        throw FieldProblem(.notANumber(text: text), line: line)
      } else {
        role = numbers.isEmpty ? .text : .undecided
        numbers = []
        if role == .text { try append(scanner.text(of: field), line: line) }
      }
    }
    return field.endsRow
  }

  private mutating func append(_ text: String, line: Int) throws(FieldProblem) {
    if let code = codeOfName[text] {
      codes.append(code)
    } else if hasWholeNumbers, let value = DecimalNumber.value(of: text), let whole = Int(exactly: value),
      let code = codeOfName[String(whole)]
    {
      codeOfName[text] = code
      codes.append(code)
    } else if isRequired {
      throw FieldProblem(.unknownCategory(text: text, known: names), line: line)
    } else {
      let code = Int32(names.count)
      codeOfName[text] = code
      names.append(text)
      codes.append(code)
    }
  }

  @inline(never)
  private mutating func noteInfinity(at start: Int, line: Int, of scanner: FieldScanner) {
    guard firstInfinity == nil else { return }
    var again = FieldScanner(scanner.bytes, from: start, to: scanner.end, separator: scanner.separator)
    if let field = try? again.nextField() { firstInfinity = (line, again.text(of: field)) }
  }

  /// The values. Categories that are all numbers come in ascending order, so that the classes 0, 1, 2 have the codes
  /// 0, 1, 2 wherever they appear first.
  consuming func finish() -> Table.Values {
    guard role != .number else { return .numbers(numbers) }
    var values: [(value: Double, code: Int)] = []
    if !isRequired {
      for (code, name) in names.enumerated() {
        guard let value = DecimalNumber.value(of: name) else { break }
        values.append((value, code))
      }
    }
    guard !isRequired, values.count == names.count else { return .categories(codes: codes, names: names) }
    values.sort { ($0.value, $0.code) < ($1.value, $1.code) }
    var newCodes = [Int32](repeating: 0, count: names.count)
    for (new, old) in values.enumerated() { newCodes[old.code] = Int32(new) }
    return .categories(
      codes: codes.map { $0 == Table.missingCode ? $0 : newCodes[Int($0)] }, names: values.map { names[$0.code] })
  }

  // MARK: - Special fields

  /// Whether `text` stands for a value that is not there: nothing, NA, N/A, NaN, null or ?, in capitals or not.
  static func isMissing(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { utf8 in utf8.baseAddress.map { isMissing($0, 0, utf8.count) } ?? true }
  }

  private static func isMissing(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
    guard end - start <= 4 else { return false }
    var letters: UInt32 = 0
    for position in start..<end {
      let byte = bytes[position]
      letters = letters << 8 | UInt32((65...90).contains(byte) ? byte | 0x20 : byte)
    }
    switch letters {
    // "", "?", "na", "n/a", "nan", "null", "+nan", "-nan"
    case 0, 0x3F, 0x6E61, 0x6E_2F61, 0x6E_616E, 0x6E75_6C6C, 0x2B6E_616E, 0x2D6E_616E: return true
    default: return false
    }
  }

  /// Whether `text` is an infinity in words: inf or infinity, with or without a sign, in capitals or not.
  static func isInfinity(_ text: String) -> Bool {
    guard text.utf8.count <= 9 else { return false }
    let unsigned = text.first == "-" || text.first == "+" ? text.dropFirst() : text[...]
    return ["inf", "infinity"].contains(unsigned.lowercased())
  }
}
