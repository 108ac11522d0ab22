import ApusCore

/// How the losses of the elements or rows become one number (notes C2: a loss belongs to one example, the cost to the
/// whole set).
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
}

/// (prediction - target)², element by element; `.mean` is over all elements.
/// - Precondition: both have the same shape; a loss never broadcasts.
public func meanSquaredError(_ prediction: Tensor, target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  requireSameShape("meanSquaredError", prediction, target)
  return reduction(squaredError(prediction, target))
}
private let squaredError = Elementwise("squaredError") { (p: Expression, t: Expression) in (p - t) * (p - t) }

/// -(y ln p + (1 - y) ln(1 - p)) with p = σ(z), element by element from the logits z: ln(1 + eᶻ) - y z, which is stable
/// for any z (notes C7, N-18b).
/// - Parameter target: 0 or 1, or a probability; the logits' shape and element type.
public func binaryCrossEntropy(logits: Tensor, target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  requireSameShape("binaryCrossEntropy", logits, target)
  return reduction(binaryCrossEntropyKernel(logits, target))
}
private let binaryCrossEntropyKernel = Elementwise(
  "binaryCrossEntropy", inputs: 2,
  partials: { x, _, _ in [sigmoid(x[0]) - x[1], -x[0]] },
  formula: { x, _ in softplus(x[0]) - x[1] * x[0] })

/// -ln softmax(z)[label] for each row of the logits z (…, classes): the log-sum-exp form, which needs no clamp (notes
/// C9, C11).
/// - Parameter labels: integers in 0..<classes, one for each row.
public func softmaxCrossEntropy(logits: Tensor, labels: Tensor, reduction: LossReduction = .mean) -> Tensor {
  reduction(softmaxCrossEntropyRows(logits, labels: labels))
}

/// -Σ t ln softmax(z) for each row, with targets that are probabilities (one-hot rows included), of the logits' shape.
public func softmaxCrossEntropy(logits: Tensor, target: Tensor, reduction: LossReduction = .mean) -> Tensor {
  requireSameShape("softmaxCrossEntropy", logits, target)
  return reduction(-(target * logSoftmax(logits)).sum(axes: [-1]))
}

private func requireSameShape(_ loss: String, _ prediction: Tensor, _ target: Tensor) {
  guard prediction.shape == target.shape else {
    stop(ShapeError(loss, "a prediction of shape \(prediction.shape) and a target of shape \(target.shape) differ"))
  }
}

/// A loss by name, as a `Trainer` takes it: what the network's last layer gives, against the targets of a data set.
public struct Loss: Sendable, CustomStringConvertible {
  /// What the targets are.
  public enum Task: String, Sendable, Hashable, Codable {
    /// Class labels; the network gives one logit for each class.
    case classification
    /// Labels 0 and 1; the network gives a single logit.
    case binaryClassification
    /// Numbers of the prediction's shape.
    case regression
  }

  /// The name in code, files and on the command line.
  public let name: String
  public let task: Task
  private let function: @Sendable (_ prediction: Tensor, _ target: Tensor, LossReduction) -> Tensor

  /// - Parameter function: the reduced loss of a prediction against a target.
  public init(
    _ name: String, task: Task,
    _ function: @escaping @Sendable (_ prediction: Tensor, _ target: Tensor, LossReduction) -> Tensor
  ) {
    self.name = name
    self.task = task
    self.function = function
  }

  public func callAsFunction(_ prediction: Tensor, target: Tensor, reduction: LossReduction = .mean) -> Tensor {
    function(prediction, target, reduction)
  }

  public var description: String { ".\(name)" }

  /// Cross-entropy of integer labels (n) from logits (n, classes).
  public static let softmaxCrossEntropy = Loss("softmaxCrossEntropy", task: .classification) {
    ApusNN.softmaxCrossEntropy(logits: $0, labels: $1, reduction: $2)
  }

  /// Cross-entropy of labels 0 and 1 (n) or (n, 1) from logits (n, 1).
  public static let binaryCrossEntropy = Loss("binaryCrossEntropy", task: .binaryClassification) {
    ApusNN.binaryCrossEntropy(logits: $0, target: matched($1, to: $0), reduction: $2)
  }

  /// The mean of (prediction - target)².
  public static let meanSquaredError = Loss("meanSquaredError", task: .regression) {
    ApusNN.meanSquaredError($0, target: matched($1, to: $0), reduction: $2)
  }

  /// Every loss that has a name.
  public static let all: [Loss] = [.softmaxCrossEntropy, .binaryCrossEntropy, .meanSquaredError]

  public static func named(_ name: String) -> Loss? { all.first { $0.name == name } }

  /// A vector of targets (n) stands for a column (n, 1); element types follow the prediction.
  private static func matched(_ target: Tensor, to prediction: Tensor) -> Tensor {
    let column = prediction.rank == target.rank + 1 && prediction.shape.last == 1
    return (column ? target.expandingDimension(at: -1) : target).cast(to: prediction.dtype)
  }
}
