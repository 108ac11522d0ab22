/// How to read a CSV file where its own look does not say, or says it wrongly.
public struct CSVOptions: Sendable, Equatable {
  /// Whether the first line names the columns.
  public enum Header: Sendable, Equatable {
    /// It does if some field of the first row is not a number while the same field of the second row is one, or if
    /// the file is read with a schema and the first row holds the names of the schema's required columns.
    case detected
    /// It does.
    case present
    /// It does not; the columns are then called "column 1", "column 2" and so on.
    case absent
  }

  /// What stands between the fields of a row.
  public enum Separator: UInt8, Sendable, Equatable, CaseIterable {
    /// A tab.
    case tab = 0x09
    /// A semicolon.
    case semicolon = 0x3B
    /// A comma.
    case comma = 0x2C
  }

  /// Whether the first line names the columns; detected unless given.
  public var header: Header

  /// What stands between the fields, or nil (the default) to detect it: the first of tab, semicolon and comma that
  /// divides each of the first twenty rows into the same number of fields, more than one.
  public var separator: Separator?

  /// The columns to read as categories even if all their fields are numbers, such as class labels 0 to 9.
  public var textColumns: Set<String>

  /// Whether values may be missing; otherwise the first one that is missing is an error.
  public var allowsMissing: Bool

  /// Creates options; without arguments, everything is detected, and every value must be there.
  public init(
    header: Header = .detected, separator: Separator? = nil, textColumns: Set<String> = [], allowsMissing: Bool = false
  ) {
    self.header = header
    self.separator = separator
    self.textColumns = textColumns
    self.allowsMissing = allowsMissing
  }
}
