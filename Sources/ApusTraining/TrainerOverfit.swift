import ApusCore
import ApusData
import ApusNN

/// Whether a model can learn a single batch by heart: if not, something between data, loss and network is wrong.
public struct OverfitCheck: Sendable, Hashable, CustomStringConvertible {
  /// The loss before each step and after the last.
  public let losses: [Double]
  /// Which share of the first loss may be left.
  public let tolerance: Double

  /// The last loss as a share of the first.
  public var remainder: Double { losses[0] == 0 ? 0 : losses[losses.count - 1] / losses[0] }
  public var isPassed: Bool { remainder <= tolerance }

  public var description: String {
    let numbers =
      "one batch, \(losses.count - 1) steps: the loss went from \(losses[0].formatted("g", precision: 4)) to "
      + "\(losses[losses.count - 1].formatted("g", precision: 4))"
    return isPassed
      ? "\(numbers): the model can learn it by heart"
      : "\(numbers): the model does not learn even a single batch by heart; look at labels, loss, activations and "
        + "learning rate, or allow more steps"
  }
}

extension Trainer {
  /// Trains on one batch again and again, to see whether its loss goes to nearly nothing. Afterwards the model, the optimiser and the
  /// random numbers are as before.
  /// - Parameters:
  ///   - batch: a few examples, all of which are one batch.
  ///   - steps: at least 1.
  ///   - tolerance: which share of the first loss may be left.
  /// - Throws: `TrainingError` if the data do not fit the model or the loss stops being a number.
  public func overfit(_ batch: Dataset, steps: Int = 200, tolerance: Double = 0.05) throws -> OverfitCheck {
    guard steps >= 1 else { throw TrainingError("\(steps) steps were asked for; expected at least 1") }
    try check(DataLoader(batch, batchSize: max(1, batch.count)))
    let log = StepLog()
    return try leavingNoTrace {
      try fit(batch, epochs: steps, batchSize: .all, progress: .silent, callbacks: [log.callback])
      return OverfitCheck(losses: log.losses + [try evaluate(batch).loss], tolerance: tolerance)
    }
  }
}
