import ApusCore
import ApusNN

/// A measure of how good predictions are, beside the loss.
public struct Metric: Sendable, CustomStringConvertible {
  /// The name in histories and tables, such as "accuracy".
  public let name: String
  private let score: @Sendable (_ prediction: Tensor, _ target: Tensor) -> Double

  /// - Parameter score: the mean over the examples of a batch, from the network's output and the targets.
  public init(_ name: String, _ score: @escaping @Sendable (_ prediction: Tensor, _ target: Tensor) -> Double) {
    self.name = name
    self.score = score
  }

  public func callAsFunction(_ prediction: Tensor, target: Tensor) -> Double { score(prediction, target) }

  public var description: String { ".\(name)" }

  /// The share of examples whose class is right (notes P3): the largest of several logits, or for a single logit
  /// whether it is at least 0, which is a probability of at least one half.
  public static let accuracy = Metric("accuracy") { prediction, target in
    guard prediction.rank > 0, prediction.shape[0] > 0 else { return .nan }
    let isSingle = prediction.rank == 1 || prediction.shape.last == 1
    let predicted =
      isSingle
      ? (prediction .>= 0).flattened().cast(to: .int32) : prediction.argMax(axis: -1).flattened().cast(to: .int32)
    let isRight = predicted .== target.cast(to: .int32).reshaped([predicted.count])
    return isRight.cast(to: .float32).mean().item
  }

  /// The mean absolute difference.
  public static let meanAbsoluteError = Metric("mean_absolute_error") { prediction, target in
    abs(prediction - target.reshaped(Array(prediction.shape)).cast(to: prediction.dtype)).mean().item
  }
}
