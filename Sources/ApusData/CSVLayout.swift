/// What can be said about a CSV text before its rows are read: that it is a text, its separator, the names of its
/// columns, and where its rows start.
struct CSVLayout {
  /// The names of the columns, all different.
  let names: [String]

  /// A scanner that stands before the first row of data.
  let firstRow: FieldScanner

  /// No text of this length and number of line feeds has more rows, unless its lines end in a bare CR.
  let rowLimit: Int

  init(
    _ bytes: UnsafeBufferPointer<UInt8>, file: String, options: CSVOptions, schema: TableSchema?
  ) throws(CSVError) {
    guard let base = bytes.baseAddress, bytes.count > 0 else { throw CSVError(.empty, file: file) }
    let check = TextCheck(bytes)
    if let (kind, offset) = check.problem {
      let hasMarkOfUTF16 = bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
      if hasMarkOfUTF16 { throw CSVError(.utf16, file: file) }
      throw CSVError(kind, file: file, line: Self.lineNumber(of: offset, in: bytes))
    }

    let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let separator = options.separator ?? Self.detectSeparator(bytes, from: start)
    var scanner = FieldScanner(base, from: start, to: bytes.count, separator: separator.rawValue)

    let (blankLine, hasRow) = scanner.skipBlankLines()
    guard hasRow else { throw CSVError(.empty, file: file) }
    if let blankLine { throw CSVError(.blankLine, file: file, line: blankLine) }
    var afterHeader = scanner
    let first = try Self.readRow(&afterHeader, file: file)
    let hasHeader =
      switch options.header {
      case .present: true
      case .absent: false
      case .detected: try Self.detectHeader(first, rest: afterHeader, file: file, schema: schema)
      }

    if hasHeader {
      names = first.enumerated().map { $1.isEmpty ? Self.unnamed($0) : $1 }
      var seen: Set<String> = []
      for name in names where !seen.insert(name).inserted {
        throw CSVError(.duplicateColumn, file: file, line: scanner.line, column: name)
      }
      var rows = afterHeader
      guard rows.skipBlankLines().hasRow else { throw CSVError(.headerOnly, file: file) }
      firstRow = afterHeader
    } else {
      names = first.indices.map(Self.unnamed)
      firstRow = scanner
    }
    // A row has at least a character and a separator or line end for each of its columns.
    rowLimit = min(check.newlineCount, bytes.count / (2 * names.count)) + 1
  }

  /// The name of the column of index `index` if the file gives it none.
  private static func unnamed(_ index: Int) -> String { "\(CSVError.unnamedPrefix)\(index + 1)" }

  /// The fields of the row that `scanner` stands before, without blanks around them.
  private static func readRow(_ scanner: inout FieldScanner, file: String) throws(CSVError) -> [String] {
    var fields: [String] = []
    while true {
      do {
        let field = try scanner.nextField()
        fields.append(scanner.text(of: scanner.trimmed(field)))
        if field.endsRow { return fields }
      } catch {
        let problem = FieldProblem(error)
        throw CSVError(problem.kind, file: file, line: problem.line, column: unnamed(fields.count))
      }
    }
  }

  // MARK: - Detection

  /// The separator of ``CSVOptions/separator``'s rule. Tab and semicolon go first because a decimal comma or a comma in
  /// a text is more likely than one of them in every row.
  private static func detectSeparator(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> CSVOptions.Separator {
    var best: (separator: CSVOptions.Separator, fields: Int) = (.comma, 1)
    for separator in CSVOptions.Separator.allCases {
      guard let base = bytes.baseAddress else { break }
      var scanner = FieldScanner(base, from: start, to: bytes.count, separator: separator.rawValue)
      var counts: [Int] = []
      while counts.count < 20, scanner.skipBlankLines().hasRow, let count = try? scanner.countFields() {
        counts.append(count)
      }
      guard let first = counts.first, first > 1 else { continue }
      if counts.allSatisfy({ $0 == first }) { return separator }
      // No separator may fit a damaged file: then the one that divides the first row most often, to report the damage.
      if first > best.fields { best = (separator, first) }
    }
    return best.separator
  }

  /// Whether `first` names the columns, by the rule of ``CSVOptions/Header-swift.enum/detected``.
  private static func detectHeader(
    _ first: [String], rest: FieldScanner, file: String, schema: TableSchema?
  ) throws(CSVError) -> Bool {
    let required = schema?.columns.filter(\.isRequired).map(\.name) ?? []
    if !required.isEmpty {
      if Set(required).isSubset(of: first) { return true }
      // The schema comes from a file without a header; this one has none either.
      if required.allSatisfy({ $0.hasPrefix(CSVError.unnamedPrefix) }) { return false }
    }

    func isName(_ text: String) -> Bool { !isNumeric(text) && !ColumnBuilder.isMissing(text) }
    var rows = rest
    guard rows.skipBlankLines().hasRow else { return first.contains(where: isName) }
    let second = try readRow(&rows, file: file)
    return zip(first, second).contains { name, value in
      // A gap below a name hints at a header too: the error should name the column.
      let isValue = isNumeric(value) || ColumnBuilder.isMissing(value)
      return isName(name) && isValue
    }
  }

  private static func isNumeric(_ text: String) -> Bool {
    DecimalNumber.isNumber(text) || ColumnBuilder.isInfinity(text)
  }

  /// The line of the byte at `offset`, the first being 1.
  private static func lineNumber(of offset: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var line = 1
    for index in 0..<offset {
      let isLineEnd =
        bytes[index] == .newline || bytes[index] == .carriageReturn && bytes[index + 1] != .newline
      if isLineEnd { line += 1 }
    }
    return line
  }
}
