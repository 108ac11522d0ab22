import CApus

/// The primitive operations of expressions: each has a vector kernel on every device and a derivative (in Derivative.swift).
enum Primitive: String, Sendable, CaseIterable, CustomStringConvertible {
  case negate, abs, sign, square, not, relu
  case sqrt, rsqrt, reciprocal, exp, expm1, log, log1p, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, erf, sigmoid
  case softplus, floor, ceil, round, trunc, isNaN, isInfinite, isFinite
  case add, subtract, multiply, divide, remainder, min, max, power, atan2
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual, and, or, xor
  case select

  var description: String { rawValue }

  var opcode: apus_opcode {
    switch self {
    case .negate: APUS_NEGATE
    case .abs: APUS_ABS
    case .sign: APUS_SIGN
    case .square: APUS_SQUARE
    case .not: APUS_NOT
    case .relu: APUS_RELU
    case .sqrt: APUS_SQRT
    case .rsqrt: APUS_RSQRT
    case .reciprocal: APUS_RECIPROCAL
    case .exp: APUS_EXP
    case .expm1: APUS_EXPM1
    case .log: APUS_LOG
    case .log1p: APUS_LOG1P
    case .sin: APUS_SIN
    case .cos: APUS_COS
    case .tan: APUS_TAN
    case .asin: APUS_ASIN
    case .acos: APUS_ACOS
    case .atan: APUS_ATAN
    case .sinh: APUS_SINH
    case .cosh: APUS_COSH
    case .tanh: APUS_TANH
    case .erf: APUS_ERF
    case .sigmoid: APUS_SIGMOID
    case .softplus: APUS_SOFTPLUS
    case .floor: APUS_FLOOR
    case .ceil: APUS_CEIL
    case .round: APUS_ROUND
    case .trunc: APUS_TRUNC
    case .isNaN: APUS_IS_NAN
    case .isInfinite: APUS_IS_INF
    case .isFinite: APUS_IS_FINITE
    case .add: APUS_ADD
    case .subtract: APUS_SUBTRACT
    case .multiply: APUS_MULTIPLY
    case .divide: APUS_DIVIDE
    case .remainder: APUS_REMAINDER
    case .min: APUS_MIN
    case .max: APUS_MAX
    case .power: APUS_POWER
    case .atan2: APUS_ATAN2
    case .equal: APUS_EQUAL
    case .notEqual: APUS_NOT_EQUAL
    case .less: APUS_LESS
    case .lessOrEqual: APUS_LESS_EQUAL
    case .greater: APUS_GREATER
    case .greaterOrEqual: APUS_GREATER_EQUAL
    case .and: APUS_AND
    case .or: APUS_OR
    case .xor: APUS_XOR
    case .select: APUS_SELECT
    }
  }

  /// Whether integers have this operation too.
  var acceptsIntegers: Bool {
    switch self {
    case .negate, .abs, .sign, .square, .not, .relu, .add, .subtract, .multiply, .divide, .remainder, .min, .max,
      .equal, .notEqual,
      .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .xor, .select:
      true
    default: false
    }
  }

  /// Whether the result is 0 or 1.
  var isPredicate: Bool {
    switch self {
    case .not, .isNaN, .isInfinite, .isFinite, .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .and,
      .or, .xor:
      true
    default: false
    }
  }

  /// A rough cost in nanoseconds per float32 element on one core, for deciding when threads pay.
  var cost: Double {
    switch self {
    case .negate, .abs, .sign, .square, .not, .relu, .add, .subtract, .multiply, .min, .max, .equal, .notEqual, .less,
      .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .xor, .select, .floor, .ceil, .round, .trunc, .isNaN,
      .isInfinite,
      .isFinite:
      0.03
    case .divide, .reciprocal, .sqrt, .rsqrt: 0.08
    case .power, .atan2, .tan, .asin, .acos, .sinh, .cosh, .remainder: 0.5
    default: 0.2
    }
  }

  var comparisonSymbol: String? {
    switch self {
    case .equal: "=="
    case .notEqual: "!="
    case .less: "<"
    case .lessOrEqual: "<="
    case .greater: ">"
    case .greaterOrEqual: ">="
    default: nil
    }
  }
}
