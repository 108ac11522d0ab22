import ApusCore
import ApusNN

// The notation of 000: layer 1 is the input, Θ^(l) leads from layer l to layer l + 1 and holds the bias in its first column, which
// meets the bias unit a₀ = 1.

extension Derivation {
  /// The steps with Θ^(l), δ^(l), Δ^(l) and D^(l) (notes B2, D7, D8).
  func stepsOfDeltas() -> [Step] {
    let layers = pass.layers
    func symbol(_ base: String, _ number: Int) -> Symbol { Symbol(base, number, brackets: "()") }
    // The number of a layer's output is one more than that of the layer in the other notation.
    let theta = layers.map { Formula.symbol(symbol("Θ", $0.number), joined($0.bias, $0.weight)) }
    let g = layers.map { symbol("g", $0.number + 1) }
    let a =
      [Formula.symbol(named("a", 1, "()"), laid(data.features))]
      + layers.map { .symbol(named("a", $0.number + 1, "()"), laid($0.a)) }
    let z = layers.map { Formula.symbol(named("z", $0.number + 1, "()"), laid($0.z)) }

    var steps = [step(.given, 1, left: a[0], a[0].value, nil)]
    steps += layers.indices.map { step(.given, $0 + 1, left: theta[$0], theta[$0].value, nil) }
    if let target { steps.append(step(.given, nil, left: target, target.value, nil)) }

    for (l, layer) in layers.enumerated() {
      let input = withBiasUnit(a[l], layer)
      let product: Formula = convention == .columns ? .product(theta[l], input) : .product(input, .transposed(theta[l]))
      steps.append(step(.forward, l + 2, left: z[l], z[l].value, product))
      steps.append(step(.forward, l + 2, left: a[l + 1], a[l + 1].value, activated(layer, g[l], z[l])))
    }
    if let decision = decision(a[layers.count], layer: layers.count + 1) { steps.append(decision) }

    guard let target, let cost = pass.cost else { return steps }
    let weights = layers.indices.map { weightsAlone(layers[$0], "−0") }
    steps.append(
      step(.cost, nil, Symbol(isSingle ? "L" : "J"), Tensor([[cost]]), costFormula(a[layers.count], target, weights)))

    let delta = layers.map { Formula.symbol(symbol("δ", $0.number + 1), laid($0.gradients!.dZ)) }
    for l in layers.indices.reversed() {
      steps += deltaSteps(l, delta, g, a, z, target)
    }
    for (l, layer) in layers.enumerated() {
      // δ^(l+1), not δ^(l), and divided once, after the sum over the examples (E-10).
      let input = withBiasUnit(a[l], layer)
      let product: Formula =
        convention == .columns ? .product(delta[l], .transposed(input)) : .product(.transposed(delta[l]), input)
      let (dW, db) = pass.dataGradients[l]
      let sums = Formula.symbol(symbol("Δ", l + 1), joined(db, dW) * Double(data.count))
      steps.append(step(.backward, l + 1, left: sums, sums.value, product))
      let gradients = layer.gradients!
      steps.append(
        step(
          .backward, l + 1, symbol("D", l + 1), joined(gradients.db, gradients.dW),
          regularized(mean(sums), withoutBiases(layer))))
    }
    guard learningRate != nil else { return steps }
    for (l, layer) in layers.enumerated() {
      let gradients = layer.gradients!
      steps.append(update(theta[l], .symbol(symbol("D", l + 1), joined(gradients.db, gradients.dW)), l + 1))
    }
    return steps
  }

  /// δ of the output of layer `l`, and the slope that it needs.
  private func deltaSteps(
    _ l: Int, _ delta: [Formula], _ g: [Symbol], _ a: [Formula], _ z: [Formula], _ target: Formula
  ) -> [Step] {
    let isLast = l == pass.layers.count - 1
    if isLast && endsInDifference {
      return [step(.backward, l + 2, left: delta[l], delta[l].value, .difference(a[l + 1], target))]
    }
    let slope = slope(l, g[l], z[l], a[l + 1])
    let arriving: Formula
    if isLast {
      arriving = lossDerivative(a[l + 1], target)
    } else {
      let weights = weightsAlone(pass.layers[l + 1], "−0")
      arriving =
        convention == .columns ? .product(.transposed(weights), delta[l + 1]) : .product(delta[l + 1], weights)
    }
    let steps = slope.map { [step(.backward, l + 2, left: $0.left, $0.matrix, $0.definition)] } ?? []
    return steps + [
      step(.backward, l + 2, left: delta[l], delta[l].value, slope.map { .hadamard(arriving, $0.left) } ?? arriving)
    ]
  }

  /// The bias as a first column.
  private func joined(_ bias: Tensor?, _ weight: Tensor) -> Tensor {
    bias.map { concatenate([$0.reshaped([$0.count, 1]), weight], axis: 1) } ?? weight
  }

  /// [1; a].
  private func withBiasUnit(_ a: Formula, _ layer: Explanation.Layer) -> Formula {
    layer.bias == nil ? a : .withBiasUnit(a, axis: 1 - exampleAxis)
  }

  /// Θ without the column of the bias, whose unit gets no δ.
  private func weightsAlone(_ layer: Explanation.Layer, _ mark: String) -> Formula {
    var symbol = Symbol("Θ", layer.number, brackets: "()")
    if layer.bias != nil { symbol.subscripted = mark }
    return .symbol(symbol, layer.weight)
  }

  /// Θ with zeros for the biases, which are not regularised.
  private func withoutBiases(_ layer: Explanation.Layer) -> Formula {
    var symbol = Symbol("Θ", layer.number, brackets: "()")
    guard let bias = layer.bias else { return .symbol(symbol, layer.weight) }
    symbol.subscripted = "b=0"
    return .symbol(symbol, joined(.zeros(bias.shape, dtype: .float64), layer.weight))
  }
}
