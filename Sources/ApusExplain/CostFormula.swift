import ApusCore
import ApusNN

extension Derivation {
  /// The cost of the outputs `a`, with the penalty on the weights `w`.
  func costFormula(_ a: Formula, _ y: Formula, _ w: [Formula]) -> Formula {
    var cost = lossFormula(a, y)
    guard let regularizer else { return cost }
    let (l1, l2) = (Symbol("λ₁"), Symbol("λ₂"))
    for weight in w {
      if regularizer.l2 > 0 {
        let half: Formula = .fraction(.symbol(l2, Tensor(regularizer.l2)), .number(2))
        cost = .sum(cost, .product(half, .total(.squared(weight))))
      }
      if regularizer.l1 > 0 {
        let sizes: Formula = .function(Symbol("abs"), named: "abs", { abs($0) }, weight)
        cost = .sum(cost, .product(.symbol(l1, Tensor(regularizer.l1)), .total(sizes)))
      }
    }
    return cost
  }

  /// The mean over the examples of the loss.
  private func lossFormula(_ a: Formula, _ y: Formula) -> Formula {
    let square: Formula = .squared(.difference(a, y))
    let log = { (x: Formula) -> Formula in .function(Symbol("ln"), named: "ln", { ApusCore.log($0) }, x) }
    switch loss! {
    case .halfSquaredError:
      let count: Formula = isSingle ? .number(2) : .product(.number(2), exampleCount)
      return .product(.fraction(.number(1), count), .total(square))
    case .meanSquaredError:
      let count = counts([isSingle ? nil : exampleCount, outputCount == 1 ? nil : outputs])
      return count.map { .product(.fraction(.number(1), $0), .total(square)) } ?? .total(square)
    case .binaryCrossEntropy:
      let ones: Formula = .hadamard(y, log(a))
      let zeros: Formula = .hadamard(.difference(.number(1), y), log(.difference(.number(1), a)))
      return .negated(mean(.total(.sum(ones, zeros))))
    case .softmaxCrossEntropy: return .negated(mean(.total(.hadamard(y, log(a)))))
    }
  }

  /// The derivative of each example's loss by its outputs.
  func lossDerivative(_ a: Formula, _ y: Formula) -> Formula {
    switch loss! {
    case .halfSquaredError: return .difference(a, y)
    case .meanSquaredError:
      let two: Formula = outputCount == 1 ? .number(2) : .fraction(.number(2), outputs)
      return .product(two, .difference(a, y))
    case .binaryCrossEntropy:
      // Not −(y/a + (1 − y)/(1 − a)), as a slide has it (E-06).
      let rest: Formula = .quotient(.difference(.number(1), y), .difference(.number(1), a))
      return .sum(.negated(.quotient(y, a)), rest)
    case .softmaxCrossEntropy: return .negated(.quotient(y, a))
    }
  }

  private var outputCount: Int { pass.layers[pass.layers.count - 1].units }
  private var outputs: Formula { .symbol(Symbol("n", pass.layers.count), Tensor(Double(outputCount))) }

  /// The product of those that count.
  private func counts(_ factors: [Formula?]) -> Formula? {
    let factors = factors.compactMap(\.self)
    return factors.dropFirst().reduce(factors.first) { .product($0!, $1) }
  }
}
