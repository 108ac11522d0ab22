// Symbolic differentiation: one rule for each primitive, and the chain rule.

extension Primitive {
  /// The partial derivatives of y = primitive(x…) with respect to each operand, in terms of the operands and of y itself.
  ///
  /// At kinks: relu 0, abs 0, sign and step functions 0; where a minimum or maximum is tied, each side gets half.
  func partials(_ x: [Expression], _ y: Expression) -> [Expression] {
    switch self {
    case .negate: [-1]
    case .abs: [unary(.sign, x[0])]
    case .square: [2 * x[0]]
    case .relu: [y > 0]
    case .sqrt: [0.5 / y]
    case .rsqrt: [-0.5 * y / x[0]]
    case .reciprocal: [-(y * y)]
    case .exp: [y]
    case .expm1: [y + 1]
    case .log: [1 / x[0]]
    case .log1p: [1 / (1 + x[0])]
    case .sin: [unary(.cos, x[0])]
    case .cos: [-unary(.sin, x[0])]
    case .tan: [1 + y * y]
    case .asin: [unary(.rsqrt, 1 - x[0] * x[0])]
    case .acos: [-unary(.rsqrt, 1 - x[0] * x[0])]
    case .atan: [1 / (1 + x[0] * x[0])]
    case .sinh: [unary(.cosh, x[0])]
    case .cosh: [unary(.sinh, x[0])]
    case .tanh: [1 - y * y]
    case .erf: [Expression(1.1283791670955126) * unary(.exp, -(x[0] * x[0]))]  // 2 / sqrt(pi)
    case .sigmoid: [y * (1 - y)]
    case .softplus: [unary(.sigmoid, x[0])]
    case .add: [1, 1]
    case .subtract: [1, -1]
    case .multiply: [x[1], x[0]]
    case .divide: [1 / x[1], -y / x[1]]
    case .remainder: [1, -unary(.floor, x[0] / x[1])]
    case .min: [share(x[0], .less, x[1]), share(x[1], .less, x[0])]
    case .max: [share(x[0], .greater, x[1]), share(x[1], .greater, x[0])]
    // x^n: n x^(n-1), which is finite at 0 for n >= 1; ln x x^n, which is 0 at x = 0.
    case .power:
      [
        choose(x[1] .== 0, 0, x[1] * binary(.power, x[0], x[1] - 1)),
        choose(x[0] .== 0, 0, y * unary(.log, x[0])),
      ]
    case .atan2:
      [x[1] / (x[0] * x[0] + x[1] * x[1]), -x[0] / (x[0] * x[0] + x[1] * x[1])]
    case .select: fatalError("a choice is differentiated branch by branch")
    case .sign, .not, .floor, .ceil, .round, .trunc, .isNaN, .isInfinite, .isFinite: [0]
    case .equal, .notEqual, .less, .lessOrEqual, .greater, .greaterOrEqual, .and, .or, .xor: [0, 0]
    }
  }

  // Inside this type, `select` names a case.
  private func choose(_ condition: Expression, _ a: Expression, _ b: Expression) -> Expression {
    ApusCore.select(condition, a, b)
  }

  private func share(_ a: Expression, _ comparison: Primitive, _ b: Expression) -> Expression {
    choose(a .== b, 0.5, binary(comparison, a, b))
  }
}

extension Expression {
  /// The derivative with respect to input `i`, times `seed`: the chain rule in reverse, each shared part visited once.
  ///
  /// - Parameter output: stands for the value of the whole expression where a derivative uses it.
  func derivative(wrtInput i: Int, seed: Expression, output: Expression) -> Expression {
    let order = topologicalOrder()
    var adjoints: [ObjectIdentifier: Expression] = [identity: seed]
    var result: Expression = 0
    for expression in order.reversed() {
      guard let adjoint = adjoints[expression.identity] else { continue }
      switch expression.node.kind {
      case .input(i): result = result.plus(adjoint)
      case .input, .scalar, .constant: break
      case .primitive(.select):
        let (condition, a, b) = (expression.node.operands[0], expression.node.operands[1], expression.node.operands[2])
        for (operand, term) in [(a, select(condition, adjoint, 0)), (b, select(condition, 0, adjoint))] {
          adjoints[operand.identity] = adjoints[operand.identity].map { $0.plus(term) } ?? term
        }
      case .primitive(let primitive):
        let operands = expression.node.operands
        let value = expression.identity == identity ? output : expression
        for (operand, partial) in zip(operands, primitive.partials(operands, value)) where partial.constantValue != 0 {
          let term = adjoint.times(partial)
          adjoints[operand.identity] = adjoints[operand.identity].map { $0.plus(term) } ?? term
        }
      }
    }
    return result.replacing(self, by: output)
  }

  /// The product with a partial derivative, where this is one on its way back.
  ///
  /// A condition chooses instead. A branch that was not taken stays 0, whatever its derivative: 0 times infinity must not give NaN.
  func times(_ partial: Expression) -> Expression {
    if partial.isPredicate { return select(partial, self, 0) }
    if leavesBranchesOut, let choice = operands(of: .select) {
      return select(choice[0], choice[1].times(partial), choice[2].times(partial))
    }
    return self * partial
  }

  /// Whether this is a choice that is 0 by construction for some elements.
  private var leavesBranchesOut: Bool {
    guard let choice = operands(of: .select) else { return false }
    return choice.dropFirst().contains { $0.constantValue == 0 || $0.leavesBranchesOut }
  }

  /// The sum of two derivatives on their way back; choices by one condition stay one choice.
  fileprivate func plus(_ other: Expression) -> Expression {
    if let left = operands(of: .select), let right = other.operands(of: .select), left[0].identity == right[0].identity
    {
      return select(left[0], left[1].plus(right[1]), left[2].plus(right[2]))
    }
    return self + other
  }

  var isPredicate: Bool {
    if case .primitive(let primitive) = node.kind { primitive.isPredicate } else { false }
  }

  /// Every distinct part once, operands before what uses them.
  func topologicalOrder() -> [Expression] {
    var order: [Expression] = []
    var seen: Set<ObjectIdentifier> = []
    func visit(_ expression: Expression) {
      guard seen.insert(expression.identity).inserted else { return }
      for operand in expression.node.operands { visit(operand) }
      order.append(expression)
    }
    visit(self)
    return order
  }

  /// This expression with every occurrence of `part` replaced.
  func replacing(_ part: Expression, by replacement: Expression) -> Expression {
    guard !part.node.operands.isEmpty else { return self }
    var results: [ObjectIdentifier: Expression] = [part.identity: replacement]
    for expression in topologicalOrder() where results[expression.identity] == nil {
      let operands = expression.node.operands
      let replaced = operands.map { results[$0.identity]! }
      let isSame = zip(operands, replaced).allSatisfy { $0.identity == $1.identity }
      results[expression.identity] = isSame ? expression : Expression(expression.node.kind, replaced)
    }
    return results[identity]!
  }

  /// The inputs that occur.
  var inputs: Set<Int> {
    Set(topologicalOrder().compactMap { if case .input(let i) = $0.node.kind { i } else { nil } })
  }
}
