import ApusCore
import ApusNN

/// What somebody wants to do while a model is trained: closures that `fit` calls.
///
/// ```swift
/// let history = try trainer.fit(
///   train, validation: test, epochs: 500, callbacks: [.earlyStopping(patience: 10), .maximumTime(.seconds(60))])
/// print(history.epochs.count, history.stopReason ?? "all epochs")
/// ```
/// A callback sees numbers that the step has computed anyway, so steps stay recorded programs and their results the same bits.
/// Those of Apus begin anew with every `fit`.
public struct Callback {
  /// Before the first epoch.
  public var willBegin: ((TrainingRun) throws -> Void)?
  /// After every batch.
  public var onStep: ((TrainingStep, TrainingRun) throws -> Void)?
  /// After every epoch, validation included.
  public var onEpoch: ((Epoch, TrainingRun) throws -> Void)?
  /// After the last epoch, whatever ended the training but an error.
  public var didEnd: ((TrainingRun) throws -> Void)?

  public init(
    willBegin: ((TrainingRun) throws -> Void)? = nil, onStep: ((TrainingStep, TrainingRun) throws -> Void)? = nil,
    onEpoch: ((Epoch, TrainingRun) throws -> Void)? = nil, didEnd: ((TrainingRun) throws -> Void)? = nil
  ) {
    self.willBegin = willBegin
    self.onStep = onStep
    self.onEpoch = onEpoch
    self.didEnd = didEnd
  }
}

/// What one batch came to.
public struct TrainingStep: Sendable, Hashable {
  /// Counted from 1 through all epochs of the run.
  public let number: Int
  /// The epoch, counted from 1.
  public let epoch: Int
  /// The mean loss over the batch, before the update.
  public let loss: Double
  /// The rate that the update had.
  public let learningRate: Double
  /// The examples of the batch.
  public let exampleCount: Int
}

/// A `fit` that is going on, as its callbacks see it.
public final class TrainingRun {
  public let model: any Layer
  public let optimizer: any Optimizer
  public let loss: Loss
  /// How many epochs were asked for.
  public let epochs: Int
  /// The epochs so far.
  public internal(set) var history: History
  /// The batches so far.
  public internal(set) var stepCount = 0

  init(model: any Layer, optimizer: any Optimizer, loss: Loss, epochs: Int, history: History) {
    self.model = model
    self.optimizer = optimizer
    self.loss = loss
    self.epochs = epochs
    self.history = history
  }

  /// Why the training ends, if somebody has asked for that.
  public var stopReason: String? { history.stopReason }

  /// Ends the training after this batch, or this epoch. The first reason counts.
  /// - Parameter reason: for histories and reports, such as "100 steps are done".
  public func stop(_ reason: String) { if history.stopReason == nil { history.stopReason = reason } }
}

extension Callback {
  /// Ends the training after so many batches, also within an epoch (notes F3).
  /// - Precondition: at least one.
  public static func maximumSteps(_ count: Int) -> Callback {
    guard count > 0 else { fatalError("maximumSteps(\(count)): expected at least 1") }
    return Callback(onStep: { _, run in
      if run.stepCount >= count { run.stop("\(count) \(count == 1 ? "step is" : "steps are") done") }
    })
  }

  /// Ends the training after the batch in which so much time is over; what comes out then depends on the machine.
  public static func maximumTime(_ limit: Duration) -> Callback {
    var start = ContinuousClock.now
    return Callback(
      willBegin: { _ in start = .now },
      onStep: { _, run in if ContinuousClock.now - start >= limit { run.stop("the time of \(limit) is over") } })
  }

  /// Calls `body` after every epoch.
  public static func onEpoch(_ body: @escaping (Epoch) throws -> Void) -> Callback {
    Callback(onEpoch: { epoch, _ in try body(epoch) })
  }
}
