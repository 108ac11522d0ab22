// Functions of one element, on tensors and, by the same names, in element-wise formulas.

extension Elementwise {
  static let abs = Elementwise("abs") { x in unary(.abs, x) }
  static let sign = Elementwise("sign") { x in unary(.sign, x) }
  static let square = Elementwise("square") { x in unary(.square, x) }
  static let sqrt = Elementwise("sqrt") { x in unary(.sqrt, x) }
  static let rsqrt = Elementwise("rsqrt") { x in unary(.rsqrt, x) }
  static let reciprocal = Elementwise("reciprocal") { x in unary(.reciprocal, x) }
  static let exp = Elementwise("exp") { x in unary(.exp, x) }
  static let expm1 = Elementwise("expm1") { x in unary(.expm1, x) }
  static let log = Elementwise("log") { x in unary(.log, x) }
  static let log1p = Elementwise("log1p") { x in unary(.log1p, x) }
  static let sin = Elementwise("sin") { x in unary(.sin, x) }
  static let cos = Elementwise("cos") { x in unary(.cos, x) }
  static let tan = Elementwise("tan") { x in unary(.tan, x) }
  static let asin = Elementwise("asin") { x in unary(.asin, x) }
  static let acos = Elementwise("acos") { x in unary(.acos, x) }
  static let atan = Elementwise("atan") { x in unary(.atan, x) }
  static let sinh = Elementwise("sinh") { x in unary(.sinh, x) }
  static let cosh = Elementwise("cosh") { x in unary(.cosh, x) }
  static let tanh = Elementwise("tanh") { x in unary(.tanh, x) }
  static let erf = Elementwise("erf") { x in unary(.erf, x) }
  static let sigmoid = Elementwise("sigmoid") { x in unary(.sigmoid, x) }
  static let softplus = Elementwise("softplus") { x in unary(.softplus, x) }
  static let relu = Elementwise("relu") { x in unary(.relu, x) }
  static let floor = Elementwise("floor") { x in unary(.floor, x) }
  static let ceil = Elementwise("ceil") { x in unary(.ceil, x) }
  static let round = Elementwise("round") { x in unary(.round, x) }
  static let trunc = Elementwise("trunc") { x in unary(.trunc, x) }
  static let isNaN = Elementwise("isNaN") { x in unary(.isNaN, x) }
  static let isInfinite = Elementwise("isInfinite") { x in unary(.isInfinite, x) }
  static let isFinite = Elementwise("isFinite") { x in unary(.isFinite, x) }
}

/// The absolute value; the gradient at 0 is 0.
public func abs(_ x: Tensor) -> Tensor { Elementwise.abs(x) }
public func abs(_ x: Expression) -> Expression { unary(.abs, x) }

/// -1, 0 or 1.
public func sign(_ x: Tensor) -> Tensor { Elementwise.sign(x) }
public func sign(_ x: Expression) -> Expression { unary(.sign, x) }

/// x^2.
public func square(_ x: Tensor) -> Tensor { Elementwise.square(x) }
public func square(_ x: Expression) -> Expression { unary(.square, x) }

/// The square root; NaN below 0.
public func sqrt(_ x: Tensor) -> Tensor { Elementwise.sqrt(x) }
public func sqrt(_ x: Expression) -> Expression { unary(.sqrt, x) }

/// 1 / sqrt(x).
public func rsqrt(_ x: Tensor) -> Tensor { Elementwise.rsqrt(x) }
public func rsqrt(_ x: Expression) -> Expression { unary(.rsqrt, x) }

/// 1 / x.
public func reciprocal(_ x: Tensor) -> Tensor { Elementwise.reciprocal(x) }
public func reciprocal(_ x: Expression) -> Expression { unary(.reciprocal, x) }

/// e^x.
public func exp(_ x: Tensor) -> Tensor { Elementwise.exp(x) }
public func exp(_ x: Expression) -> Expression { unary(.exp, x) }

/// e^x - 1, accurate near 0.
public func expm1(_ x: Tensor) -> Tensor { Elementwise.expm1(x) }
public func expm1(_ x: Expression) -> Expression { unary(.expm1, x) }

/// The natural logarithm.
public func log(_ x: Tensor) -> Tensor { Elementwise.log(x) }
public func log(_ x: Expression) -> Expression { unary(.log, x) }

/// ln(1 + x), accurate near 0.
public func log1p(_ x: Tensor) -> Tensor { Elementwise.log1p(x) }
public func log1p(_ x: Expression) -> Expression { unary(.log1p, x) }

/// The sine of an angle in radians.
public func sin(_ x: Tensor) -> Tensor { Elementwise.sin(x) }
public func sin(_ x: Expression) -> Expression { unary(.sin, x) }

/// The cosine of an angle in radians.
public func cos(_ x: Tensor) -> Tensor { Elementwise.cos(x) }
public func cos(_ x: Expression) -> Expression { unary(.cos, x) }

/// The tangent of an angle in radians.
public func tan(_ x: Tensor) -> Tensor { Elementwise.tan(x) }
public func tan(_ x: Expression) -> Expression { unary(.tan, x) }

/// The arc sine, in radians.
public func asin(_ x: Tensor) -> Tensor { Elementwise.asin(x) }
public func asin(_ x: Expression) -> Expression { unary(.asin, x) }

/// The arc cosine, in radians.
public func acos(_ x: Tensor) -> Tensor { Elementwise.acos(x) }
public func acos(_ x: Expression) -> Expression { unary(.acos, x) }

/// The arc tangent, in radians (notes G5).
public func atan(_ x: Tensor) -> Tensor { Elementwise.atan(x) }
public func atan(_ x: Expression) -> Expression { unary(.atan, x) }

/// The hyperbolic sine.
public func sinh(_ x: Tensor) -> Tensor { Elementwise.sinh(x) }
public func sinh(_ x: Expression) -> Expression { unary(.sinh, x) }

/// The hyperbolic cosine.
public func cosh(_ x: Tensor) -> Tensor { Elementwise.cosh(x) }
public func cosh(_ x: Expression) -> Expression { unary(.cosh, x) }

/// The hyperbolic tangent (notes G4).
public func tanh(_ x: Tensor) -> Tensor { Elementwise.tanh(x) }
public func tanh(_ x: Expression) -> Expression { unary(.tanh, x) }

/// The error function.
public func erf(_ x: Tensor) -> Tensor { Elementwise.erf(x) }
public func erf(_ x: Expression) -> Expression { unary(.erf, x) }

/// The logistic function 1 / (1 + e^-x), stable for any x (notes G3).
public func sigmoid(_ x: Tensor) -> Tensor { Elementwise.sigmoid(x) }
public func sigmoid(_ x: Expression) -> Expression { unary(.sigmoid, x) }

/// ln(1 + e^x), stable for any x (notes G10).
public func softplus(_ x: Tensor) -> Tensor { Elementwise.softplus(x) }
public func softplus(_ x: Expression) -> Expression { unary(.softplus, x) }

/// x where positive, 0 elsewhere; the gradient at 0 is 0 (notes G6).
public func relu(_ x: Tensor) -> Tensor { Elementwise.relu(x) }
public func relu(_ x: Expression) -> Expression { unary(.relu, x) }

/// The largest whole number not above x.
public func floor(_ x: Tensor) -> Tensor { Elementwise.floor(x) }
public func floor(_ x: Expression) -> Expression { unary(.floor, x) }

/// The smallest whole number not below x.
public func ceil(_ x: Tensor) -> Tensor { Elementwise.ceil(x) }
public func ceil(_ x: Expression) -> Expression { unary(.ceil, x) }

/// The nearest whole number, ties to even.
public func round(_ x: Tensor) -> Tensor { Elementwise.round(x) }
public func round(_ x: Expression) -> Expression { unary(.round, x) }

/// The whole part of x.
public func trunc(_ x: Tensor) -> Tensor { Elementwise.trunc(x) }
public func trunc(_ x: Expression) -> Expression { unary(.trunc, x) }

/// Whether each element is not a number.
public func isNaN(_ x: Tensor) -> Tensor { Elementwise.isNaN(x) }
public func isNaN(_ x: Expression) -> Expression { unary(.isNaN, x) }

/// Whether each element is infinite.
public func isInfinite(_ x: Tensor) -> Tensor { Elementwise.isInfinite(x) }
public func isInfinite(_ x: Expression) -> Expression { unary(.isInfinite, x) }

/// Whether each element is neither infinite nor NaN.
public func isFinite(_ x: Tensor) -> Tensor { Elementwise.isFinite(x) }
public func isFinite(_ x: Expression) -> Expression { unary(.isFinite, x) }

public func minimum(_ a: Expression, _ b: Expression) -> Expression { binary(.min, a, b) }
public func maximum(_ a: Expression, _ b: Expression) -> Expression { binary(.max, a, b) }
public func pow(_ base: Expression, _ exponent: Expression) -> Expression { binary(.power, base, exponent) }
public func atan2(_ y: Expression, _ x: Expression) -> Expression { binary(.atan2, y, x) }
