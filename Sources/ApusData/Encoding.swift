import ApusCore

/// Turns the feature columns of a table into numbers: numeric columns stay, each category becomes a column of 0 and 1.
public struct FeatureEncoder: Sendable, Hashable {
  /// A column as it was in the training data.
  public struct Column: Sendable, Hashable {
    public let name: String
    /// The categories, in the order of their columns; nil for numbers.
    public let categories: [String]?

    public init(name: String, categories: [String]?) {
      self.name = name
      self.categories = categories
    }
  }

  public let columns: [Column]

  public init(columns: [Column]) { self.columns = columns }

  public init(_ columns: [Table.Column]) {
    self.columns = columns.map { column in
      if case .categories(_, let names) = column.values { return Column(name: column.name, categories: names) }
      return Column(name: column.name, categories: nil)
    }
  }

  /// An encoder for unnamed numbers, as of generated data.
  public init(names: [String]) { columns = names.map { Column(name: $0, categories: nil) } }

  /// The names of the encoded columns, such as "age" and "colour=red".
  public var names: [String] {
    columns.flatMap { column in column.categories?.map { "\(column.name)=\($0)" } ?? [column.name] }
  }

  /// The encoded columns that each column becomes.
  var blocks: [(name: String, range: Range<Int>, isCategory: Bool)] {
    var start = 0
    return columns.map { column in
      let range = start..<start + (column.categories?.count ?? 1)
      start = range.upperBound
      return (column.name, range, column.categories != nil)
    }
  }

  /// What a file must hold to be encoded.
  public var schema: TableSchema {
    TableSchema(
      columns: columns.map { column in
        TableSchema.Column(name: column.name, kind: column.categories.map { .category(names: $0) } ?? .number)
      })
  }

  /// The table's columns, found by name, as float32 of shape (rows, encoded columns). A missing number is NaN, and so are all columns of
  /// a missing category.
  /// - Throws: `CSVError` if a column is absent or of another kind, or a category was not in the training data;
  ///   `DatasetError` for more columns than the machine can hold.
  public func encode(_ table: Table) throws -> Tensor {
    let width = columns.reduce(0) { $0 + ($1.categories?.count ?? 1) }
    try checkMemory(table, width: width)
    var result = [Float](repeating: 0, count: table.rowCount * width)
    var position = 0
    for column in columns {
      if let categories = column.categories {
        let (codes, found) = try table.categories(column.name)
        let positions = found.map { categories.firstIndex(of: $0) }
        for (row, code) in codes.enumerated() {
          if code == Table.missingCode {
            for i in categories.indices { result[row * width + position + i] = .nan }
            continue
          }
          guard let category = positions[Int(code)] else {
            throw CSVError(
              .unknownCategory(text: found[Int(code)], known: categories), file: table.source,
              line: table.lineNumber(ofRow: row), column: column.name)
          }
          result[row * width + position + category] = 1
        }
        position += categories.count
      } else {
        for (row, value) in try table.numbers(column.name).enumerated() {
          guard let float = value.isNaN ? .nan : finiteFloat(value) else {
            throw CSVError(
              .beyondFloat(value), file: table.source, line: table.lineNumber(ofRow: row), column: column.name)
          }
          result[row * width + position] = float
        }
        position += 1
      }
    }
    return Tensor(result, shape: [table.rowCount, width])
  }

  /// A text column with a value of its own in every row, such as a name, becomes as many columns as there are rows.
  private func checkMemory(_ table: Table, width: Int) throws {
    // Floats, and while they are scaled doubles beside them.
    guard table.rowCount.multipliedReportingOverflow(by: 32 * max(width, 1)).partialValue > Machine.memory else {
      return
    }
    let widest = columns.max { ($0.categories?.count ?? 0) < ($1.categories?.count ?? 0) }
    let hint =
      widest?.categories.map { "; column '\(widest?.name ?? "")' alone has \($0.count) different texts, remove it" }
      ?? ""
    throw DatasetError("\(table.source): \(table.rowCount) rows of \(width) numbers do not fit into the memory\(hint)")
  }
}

/// A number as float32; nil if it is too large: it would become infinite, and everything computed from it useless.
private func finiteFloat(_ value: Double) -> Float? {
  let float = Float(value)
  return float.isFinite ? float : nil
}

/// Turns a target column into labels or numbers, and results back into words.
public struct TargetEncoding: Sendable, Hashable {
  /// The target column's name.
  public let name: String
  /// The class names, in the order of their labels; nil for a regression.
  public let classes: [String]?

  /// More different whole numbers than this are not taken for classes.
  private static let mostNumbersTakenForClasses = 20
  /// More classes than this are a mistake, such as a column of names: a confusion matrix is as large as their square.
  package static let mostClasses = 1000

  public init(name: String, classes: [String]?) {
    self.name = name
    self.classes = classes
  }

  public init(_ column: Table.Column, task: Dataset.Task?, source: String) throws {
    name = column.name
    switch column.values {
    case .categories(_, let names):
      guard task != .regression else {
        throw DatasetError("\(source): column '\(column.name)' holds text; a regression needs numbers")
      }
      classes = names
    case .numbers(let values):
      let different = Set(values)
      let isWhole = different.allSatisfy { $0 == $0.rounded() && abs($0) < 1e15 }
      let isClassification =
        task.map { $0 == .classification } ?? (isWhole && different.count <= Self.mostNumbersTakenForClasses)
      guard isClassification else {
        classes = nil
        return
      }
      guard isWhole else {
        throw DatasetError("\(source): column '\(column.name)' holds fractions; classes are words or whole numbers")
      }
      classes = different.sorted().map { String(Int($0)) }
    }
    if let classes, classes.count < 2 {
      throw DatasetError(
        "\(source): column '\(column.name)' holds only '\(classes.first ?? "")'; there is nothing to learn")
    }
    if let classes, classes.count > Self.mostClasses {
      throw DatasetError(
        "\(source): column '\(column.name)' holds \(classes.count) different values; there may be \(Self.mostClasses) classes"
      )
    }
  }

  public var kind: Dataset.Targets { classes.map { .classes($0) } ?? .numbers([name]) }

  /// The targets of a column that is encoded in this way.
  /// - Parameter line: the line of a row in the file, for messages.
  /// - Throws: `DatasetError` for a class that is not among the known ones, or text where numbers belong; `CSVError` for a
  ///   number that float32 cannot hold.
  public func encode(
    _ column: Table.Column, source: String, line: (Int) -> Int? = { _ in nil }
  ) throws -> Tensor {
    guard let classes else {
      guard case .numbers(let values) = column.values else {
        throw DatasetError("\(source): column '\(column.name)' holds text; the model predicts numbers")
      }
      let floats = try values.enumerated().map { row, value in
        guard let float = finiteFloat(value) else {
          throw CSVError(.beyondFloat(value), file: source, line: line(row), column: column.name)
        }
        return float
      }
      return Tensor(floats, shape: [values.count, 1])
    }
    let labels = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Int32($0)) })
    func label(_ name: String) throws -> Int32 {
      guard let label = labels[name] else {
        throw DatasetError(
          "\(source): column '\(column.name)' holds the class '\(name)'; known are \(classes.joined(separator: ", "))")
      }
      return label
    }
    switch column.values {
    case .categories(let codes, let names):
      let known = try names.map(label)
      return Tensor(codes.map { known[Int($0)] })
    case .numbers(let values):
      return Tensor(try values.map { try label($0 == $0.rounded() && abs($0) < 1e15 ? String(Int($0)) : "\($0)") })
    }
  }
}
