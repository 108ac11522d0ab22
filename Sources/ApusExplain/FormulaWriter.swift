import ApusCore

/// A way to set formulas: as text, LaTeX or MathML.
protocol FormulaWriter {
  associatedtype Output
  func symbol(_ symbol: Formula.Symbol) -> Output
  func number(_ value: Double) -> Output
  func matrix(_ value: Tensor) -> Output
  /// A sign such as + with its blanks, a bracket, or nothing.
  func sign(_ sign: Formula.Sign) -> Output
  /// The name of a function.
  func name(_ name: String) -> Output
  func joined(_ parts: [Output]) -> Output
  /// With an exponent: "ᵀ" or "²".
  func raised(_ base: Output, _ exponent: String) -> Output
  func fraction(_ numerator: Output, _ denominator: Output) -> Output
  /// Between brackets, round or, for Iverson's, square.
  func bracketed(_ inner: Output, square: Bool) -> Output
  /// The matrix below, or beside, a row or column of ones.
  func withOnes(_ inner: Output, above: Bool) -> Output
}

extension Formula {
  enum Sign: String, Sendable {
    case plus = "+"
    case minus = "−"
    case negative = "-"
    case hadamard = "⊙"
    case quotient = "⊘"
    case sum = "Σ"
    case sumOverExamples = "Σᵢ"
    case times = "·"
    case equals = "="
    case assigned = "←"
    case greater = ">"
    case greaterOrEqual = "≥"
    case comma = ","
    /// A thin gap, between factors.
    case gap = ""
  }

  /// How tightly a formula binds.
  private enum Binding: Int, Comparable {
    case sum, product, atom
    static func < (a: Binding, b: Binding) -> Bool { a.rawValue < b.rawValue }
  }

  private var binding: Binding {
    switch self {
    case .sum, .difference, .negated: .sum
    case .product, .hadamard, .quotient, .total, .sumOverExamples: .product
    case .number(let value): value < 0 ? .sum : .atom
    default: .atom
    }
  }

  /// The formula set by `writer`: with its symbols, or with the numbers that they stand for.
  func written<W: FormulaWriter>(by writer: W, numbers: Bool) -> W.Output {
    func part(_ formula: Formula, atLeast binding: Binding) -> W.Output {
      let inner = formula.written(by: writer, numbers: numbers)
      let own = numbers ? formula.numberBinding : formula.binding
      return own < binding ? writer.bracketed(inner, square: false) : inner
    }
    func infix(_ a: Formula, _ sign: Sign, _ b: Formula, _ left: Binding, _ right: Binding) -> W.Output {
      writer.joined([part(a, atLeast: left), writer.sign(sign), part(b, atLeast: right)])
    }
    switch self {
    case .symbol(let symbol, let value):
      guard numbers else { return writer.symbol(symbol) }
      return value.rank == 0 ? writer.number(value.item) : writer.matrix(value)
    case .number(let value): return writer.number(value)
    case .sum(let a, let b): return infix(a, .plus, b, .sum, .sum)
    case .difference(let a, let b): return infix(a, .minus, b, .sum, .product)
    case .product(let a, let b):
      return infix(a, numbers && a.isNumber && b.isNumber ? .times : .gap, b, .product, .product)
    case .hadamard(let a, let b): return infix(a, .hadamard, b, .product, .atom)
    case .quotient(let a, let b): return infix(a, .quotient, b, .atom, .atom)
    case .fraction(let a, let b):
      return writer.fraction(
        a.written(by: writer, numbers: numbers), b.written(by: writer, numbers: numbers))
    case .negated(let a): return writer.joined([writer.sign(.negative), part(a, atLeast: .product)])
    case .transposed(let a): return writer.raised(part(a, atLeast: .atom), "ᵀ")
    case .squared(let a): return writer.raised(part(a, atLeast: .atom), "²")
    case .function(let symbol, let name, _, let a):
      let inner = writer.bracketed(a.written(by: writer, numbers: numbers), square: false)
      return writer.joined([numbers ? writer.name(name) : writer.symbol(symbol), inner])
    case .comparison(let a, let comparison, let limit):
      let sign: Sign = comparison == .greater ? .greater : .greaterOrEqual
      let inner = writer.joined([part(a, atLeast: .sum), writer.sign(sign), writer.number(limit)])
      return writer.bracketed(inner, square: true)
    case .total(let a): return writer.joined([writer.sign(.sum), writer.sign(.gap), part(a, atLeast: .atom)])
    case .sumOverExamples(let a, _):
      return writer.joined([writer.sign(.sumOverExamples), writer.sign(.gap), part(a, atLeast: .atom)])
    case .known(let formula, let value):
      return numbers ? writer.matrix(value) : formula.written(by: writer, numbers: false)
    case .withBiasUnit(let a, let axis):
      return numbers ? writer.matrix(value) : writer.withOnes(a.written(by: writer, numbers: false), above: axis == 0)
    }
  }

  /// With numbers in place of symbols, a negative one needs brackets.
  private var numberBinding: Binding {
    if case .symbol(_, let value) = self, value.rank == 0, value.item < 0 { return .sum }
    return binding
  }
}
