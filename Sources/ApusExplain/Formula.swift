import ApusCore

/// A formula of linear algebra, as the lecture notes write one.
///
/// One formula is read in four ways: with its symbols, with numbers in their place, with dimensions, and as a calculation. So what is
/// printed is what was computed.
indirect enum Formula: Sendable {
  /// A name, and what it stands for: a matrix or, of shape (), a number.
  case symbol(Symbol, Tensor)
  /// A plain number.
  case number(Double)
  case sum(Formula, Formula)
  case difference(Formula, Formula)
  /// The matrix product; or a number times a matrix, which comes first.
  case product(Formula, Formula)
  /// Element by element: ⊙.
  case hadamard(Formula, Formula)
  /// A number over a number.
  case fraction(Formula, Formula)
  /// Element by element: ⊘.
  case quotient(Formula, Formula)
  case negated(Formula)
  case transposed(Formula)
  /// Of each element.
  case squared(Formula)
  /// A function of the elements or rows: its name among symbols, its name among numbers, and the function.
  case function(Symbol, named: String, @Sendable (Tensor) -> Tensor, Formula)
  /// 1 where the condition holds, else 0: Iverson's brackets.
  case comparison(Formula, Comparison, Double)
  /// The sum of all elements.
  case total(Formula)
  /// The sum over the examples, which lie along this axis.
  case sumOverExamples(Formula, axis: Int)
  /// A row (axis 0) or column (axis 1) of ones in front: the bias unit a₀ = 1.
  case withBiasUnit(Formula, axis: Int)
  /// A formula whose value has been found already: among numbers, that stands.
  case known(Formula, Tensor)

  enum Comparison: String, Sendable {
    case greater = ">"
    case greaterOrEqual = "≥"
  }
}

extension Formula {
  /// A name as the notes write it: dW^[1], Θ^(2), m.
  struct Symbol: Sendable, Hashable {
    let base: String
    /// The number of the layer.
    var layer: Int?
    /// Around the number: "[]" or "()".
    var brackets = "[]"
    /// Below the name.
    var subscripted: String?
    /// Whether it is the derivative of a function: g'.
    var isDerivative = false

    init(_ base: String, _ layer: Int? = nil, brackets: String = "[]") {
      self.base = base
      self.layer = layer
      self.brackets = brackets
    }

    /// The number of the layer in its brackets.
    var place: String? { layer.map { "\(brackets.first!)\($0)\(brackets.last!)" } }

    /// On one line: "dW^[1]".
    var text: String {
      base + (subscripted.map { "_\($0)" } ?? "") + (place.map { "^\($0)" } ?? "") + (isDerivative ? "'" : "")
    }
  }
}

// MARK: - The calculation

extension Formula {
  /// What the formula gives.
  var value: Tensor {
    switch self {
    case .symbol(_, let value): return value
    case .number(let number): return Tensor(number)
    case .sum(let a, let b): return a.value + b.value
    case .difference(let a, let b): return a.value - b.value
    case .product(let a, let b):
      let (a, b) = (a.value, b.value)
      return a.rank == 0 || b.rank == 0 ? a * b : a • b
    case .hadamard(let a, let b): return a.value * b.value
    case .fraction(let a, let b), .quotient(let a, let b): return a.value / b.value
    case .negated(let a): return -a.value
    case .transposed(let a): return a.value.transposed()
    case .squared(let a): return square(a.value)
    case .function(_, _, let function, let a): return function(a.value)
    case .comparison(let a, .greater, let limit): return (a.value .> limit).cast(to: .float64)
    case .comparison(let a, .greaterOrEqual, let limit): return (a.value .>= limit).cast(to: .float64)
    case .known(_, let value): return value
    case .total(let a): return a.value.sum()
    case .sumOverExamples(let a, let axis): return a.value.sum(axes: [axis], keepsAxes: true)
    case .withBiasUnit(let a, let axis):
      let value = a.value
      let extents = axis == 0 ? [1, value.shape[1]] : [value.shape[0], 1]
      return concatenate([.ones(Shape(extents), dtype: value.dtype), value], axis: axis)
    }
  }

  /// Whether this is a number, which has no dimensions to speak of.
  var isNumber: Bool {
    switch self {
    case .number, .fraction, .total: true
    case .symbol(_, let value), .known(_, let value): value.rank == 0
    case .product(let a, let b): a.isNumber && b.isNumber
    case .negated(let a), .squared(let a): a.isNumber
    default: false
    }
  }

  /// The formula in dimensions: "(3×2)(2×1) + (3×1)"; nil if it is a number.
  var dimensions: String? {
    if isNumber { return nil }
    switch self {
    case .sum(let a, let b): return Self.joined(a.dimensions, " + ", b.dimensions)
    case .difference(let a, let b): return Self.joined(a.dimensions, " − ", b.dimensions)
    case .product(let a, let b): return Self.joined(a.factorDimensions, "", b.factorDimensions)
    case .hadamard(let a, let b): return Self.joined(a.factorDimensions, " ⊙ ", b.factorDimensions)
    case .quotient(let a, let b): return Self.joined(a.factorDimensions, " ⊘ ", b.factorDimensions)
    case .negated(let a): return a.dimensions
    default: return value.dimensions
    }
  }

  /// As a factor: a sum counts as one matrix.
  private var factorDimensions: String? {
    switch self {
    case .sum, .difference, .negated: value.dimensions
    default: dimensions
    }
  }

  private static func joined(_ a: String?, _ mark: String, _ b: String?) -> String? {
    guard let a, let b else { return a ?? b }
    return a + mark + b
  }
}

extension Tensor {
  /// "(3×2)"; nil for a number.
  var dimensions: String? { rank == 2 ? "(\(shape[0])×\(shape[1]))" : nil }
}
