import ApusCore

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
    /// Columns for several outputs, which the loss takes apart.
    case joint
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

  /// The same with smoothed labels and weighted classes: see ``softmaxCrossEntropy(logits:labels:labelSmoothing:classWeights:weights:reduction:)``.
  public static func softmaxCrossEntropy(labelSmoothing: Double = 0, classWeights: [Double]? = nil) -> Loss {
    Loss("softmaxCrossEntropy", task: .classification) { logits, labels, reduction in
      ApusNN.softmaxCrossEntropy(
        logits: logits, labels: labels, labelSmoothing: labelSmoothing,
        classWeights: classWeights.map { Tensor($0).cast(to: logits.dtype) }, reduction: reduction)
    }
  }

  /// Cross-entropy of labels 0 and 1 (n) or (n, 1) from logits (n, 1).
  public static let binaryCrossEntropy = Loss("binaryCrossEntropy", task: .binaryClassification) {
    ApusNN.binaryCrossEntropy(logits: $0, target: matched($1, to: $0), reduction: $2)
  }

  /// The same with smoothed labels, or with errors on the class 1 counting more often.
  public static func binaryCrossEntropy(labelSmoothing: Double = 0, positiveWeight: Double = 1) -> Loss {
    Loss("binaryCrossEntropy", task: .binaryClassification) { logits, labels, reduction in
      ApusNN.binaryCrossEntropy(
        logits: logits, target: matched(labels, to: logits), labelSmoothing: labelSmoothing,
        positiveWeights: positiveWeight == 1 ? nil : Tensor(positiveWeight).cast(to: logits.dtype),
        reduction: reduction)
    }
  }

  /// The hinge loss of labels 0 and 1, which stand for −1 and 1, from scores (n, 1).
  public static let hinge = Loss("hinge", task: .binaryClassification) {
    hingeLoss($0, target: matched($1, to: $0) * 2 - 1, reduction: $2)
  }

  /// The squared hinge loss of labels 0 and 1, which stand for −1 and 1, from scores (n, 1).
  public static let squaredHinge = Loss("squaredHinge", task: .binaryClassification) {
    squaredHingeLoss($0, target: matched($1, to: $0) * 2 - 1, reduction: $2)
  }

  /// The perceptron's loss of labels 0 and 1 from scores (n, 1) (notes A7).
  public static let perceptron = Loss("perceptron", task: .binaryClassification) {
    perceptronLoss($0, target: matched($1, to: $0), reduction: $2)
  }

  /// Several labels at once: the mean binary cross-entropy of targets 0 and 1 of the logits' shape (notes A21).
  public static let multiLabelCrossEntropy = Loss("multiLabelCrossEntropy", task: .regression) {
    ApusNN.binaryCrossEntropy(logits: $0, target: matched($1, to: $0), reduction: $2)
  }

  /// The mean of (prediction - target)².
  public static let meanSquaredError = Loss("meanSquaredError", task: .regression) {
    ApusNN.meanSquaredError($0, target: matched($1, to: $0), reduction: $2)
  }

  /// Half of it, whose gradient is prediction − target (notes C3).
  public static let halfMeanSquaredError = Loss("halfMeanSquaredError", task: .regression) {
    ApusNN.halfMeanSquaredError($0, target: matched($1, to: $0), reduction: $2)
  }

  /// The mean of |prediction − target|.
  public static let meanAbsoluteError = Loss("meanAbsoluteError", task: .regression) {
    ApusNN.meanAbsoluteError($0, target: matched($1, to: $0), reduction: $2)
  }

  /// Huber's loss with δ = 1.
  public static let huber = huber(delta: 1)

  /// Huber's loss.
  public static func huber(delta: Double) -> Loss {
    Loss("huber", task: .regression) {
      huberLoss($0, target: matched($1, to: $0), delta: delta, reduction: $2)
    }
  }

  /// Smooth L1 with β = 1.
  public static let smoothL1 = smoothL1(beta: 1)

  /// Smooth L1: Huber's loss divided by β.
  public static func smoothL1(beta: Double) -> Loss {
    Loss("smoothL1", task: .regression) {
      smoothL1Loss($0, target: matched($1, to: $0), beta: beta, reduction: $2)
    }
  }

  /// ln cosh(prediction − target).
  public static let logCosh = Loss("logCosh", task: .regression) {
    logCoshLoss($0, target: matched($1, to: $0), reduction: $2)
  }

  /// Poisson's loss of counts from the logarithms of rates.
  public static let poisson = Loss("poisson", task: .regression) {
    poissonLoss(logRates: $0, target: matched($1, to: $0), reduction: $2)
  }

  /// 1 − cos between the rows of prediction and target.
  public static let cosine = Loss("cosine", task: .regression) {
    cosineLoss($0, target: $1.cast(to: $0.dtype), reduction: $2)
  }

  /// The losses that the command line and files know by name: those for which the network's output is the prediction itself, or the
  /// score that decides it.
  public static let all: [Loss] = [
    .softmaxCrossEntropy, .binaryCrossEntropy, .hinge, .squaredHinge, .meanSquaredError, .halfMeanSquaredError,
    .meanAbsoluteError, .huber, .smoothL1, .logCosh,
  ]

  public static func named(_ name: String) -> Loss? { all.first { $0.name == name } }

  /// A vector of targets (n) stands for a column (n, 1); element types follow the prediction.
  private static func matched(_ target: Tensor, to prediction: Tensor) -> Tensor {
    let column = prediction.rank == target.rank + 1 && prediction.shape.last == 1
    return (column ? target.expandingDimension(at: -1) : target).cast(to: prediction.dtype)
  }
}
