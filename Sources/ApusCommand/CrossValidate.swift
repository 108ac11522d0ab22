import Apus
import ArgumentParser

struct CrossValidate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cross-validate", abstract: "Measure how good a kind of model is on a table, fold by fold.",
    discussion: """
      The data are divided into folds; for each of them a model is fitted to all others and measured on it. Classes keep their \
      shares in every fold. Scalings and what else is fitted know nothing of the fold. Nothing is saved.
      """)

  @Argument(help: "A bundled data set (see 'apus datasets') or a CSV file.")
  var data: String
  @Option(help: "mlp, perceptron, adaline, linear, logistic or softmax (default: logistic; of numbers, linear).")
  var model: RunConfiguration.ModelKind?
  @Option(help: "The number of folds.")
  var folds = 5
  @Option(help: "How often the data are divided anew.")
  var repeats = 1
  @Option(help: "The column to predict (default: the last).")
  var target: String?
  @Option(help: "classification or regression (default: told from the target).")
  var task: Dataset.Task?
  @OptionGroup(title: "The features")
  var features: FeatureOptions
  @Option(help: "mlp: the units of the hidden layers.", transform: LayerSizes.init(parsing:))
  var hidden: LayerSizes?
  @Option(help: "How many times to go through the training data, or the most steps of the solver.")
  var epochs: Int?
  @Option(help: "The step size of mlp, perceptron, adaline or linear.")
  var learningRate: Double?
  @Option(help: "Where all random choices start; the same seed gives the same folds and models.")
  var seed: UInt64 = 0
  @Option(help: "The number of threads; 0 for all cores.")
  var threads = 0
  @Flag(help: "Write JSON lines to standard output, and nothing else.")
  var json = false

  func validate() throws {
    try require((2...10_000).contains(folds), "--folds \(folds): expected 2 to 10000.")
    try require((1...1000).contains(repeats), "--repeats \(repeats): expected 1 to 1000.")
    if let epochs { try require((1...10_000_000).contains(epochs), "--epochs \(epochs): expected 1 to 10000000.") }
    if let learningRate {
      try require(learningRate > 0 && learningRate.isFinite, "--learning-rate \(learningRate): expected more than 0.")
      try require(
        model != .logistic && model != .softmax && model != nil,
        "--learning-rate: this is for the models mlp, perceptron, adaline and linear.")
    }
    try require(hidden == nil || model == .mlp, "--hidden: this is for the model mlp.")
    try require((0...1024).contains(threads), "--threads \(threads): expected 0 to 1024.")
    try features.check()
  }

  func run() throws {
    try Failure.catching {
      let run = try makeRun()
      if !json {
        try Console.print("\(data): \(run.count) examples, \(run.configuration.model.rawValue), \(folds) folds")
      }
      let found = try run.run { fold in
        if json {
          try Console.print(line("fold", fold).text())
        } else {
          let scores = fold.scores.map { "\($0.name) \($0.value.map { $0.formatted(precision: 4) } ?? "–")" }
          try Console.print(
            (repeats > 1 ? "division \(fold.repetition), " : "") + "fold \(fold.number): "
              + scores.joined(separator: ", ") + " on \(fold.count) examples")
        }
      }
      let summary = CrossValidationRun.summary(found)
      guard json else {
        for (name, scores) in summary {
          try Console.print(
            "\(name): \(scores.mean.formatted(precision: 4)) ± \(scores.deviation.formatted(precision: 4))")
        }
        return
      }
      try Console.print(
        JSON.object(
          [
            JSON.Member("event", "finished"), JSON.Member("model", .string(run.configuration.model.rawValue)),
            JSON.Member("folds", .integer(folds)), JSON.Member("repeats", .integer(repeats)),
          ]
            + summary.flatMap { name, scores in
              [
                JSON.Member("mean_" + name, .finite(scores.mean)),
                JSON.Member("deviation_" + name, .finite(scores.deviation)),
              ]
            }
        ).text())
    }
  }

  private func line(_ event: String, _ fold: CrossValidationRun.Fold) -> JSON {
    .object(
      [
        JSON.Member("event", .string(event)), JSON.Member("repeat", .integer(fold.repetition)),
        JSON.Member("fold", .integer(fold.number)), JSON.Member("examples", .integer(fold.count)),
      ] + fold.scores.map { JSON.Member($0.name, .finite($0.value)) })
  }

  private func makeRun() throws -> CrossValidationRun {
    var configuration = RunConfiguration(data: data)
    configuration.target = target
    configuration.task = task
    features.apply(to: &configuration)
    configuration.passes = epochs
    if let epochs { configuration.epochs = epochs }
    if let hidden { configuration.hidden = hidden.sizes }
    configuration.learningRate = learningRate
    configuration.seed = seed
    configuration.threads = threads
    configuration.model = model ?? .logistic
    let run = try CrossValidationRun(configuration, folds: folds, repeats: repeats)
    guard model == nil, run.task == .regression else { return run }
    configuration.model = .linear
    return try CrossValidationRun(configuration, folds: folds, repeats: repeats)
  }
}
