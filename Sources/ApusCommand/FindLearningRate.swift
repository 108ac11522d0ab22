import Apus
import ArgumentParser

struct FindLearningRate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lr-find", abstract: "Try learning rates on a table, to choose one.",
    discussion: """
      Trains a network as 'apus train' would, with a learning rate that rises at every step, and prints the loss at every rate. A good \
      rate is where the loss falls most steeply.
      """)

  @Argument(help: "A bundled data set (see 'apus datasets') or a CSV file.")
  var data: String
  @Option(help: "The column to predict (default: the last).")
  var target: String?
  @Option(help: "classification or regression (default: told from the target).")
  var task: Dataset.Task?
  @Option(
    help: "The units of the hidden layers; 'none' for no hidden layer. (default: 128,64)",
    transform: LayerSizes.init(parsing:))
  var hidden: LayerSizes?
  @Option(help: "The activation of the hidden layers.")
  var activation: Activation = .relu
  @Option(help: "The rule to update parameters: sgd, momentum or adam.")
  var optimizer: RunConfiguration.OptimizerKind = .adam
  @Option(help: "The examples of one update.")
  var batchSize = 32
  @Option(help: "The smallest rate.")
  var from = 1e-6
  @Option(help: "The largest rate.")
  var to = 10.0
  @Option(help: "How many rates to try.")
  var steps = 100
  @Option(help: "Where all random choices start.")
  var seed: UInt64 = 0
  @Option(help: "A file for a picture of the losses (.svg or .png).")
  var plot: String?
  @Flag(help: "Write one line of JSON to standard output, and nothing else.")
  var json = false

  func validate() throws {
    try require(batchSize >= 1, "--batch-size \(batchSize): expected at least 1.")
    try require(steps >= 3 && steps <= 100_000, "--steps \(steps): expected 3 to 100000.")
    try require(from > 0 && from.isFinite, "--from \(from): expected more than 0.")
    try require(to > from && to.isFinite, "--to \(to): expected more than --from.")
    if let plot {
      try require(
        plot.hasSuffix(".svg") || plot.hasSuffix(".png"), "--plot: expected a file that ends with .svg or .png.")
    }
  }

  func run() throws {
    try Failure.catching {
      var configuration = RunConfiguration(data: data)
      (configuration.target, configuration.task) = (target, task)
      if let hidden { configuration.hidden = hidden.sizes }
      (configuration.activation, configuration.optimizer) = (activation, optimizer)
      (configuration.batchSize, configuration.seed) = (batchSize, seed)
      let search = try TabularRun(configuration).searchLearningRate(in: from...to, steps: steps)
      if let plot { try Failure.writing { try Chart.learningRateSearch(search).write(to: plot) } }
      try show(search)
    }
  }

  private func show(_ search: LearningRateSearch) throws {
    guard !json else {
      return try Console.print(
        JSON.object([
          JSON.Member("suggestion", .finite(search.suggestion)),
          JSON.Member("rates", .array(search.rates.map { .finite($0) })),
          JSON.Member("losses", .array(search.losses.map { .finite($0) })),
        ]).text())
    }
    // About twenty rates are enough to see how the loss goes.
    let shown = stride(from: 0, to: search.rates.count, by: max(1, search.rates.count / 20))
    let rows = shown.map { i in
      [search.rates[i].formatted("g", precision: 3), search.losses[i].formatted(precision: 4)]
    }
    try Console.print(alignedTable([["learning rate", "loss"]] + rows))
    guard let suggestion = search.suggestion else {
      return try Console.print("\nno suggestion: the loss never falls")
    }
    try Console.print("\nsuggestion: \(suggestion.formatted("g", precision: 2)), where the loss falls most steeply")
  }
}
