/// The columns that a model was trained on, to read further files in the same way: columns are found by name in any
/// order, categories get the codes they had, and other columns are ignored.
///
/// ```swift
/// let training = try Table.read(csv: "train.csv")
/// let features = training.schema.removing(["species"])
/// let unseen = try Table.read(csv: "new.csv", schema: features)
/// ```
public struct TableSchema: Sendable, Equatable, Codable {
  /// What a column must hold.
  public enum Kind: Sendable, Equatable, Codable {
    /// Finite numbers.
    case number
    /// One of the categories `names`, whose index is its code.
    case category(names: [String])
  }

  /// A column to be found.
  public struct Column: Sendable, Equatable, Codable {
    /// Its name in the header.
    public var name: String

    /// What it must hold.
    public var kind: Kind

    /// Whether it is an error if the file does not have it.
    public var isRequired: Bool

    /// Creates a column, required unless said otherwise.
    public init(name: String, kind: Kind, isRequired: Bool = true) {
      self.name = name
      self.kind = kind
      self.isRequired = isRequired
    }
  }

  /// The columns, in the order in which a table read with this schema has them.
  public var columns: [Column]

  /// Creates a schema of `columns`, whose names differ.
  public init(columns: [Column]) {
    self.columns = columns
  }

  /// The schema without the columns called `names`.
  public func removing(_ names: Set<String>) -> TableSchema {
    TableSchema(columns: columns.filter { !names.contains($0.name) })
  }

  /// The schema in which the columns called `names`, such as the target, may be absent from the file. If one is there,
  /// it is read and checked as any other.
  public func makingOptional(_ names: Set<String>) -> TableSchema {
    TableSchema(
      columns: columns.map { column in
        Column(name: column.name, kind: column.kind, isRequired: column.isRequired && !names.contains(column.name))
      })
  }
}
