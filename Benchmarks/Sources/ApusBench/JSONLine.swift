/// One line of JSON, with its fields in the order in which they were added.
struct JSONLine {
  private var fields: [(name: String, text: String)] = []

  mutating func add(_ name: String, _ value: String) { fields.append((name, Self.quoted(value))) }
  mutating func add(_ name: String, _ value: Int) { fields.append((name, "\(value)")) }
  mutating func add(_ name: String, _ value: Double, digits: Int = 9) {
    fields.append((name, Self.text(value, digits)))
  }
  mutating func add(_ name: String, _ values: [Double], digits: Int = 9) {
    fields.append((name, "[" + values.map { Self.text($0, digits) }.joined(separator: ", ") + "]"))
  }
  mutating func add(_ name: String, _ value: JSONLine) { fields.append((name, value.text)) }

  var text: String { "{" + fields.map { "\(Self.quoted($0.name)): \($0.text)" }.joined(separator: ", ") + "}" }

  /// A number with at most `digits` decimals; JSON has no word for what is not finite.
  private static func text(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return "null" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return abs(value) < 1e15 / scale ? "\((value * scale).rounded() / scale)" : "\(value)"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case _ where scalar.value < 32: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
