/// Writing CSV.
public enum CSVField {
  /// A field as RFC 4180 wants it: in quotes if it holds a separator, a quote or a line break.
  public static func quoted(_ text: String) -> String {
    guard text.utf8.contains(where: { [0x22, 0x2C, 0x3B, 0x09, 0x0A, 0x0D].contains($0) }) else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// Fields as a line with its end.
  public static func line(_ fields: [String]) -> String { fields.map(quoted).joined(separator: ",") + "\n" }
}
