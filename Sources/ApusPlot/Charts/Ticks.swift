import ApusCore

/// The places along an axis that get a number.
public struct Ticks: Sendable, Hashable {
  public let values: [Double]
  public let labels: [String]
  /// Places without a number, between the others.
  public let minor: [Double]

  init(values: [Double], labels: [String], minor: [Double] = []) {
    (self.values, self.labels, self.minor) = (values, labels, minor)
  }

  /// About `count` multiples of 1, 2 or 5 times a power of ten that lie in `range`.
  /// - Parameter least: the smallest distance of neighbours; 1 for whole numbers.
  public init(linear range: ClosedRange<Double>, count: Int, least: Double = 0) {
    let step = max(least, Self.step(range, count: count))
    let first = (range.lowerBound / step - 1e-9).rounded(.up)
    let last = (range.upperBound / step + 1e-9).rounded(.down)
    // Numbers far from zero and close together would not differ.
    guard step.isNormal, first <= last, last - first <= 2 * Double(count), first + 1 != first else {
      self.init(values: [range.lowerBound], labels: Self.labels([range.lowerBound], step: range.lowerBound))
      return
    }
    let values = (0...Int(last - first)).map { (first + Double($0)) * step }
    self.init(values: values, labels: Self.labels(values, step: step))
  }

  /// The distance of neighbours, a 1, 2 or 5 with zeros: a little too short rather than much too long.
  static func step(_ range: ClosedRange<Double>, count: Int) -> Double {
    let least = range.length / Double(max(1, count))
    guard least > 0 else { return 0 }
    let power = tenTo(decimalLogarithm(least).rounded(.down))
    return ([1, 2, 5].first { $0 * power >= 0.8 * least } ?? 10) * power
  }

  /// Powers of ten in `range`, and where these are few, 2 and 5 times them too; about `count`.
  public init(logarithmic range: ClosedRange<Double>, count: Int) {
    guard range.lowerBound >= Axis.smallest, range.upperBound.isFinite else {
      self.init(linear: range, count: count)
      return
    }
    let (low, high) = (decimalLogarithm(range.lowerBound), decimalLogarithm(range.upperBound))
    let (first, last) = (Int((low - 1e-9).rounded(.up)), Int((high + 1e-9).rounded(.down)))
    func multiples(_ factors: [Double]) -> [Double] {
      let shown = range.lowerBound * (1 - 1e-9)...range.upperBound * (1 + 1e-9)
      return (first - 1...max(first - 1, last)).flatMap { exponent -> [Double] in
        let power = Self.tenTo(Double(exponent))
        return factors.map { $0 * power }.filter { shown.contains($0) }
      }
    }
    let fine = multiples([1, 2, 3, 4, 5, 6, 7, 8, 9])
    if high - low < 1 && fine.count < 3 {
      self.init(linear: range, count: count)
      return
    }
    var values = fine
    if values.count > count { values = multiples([1, 2, 5]) }
    if values.count > count, last - first >= 1 {
      let every = max(1, Int((Double(last - first + 1) / Double(max(1, count))).rounded(.up)))
      values = stride(from: first, through: last, by: every).map { Self.tenTo(Double($0)) }
    }
    self.init(
      values: values, labels: values.map { Self.label($0) },
      minor: last - first < 12 ? fine.filter { !values.contains($0) } : [])
  }

  /// A power of ten; decimal exponents go into their exact number.
  private static func tenTo(_ exponent: Double) -> Double {
    exponent < 0 ? 1 / power(10, -exponent) : power(10, exponent)
  }

  // MARK: Labels

  /// All labels of an axis have the same number of decimals.
  private static func labels(_ values: [Double], step: Double) -> [String] {
    let largest = values.map { abs($0) }.max() ?? 0
    guard largest.isFinite, step != 0, step.isFinite, largest > 0 else { return values.map { label($0) } }
    // How many decimals tell neighbours apart, of the numbers or of their mantissas.
    let decimals = (-decimalLogarithm(abs(step)) - 1e-9).rounded(.up)
    if largest < 1e5 && largest >= 1e-3 { return values.map { signed($0.formatted(precision: Int(max(0, decimals)))) } }
    let exponent = decimalLogarithm(largest).rounded(.down)
    return values.map { label($0, digits: Int(min(15, max(0, decimals + exponent)))) }
  }

  /// A number by itself, as short as it can be with four digits: "0.01", "2×10⁻⁷".
  /// - Parameter digits: after the point of a mantissa; zeros at the end are left out.
  static func label(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : value.isNaN ? "–" : value < 0 ? "−∞" : "∞" }
    // "2.5e-07"
    var text = value.formatted("g", precision: 4)
    guard abs(value) >= 99_999.5 || abs(value) < 1e-3 else { return signed(text) }
    text = value.formatted("e", precision: digits)
    let parts = text.split(separator: "e")
    var mantissa = String(parts[0])
    while digits > 0 && mantissa.last == "0" { mantissa.removeLast() }
    if mantissa.last == "." { mantissa.removeLast() }
    let exponent = String(Int(parts[1])!).map { superscripts[$0]! }
    let base = "10" + String(exponent)
    return signed(mantissa == "1" ? base : mantissa == "-1" ? "-" + base : mantissa + "×" + base)
  }

  private static let superscripts: [Character: Character] = Dictionary(
    uniqueKeysWithValues: zip("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))

  /// With a minus sign in place of the hyphen, which zero does not get.
  private static func signed(_ text: String) -> String {
    guard text.first == "-" else { return text }
    let digits = text.dropFirst()
    return digits.allSatisfy { $0 == "0" || $0 == "." } ? String(digits) : "−" + digits
  }
}
