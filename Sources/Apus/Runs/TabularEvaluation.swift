/// The result of an evaluation.
public struct TabularEvaluation: Sendable, Hashable, CustomStringConvertible {
  public enum Quality: Sendable, Hashable {
    case classification(ClassificationReport)
    /// The root of the mean squared error, in the target's units, and the share of the variance that is explained.
    case regression(rmse: Double, r2: Double)
  }

  /// The mean loss, as in training.
  public let loss: Double
  public let quality: Quality

  public init(loss: Double, quality: Quality) {
    self.loss = loss
    self.quality = quality
  }

  public var description: String {
    let loss = "loss \(loss.formatted(precision: 4))"
    switch quality {
    case .classification(let report): return "\(loss), \(report)"
    case .regression(let rmse, let r2):
      return "\(loss), root mean squared error \(rmse.formatted("g", precision: 6)), R² \(r2.formatted(precision: 4))"
    }
  }

  /// Its numbers by name: loss and accuracy, or loss, rmse and r2.
  func scores(prefix: String = "") -> [Score] {
    switch quality {
    case .classification(let report): [Score(prefix + "loss", loss), Score(prefix + "accuracy", report.accuracy)]
    case .regression(let rmse, let r2):
      [Score(prefix + "loss", loss), Score(prefix + "rmse", rmse), Score(prefix + "r2", r2)]
    }
  }
}

extension RunResult {
  /// What a run on a table came to. Without test data the scores are there, and say so.
  init(training: TabularEvaluation, test: TabularEvaluation?, remark: String = "", further: [Score] = []) {
    let absent = training.scores(prefix: "test_").map { Score($0.name, nil) }
    self.init(
      scores: training.scores() + (test?.scores(prefix: "test_") ?? absent) + further,
      text: remark + (test.map { "test: \($0)" } ?? "training data: \(training)"))
  }
}
