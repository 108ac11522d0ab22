import ApusCore
import ApusData

/// What a classifier of points in the plane answers everywhere, as text: a letter for the class, the examples as capitals or digits of
/// their true class.
///
/// ```
/// x2  1.12 ┤bbbbbbbbbbaaaaaaaaa
///          │bBbbbbbbbaaaaaaaaAa
///     …
/// ```
public struct DecisionMap: CustomStringConvertible, Sendable {
  public let description: String

  /// - Parameters:
  ///   - data: two features and up to 26 classes with letters of their own; further classes are "?".
  ///   - labels: from points (n, 2) to the class of each.
  public init(
    _ data: Dataset, columns: Int = 48, rows: Int = 16, labels: (Tensor) throws -> [Int]
  ) rethrows {
    guard data.features.rank == 2, data.features.shape[1] == 2, !data.classNames.isEmpty, columns > 1, rows > 1 else {
      fatalError("DecisionMap: features of shape \(data.features.shape); expected (n, 2), and classes")
    }
    let values = data.features.doubles
    func range(_ axis: Int) -> ClosedRange<Double> {
      let all = ClosedRange(covering: stride(from: axis, to: values.count, by: 2).map { values[$0] }) ?? 0...1
      let margin = all.length > 0 ? 0.12 * all.length : 1
      return all.lowerBound - margin...all.upperBound + margin
    }
    let (x, y) = (range(0), range(1))
    // The middle of each character; the first row is the top.
    var points: [Double] = []
    for row in 0..<rows {
      let height = y.upperBound - (Double(row) + 0.5) / Double(rows) * y.length
      for column in 0..<columns {
        points += [x.lowerBound + (Double(column) + 0.5) / Double(columns) * x.length, height]
      }
    }
    let answers = try labels(Tensor(points, shape: [rows * columns, 2]).cast(to: data.features.dtype))
    func letter(_ label: Int) -> String { label < 26 ? String(Unicode.Scalar(UInt8(97 + label))) : "?" }
    var cells: [String] = answers.map(letter)
    for (i, label) in data.targets.ints.enumerated() {
      let column = min(columns - 1, Int((values[2 * i] - x.lowerBound) / x.length * Double(columns)))
      let row = min(rows - 1, Int((y.upperBound - values[2 * i + 1]) / y.length * Double(rows)))
      cells[row * columns + column] = letter(label).uppercased()
    }
    let names = data.featureNames.count == 2 ? data.featureNames : ["x1", "x2"]
    let ends = [y.upperBound, y.lowerBound].map { Ticks.label($0) }
    let margin = max(ends[0].count, ends[1].count)
    var lines = [names[1]]
    func padded(_ text: String) -> String { String(repeating: " ", count: margin - text.count) + text }
    for row in 0..<rows {
      let label = row == 0 ? ends[0] : row == rows - 1 ? ends[1] : ""
      let letters = cells[row * columns..<(row + 1) * columns].joined()
      lines.append(padded(label) + (label.isEmpty ? " │" : " ┤") + letters)
    }
    let (left, right) = (Ticks.label(x.lowerBound), Ticks.label(x.upperBound))
    let free = max(2, columns - left.count - right.count - names[0].count)
    let gaps = [free / 2, free - free / 2].map { String(repeating: " ", count: $0) }
    lines.append(padded("") + "  " + left + gaps[0] + names[0] + gaps[1] + right)
    for (label, name) in data.classNames.enumerated() {
      lines.append("\(letter(label)): class \(name); \(letter(label).uppercased()): an example of it")
    }
    description = lines.joined(separator: "\n")
  }
}
