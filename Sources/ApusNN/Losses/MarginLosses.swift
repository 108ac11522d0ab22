import ApusCore

// Losses of a score f, element by element, that ask for the right sign rather than for a probability.

/// max(0, 1 − t f) for targets t of −1 and 1 (the support-vector machine's); the gradient at the margin is 0.
public func hingeLoss(
  _ scores: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  hinge(scores, target, weights: weights, reduction)
}
private let hinge = ElementLoss("hingeLoss") { f, t, _ in relu(1 - t * f) }

/// max(0, 1 − t f)² for targets t of −1 and 1.
public func squaredHingeLoss(
  _ scores: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  squaredHinge(scores, target, weights: weights, reduction)
}
private let squaredHinge = ElementLoss("squaredHingeLoss") { f, t, _ in square(relu(1 - t * f)) }

/// The perceptron's loss −(t − ŷ) f for targets t of 0 and 1, where ŷ = 1 for f ≥ 0, else 0 (notes A5, A7): |f| for a mistake, 0
/// otherwise.
///
/// The gradient with respect to f is −(t − ŷ), as if the threshold were constant, which is the perceptron's rule. The true derivative
/// does not exist at f = 0, where the loss of a mistake is 0 as that of a right answer: with this loss alone, scores may shrink instead
/// of getting right, and training can be unstable.
public func perceptronLoss(
  _ scores: Tensor, target: Tensor, weights: Tensor? = nil, reduction: LossReduction = .mean
) -> Tensor {
  perceptron(scores, target, weights: weights, reduction)
}
private let perceptron = ElementLoss("perceptronLoss") { f, t, _ in
  (threshold(f) - t) * f
} derivatives: { f, t, _ in
  [threshold(f) - t, -f]
}
private func threshold(_ f: Expression) -> Expression { select(f >= 0, 1, 0) }
