/// The rows of a data file, column by column: numbers, or categories by their codes.
///
/// A table holds no number that is not finite, and no missing value unless it was read with ``CSVOptions/allowsMissing``: then a missing
/// number is NaN, and a missing category has the code -1.
public struct Table: Sendable {
  /// What a column holds, one value per row.
  public enum Values: Sendable, Equatable {
    /// Finite numbers.
    case numbers([Double])
    /// Categories: for each row the index of its name in `names`.
    case categories(codes: [Int32], names: [String])

    /// The number of values.
    public var count: Int {
      switch self {
      case .numbers(let numbers): numbers.count
      case .categories(let codes, _): codes.count
      }
    }
  }

  /// A named column.
  public struct Column: Sendable, Equatable {
    /// The name from the file's header, or "column 1", "column 2" and so on.
    public let name: String

    /// One value per row.
    public let values: Values

    /// Creates a column.
    public init(name: String, values: Values) {
      self.name = name
      self.values = values
    }
  }

  /// The code of a missing category.
  static let missingCode: Int32 = -1

  /// Where the table comes from, for messages: a path or another name.
  public let source: String

  /// The columns. No two have the same name; all have `rowCount` values.
  public let columns: [Column]

  /// The number of rows.
  public let rowCount: Int

  private let lines: LineNumbers

  /// Creates a table of columns with `rowCount` values each.
  init(source: String, columns: [Column], rowCount: Int, lines: LineNumbers) {
    self.source = source
    self.columns = columns
    self.rowCount = rowCount
    self.lines = lines
  }

  /// The line of the file, the first being 1, on which the row of index `row` starts.
  ///
  /// - Precondition: `row` is in `0..<rowCount`.
  public func lineNumber(ofRow row: Int) -> Int {
    guard row >= 0, row < rowCount else { fatalError("row \(row) of a table with \(rowCount) rows") }
    return lines[row]
  }

  // MARK: - Columns by name

  /// The column called `name`.
  ///
  /// - Throws: `columnNotFound` if there is none.
  public func column(_ name: String) throws(CSVError) -> Column {
    if let column = columns.first(where: { $0.name == name }) { return column }
    throw CSVError(.columnNotFound(available: columns.map(\.name)), file: source, column: name)
  }

  /// The numbers of the column called `name`.
  ///
  /// - Throws: `columnNotFound`, or `notANumber` with the line of the first field that makes it a text column.
  public func numbers(_ name: String) throws(CSVError) -> [Double] {
    switch try column(name).values {
    case .numbers(let numbers): return numbers
    case .categories(let codes, let names):
      // A column read as text on request may hold nothing but numbers; then its first row has to do.
      let isNumber = names.map { DecimalNumber.isNumber($0) }
      let row = codes.firstIndex { $0 != Self.missingCode && !isNumber[Int($0)] } ?? 0
      let text = codes[row] == Self.missingCode ? "" : names[Int(codes[row])]
      throw CSVError(.notANumber(text: text), file: source, line: lineNumber(ofRow: row), column: name)
    }
  }

  /// The categories of the column called `name`.
  ///
  /// - Throws: `columnNotFound`, or `notCategories` if the column was read as numbers: read it with
  ///   ``CSVOptions/textColumns`` or a schema.
  public func categories(_ name: String) throws(CSVError) -> (codes: [Int32], names: [String]) {
    guard case .categories(let codes, let names) = try column(name).values else {
      throw CSVError(.notCategories, file: source, column: name)
    }
    return (codes, names)
  }

  /// Refuses a column in which a value is missing, such as a target's: only features may be filled.
  /// - Throws: `missingValue` with the line of the first.
  public func requireValues(of column: Column) throws(CSVError) {
    let row =
      switch column.values {
      case .numbers(let numbers): numbers.firstIndex(where: \.isNaN)
      case .categories(let codes, _): codes.firstIndex(of: Self.missingCode)
      }
    guard let row else { return }
    throw CSVError(.missingValue(text: ""), file: source, line: lineNumber(ofRow: row), column: column.name)
  }

  /// The table of the columns called `names`, in that order.
  ///
  /// - Throws: `columnNotFound` for the first name that is absent.
  public func selecting(_ names: [String]) throws(CSVError) -> Table {
    var selected: [Column] = []
    for name in names { selected.append(try column(name)) }
    return Table(source: source, columns: selected, rowCount: rowCount, lines: lines)
  }

  /// The columns' names and kinds, to read another file the same way.
  public var schema: TableSchema {
    TableSchema(
      columns: columns.map { column in
        switch column.values {
        case .numbers: TableSchema.Column(name: column.name, kind: .number)
        case .categories(_, let names): TableSchema.Column(name: column.name, kind: .category(names: names))
        }
      })
  }
}

/// The line on which each row starts, stored only where it does not simply follow the row before.
struct LineNumbers: Sendable {
  private var rows: [Int] = []
  private var starts: [Int] = []

  /// Notes that `row` starts on `line`; rows come in ascending order.
  @inline(__always)
  mutating func append(row: Int, line: Int) {
    if let lastRow = rows.last, let lastStart = starts.last, line - lastStart == row - lastRow { return }
    rows.append(row)
    starts.append(line)
  }

  subscript(row: Int) -> Int {
    // The last note at or before the row.
    var (low, high) = (0, rows.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if rows[middle] <= row { low = middle } else { high = middle }
    }
    return starts[low] + row - rows[low]
  }
}
