import ApusCore

// Cross-entropies of rows (…, classes), the last axis: a loss for each row, of shape (…).

/// -ln softmax(z)[label] for each row of the logits z (…, classes): the log-sum-exp form, which needs no clamp (notes
/// C9, C11).
/// - Parameters:
///   - labels: integers in 0..<classes, one for each row.
///   - labelSmoothing: ε in [0, 1]: the label gets the probability 1 − ε + ε / classes, every other ε / classes.
///   - classWeights: how often each class counts, of shape (classes). The mean is divided by the weights of the labels, as in PyTorch.
public func softmaxCrossEntropy(
  logits: Tensor, labels: Tensor, labelSmoothing: Double = 0, classWeights: Tensor? = nil, weights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  requireSmoothing("softmaxCrossEntropy", labelSmoothing)
  let losses = softmaxCrossEntropyRows(logits, labels: labels)
  guard labelSmoothing > 0 || classWeights != nil else {
    return reduction(losses, weights: weights, "softmaxCrossEntropy")
  }
  let ofLabels = classWeights.map {
    requireClassWeights("softmaxCrossEntropy", $0, logits)
    return $0.gathering(labels.cast(to: .int64))
  }
  guard labelSmoothing > 0 else {
    return reduction(losses, weights: product(ofLabels, weights), "softmaxCrossEntropy")
  }
  let spread = classWeights.map { logSoftmax(logits) * $0 } ?? logSoftmax(logits)
  let smooth =
    (ofLabels.map { losses * $0 } ?? losses) * (1 - labelSmoothing) - spread.mean(axes: [-1]) * labelSmoothing
  // The weights of the classes are in the losses already; the mean still divides by those of the labels.
  guard let ofLabels, reduction == .mean else { return reduction(smooth, weights: weights, "softmaxCrossEntropy") }
  let total = weights.map { (ofLabels * $0).sum() } ?? ofLabels.sum()
  return LossReduction.sum(smooth, weights: weights, "softmaxCrossEntropy") / total
}

/// -Σ t ln softmax(z) for each row, with targets that are probabilities (one-hot rows included), of the logits' shape.
/// - Parameters: those of ``softmaxCrossEntropy(logits:labels:labelSmoothing:classWeights:weights:reduction:)``; with class weights w the
///   loss is -Σ w t ln softmax(z), and the mean is over rows.
public func softmaxCrossEntropy(
  logits: Tensor, target: Tensor, labelSmoothing: Double = 0, classWeights: Tensor? = nil, weights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  requireSameShape("softmaxCrossEntropy", logits, target)
  requireRows("softmaxCrossEntropy", logits)
  requireSmoothing("softmaxCrossEntropy", labelSmoothing)
  let classes = Double(logits.shape[logits.rank - 1])
  var target = labelSmoothing == 0 ? target : target * (1 - labelSmoothing) + labelSmoothing / classes
  if let classWeights {
    requireClassWeights("softmaxCrossEntropy", classWeights, logits)
    target = target * classWeights
  }
  return reduction(-(target * logSoftmax(logits)).sum(axes: [-1]), weights: weights, "softmaxCrossEntropy")
}

/// -ln p[label] for each row of the probabilities p (…, classes). From logits it is more exact.
/// - Parameter clamp: where probabilities are cut to (notes C11); without it, a probability of 0 for the label costs infinity.
public func categoricalCrossEntropy(
  probabilities: Tensor, labels: Tensor, clamp: ClosedRange<Double>? = nil, classWeights: Tensor? = nil,
  weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  negativeLogLikelihood(
    log(clamped(probabilities, to: clamp)), labels, classWeights, weights, reduction, "categoricalCrossEntropy")
}

/// -Σ t ln p for each row, with targets that are probabilities (one-hot rows included), of the same shape; 0 ln 0 is 0.
/// - Parameter clamp: where probabilities are cut to (notes C11).
public func categoricalCrossEntropy(
  probabilities: Tensor, target: Tensor, clamp: ClosedRange<Double>? = nil, weights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  requireSameShape("categoricalCrossEntropy", probabilities, target)
  requireRows("categoricalCrossEntropy", probabilities)
  let terms = crossEntropyTerm(clamped(probabilities, to: clamp), target)
  return reduction(-terms.sum(axes: [-1]), weights: weights, "categoricalCrossEntropy")
}
private let crossEntropyTerm = Elementwise("categoricalCrossEntropy") { p, t in select(t .== 0, 0, t * log(p)) }

/// -l[label] for each row of the log-probabilities l (…, classes), such as those of `logSoftmax`.
public func negativeLogLikelihood(
  logProbabilities: Tensor, labels: Tensor, classWeights: Tensor? = nil, weights: Tensor? = nil,
  reduction: LossReduction = .mean
) -> Tensor {
  negativeLogLikelihood(logProbabilities, labels, classWeights, weights, reduction, "negativeLogLikelihood")
}

private func negativeLogLikelihood(
  _ logProbabilities: Tensor, _ labels: Tensor, _ classWeights: Tensor?, _ weights: Tensor?,
  _ reduction: LossReduction, _ loss: String
) -> Tensor {
  requireRows(loss, logProbabilities)
  guard labels.dtype.isInteger, labels.shape == Shape(logProbabilities.shape.dropLast()) else {
    stop(
      ShapeError(
        loss,
        "a prediction of shape \(logProbabilities.shape) and labels of type \(labels.type) were found; "
          + "expected integer labels of shape \(Shape(logProbabilities.shape.dropLast()))"))
  }
  let indices = labels.cast(to: .int64)
  let classes = logProbabilities.shape[logProbabilities.rank - 1]
  // Indices may count from the end elsewhere; a label may not.
  requireLabels(indices, within: classes, operation: loss, place: "a prediction of shape \(logProbabilities.shape)")
  let losses = -logProbabilities.gatheringElements(indices.expandingDimension(at: -1), axis: -1).squeezed(-1)
  let ofLabels = classWeights.map {
    requireClassWeights(loss, $0, logProbabilities)
    return $0.gathering(indices)
  }
  return reduction(losses, weights: product(ofLabels, weights), loss)
}

/// Σ t (ln t − l) for each row of the log-probabilities l, with targets that are probabilities: the Kullback-Leibler divergence of the
/// prediction from the target, which is the cross-entropy less the target's own entropy; 0 ln 0 is 0. `.mean` is over rows.
public func kullbackLeiblerDivergence(
  logProbabilities: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  requireSameShape("kullbackLeiblerDivergence", logProbabilities, target)
  requireRows("kullbackLeiblerDivergence", logProbabilities)
  let terms = divergenceTerm(logProbabilities, target)
  return reduction(terms.sum(axes: [-1]), weights: weights, "kullbackLeiblerDivergence")
}
private let divergenceTerm = Elementwise("kullbackLeiblerDivergence") { l, t in
  select(t .== 0, 0, t * (log(t) - l))
}

private func requireClassWeights(_ loss: String, _ classWeights: Tensor, _ prediction: Tensor) {
  guard classWeights.shape == Shape(prediction.shape.suffix(1)) else {
    stop(
      ShapeError(
        loss, "class weights of shape \(classWeights.shape) were found; expected \(Shape(prediction.shape.suffix(1)))"))
  }
}

/// The product of two weights for each row, of which either may be absent.
private func product(_ a: Tensor?, _ b: Tensor?) -> Tensor? {
  guard let a, let b else { return a ?? b }
  return a * b
}
