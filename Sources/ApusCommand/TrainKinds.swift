import Apus
import ArgumentParser

// Which kind of run the arguments of `apus train` ask for.

extension Train {
  /// What can be trained on.
  private enum Kind: String {
    case tables, images, texts

    var models: [String] {
      switch self {
      case .tables: RunConfiguration.ModelKind.allCases.map(\.rawValue)
      case .images: ["lenet", "mlp", "resnet18"] + GenerativeRun.Network.allCases.map(\.rawValue)
      case .texts: TextRun.Network.allCases.map(\.rawValue)
      }
    }
  }

  private var kind: Kind {
    if ImageData(rawValue: data) != nil { return .images }
    return data.hasSuffix(".txt") || model.map(Kind.texts.models.contains) == true ? .texts : .tables
  }

  /// The name of the network.
  private var chosenModel: String { model ?? kind.models[0] }
  /// The classic that is asked for; nil: a network.
  private var estimator: RunConfiguration.ModelKind? {
    kind == .tables ? RunConfiguration.ModelKind(rawValue: chosenModel).flatMap { $0.isEstimator ? $0 : nil } : nil
  }
  private var isGenerative: Bool { GenerativeRun.Network(rawValue: chosenModel) != nil }

  /// Refuses what does not belong to the kind of data.
  func checkKind() throws {
    let kind = kind
    if !kind.models.contains(chosenModel) {
      throw ValidationError(
        "--model \(chosenModel): for \(kind.rawValue) there are \(kind.models.joined(separator: ", ")).")
    }
    var given: [(option: String, isGiven: Bool, suits: Bool)] = [
      ("--data", directory != nil, kind == .images), ("--augment", augment, kind == .images && !isGenerative),
      ("--hidden", hidden != nil, chosenModel == "mlp"),
      ("--dropout", dropout != nil, kind == .texts || chosenModel == "mlp"),
      ("--validation", validation != nil, chosenModel == "mlp" || kind == .images && !isGenerative),
      ("--profile", profile, chosenModel == "mlp" || kind == .images && !isGenerative),
      ("--trace", trace != nil, chosenModel == "mlp" || kind == .images && !isGenerative),
      ("--optimizer", optimizer != nil, estimator == nil), ("--precision", precision != .float32, estimator == nil),
      ("--learning-rate", learningRate != nil, estimator != .logistic && estimator != .softmax),
      ("--batch-size", batchSize != nil, estimator == nil || estimator == .adaline),
    ]
    let isTrainer = kind == .tables && estimator == nil || kind == .images && !isGenerative
    given += refinements.given.map { ($0.option, $0.isGiven, isTrainer) }
    given.append(("--regularizer", refinements.regularizer != nil, isTrainer || estimator?.hasPenalty == true))
    given.append(("--batch-norm", refinements.batchNorm, chosenModel == "mlp"))
    given.append(("--schedule", schedule != nil, estimator == nil))
    for (option, isGiven) in [("--activation", activation != nil), ("--loss", loss != nil)] {
      given.append((option, isGiven, kind == .tables && estimator == nil))
    }
    for (option, isGiven) in [("--target", target != nil), ("--task", task != nil), ("--test", test != nil)]
      + features.given
    {
      given.append((option, isGiven, kind == .tables))
    }
    if let wrong = given.first(where: { $0.isGiven && !$0.suits }) {
      let what = estimator == nil ? "network" : "model"
      throw ValidationError("\(wrong.option): this is not for the \(what) \(chosenModel) on \(kind.rawValue).")
    }
    if estimator != nil, let penalty = refinements.regularizer, penalty != .l2 {
      throw ValidationError("--regularizer \(penalty.rawValue): for the model \(chosenModel) there is l2.")
    }
    if estimator == .adaline, let batchSize, batchSize != 1 {
      throw ValidationError(
        "--batch-size \(batchSize): an Adaline learns from all examples at once, or from 1 at a time.")
    }
  }

  /// Reads the data and builds the network.
  func makeRun() throws -> any NetworkRun {
    switch kind {
    case .tables: return try tableConfiguration.makeRun()
    case .texts: return try TextRun(path: data, network: TextRun.Network(rawValue: chosenModel)!, choices: choices)
    case .images:
      let set = ImageData(rawValue: data)!
      if let network = GenerativeRun.Network(rawValue: chosenModel) {
        return try GenerativeRun(set, directory: directory, network: network, choices: choices)
      }
      return try ImageRun(
        set, directory: directory, network: ImageRun.Network(rawValue: chosenModel)!,
        hidden: hidden?.sizes ?? [256, 128], validationFraction: validation ?? 0, isAugmented: augment,
        choices: choices)
    }
  }

  private var choices: TrainingChoices {
    var choices = TrainingChoices()
    choices.optimizer = optimizer
    choices.learningRate = learningRate
    choices.schedule = schedule
    choices.epochs = epochs
    choices.batchSize = batchSize
    choices.dropout = dropout
    choices.refinements = refinements.refinements
    choices.precision = precision
    choices.seed = seed
    choices.threads = threads
    return choices
  }

  private var tableConfiguration: RunConfiguration {
    var run = RunConfiguration(data: data)
    run.model = RunConfiguration.ModelKind(rawValue: chosenModel)!
    run.passes = epochs
    run.updatesPerSample = batchSize == 1
    run.target = target
    run.task = task
    if let hidden { run.hidden = hidden.sizes }
    if let activation { run.activation = activation }
    run.loss = loss
    if let optimizer { run.optimizer = optimizer }
    run.learningRate = learningRate
    if let epochs { run.epochs = epochs }
    if let batchSize { run.batchSize = batchSize }
    run.precision = precision
    if let dropout { run.dropout = dropout }
    if let schedule { run.schedule = schedule }
    run.refinements = refinements.refinements
    if let validation { run.validationFraction = validation }
    if let test { run.testFraction = test }
    features.apply(to: &run)
    run.seed = seed
    run.threads = threads
    return run
  }
}
