/// Fits a model to a table as often as there are folds, each time without one of them, and measures it on that (notes P5). Classes keep their
/// shares in all folds; whatever is fitted, the preparation of the features too, knows nothing of the fold.
public struct CrossValidationRun {
  public let configuration: RunConfiguration
  /// How many parts the data are divided into.
  public let folds: Int
  /// How often they are divided anew.
  public let repeats: Int
  private let source: TabularData

  /// What a fold came to.
  public struct Fold: Sendable, Hashable {
    /// The division and the fold in it, counted from 1.
    public let (repetition, number): (Int, Int)
    /// The number of examples that were measured.
    public let count: Int
    public let evaluation: TabularEvaluation
    /// Loss and accuracy, or loss, rmse and r2.
    public var scores: [Score] { evaluation.scores() }
  }

  /// Reads the data.
  /// - Throws: `CSVError` or `DatasetError` for data that cannot be used, `RunConfigurationError` for choices out of their ranges.
  public init(_ configuration: RunConfiguration, folds: Int, repeats: Int = 1) throws {
    try configuration.check()
    guard folds >= 2 else { throw RunConfigurationError("\(folds) folds are not at least 2") }
    guard repeats >= 1 else { throw RunConfigurationError("\(repeats) repeats are not at least 1") }
    self.configuration = configuration
    (self.folds, self.repeats) = (folds, repeats)
    source = try TabularData(configuration)
  }

  /// The number of examples.
  public var count: Int { source.data.count }
  public var task: Dataset.Task { source.task }

  /// Fits and measures, fold after fold.
  /// - Throws: `DatasetError` if the data do not allow so many folds, `TrainingError` if they do not suit the model; whatever `onFold`
  ///   throws.
  public func run(onFold: (Fold) throws -> Void = { _ in }) throws -> [Fold] {
    var results: [Fold] = []
    for repetition in 1...repeats {
      let seed = configuration.seed &+ UInt64(repetition - 1)
      let kind: Folds = task == .classification ? .stratified(folds, seed: seed) : .plain(folds, seed: seed)
      for (i, part) in try source.data.folds(kind).enumerated() {
        let fold = Fold(
          repetition: repetition, number: i + 1, count: part.test.count,
          evaluation: try evaluation(training: part.training, test: part.test))
        guard fold.evaluation.loss.isFinite else {
          throw TrainingError(
            "\(source.data.name): in fold \(i + 1) the loss is \(fold.evaluation.loss); try a smaller learning rate")
        }
        results.append(fold)
        try onFold(fold)
      }
    }
    return results
  }

  private func evaluation(training: Dataset, test: Dataset) throws -> TabularEvaluation {
    if configuration.model.isEstimator {
      let run = try EstimatorRun(configuration, source, training: training, test: test)
      _ = try run.train(progress: .silent)
      return try run.measure().test!
    }
    let run = try TabularRun(
      configuration, source, training: training, validation: training.selecting([]), test: test)
    _ = try run.train(progress: .silent)
    return try run.measure().test!
  }

  /// Every score of all folds, by name: mean and deviation.
  public static func summary(_ folds: [Fold]) -> [(name: String, scores: CrossValidation)] {
    let names = folds.first?.scores.map(\.name) ?? []
    return names.enumerated().map { i, name in
      (name, CrossValidation(scores: folds.map { $0.scores[i].value ?? .nan }))
    }
  }
}
