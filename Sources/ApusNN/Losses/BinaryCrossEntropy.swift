import ApusCore

/// −(y ln p + (1 − y) ln(1 − p)) with p = σ(z), element by element from the logits z: ln(1 + eᶻ) − y z, which is stable
/// for any z (notes C7, N-18b). With several columns, it is the loss of several labels at once (notes A21, C8).
/// - Parameters:
///   - target: 0 or 1, or a probability; the logits' shape and element type.
///   - labelSmoothing: ε in [0, 1]: y (1 − ε) + ε / 2 instead of y.
///   - positiveWeights: how often an error on y = 1 counts: one for each column (the last axis), or a single number.
public func binaryCrossEntropy(
  logits: Tensor, target: Tensor, labelSmoothing: Double = 0, positiveWeights: Tensor? = nil, weights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  requireSameShape("binaryCrossEntropy", logits, target)
  requireSmoothing("binaryCrossEntropy", labelSmoothing)
  let target = labelSmoothing == 0 ? target : target * (1 - labelSmoothing) + labelSmoothing / 2
  guard let positiveWeights else {
    return reduction(fromLogits(logits, target), weights: weights, "binaryCrossEntropy")
  }
  guard positiveWeights.count == 1 || positiveWeights.shape == Shape(logits.shape.suffix(1)) else {
    stop(
      ShapeError(
        "binaryCrossEntropy",
        "positive weights of shape \(positiveWeights.shape) were found; expected one for each column of \(logits.shape)"
      ))
  }
  return reduction(
    fromWeightedLogits(logits, target, positiveWeights.count == 1 ? positiveWeights.reshaped([]) : positiveWeights),
    weights: weights, "binaryCrossEntropy")
}

private let fromLogits = Elementwise(
  "binaryCrossEntropy", inputs: 2,
  partials: { x, _, _ in [sigmoid(x[0]) - x[1], -x[0]] },
  formula: { x, _ in softplus(x[0]) - x[1] * x[0] })

/// (1 − y) ln(1 + eᶻ) + w y ln(1 + e⁻ᶻ).
private let fromWeightedLogits = Elementwise("binaryCrossEntropy") { z, y, w in
  (1 - y) * softplus(z) + w * y * softplus(-z)
}

/// −(y ln p + (1 − y) ln(1 − p)), element by element from the probabilities p. From logits it is more exact.
///
/// 0 ln 0 is 0, so a probability that is rightly 0 or 1 costs nothing, and one that is wrongly so costs infinity (notes E-34).
/// - Parameter clamp: where probabilities are cut to, such as the notes' `1e-10...0.9999999` (C11): no loss is infinite then, and the
///   gradient of what was cut is 0.
public func binaryCrossEntropy(
  probabilities: Tensor, target: Tensor, clamp: ClosedRange<Double>? = nil, weights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  fromProbabilities(clamped(probabilities, to: clamp), target, weights: weights, reduction)
}
private let fromProbabilities = ElementLoss("binaryCrossEntropy") { p, y, _ in
  -(select(y .== 0, 0, y * log(p)) + select(y .== 1, 0, (1 - y) * log1p(-p)))
}

func clamped(_ probabilities: Tensor, to range: ClosedRange<Double>?) -> Tensor {
  range.map { probabilities.clipped(to: $0) } ?? probabilities
}

func requireSmoothing(_ loss: String, _ labelSmoothing: Double) {
  guard (0...1).contains(labelSmoothing) else {
    fatalError("\(loss): the label smoothing \(labelSmoothing) must lie in [0, 1]")
  }
}
