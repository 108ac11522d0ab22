// The element-wise operations on tensors: each is one formula. Shapes broadcast under NumPy's rules; element types do not mix.
// A plain number takes the tensor's element type.

extension Elementwise {
  static let add = Elementwise("add") { a, b in a + b }
  static let subtract = Elementwise("subtract") { a, b in a - b }
  static let multiply = Elementwise("multiply") { a, b in a * b }
  static let divide = Elementwise("divide") { a, b in a / b }
  static let remainder = Elementwise("remainder") { a, b in binary(.remainder, a, b) }
  static let power = Elementwise("power") { a, b in binary(.power, a, b) }
  static let minimum = Elementwise("minimum") { a, b in binary(.min, a, b) }
  static let maximum = Elementwise("maximum") { a, b in binary(.max, a, b) }
  static let atan2 = Elementwise("atan2") { a, b in binary(.atan2, a, b) }

  static let addScalar = scalar("add") { x, s in x + s }
  static let subtractFromScalar = scalar("subtract") { x, s in s - x }
  static let multiplyByScalar = scalar("multiply") { x, s in x * s }
  static let divideByScalar = scalar("divide") { x, s in x / s }
  static let divideScalar = scalar("divide") { x, s in s / x }
  static let remainderByScalar = scalar("remainder") { x, s in binary(.remainder, x, s) }
  static let powerOfScalar = scalar("power") { x, s in binary(.power, x, s) }
  static let minimumWithScalar = scalar("minimum") { x, s in binary(.min, x, s) }
  static let maximumWithScalar = scalar("maximum") { x, s in binary(.max, x, s) }
  static let clip = Elementwise("clip", inputs: 1, scalars: 2) { x, s in
    select(x[0] < s[0], s[0], select(x[0] > s[1], s[1], x[0]))
  }

  static let equal = Elementwise("equal") { a, b in a .== b }
  static let notEqual = Elementwise("notEqual") { a, b in a .!= b }
  static let less = Elementwise("less") { a, b in a < b }
  static let lessOrEqual = Elementwise("lessOrEqual") { a, b in a <= b }
  static let greater = Elementwise("greater") { a, b in a > b }
  static let greaterOrEqual = Elementwise("greaterOrEqual") { a, b in a >= b }
  static let equalScalar = scalar("equal") { x, s in x .== s }
  static let notEqualScalar = scalar("notEqual") { x, s in x .!= s }
  static let lessScalar = scalar("less") { x, s in x < s }
  static let lessOrEqualScalar = scalar("lessOrEqual") { x, s in x <= s }
  static let greaterScalar = scalar("greater") { x, s in x > s }
  static let greaterOrEqualScalar = scalar("greaterOrEqual") { x, s in x >= s }

  static let and = Elementwise("and") { a, b in binary(.and, a, b) }
  static let or = Elementwise("or") { a, b in binary(.or, a, b) }
  static let xor = Elementwise("xor") { a, b in binary(.xor, a, b) }
  static let not = Elementwise("not") { x in unary(.not, x) }
  static let choose = Elementwise("where", inputs: 3, masks: [0], yieldsBool: false) { x, _ in select(x[0], x[1], x[2])
  }

  static let negate = Elementwise("negate") { x in -x }

  private static func scalar(_ name: String, _ formula: (Expression, Expression) -> Expression) -> Elementwise {
    Elementwise(name, inputs: 1, scalars: 1) { x, s in formula(x[0], s[0]) }
  }
}

extension Tensor {
  public static func + (a: Tensor, b: Tensor) -> Tensor { Elementwise.add(a, b) }
  public static func + (a: Tensor, b: Double) -> Tensor { Elementwise.addScalar.call([a], [b]) }
  public static func + (a: Double, b: Tensor) -> Tensor { Elementwise.addScalar.call([b], [a]) }
  public static func - (a: Tensor, b: Tensor) -> Tensor { Elementwise.subtract(a, b) }
  public static func - (a: Tensor, b: Double) -> Tensor { Elementwise.addScalar.call([a], [-b]) }
  public static func - (a: Double, b: Tensor) -> Tensor { Elementwise.subtractFromScalar.call([b], [a]) }
  /// The element-wise (Hadamard) product; the matrix product is `•`.
  public static func * (a: Tensor, b: Tensor) -> Tensor { Elementwise.multiply(a, b) }
  public static func * (a: Tensor, b: Double) -> Tensor { Elementwise.multiplyByScalar.call([a], [b]) }
  public static func * (a: Double, b: Tensor) -> Tensor { Elementwise.multiplyByScalar.call([b], [a]) }
  /// The quotient; of integers, truncated toward zero (and 0 for a divisor of 0).
  public static func / (a: Tensor, b: Tensor) -> Tensor { Elementwise.divide(a, b) }
  public static func / (a: Tensor, b: Double) -> Tensor { Elementwise.divideByScalar.call([a], [b]) }
  public static func / (a: Double, b: Tensor) -> Tensor { Elementwise.divideScalar.call([b], [a]) }
  /// The remainder, with the sign of the divisor.
  public static func % (a: Tensor, b: Tensor) -> Tensor { Elementwise.remainder(a, b) }
  public static func % (a: Tensor, b: Double) -> Tensor { Elementwise.remainderByScalar.call([a], [b]) }
  public static prefix func - (a: Tensor) -> Tensor { Elementwise.negate(a) }

  public static func += (a: inout Tensor, b: Tensor) { a = a + b }
  public static func -= (a: inout Tensor, b: Tensor) { a = a - b }
  public static func *= (a: inout Tensor, b: Tensor) { a = a * b }
  public static func /= (a: inout Tensor, b: Tensor) { a = a / b }
  public static func += (a: inout Tensor, b: Double) { a = a + b }
  public static func -= (a: inout Tensor, b: Double) { a = a - b }
  public static func *= (a: inout Tensor, b: Double) { a = a * b }
  public static func /= (a: inout Tensor, b: Double) { a = a / b }

  // Comparisons of elements, as of SIMD vectors: the result is a bool tensor.
  public static func .== (a: Tensor, b: Tensor) -> Tensor { Elementwise.equal(a, b) }
  public static func .== (a: Tensor, b: Double) -> Tensor { Elementwise.equalScalar.call([a], [b]) }
  public static func .!= (a: Tensor, b: Tensor) -> Tensor { Elementwise.notEqual(a, b) }
  public static func .!= (a: Tensor, b: Double) -> Tensor { Elementwise.notEqualScalar.call([a], [b]) }
  public static func .< (a: Tensor, b: Tensor) -> Tensor { Elementwise.less(a, b) }
  public static func .< (a: Tensor, b: Double) -> Tensor { Elementwise.lessScalar.call([a], [b]) }
  public static func .<= (a: Tensor, b: Tensor) -> Tensor { Elementwise.lessOrEqual(a, b) }
  public static func .<= (a: Tensor, b: Double) -> Tensor { Elementwise.lessOrEqualScalar.call([a], [b]) }
  public static func .> (a: Tensor, b: Tensor) -> Tensor { Elementwise.greater(a, b) }
  public static func .> (a: Tensor, b: Double) -> Tensor { Elementwise.greaterScalar.call([a], [b]) }
  public static func .>= (a: Tensor, b: Tensor) -> Tensor { Elementwise.greaterOrEqual(a, b) }
  public static func .>= (a: Tensor, b: Double) -> Tensor { Elementwise.greaterOrEqualScalar.call([a], [b]) }

  // Logic on masks: an element is true when it is not 0.
  public static func .& (a: Tensor, b: Tensor) -> Tensor { Elementwise.and(a, b) }
  public static func .| (a: Tensor, b: Tensor) -> Tensor { Elementwise.or(a, b) }
  public static func .^ (a: Tensor, b: Tensor) -> Tensor { Elementwise.xor(a, b) }
  public static prefix func .! (a: Tensor) -> Tensor { Elementwise.not(a) }

  /// This tensor with every element below `lowest` or above `highest` replaced by that bound. NaN stays; the gradient outside is 0.
  public func clipped(to range: ClosedRange<Double>) -> Tensor {
    Elementwise.clip.call([self], [range.lowerBound, range.upperBound])
  }
}

/// `a` where `mask` is true, `b` elsewhere; all three broadcast.
public func `where`(_ mask: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor { Elementwise.choose(mask, a, b) }

/// The smaller of each pair of elements; NaN if either is NaN. Where they are equal, each gets half of the gradient.
public func minimum(_ a: Tensor, _ b: Tensor) -> Tensor { Elementwise.minimum(a, b) }
public func minimum(_ a: Tensor, _ b: Double) -> Tensor { Elementwise.minimumWithScalar.call([a], [b]) }
/// The larger of each pair of elements; NaN if either is NaN. Where they are equal, each gets half of the gradient.
public func maximum(_ a: Tensor, _ b: Tensor) -> Tensor { Elementwise.maximum(a, b) }
public func maximum(_ a: Tensor, _ b: Double) -> Tensor { Elementwise.maximumWithScalar.call([a], [b]) }
/// `base` to the power of `exponent`.
public func pow(_ base: Tensor, _ exponent: Tensor) -> Tensor { Elementwise.power(base, exponent) }
public func pow(_ base: Tensor, _ exponent: Double) -> Tensor { Elementwise.powerOfScalar.call([base], [exponent]) }
/// The angle of the point (x, y), from -pi to pi.
public func atan2(_ y: Tensor, _ x: Tensor) -> Tensor { Elementwise.atan2(y, x) }

infix operator .& : LogicalConjunctionPrecedence
infix operator .| : LogicalDisjunctionPrecedence
infix operator .^ : LogicalDisjunctionPrecedence
prefix operator .!
