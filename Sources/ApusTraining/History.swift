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
  /// Why the training ended before its last epoch, or before the end of that; nil if it did not.
  public package(set) var stopReason: String?

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

extension History {
  /// Reads what ``csv`` wrote: the columns "epoch" and "loss", "seconds", metrics by their names, and validation results with
  /// "validation_" before these.
  /// - Parameter source: where the text comes from, for messages.
  /// - Throws: `TrainingError` naming source, line and column.
  public init(csv: String, source: String) throws(TrainingError) {
    let lines = csv.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    func fields(_ line: Substring) -> [String] {
      line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    let names = fields(lines.first ?? "")
    guard names.contains("epoch"), names.contains("loss"), Set(names).count == names.count else {
      throw TrainingError("\(source): this is no history of a training; its first line lacks 'epoch' and 'loss'")
    }
    metricNames = names.filter { !["epoch", "loss", "seconds"].contains($0) && !$0.hasPrefix(Self.validation) }
    for (number, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      let fields = fields(line)
      guard fields.count == names.count else {
        throw TrainingError("\(source), line \(number + 1): \(fields.count) fields; expected \(names.count)")
      }
      var values: [String: Double] = [:]
      for (name, field) in zip(names, fields) where !field.isEmpty {
        guard let value = Double(field) else {
          throw TrainingError("\(source), line \(number + 1): the field in column '\(name)' is no number")
        }
        values[name] = value
      }
      guard let epoch = values["epoch"].flatMap({ Int(exactly: $0) }), let loss = values["loss"] else {
        throw TrainingError("\(source), line \(number + 1): the epoch's number or its loss is missing")
      }
      func metrics(_ prefix: String) -> [String: Double] {
        Dictionary(
          uniqueKeysWithValues: metricNames.compactMap { name in values[prefix + name].map { (name, $0) } })
      }
      epochs.append(
        Epoch(
          number: epoch, loss: loss, metrics: metrics(""), validationLoss: values[Self.validation + "loss"],
          validationMetrics: metrics(Self.validation), seconds: values["seconds"] ?? 0))
    }
    guard !epochs.isEmpty else { throw TrainingError("\(source): there are no epochs") }
  }

  private static let validation = "validation_"
}
