/// What happened in one pass over the training data.
public struct Epoch: Sendable, Hashable {
  /// Counted from 1.
  public let number: Int
  /// The mean loss over the epoch's examples, while the parameters changed.
  public let loss: Double
  /// The metrics on the training data, likewise, by name.
  public let metrics: [String: Double]
  /// The loss on the validation data after the epoch; nil without any.
  public let validationLoss: Double?
  /// The metrics on the validation data.
  public let validationMetrics: [String: Double]
  /// How long the epoch took.
  public let seconds: Double

  package init(
    number: Int, loss: Double, metrics: [String: Double] = [:], validationLoss: Double? = nil,
    validationMetrics: [String: Double] = [:], seconds: Double
  ) {
    self.number = number
    self.loss = loss
    self.metrics = metrics
    self.validationLoss = validationLoss
    self.validationMetrics = validationMetrics
    self.seconds = seconds
  }
}

/// The epochs of a training run.
public struct History: Sendable, Hashable {
  public package(set) var epochs: [Epoch] = []
  /// The names of the metrics, in order.
  public let metricNames: [String]

  package init(metricNames: [String]) { self.metricNames = metricNames }

  /// The mean training loss of each epoch.
  public var losses: [Double] { epochs.map(\.loss) }

  /// A table with a header: epoch, loss, metrics, the same on the validation data, seconds. Empty fields where there
  /// was none.
  public var csv: String {
    let names =
      ["epoch", "loss"] + metricNames + ["validation_loss"] + metricNames.map { "validation_\($0)" } + ["seconds"]
    let rows = epochs.map { epoch in
      var fields = ["\(epoch.number)", "\(epoch.loss)"]
      fields += metricNames.map { epoch.metrics[$0].map { "\($0)" } ?? "" }
      fields.append(epoch.validationLoss.map { "\($0)" } ?? "")
      fields += metricNames.map { epoch.validationMetrics[$0].map { "\($0)" } ?? "" }
      fields.append("\(epoch.seconds)")
      return fields.joined(separator: ",")
    }
    return ([names.joined(separator: ",")] + rows).joined(separator: "\n") + "\n"
  }
}
