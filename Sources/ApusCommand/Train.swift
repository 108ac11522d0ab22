import Apus
import ArgumentParser

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Train a network on a table, on images or on a text.",
    discussion: """
      Tables: text targets, and whole numbers of which there are at most 20 different ones, are classes; other targets make a \
      regression.
      Images: mnist, fashion-mnist, cifar10 or cifar100, from the directory --data or from the cache, into which they are \
      downloaded once. They have test images of their own.
      Texts: the last tenth is held back to measure.

      The directory gets model.safetensors, config.json (every choice) and history.csv; of networks that make images also \
      samples.png or reconstructions.png, anew after every epoch.
      """)

  @Argument(
    help: "A bundled data set (see 'apus datasets'), a CSV file, a data set of images by name, or a text file (.txt).")
  var data: String
  @Option(
    help: """
      The network. Tables: mlp, or a classic: perceptron, adaline, linear, logistic, softmax. Images: lenet, mlp, resnet18; to make images: autoencoder, vae, gan, dcgan. Texts: char-lstm, \
      char-gru, char-gpt. (default: the first)
      """)
  var model: String?
  @Option(name: .customLong("data"), help: "Images: the directory with the data set's files (default: the cache).")
  var directory: String?
  @Option(help: "Tables: the column to predict (default: the last).")
  var target: String?
  @Option(help: "Tables: classification or regression (default: told from the target).")
  var task: Dataset.Task?
  @Option(
    help: "The units of the hidden layers of an mlp; 'none' for no hidden layer. (default: \(Self.usualHidden))",
    transform: LayerSizes.init(parsing:))
  var hidden: LayerSizes?
  @Option(help: "Tables: the activation of the hidden layers (default: relu).")
  var activation: Activation?
  @Option(help: "Tables: softmaxCrossEntropy, binaryCrossEntropy or meanSquaredError (default: what fits the task).")
  var loss: String?
  @Option(help: "The rule to update parameters: sgd, momentum or adam (default: adam).")
  var optimizer: RunConfiguration.OptimizerKind?
  @Option(help: "The step size (default for tables: 0.001 for adam, 0.1 for sgd, 0.01 for momentum).")
  var learningRate: Double?
  @Option(
    help: "How the step size falls: constant, linear or cosine (default: what suits the network; constant for tables).")
  var schedule: TrainingChoices.ScheduleKind?
  @Option(help: "How many times to go through the training data (default: \(Self.usual.epochs) for tables).")
  var epochs: Int?
  @Option(help: "The examples of one update (default: \(Self.usual.batchSize) for tables).")
  var batchSize: Int?
  @Option(help: "Large matrix products in float32 or bfloat16, which is faster where the processor is made for it.")
  var precision: Precision = .float32
  @Option(help: "The probability to drop a hidden unit while training (default: what suits the network; 0 for tables).")
  var dropout: Double?
  @Option(
    help:
      "The share of the training data held back to watch progress (default: \(Self.usual.validationFraction) for tables, 0 for images)."
  )
  var validation: Double?
  @Option(help: "Tables: the share of all data held back to measure the result (default: \(Self.usual.testFraction)).")
  var test: Double?
  @OptionGroup(title: "The features of tables")
  var features: FeatureOptions
  @Flag(help: "Images: shift every training image a little at random, and mirror it where that does not matter.")
  var augment = false
  @OptionGroup var refinements: RefinementOptions
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

  private static let usual = RunConfiguration(data: "")
  private static let usualHidden = LayerSizes(usual.hidden)

  func validate() throws {
    if let epochs { try require(epochs >= 1 && epochs <= 10_000_000, "--epochs \(epochs): expected 1 to 10000000.") }
    if let batchSize { try require(batchSize >= 1, "--batch-size \(batchSize): expected at least 1.") }
    for (name, share) in [("dropout", dropout), ("validation", validation), ("test", test)] {
      guard let share else { continue }
      try require(share >= 0 && share < 1, "--\(name) \(share): expected at least 0 and less than 1.")
    }
    try require(threads >= 0 && threads <= 1024, "--threads \(threads): expected 0 to 1024.")
    if let learningRate {
      try require(learningRate > 0 && learningRate.isFinite, "--learning-rate \(learningRate): expected more than 0.")
    }
    if let loss {
      let names = Loss.all.map(\.name)
      try require(names.contains(loss), "--loss \(loss): expected one of \(names.joined(separator: ", ")).")
    }
    try features.check()
    try require(output != "", "--output: expected a directory.")
    try require(trace != "", "--trace: expected a file.")
    try checkKind()
  }

  func run() throws {
    try Failure.catching {
      let run = try makeRun()
      // Before hours of training, not after: is there a place for the result?
      let directory = try RunDirectory(output, data: data, extraFiles: run.extraFiles)
      do {
        if let trace { try Failure.writing { try TextFile.checkWritable(trace) } }
        try train(run, directory)
      } catch {
        directory.abandon()
        throw error
      }
    }
  }

  private func train(_ run: any NetworkRun, _ directory: RunDirectory) throws {
    if !json { try Console.print(try run.announcement) }
    try warn(run.warnings)
    let history = try run.train(progress: json ? .silent : .automatic) { epoch in
      try directory.update(run)
      guard json else { return }
      let scores = run.scores(of: epoch).map { JSON.Member($0.name, .finite($0.value)) }
      try Console.print(
        JSON.object(
          [JSON.Member("event", "epoch"), JSON.Member("epoch", .integer(epoch.number))] + scores
            + [JSON.Member("seconds", .finite(epoch.seconds))]
        ).text())
    }
    try warn(run.findings(history))
    let result = try run.result()
    try directory.save(run, history)
    if json {
      let scores = result.scores.map { JSON.Member($0.name, .finite($0.value)) }
      try Console.print(
        JSON.object(
          [JSON.Member("event", "finished")] + scores + [JSON.Member("model", .string(directory.modelPath))]
        ).text())
    } else {
      try Console.print("\n\(result.text)")
      try Console.print("\nmodel: \(directory.modelPath)")
    }
    if profile || trace != nil { try measureStep(of: run) }
  }

  /// Tells what is probably wrong: people on standard error, programs as events.
  private func warn(_ findings: [Finding]) throws {
    for finding in findings {
      guard json else {
        Console.error("warning: \(finding)")
        continue
      }
      try Console.print(
        JSON.object([
          JSON.Member("event", "warning"), JSON.Member("kind", .string(finding.kind.rawValue)),
          JSON.Member("layer", finding.layer.map { .string($0) } ?? .null),
          JSON.Member("text", .string(finding.sentence)),
        ]).text())
    }
  }

  /// What is saved is not affected: the steps that are measured train a copy.
  private func measureStep(of run: any NetworkRun) throws {
    guard let found = try run.profile() else { return }
    if let trace { try Failure.writing { try found.writeTrace(to: trace) } }
    guard profile else { return }
    for line in "\(found)".split(separator: "\n", omittingEmptySubsequences: false) { Console.error(String(line)) }
  }
}
