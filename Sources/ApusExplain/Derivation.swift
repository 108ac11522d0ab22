import ApusCore
import ApusNN

/// Writes a pass down as the steps of a calculation.
struct Derivation {
  typealias Step = Explanation.Step
  typealias Symbol = Formula.Symbol

  let pass: ExplainedPass
  let data: ExplainedData
  let loss: Explanation.Loss?
  let convention: Explanation.Convention
  let learningRate: Double?
  let regularizer: Regularizer?
  let threshold: Double?

  var isSingle: Bool { data.count == 1 }
  /// The axis along which examples lie.
  var exampleAxis: Int { convention == .columns ? 1 : 0 }

  /// A matrix with an example in each row, as the convention writes it.
  func laid(_ rows: Tensor) -> Tensor { convention == .columns ? rows.transposed().dense : rows }
  /// A vector with an element for each unit.
  func laidUnits(_ vector: Tensor) -> Tensor {
    vector.reshaped(convention == .columns ? [vector.count, 1] : [1, vector.count])
  }

  /// Capital letters are matrices of several examples, small ones those of a single example.
  func named(_ letter: String, _ number: Int, _ brackets: String = "[]") -> Symbol {
    Symbol(isSingle ? letter.lowercased() : letter.uppercased(), number, brackets: brackets)
  }
  func derivativeNamed(_ letter: String, _ number: Int) -> Symbol {
    Symbol("d" + (isSingle ? letter.lowercased() : letter.uppercased()), number)
  }

  /// 1/m in front of a sum over the examples; nothing for a single one.
  func mean(_ formula: Formula) -> Formula {
    isSingle ? formula : .product(.fraction(.number(1), exampleCount), formula)
  }
  var exampleCount: Formula { .symbol(Symbol("m"), Tensor(Double(data.count))) }

  func step(
    _ part: Step.Part, _ layer: Int?, _ symbol: Symbol, _ matrix: Tensor, _ definition: Formula?,
    isAssignment: Bool = false
  ) -> Step {
    step(part, layer, left: .symbol(symbol, matrix), matrix, definition, isAssignment: isAssignment)
  }

  func step(
    _ part: Step.Part, _ layer: Int?, left: Formula, _ matrix: Tensor, _ definition: Formula?,
    isAssignment: Bool = false
  ) -> Step {
    let writer = TextWriter(digits: 6)
    let matrix = matrix.rank == 2 ? matrix : matrix.reshaped([1, 1])
    let own = matrix.dimensions!
    let right = definition.flatMap(\.dimensions).map { "\(own) = \($0)" } ?? own
    return Step(
      part: part, layer: layer, name: left.written(by: writer, numbers: false).lines[0],
      formula: definition?.written(by: writer, numbers: false).lines[0] ?? "", dimensions: right, matrix: matrix,
      left: left, definition: definition, isAssignment: isAssignment)
  }

  // MARK: - What both notations share

  /// The targets; nil without them.
  var target: Formula? { data.targets.map { .symbol(Symbol(isSingle ? "y" : "Y"), laid($0)) } }

  /// g(z), with the name that the layer's activation has in formulas.
  func activated(_ layer: Explanation.Layer, _ g: Symbol, _ z: Formula) -> Formula {
    let (activation, axis) = (layer.activation, exampleAxis)
    if activation == .identity { return z }
    return .function(
      g, named: activation.symbol,
      { activation.isElementwise || axis == 0 ? activation($0) : activation($0.transposed()).transposed() }, z)
  }

  /// g'(z) where it is not 1, and how it comes from z or a; nil for the identity and the softmax.
  func slope(_ l: Int, _ g: Symbol, _ z: Formula, _ a: Formula) -> (left: Formula, matrix: Tensor, definition: Formula)?
  {
    let activation = pass.layers[l].activation
    guard activation != .identity, let rows = pass.slopes[l] else { return nil }
    let matrix = laid(rows)
    var prime = g
    prime.isDerivative = true
    let function: Formula = .function(
      prime, named: "\(activation.symbol)'", { z in gradient(at: z) { activation($0).sum() } }, z)
    let definition: Formula =
      switch activation {
      case .sigmoid: .hadamard(a, .difference(.number(1), a))
      case .tanh: .difference(.number(1), .squared(a))
      case .relu: .comparison(z, .greater, 0)
      default: function
      }
    return (.known(function, matrix), matrix, definition)
  }

  /// The decision: 1 from the threshold on (notes A16, A17).
  func decision(_ a: Formula, layer: Int) -> Step? {
    threshold.map {
      let rule: Formula = .comparison(a, .greaterOrEqual, $0)
      return step(.forward, layer, Symbol(isSingle ? "ŷ" : "Ŷ"), rule.value, rule)
    }
  }

  /// Whether the last layer's dZ is A − Y, without a detour by dA and g' (E-11).
  var endsInDifference: Bool {
    switch (loss, pass.layers[pass.layers.count - 1].activation) {
    case (.binaryCrossEntropy, .sigmoid), (.softmaxCrossEntropy, .softmax), (.halfSquaredError, .identity): true
    default: false
    }
  }

  func rate(_ gradient: Formula) -> Formula { .product(.symbol(Symbol("α"), Tensor(learningRate!)), gradient) }

  /// `gradient` and what the penalty adds to it: λ₂ W + λ₁ sign W.
  func regularized(_ gradient: Formula, _ w: Formula) -> Formula {
    guard let regularizer else { return gradient }
    var result = gradient
    if regularizer.l2 > 0 { result = .sum(result, .product(.symbol(Symbol("λ₂"), Tensor(regularizer.l2)), w)) }
    if regularizer.l1 > 0 {
      let signs: Formula = .function(Symbol("sign"), named: "sign", { sign($0) }, w)
      result = .sum(result, .product(.symbol(Symbol("λ₁"), Tensor(regularizer.l1)), signs))
    }
    return result
  }
}

// MARK: - In W, b, dZ

extension Derivation {
  /// The steps with W^[l], b^[l], dZ^[l], dA^[l] (001, 002, 003).
  func stepsOfMatrices() -> [Step] {
    let layers = pass.layers
    let w = layers.map { Formula.symbol(Symbol("W", $0.number), $0.weight) }
    let b = layers.map { layer in layer.bias.map { Formula.symbol(Symbol("b", layer.number), laidUnits($0)) } }
    let g = layers.map { Symbol("g", $0.number) }
    let a =
      [Formula.symbol(named("a", 0), laid(data.features))]
      + layers.map { .symbol(named("a", $0.number), laid($0.a)) }
    let z = layers.map { Formula.symbol(named("z", $0.number), laid($0.z)) }

    var steps = [step(.given, 0, left: a[0], a[0].value, nil)]
    for (l, layer) in layers.enumerated() {
      steps.append(step(.given, layer.number, left: w[l], layer.weight, nil))
      if let b = b[l] { steps.append(step(.given, layer.number, left: b, b.value, nil)) }
    }
    if let target { steps.append(step(.given, nil, left: target, target.value, nil)) }

    for (l, layer) in layers.enumerated() {
      let product: Formula = convention == .columns ? .product(w[l], a[l]) : .product(a[l], .transposed(w[l]))
      steps.append(step(.forward, l + 1, left: z[l], z[l].value, b[l].map { .sum(product, $0) } ?? product))
      steps.append(step(.forward, l + 1, left: a[l + 1], a[l + 1].value, activated(layer, g[l], z[l])))
    }
    if let decision = decision(a[layers.count], layer: layers.count) { steps.append(decision) }

    guard let target, let cost = pass.cost else { return steps }
    steps.append(
      step(.cost, nil, Symbol(isSingle ? "L" : "J"), Tensor([[cost]]), costFormula(a[layers.count], target, w)))
    steps += backwardSteps(w, g, a, z, target)
    guard learningRate != nil else { return steps }
    for (l, layer) in layers.enumerated() {
      let gradients = layer.gradients!
      steps.append(update(w[l], .symbol(Symbol("dW", l + 1), gradients.dW), l + 1))
      if let b = b[l], let db = gradients.db {
        steps.append(update(b, .symbol(Symbol("db", l + 1), laidUnits(db)), l + 1))
      }
    }
    return steps
  }

  func update(_ parameter: Formula, _ gradient: Formula, _ layer: Int) -> Step {
    // The optimiser's own arithmetic: p − α g.
    let new = parameter.value - gradient.value * learningRate!
    return step(.update, layer, left: parameter, new, .difference(parameter, rate(gradient)), isAssignment: true)
  }

  private func backwardSteps(
    _ w: [Formula], _ g: [Symbol], _ a: [Formula], _ z: [Formula], _ target: Formula
  ) -> [Step] {
    var steps: [Step] = []
    for (l, layer) in pass.layers.enumerated().reversed() {
      let gradients = layer.gradients!
      let dA = Formula.symbol(derivativeNamed("a", l + 1), laid(gradients.dA))
      let dZ = Formula.symbol(derivativeNamed("z", l + 1), laid(gradients.dZ))
      let isLast = l == pass.layers.count - 1
      let slope = slope(l, g[l], z[l], a[l + 1])
      if isLast {
        steps.append(step(.backward, l + 1, left: dA, dA.value, lossDerivative(a[l + 1], target)))
      } else {
        let dNext = Formula.symbol(derivativeNamed("z", l + 2), laid(pass.layers[l + 1].gradients!.dZ))
        let product: Formula =
          convention == .columns ? .product(.transposed(w[l + 1]), dNext) : .product(dNext, w[l + 1])
        steps.append(step(.backward, l + 1, left: dA, dA.value, product))
      }
      if isLast && endsInDifference {
        steps.append(step(.backward, l + 1, left: dZ, dZ.value, .difference(a[l + 1], target)))
      } else {
        if let slope { steps.append(step(.backward, l + 1, left: slope.left, slope.matrix, slope.definition)) }
        steps.append(
          step(.backward, l + 1, left: dZ, dZ.value, slope.map { .hadamard(dA, $0.left) } ?? dA))
      }
      let product: Formula =
        convention == .columns ? .product(dZ, .transposed(a[l])) : .product(.transposed(dZ), a[l])
      steps.append(step(.backward, l + 1, Symbol("dW", l + 1), gradients.dW, regularized(mean(product), w[l])))
      if let db = gradients.db {
        steps.append(
          step(
            .backward, l + 1, Symbol("db", l + 1), laidUnits(db),
            isSingle ? dZ : mean(.sumOverExamples(dZ, axis: exampleAxis))))
      }
    }
    return steps
  }
}

extension Activation {
  /// The name in formulas: σ, tanh, ReLU.
  var symbol: String {
    switch self {
    case .sigmoid: "σ"
    case .relu: "ReLU"
    default: name
    }
  }
}
