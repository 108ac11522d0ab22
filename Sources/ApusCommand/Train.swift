import Apus
import ArgumentParser

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a network on a bundled data set or a CSV file.",
    discussion: """
      Text targets, and whole numbers of which there are at most 20 different ones, are classes; other targets make a \
      regression.

      The directory gets model.safetensors, config.json (every choice) and history.csv.
      """)

  @Argument(help: "A bundled data set (see 'apus datasets') or the path of a CSV file.")
  var data: String
  @Option(help: "The column to predict (default: the last).")
  var target: String?
  @Option(help: "classification or regression (default: told from the target).")
  var task: Dataset.Task?
  @Option(
    help: "The units of the hidden layers; 'none' for no hidden layer. (default: \(Self.usualHidden))",
    transform: LayerSizes.init(parsing:))
  var hidden = Self.usualHidden
  @Option(help: "The activation of the hidden layers.")
  var activation: Activation = RunConfiguration(data: "").activation
  @Option(help: "softmaxCrossEntropy, binaryCrossEntropy or meanSquaredError (default: what fits the task).")
  var loss: String?
  @Option(help: "The rule to update parameters.")
  var optimizer: RunConfiguration.OptimizerKind = .adam
  @Option(help: "The step size (default: 0.001 for adam, 0.1 for sgd, 0.01 for momentum).")
  var learningRate: Double?
  @Option(help: "How many times to go through the training data.")
  var epochs = RunConfiguration(data: "").epochs
  @Option(help: "The examples of one update.")
  var batchSize = RunConfiguration(data: "").batchSize
  @Option(help: "Large matrix products in float32 or bfloat16, which is faster where the processor is made for it.")
  var precision: Precision = .float32
  @Option(help: "The probability to drop a hidden unit while training.")
  var dropout = 0.0
  @Option(help: "The share of the training data held back to watch progress.")
  var validation = RunConfiguration(data: "").validationFraction
  @Option(help: "The share of all data held back to measure the result.")
  var test = RunConfiguration(data: "").testFraction
  @Option(help: "How features are scaled: standardize, minMax or none (default: minMax for digits, else standardize).")
  var scaling: Scaling.Method?
  @Option(help: "Where all random choices start; the same seed gives the same model.")
  var seed: UInt64 = 0
  @Option(help: "The number of threads; 0 for all cores.")
  var threads = 0
  @Option(help: "The directory for the model (default: a new one below runs/).")
  var output: String?
  @Flag(help: "Measure after the training where the time of a step goes, and show it on standard error.")
  var profile = false
  @Option(help: "A file for a trace of some steps, which chrome://tracing and Perfetto show.")
  var trace: String?
  @Flag(help: "Write JSON lines to standard output, and nothing else.")
  var json = false

  private static let usualHidden = LayerSizes(RunConfiguration(data: "").hidden)

  func validate() throws {
    try require(epochs >= 1 && epochs <= 10_000_000, "--epochs \(epochs): expected 1 to 10000000.")
    try require(batchSize >= 1, "--batch-size \(batchSize): expected at least 1.")
    try require(dropout >= 0 && dropout < 1, "--dropout \(dropout): expected at least 0 and less than 1.")
    try require(validation >= 0 && validation < 1, "--validation \(validation): expected at least 0 and less than 1.")
    try require(test >= 0 && test < 1, "--test \(test): expected at least 0 and less than 1.")
    try require(threads >= 0 && threads <= 1024, "--threads \(threads): expected 0 to 1024.")
    if let learningRate {
      try require(learningRate > 0 && learningRate.isFinite, "--learning-rate \(learningRate): expected more than 0.")
    }
    if let loss {
      let names = Loss.all.map(\.name)
      try require(names.contains(loss), "--loss \(loss): expected one of \(names.joined(separator: ", ")).")
    }
    try require(output != "", "--output: expected a directory.")
    try require(trace != "", "--trace: expected a file.")
  }

  private var runConfiguration: RunConfiguration {
    var run = RunConfiguration(data: data)
    run.target = target
    run.task = task
    run.hidden = hidden.sizes
    run.activation = activation
    run.loss = loss
    run.optimizer = optimizer
    run.learningRate = learningRate
    run.epochs = epochs
    run.batchSize = batchSize
    run.precision = precision
    run.dropout = dropout
    run.validationFraction = validation
    run.testFraction = test
    run.scaling = scaling
    run.seed = seed
    run.threads = threads
    return run
  }

  func run() throws {
    try Failure.catching {
      let run = try TabularRun(runConfiguration)
      // Before hours of training, not after: is there a place for the result?
      let directory = try RunDirectory(output, data: data)
      do {
        if let trace { try Failure.writing { try TextFile.checkWritable(trace) } }
        try train(run, directory)
      } catch {
        directory.abandon()
        throw error
      }
    }
  }

  private func train(_ run: TabularRun, _ directory: RunDirectory) throws {
    if !json { try announce(run) }
    let history = try run.train(progress: json ? .silent : .automatic) { epoch in
      if json { try Console.print(Self.event(epoch, run).text()) }
    }
    let (training, test) = try run.measure()
    try directory.save(run, history)
    try report(run, training, test, directory)
    if profile || trace != nil { try measureStep(of: run) }
  }

  /// What is saved is not affected: the steps that are measured train a copy.
  private func measureStep(of run: TabularRun) throws {
    let found = try run.profile()
    if let trace { try Failure.writing { try found.writeTrace(to: trace) } }
    guard profile else { return }
    for line in "\(found)".split(separator: "\n", omittingEmptySubsequences: false) { Console.error(String(line)) }
  }

  private func announce(_ run: TabularRun) throws {
    try Console.print(
      "\(data): \(run.training.count) training, \(run.validation.count) validation and \(run.test.count) test examples, "
        + "\(run.training.features.shape[1]) features, \(run.task.rawValue)")
    try Console.print(run.model.network.summary(inputShape: [1, run.training.features.shape[1]]).description)
  }

  private static func event(_ epoch: Epoch, _ run: TabularRun) -> JSON {
    var members = [
      JSON.Member("event", "epoch"), JSON.Member("epoch", .integer(epoch.number)),
      JSON.Member("loss", .finite(epoch.loss)),
    ]
    let isClassification = run.task == .classification
    if isClassification { members.append(JSON.Member("accuracy", .finite(epoch.metrics["accuracy"]))) }
    members.append(JSON.Member("validation_loss", .finite(epoch.validationLoss)))
    if isClassification {
      members.append(JSON.Member("validation_accuracy", .finite(epoch.validationMetrics["accuracy"])))
    }
    members.append(JSON.Member("seconds", .finite(epoch.seconds)))
    return .object(members)
  }

  private func report(
    _ run: TabularRun, _ training: TabularEvaluation, _ test: TabularEvaluation?, _ directory: RunDirectory
  ) throws {
    if json {
      let members =
        [JSON.Member("event", "finished")] + Self.members(training, prefix: "")
        + (test.map { Self.members($0, prefix: "test_") } ?? Self.absent(run.task))
        + [JSON.Member("model", .string(directory.modelPath))]
      return try Console.print(JSON.object(members).text())
    }
    if let test {
      try Console.print("\ntest: \(test)")
    } else {
      try Console.print("\ntraining data: \(training)")
    }
    try Console.print("\nmodel: \(directory.modelPath)")
  }

  private static func members(_ evaluation: TabularEvaluation, prefix: String) -> [JSON.Member] {
    let loss = JSON.Member(prefix + "loss", .finite(evaluation.loss))
    switch evaluation.quality {
    case .classification(let report): return [loss, JSON.Member(prefix + "accuracy", .finite(report.accuracy))]
    case .regression(let rmse, let r2):
      return [loss, JSON.Member(prefix + "rmse", .finite(rmse)), JSON.Member(prefix + "r2", .finite(r2))]
    }
  }

  /// Without test data the fields are there, and say so.
  private static func absent(_ task: Dataset.Task) -> [JSON.Member] {
    (task == .classification ? ["test_loss", "test_accuracy"] : ["test_loss", "test_rmse", "test_r2"])
      .map { JSON.Member($0, .null) }
  }
}
