import ApusCore
import ApusNN

/// A forward and a backward pass of the engine, with everything on the way.
///
/// The derivatives by what lies inside the network come from zeros that are added there: the derivative by such a zero is that by the
/// sum. So all of them come from one reverse pass.
struct ExplainedPass {
  private(set) var layers: [Explanation.Layer] = []
  /// With the penalty; nil without targets.
  private(set) var cost: Double?
  /// dW without the penalty's part, for each layer.
  private(set) var dataGradients: [(dW: Tensor, db: Tensor?)] = []
  /// g'(Z) of each layer; nil for the softmax.
  private(set) var slopes: [Tensor?] = []

  init(_ network: ExplainedNetwork, _ data: ExplainedData, regularizer: Regularizer?) throws(ExplanationError) {
    let m = data.count
    var a = data.features
    for (i, part) in network.parts.enumerated() {
      let z = linear(a, weight: part.weight, bias: part.bias)
      let output = part.activation(z)
      layers.append(
        Explanation.Layer(
          number: i + 1, weight: part.weight, bias: part.bias, activation: part.activation, input: a, z: z, a: output))
      slopes.append(part.activation.isElementwise ? gradient(at: z) { part.activation($0).sum() } : nil)
      a = output
    }
    guard isFinite(a).all().item == 1 else {
      throw ExplanationError("the network's outputs are not finite; its weights or the features are too large")
    }
    guard let targets = data.targets, let loss = network.loss else { return }

    let count = layers.count
    let zeros = layers.map { Tensor.zeros($0.z.shape, dtype: .float64) }
    let biases = layers.compactMap(\.bias)
    let layers = layers
    let (value, gradients) = valueWithGradient(at: layers.map(\.weight) + biases + zeros + zeros) { variables in
      var nextBias = count
      let (dz, da) = (count + biases.count, 2 * count + biases.count)
      var a = data.features
      for (l, layer) in layers.enumerated() {
        let bias = layer.bias.map { _ in variables[nextBias] }
        if bias != nil { nextBias += 1 }
        let z = linear(a, weight: variables[l], bias: bias) + variables[dz + l]
        // Cross-entropies are of logits, where they are stable; their derivatives by probabilities follow below.
        if l == count - 1 && loss.takesLogits { return loss.sum(logits: z, targets) / Double(m) }
        a = layer.activation(z) + variables[da + l]
      }
      return loss.sum(a, targets) / Double(m)
    }
    var nextBias = count
    var penalty = 0.0
    for (l, layer) in layers.enumerated() {
      let db = layer.bias.map { _ in gradients[nextBias] }
      if db != nil { nextBias += 1 }
      let byOutput =
        l == count - 1 && loss.takesLogits
        ? gradient(at: layer.a) { loss.sum($0, targets) } : gradients[2 * count + biases.count + l] * Double(m)
      var dW = gradients[l]
      dataGradients.append((dW, db))
      if let regularizer {
        let (value, gradient) = valueWithGradient(at: layer.weight) { regularizer($0) }
        penalty += value.item
        dW = dW + gradient
      }
      self.layers[l].gradients = Explanation.Layer.Gradients(
        dZ: gradients[count + biases.count + l] * Double(m), dA: byOutput, dW: dW, db: db)
    }
    cost = value.item + penalty
  }
}

extension Explanation.Loss {
  /// Whether the engine computes it from what comes before the last activation.
  var takesLogits: Bool { self == .binaryCrossEntropy || self == .softmaxCrossEntropy }

  /// The sum over the examples, from what the network puts out.
  fileprivate func sum(_ a: Tensor, _ y: Tensor) -> Tensor {
    switch self {
    case .halfSquaredError: halfMeanSquaredError(a, target: y, reduction: .sum)
    case .meanSquaredError: ApusNN.meanSquaredError(a, target: y, reduction: .sum) / Double(y.shape[1])
    case .binaryCrossEntropy: ApusNN.binaryCrossEntropy(probabilities: a, target: y, reduction: .sum)
    case .softmaxCrossEntropy: categoricalCrossEntropy(probabilities: a, target: y, reduction: .sum)
    }
  }

  fileprivate func sum(logits z: Tensor, _ y: Tensor) -> Tensor {
    self == .binaryCrossEntropy
      ? ApusNN.binaryCrossEntropy(logits: z, target: y, reduction: .sum)
      : ApusNN.softmaxCrossEntropy(logits: z, target: y, reduction: .sum)
  }
}
