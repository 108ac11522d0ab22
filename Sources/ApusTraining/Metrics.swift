import ApusCore
import ApusNN

/// A measure of how good predictions are, beside the loss.
public struct Metric: Sendable, CustomStringConvertible {
  /// The name in histories and tables, such as "accuracy".
  public let name: String
  /// The mean over the examples of a batch, as a tensor: so that it can be a part of a program.
  package let score: @Sendable (_ prediction: Tensor, _ target: Tensor) -> Tensor

  /// - Parameter score: the mean over the examples of a batch, a single number, from the network's output and the targets.
  public init(_ name: String, _ score: @escaping @Sendable (_ prediction: Tensor, _ target: Tensor) -> Tensor) {
    self.name = name
    self.score = score
  }

  public func callAsFunction(_ prediction: Tensor, target: Tensor) -> Double { score(prediction, target).item }

  public var description: String { ".\(name)" }

  /// The share of examples whose class is right (notes P3): the largest of several logits, or for a single logit
  /// whether it is at least 0, which is a probability of at least one half.
  public static let accuracy = Metric("accuracy") { prediction, target in
    guard prediction.rank > 0, prediction.shape[0] > 0 else { return Tensor(Float.nan) }
    let isSingle = prediction.rank == 1 || prediction.shape.last == 1
    let predicted =
      isSingle
      ? (prediction .>= 0).flattened().cast(to: .int32) : prediction.argMax(axis: -1).flattened().cast(to: .int32)
    let isRight = predicted .== target.cast(to: .int32).reshaped([predicted.count])
    return isRight.cast(to: .float32).mean()
  }

  /// The mean absolute difference.
  public static let meanAbsoluteError = Metric("mean_absolute_error") { prediction, target in
    abs(prediction - target.reshaped(Array(prediction.shape)).cast(to: prediction.dtype)).mean()
  }
}
