/// What is wrong with a CSV file, and where.
///
/// The description is one sentence for the person who owns the file, naming file, line and column:
/// `data.csv, line 17: column 'age' is empty; fill or remove the row.`
public struct CSVError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong.
  public enum Kind: Sendable, Equatable {
    // The file.
    /// There is no such file.
    case fileNotFound
    /// The path names a directory.
    case isDirectory
    /// The file cannot be read: why, in the system's words.
    case unreadable(reason: String)
    /// The file is larger than the machine's memory.
    case tooLarge
    /// The bytes are not UTF-8.
    case invalidUTF8
    /// The file is encoded in UTF-16.
    case utf16
    /// The file contains a zero byte: it is not a text.
    case zeroByte

    // Its structure.
    /// The file holds nothing, or only blank lines.
    case empty
    /// There is a header but no row under it.
    case headerOnly
    /// A row has more or fewer fields than the first line.
    case raggedRow(fields: Int, expected: Int)
    /// A blank line stands between rows.
    case blankLine
    /// A quoted field is never closed; the line is that of its opening quote.
    case unterminatedQuote
    /// Something other than a separator follows a closing quote.
    case textAfterQuote
    /// Two columns have the same name.
    case duplicateColumn

    // Its values.
    /// A field is empty, or says that its value is missing: NA, N/A, NaN, null or ?.
    case missingValue(text: String)
    /// A number is infinite or too large for a `Double`.
    case notFinite(text: String)
    /// A number is too large for a network's float32.
    case beyondFloat(Double)
    /// All fields of a column are numbers written with a decimal comma.
    case decimalComma(text: String)

    // What was asked of it.
    /// There is no column of that name.
    case columnNotFound(available: [String])
    /// A field of a column that must be numeric is not a number.
    case notANumber(text: String)
    /// A field holds a category that does not belong to the schema.
    case unknownCategory(text: String, known: [String])
    /// Categories are needed, and the column holds numbers.
    case notCategories
  }

  /// What is wrong.
  public let kind: Kind

  /// The name of the file, as it was given.
  public let file: String

  /// The line of the file, the first being 1; nil where the error does not belong to one line.
  public let line: Int?

  /// The name of the column; nil where the error does not belong to one column.
  public let column: String?

  /// Creates the error of `kind` in `file`.
  public init(_ kind: Kind, file: String, line: Int? = nil, column: String? = nil) {
    self.kind = kind
    self.file = file
    self.line = line
    self.column = column
  }

  public var description: String {
    let place = Self.shown(file, limit: 400) + (line.map { ", line \($0)" } ?? "")
    return "\(place): \(sentence)."
  }

  private var sentence: String {
    let name = Self.shownColumn(column ?? "")
    switch kind {
    case .fileNotFound: return "there is no such file; check the path"
    case .isDirectory: return "this is a directory; name the CSV file in it"
    case .unreadable(let reason): return "the file cannot be read (\(reason))"
    case .tooLarge: return "the file is larger than this machine's memory"
    case .invalidUTF8: return "the text is not valid UTF-8; save the file as UTF-8"
    case .utf16: return "the file is encoded in UTF-16; save it as UTF-8"
    case .zeroByte: return "there is a zero byte; this is not a CSV file"
    case .empty: return "the file is empty; it needs at least one row"
    case .headerOnly: return "there is a header but no row under it; add at least one row"
    case .raggedRow(let fields, let expected):
      return "the row has \(fields) field\(fields == 1 ? "" : "s") instead of \(expected); correct or remove it"
    case .blankLine: return "the line is blank; remove it"
    case .unterminatedQuote: return "the quoted text in \(name) is never closed; add the missing quote"
    case .textAfterQuote:
      return "in \(name) text follows a closing quote; write a quote inside a quoted text twice"
    case .duplicateColumn: return "there are two columns named '\(Self.shown(column ?? ""))'; rename one"
    case .missingValue(let text):
      let state = text.isEmpty ? "is empty" : "has no value ('\(Self.shown(text))')"
      return "\(name) \(state); fill or remove the row"
    case .notFinite(let text): return "\(name) holds '\(Self.shown(text))', which is not a finite number"
    case .beyondFloat(let value): return "\(name) holds \(value), which is beyond the range of float32"
    case .decimalComma(let text):
      return "\(name) holds '\(Self.shown(text))'; write numbers with a decimal point instead of a comma"
    case .columnNotFound(let available): return "there is no \(name); there are \(Self.list(available))"
    case .notANumber(let text): return "\(name) holds '\(Self.shown(text))', which is not a number"
    case .unknownCategory(let text, let known):
      return "\(name) holds '\(Self.shown(text))', which is none of \(Self.list(known))"
    case .notCategories: return "\(name) holds numbers where categories are needed; read it as text"
    }
  }

  /// `column 'age'`; a column without a name of its own is called `column 3` already.
  private static func shownColumn(_ name: String) -> String {
    name.hasPrefix(CSVError.unnamedPrefix) ? shown(name) : "column '\(shown(name))'"
  }

  /// What the name of a column begins with that the file gives none; its number follows.
  static let unnamedPrefix = "column "

  /// `text` on one line, control characters replaced and not much longer than `limit` characters: it comes from a
  /// file that may hold anything.
  private static func shown(_ text: String, limit: Int = 40) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if result.count == limit { return String(result) + "…" }
      result.append(isVisible(scalar) ? scalar : "\u{FFFD}")
    }
    return String(result)
  }

  /// Whether `scalar` is neither a control character nor a separator of lines.
  private static func isVisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }

  /// The first few of `names`, quoted.
  private static func list(_ names: [String], limit: Int = 10) -> String {
    guard !names.isEmpty else { return "none" }
    let first = names.prefix(limit).map { $0.hasPrefix(unnamedPrefix) ? shown($0) : "'\(shown($0))'" }
    let rest = names.count - first.count
    return first.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
  }
}
