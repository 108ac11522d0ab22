import ApusCore

/// How the losses of the elements or rows become one number (notes C2: a loss belongs to one example, the cost to the
/// whole set).
///
/// Every loss takes `weights`: one for each loss, or one for each example (the leading axes of the losses). A loss of weight w counts w
/// times: the sum is Σ w l, the mean Σ w l / Σ w.
public enum LossReduction: Sendable, Hashable {
  /// One loss for each example.
  case none
  /// Their sum.
  case sum
  /// Their mean: the empirical risk (notes C14).
  case mean

  func callAsFunction(_ losses: Tensor) -> Tensor {
    switch self {
    case .none: losses
    case .sum: losses.sum()
    case .mean: losses.mean()
    }
  }

  /// - Parameter loss: the name for errors.
  func callAsFunction(_ losses: Tensor, weights: Tensor?, _ loss: String) -> Tensor {
    guard let weights else { return self(losses) }
    guard weights.rank <= losses.rank, Shape(losses.shape.prefix(weights.rank)) == weights.shape else {
      stop(
        ShapeError(
          loss, "weights of shape \(weights.shape) were found; expected \(losses.shape) or its leading axes"))
    }
    // One for each loss: missing axes are added at the end, never at the front.
    let aligned = (weights.rank..<losses.rank).reduce(weights) { w, _ in w.expandingDimension(at: -1) }
    let weighted = losses * aligned
    guard self == .mean else { return self(weighted) }
    let total = aligned.sum() * (Double(losses.count) / Double(max(1, weights.count)))
    return weighted.sum() / total
  }
}

/// Stops unless both have the same shape: a loss never broadcasts.
func requireSameShape(_ loss: String, _ prediction: Tensor, _ target: Tensor) {
  guard prediction.shape == target.shape else {
    stop(ShapeError(loss, "a prediction of shape \(prediction.shape) and a target of shape \(target.shape) differ"))
  }
}

/// Stops if `x` has no last axis to be the classes or features.
func requireRows(_ loss: String, _ x: Tensor) {
  guard x.rank > 0, x.shape[x.rank - 1] > 0 else {
    stop(ShapeError(loss, "a prediction of shape \(x.shape) was found; expected rows of at least one element"))
  }
}

/// A loss of single elements: its formula, on prediction and target, and the constants that it takes.
struct ElementLoss: Sendable {
  private let kernel: Elementwise

  init(_ name: String, _ formula: (_ p: Expression, _ t: Expression, _ k: [Expression]) -> Expression, scalars: Int = 0)
  {
    kernel = Elementwise(name, inputs: 2, scalars: scalars) { x, k in formula(x[0], x[1], k) }
  }

  /// With derivatives that are simpler, or chosen.
  init(
    _ name: String, scalars: Int = 0, _ formula: (_ p: Expression, _ t: Expression, _ k: [Expression]) -> Expression,
    derivatives: @escaping (_ p: Expression, _ t: Expression, _ k: [Expression]) -> [Expression]
  ) {
    kernel = Elementwise(
      name, inputs: 2, scalars: scalars, partials: { x, k, _ in derivatives(x[0], x[1], k) },
      formula: { x, k in formula(x[0], x[1], k) })
  }

  func callAsFunction(
    _ prediction: Tensor, _ target: Tensor, _ constants: [Double] = [], weights: Tensor?, _ reduction: LossReduction
  ) -> Tensor {
    requireSameShape(kernel.name, prediction, target)
    return reduction(kernel.call([prediction, target], constants), weights: weights, kernel.name)
  }
}
