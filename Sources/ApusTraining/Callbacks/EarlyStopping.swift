import ApusCore
import ApusNN

/// A number of an epoch that tells how good the model is.
public struct Monitor: Sendable, CustomStringConvertible {
  /// As it is called in messages: "validation loss".
  public let name: String
  /// Whether less is better.
  public let isLowerBetter: Bool
  /// Nil where the epoch does not have it.
  public let value: @Sendable (Epoch) -> Double?

  public init(_ name: String, isLowerBetter: Bool, _ value: @escaping @Sendable (Epoch) -> Double?) {
    self.name = name
    self.isLowerBetter = isLowerBetter
    self.value = value
  }

  /// The mean loss on the training data.
  public static let loss = Monitor("loss", isLowerBetter: true) { $0.loss }
  /// The loss on the validation data.
  public static let validationLoss = Monitor("validation loss", isLowerBetter: true) { $0.validationLoss }
  /// A metric on the training data.
  public static func metric(_ metric: String, isLowerBetter: Bool = false) -> Monitor {
    Monitor(metric, isLowerBetter: isLowerBetter) { $0.metrics[metric] }
  }
  /// A metric on the validation data.
  public static func validationMetric(_ metric: String, isLowerBetter: Bool = false) -> Monitor {
    Monitor("validation \(metric)", isLowerBetter: isLowerBetter) { $0.validationMetrics[metric] }
  }

  public var description: String { name }

  /// - Throws: `TrainingError` if the epoch does not have the number.
  fileprivate func value(of epoch: Epoch) throws(TrainingError) -> Double {
    guard let value = value(epoch) else {
      throw TrainingError(
        "the \(name) is watched, but epoch \(epoch.number) has none: validation data or a metric lack")
    }
    return value
  }

  /// Whether `new` is better than `old` by more than `improvement`; NaN never is.
  fileprivate func isBetter(_ new: Double, than old: Double?, by improvement: Double) -> Bool {
    guard let old else { return !new.isNaN }
    return isLowerBetter ? new < old - improvement : new > old + improvement
  }
}

extension History {
  /// The epoch in which a number was best, the first of equals; nil if no epoch has it.
  public func bestEpoch(by monitor: Monitor = .validationLoss) -> Epoch? {
    var best: Epoch?
    for epoch in epochs {
      guard let value = monitor.value(epoch) else { continue }
      if monitor.isBetter(value, than: best.flatMap(monitor.value), by: 0) { best = epoch }
    }
    return best
  }
}

/// A model's parameters and buffers as they were at one moment. Taking one copies nothing until they change.
public struct ModelSnapshot: Sendable {
  private let values: [(parameter: Parameter, value: Tensor)]

  public init(of model: some Layer) {
    let tensors = model.namedParameters.map(\.parameter) + model.namedBuffers.map(\.buffer)
    values = tensors.map { ($0, $0.stored) }
  }

  /// Gives the model back what it had.
  public func restore() { for (parameter, value) in values { parameter.value = value } }
}

/// The best epoch so far.
private final class Best {
  var value: Double?
  var epoch = 0
  var snapshot: ModelSnapshot?
}

extension Callback {
  /// Ends the training when a number has not become better for `patience` epochs (notes I10), and gives the model the parameters that
  /// it had when it was best. The optimiser's memory stays that of the last step.
  /// - Parameters:
  ///   - patience: how many epochs in a row without improvement end the training; at least 1.
  ///   - minimumImprovement: what does not change the number by more is no improvement; at least 0.
  ///   - restoresBest: whether the model goes back to its best epoch, also after the last one.
  public static func earlyStopping(
    patience: Int = 5, monitor: Monitor = .validationLoss, minimumImprovement: Double = 0, restoresBest: Bool = true
  ) -> Callback {
    guard patience >= 1, minimumImprovement >= 0 else {
      fatalError("earlyStopping: patience \(patience), improvement \(minimumImprovement): expected at least 1 and 0")
    }
    var best = Best()
    return Callback(
      willBegin: { _ in best = Best() },
      onEpoch: { epoch, run in
        let value = try monitor.value(of: epoch)
        if monitor.isBetter(value, than: best.value, by: minimumImprovement) {
          (best.value, best.epoch) = (value, epoch.number)
          if restoresBest { best.snapshot = ModelSnapshot(of: run.model) }
        } else if epoch.number - best.epoch >= patience {
          run.stop(
            "the \(monitor) has not improved for \(patience) \(patience == 1 ? "epoch" : "epochs"); it was best in epoch "
              + "\(best.epoch)")
        }
      }, didEnd: { _ in best.snapshot?.restore() })
  }

  /// Calls `save` after every epoch that is better than all before, while the model has that epoch's parameters.
  ///
  /// ```swift
  /// .bestCheckpoint { epoch in try model.save(to: "best.safetensors") }
  /// ```
  public static func bestCheckpoint(
    monitor: Monitor = .validationLoss, save: @escaping (Epoch) throws -> Void
  ) -> Callback {
    var best: Double?
    return Callback(
      willBegin: { _ in best = nil },
      onEpoch: { epoch, _ in
        let value = try monitor.value(of: epoch)
        guard monitor.isBetter(value, than: best, by: 0) else { return }
        best = value
        try save(epoch)
      })
  }
}
