/// Trains a network on a table: reads and splits the data, scales them, builds the network, trains, measures, saves.
public struct TabularRun {
  public let configuration: RunConfiguration
  public let loss: Loss
  public let task: Dataset.Task
  /// The column that is predicted.
  public var targetName: String { model.preprocessing.target.name }
  public let training: Dataset
  public let validation: Dataset
  public let test: Dataset
  public let model: TabularModel
  /// The training and test parts with scaled features, but targets as they were: for evaluations.
  public let trainingInOriginalUnits: Dataset
  public let testInOriginalUnits: Dataset

  /// Reads the data and builds the network.
  /// - Throws: `CSVError` or `DatasetError` for data that cannot be used, `TrainingError` if they leave nothing to train on,
  ///   `RunConfigurationError` for choices that do not fit them.
  public init(_ configuration: RunConfiguration) throws {
    try configuration.check()
    let source = try TabularData(configuration)
    let (rest, test) = source.data.split(testFraction: configuration.testFraction, seed: configuration.seed)
    let (training, validation) = rest.split(testFraction: configuration.validationFraction, seed: configuration.seed)
    try self.init(configuration, source, training: training, validation: validation, test: test)
  }

  /// Builds the network for parts of `source`.
  init(
    _ configuration: RunConfiguration, _ source: TabularData, training: Dataset, validation: Dataset, test: Dataset
  ) throws {
    self.configuration = configuration
    let data = source.data
    guard training.count > 0 else {
      throw TrainingError("\(data.name): no example is left to train on after the test and validation parts are taken")
    }
    task = source.task
    loss = try Self.loss(configuration.loss, task: task, classes: data.classNames.count)
    let preprocessing = try source.preprocessing(fittedTo: training, configuration)
    let sizes =
      [preprocessing.inputCount] + configuration.hidden + [loss.task == .classification ? data.classNames.count : 1]
    try MemoryNeed(denseLayers: sizes).checkDense(batchSize: min(configuration.batchSize, training.count))
    let network = withSeed(configuration.seed) {
      Sequential {
        for (inputs, outputs) in zip(sizes, sizes.dropFirst().dropLast()) {
          configuration.refinements.hidden(inputs, outputs, activation: configuration.activation)
          if configuration.dropout > 0 { Dropout(configuration.dropout) }
        }
        Dense(sizes[sizes.count - 2], sizes[sizes.count - 1])
      }
    }
    model = TabularModel(network: network, preprocessing: preprocessing)
    self.training = preprocessing(training)
    self.validation = preprocessing(validation)
    self.test = preprocessing(test)
    trainingInOriginalUnits = training.replacing(features: self.training.features)
    testInOriginalUnits = test.replacing(features: self.test.features)
    _ = try loader()  // Are there enough examples for batches?
  }

  private static func loss(_ name: String?, task: Dataset.Task, classes: Int) throws -> Loss {
    let usual: Loss =
      task == .regression ? .meanSquaredError : classes == 2 ? .binaryCrossEntropy : .softmaxCrossEntropy
    guard let name else { return usual }
    guard let loss = Loss.named(name) else {
      throw RunConfigurationError(
        "there is no loss '\(name)'; there are \(Loss.all.map(\.name).joined(separator: ", "))")
    }
    guard (loss.task == .regression) == (task == .regression) else {
      throw RunConfigurationError("the loss '\(name)' does not fit a \(task.rawValue); use '\(usual.name)'")
    }
    guard loss.task != .binaryClassification || classes == 2 else {
      throw RunConfigurationError("the loss '\(name)' is for 2 classes; the data have \(classes), use '\(usual.name)'")
    }
    return loss
  }

  /// Trains the network.
  /// - Throws: `TrainingError` if the loss stops being a number; whatever `onEpoch` throws.
  public func train(
    progress: Progress = .automatic, onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    let hasValidation = validation.count > 0
    return try trainer(of: model.network).fit(
      try loader(),
      validation: hasValidation ? DataLoader(validation, batchSize: 1024, isShuffled: false, prefetchCount: 0) : nil,
      epochs: configuration.epochs, progress: progress,
      callbacks: configuration.refinements.callbacks(hasValidation: hasValidation), onEpoch: onEpoch)
  }

  private func loader() throws(RunConfigurationError) -> DataLoader {
    try configuration.refinements.loader(
      training, batchSize: configuration.batchSize, seed: configuration.seed)
  }

  public var warnings: [Finding] { diagnose(model.network, loss: loss, data: training) }

  /// Tries learning rates on the network, which stays as it is.
  /// - Throws: `TrainingError` if the rates are none to try.
  public func searchLearningRate(in range: ClosedRange<Double>, steps: Int) throws -> LearningRateSearch {
    try trainer(of: model.network).searchLearningRate(
      on: training, in: range, steps: steps, batchSize: configuration.batchSize)
  }

  /// Measures where the time of a training step goes, on a copy: the network stays as it is.
  /// - Throws: `TrainingError` if the loss stops being a number.
  public func profile(steps: Int) throws -> ProgramProfile {
    try trainer(of: try model.network.copy()).profile(on: training, batchSize: configuration.batchSize, steps: steps)
  }

  private func trainer(of network: Sequential) -> Trainer<Sequential> {
    if configuration.threads > 0 { Threads.count = configuration.threads }
    let rate = configuration.learningRate ?? configuration.optimizer.defaultLearningRate
    let optimizer = configuration.optimizer.make(learningRate: rate)
    let steps = configuration.epochs * max(1, (try? loader())?.batchCount ?? 1)
    return Trainer(
      network, loss: loss, optimizer: optimizer, metrics: task == .classification ? [.accuracy] : [],
      schedule: configuration.schedule == .constant
        ? nil : configuration.schedule.make(learningRate: rate, steps: steps),
      regularization: configuration.refinements.regularization(of: network), seed: configuration.seed,
      precision: configuration.precision)
  }

  /// How good the trained network is on the training data and on the test data, nil without any.
  /// - Throws: `TrainingError` if it computes no numbers: the last updates went too far for the training to notice.
  public func measure() throws -> (training: TabularEvaluation, test: TabularEvaluation?) {
    let onTraining = try model.evaluate(trainingInOriginalUnits)
    guard onTraining.loss.isFinite else {
      throw TrainingError(
        "after training the loss is \(onTraining.loss); try a smaller learning rate, or scale the features")
    }
    return (onTraining, test.count > 0 ? try model.evaluate(testInOriginalUnits) : nil)
  }
}

extension TabularRun: NetworkRun {
  public var announcement: String {
    get throws {
      let features = training.features.shape[1]
      return "\(configuration.data): \(training.count) training, \(validation.count) validation and \(test.count) test "
        + "examples, \(features) features, \(task.rawValue)\n"
        + training.duplicateReport([("validation", validation), ("test", test)])
        + (try model.network.summary(inputShape: [1, features]).description)
    }
  }

  public var settings: JSON { configuration.json(loss: loss, task: task, target: targetName) }

  public func scores(of epoch: Epoch) -> [Score] {
    guard task == .classification else {
      return [Score("loss", epoch.loss), Score("validation_loss", epoch.validationLoss)]
    }
    return [
      Score("loss", epoch.loss), Score("accuracy", epoch.metrics["accuracy"]),
      Score("validation_loss", epoch.validationLoss),
      Score("validation_accuracy", epoch.validationMetrics["accuracy"]),
    ]
  }

  public func result() throws -> RunResult {
    let (training, test) = try measure()
    return RunResult(training: training, test: test)
  }

  public func profile() throws -> ProgramProfile? { try profile(steps: 20) }

  public func save(to path: String) throws { try model.save(to: path) }
}

extension Sequential {
  /// The same layers with parameters of their own, which are equal to these. Built of layers that files can hold.
  func copy() throws -> Sequential {
    let copy = try Sequential(configuration: configuration)
    for (new, old) in zip(copy.namedParameters, namedParameters) { new.parameter.value = old.parameter.value }
    for (new, old) in zip(copy.namedBuffers, namedBuffers) { new.buffer.value = old.buffer.value }
    return copy
  }
}
