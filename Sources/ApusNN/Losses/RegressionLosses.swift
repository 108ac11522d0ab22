import ApusCore

// Losses of predicted numbers, element by element; `.mean` is over all elements. Prediction p and target t have the same shape.

/// (p − t)².
/// - Precondition: both have the same shape; a loss never broadcasts.
public func meanSquaredError(
  _ prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  squaredError(prediction, target, weights: weights, reduction)
}
private let squaredError = ElementLoss("meanSquaredError") { p, t, _ in (p - t) * (p - t) }

/// (p − t)² / 2, whose gradient is p − t (notes C3, C4).
public func halfMeanSquaredError(
  _ prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  halfSquaredError(prediction, target, weights: weights, reduction)
}
private let halfSquaredError = ElementLoss("halfMeanSquaredError") { p, t, _ in 0.5 * ((p - t) * (p - t)) }

/// |p − t|, with the gradient 0 where they are equal.
public func meanAbsoluteError(
  _ prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  absoluteError(prediction, target, weights: weights, reduction)
}
private let absoluteError = ElementLoss("meanAbsoluteError") { p, t, _ in abs(p - t) }

/// d² / 2 for |d| ≤ δ, δ (|d| − δ / 2) beyond, with d = p − t (Huber, 1964).
/// - Precondition: δ is positive.
public func huberLoss(
  _ prediction: Tensor, target: Tensor, delta: Double = 1, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  guard delta > 0 else { fatalError("huberLoss: delta \(delta) must be positive") }
  return huber(prediction, target, [delta], weights: weights, reduction)
}
private let huber = ElementLoss("huberLoss", scalars: 1) { p, t, k in
  let (d, delta) = (p - t, k[0])
  return select(abs(d) <= delta, 0.5 * (d * d), delta * (abs(d) - 0.5 * delta))
} derivatives: { p, t, k in
  let slope = minimum(maximum(p - t, -k[0]), k[0])
  return [slope, -slope]
}

/// d² / (2β) for |d| < β, |d| − β / 2 beyond, with d = p − t: Huber's loss divided by β (Girshick, 2015).
/// - Precondition: β is positive.
public func smoothL1Loss(
  _ prediction: Tensor, target: Tensor, beta: Double = 1, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  guard beta > 0 else { fatalError("smoothL1Loss: beta \(beta) must be positive") }
  return smoothL1(prediction, target, [beta], weights: weights, reduction)
}
private let smoothL1 = ElementLoss("smoothL1Loss", scalars: 1) { p, t, k in
  let (d, beta) = (p - t, k[0])
  return select(abs(d) < beta, 0.5 * (d * d) / beta, abs(d) - 0.5 * beta)
} derivatives: { p, t, k in
  let slope = minimum(maximum((p - t) / k[0], -1), 1)
  return [slope, -slope]
}

/// ln cosh(p − t): d² / 2 for small d, |d| − ln 2 for large; exact for both.
public func logCoshLoss(
  _ prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  logCosh(prediction, target, weights: weights, reduction)
}
private let logCosh = ElementLoss("logCoshLoss") { p, t, _ in
  let d = abs(p - t)
  // cosh d = 1 + 2 sinh²(d / 2), which keeps the digits of a small d; e^d (1 + e^(-2d)) / 2, which does not overflow.
  return select(d < 1, log1p(2 * square(sinh(0.5 * d))), d + log1p(exp(-2 * d)) - 0.6931471805599453)
} derivatives: { p, t, _ in
  [tanh(p - t), -tanh(p - t)]
}

/// λ − t ln λ for counts t and predicted rates λ = eᵖ: eᵖ − t p, without the terms that depend on t alone.
public func poissonLoss(
  logRates prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  logPoisson(prediction, target, weights: weights, reduction)
}
private let logPoisson = ElementLoss("poissonLoss") { p, t, _ in exp(p) - t * p }

/// λ − t ln λ for counts t and predicted rates λ; of counts 0 the logarithm is not asked for.
public func poissonLoss(
  rates prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  poisson(prediction, target, weights: weights, reduction)
}
private let poisson = ElementLoss("poissonLoss") { p, t, _ in p - select(t .== 0, 0, t * log(p)) }

/// ½ (ln σ² + (p − t)² / σ²): the negative log-likelihood of a normal distribution with mean p and variance σ², without its constant.
/// - Precondition: all three have the same shape; the variances are positive.
public func gaussianLoss(
  _ prediction: Tensor, variance: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  requireSameShape("gaussianLoss", prediction, target)
  requireSameShape("gaussianLoss", prediction, variance)
  return reduction(gaussian(prediction, variance, target), weights: weights, "gaussianLoss")
}
private let gaussian = Elementwise("gaussianLoss") { p, v, t in 0.5 * (log(v) + (p - t) * (p - t) / v) }

/// 1 − cos of the angle between prediction and target, for each row (the last axis): 0 in the same direction, 2 in opposite ones. The
/// product of the norms counts as at least 10⁻⁸, so that a row of zeros gives 1.
public func cosineLoss(
  _ prediction: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  requireSameShape("cosineLoss", prediction, target)
  requireRows("cosineLoss", prediction)
  let cosine = cosineOf(
    (prediction * target).sum(axes: [-1]), prediction.norm(axes: [-1]), target.norm(axes: [-1]))
  return reduction(1 - cosine, weights: weights, "cosineLoss")
}
private let cosineOf = Elementwise("cosine") { dot, a, b in dot / maximum(a * b, 1e-8) }
