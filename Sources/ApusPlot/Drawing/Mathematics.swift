#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// The functions of numbers that pictures need, by one import.

func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
func naturalLogarithm(_ x: Double) -> Double { log(x) }
func decimalLogarithm(_ x: Double) -> Double { log10(x) }
func exponential(_ x: Double) -> Double { exp(x) }
func sine(_ angle: Double) -> Double { sin(angle) }
func cosine(_ angle: Double) -> Double { cos(angle) }

extension ClosedRange<Double> {
  var length: Double { upperBound - lowerBound }

  /// Both ranges and what lies between them.
  func union(_ other: ClosedRange<Double>) -> ClosedRange<Double> {
    Swift.min(lowerBound, other.lowerBound)...Swift.max(upperBound, other.upperBound)
  }

  /// The number at a share of the way from the lower to the upper bound.
  func at(_ share: Double) -> Double { lowerBound + share * length }

  /// What `values` cover; nil without any that can be drawn.
  init?(covering values: some Sequence<Double>) {
    var range: ClosedRange<Double>?
    for value in values where value.isDrawable { range = range.map { $0.union(value...value) } ?? value...value }
    guard let range else { return nil }
    self = range
  }
}

extension ClosedRange<Double> {
  /// From −m to m, where m is the largest magnitude of `values`; 1 if there is none but 0.
  init(symmetricallyCovering values: some Sequence<Double>) {
    let largest = ClosedRange(covering: values).map { Swift.max(abs($0.lowerBound), abs($0.upperBound)) } ?? 0
    self = largest > 0 ? -largest...largest : -1...1
  }
}

extension Double {
  /// Whether a picture can hold this number: differences of such numbers are finite.
  var isDrawable: Bool { abs(self) < 1e300 }
}
