/// Fits one of the classics (perceptron, Adaline, linear, logistic and softmax regression) to a table: what it has found is a network of one
/// dense layer in float64, which is saved, measured and used as any other.
public struct EstimatorRun {
  public let configuration: RunConfiguration
  public let task: Dataset.Task
  public let training: Dataset
  public let test: Dataset
  public let model: TabularModel
  private let targetName: String
  /// The training and test parts with scaled features, but targets as they were: for evaluations.
  private let inOriginalUnits: (training: Dataset, test: Dataset)
  private let layer: Dense
  private let remark = Remark()

  /// What there is to say after fitting.
  private final class Remark {
    var text = ""
    var scores: [Score] = []
  }

  /// Reads and divides the data.
  /// - Throws: `CSVError` or `DatasetError` for data that cannot be used, `TrainingError` if they do not suit the model,
  ///   `RunConfigurationError` for choices that do not fit it.
  public init(_ configuration: RunConfiguration) throws {
    try configuration.check()
    let source = try TabularData(configuration)
    let (training, test) = source.data.split(testFraction: configuration.testFraction, seed: configuration.seed)
    try self.init(configuration, source, training: training, test: test)
  }

  /// Prepares parts of `source`.
  init(_ configuration: RunConfiguration, _ source: TabularData, training: Dataset, test: Dataset) throws {
    self.configuration = configuration
    let kind = configuration.model
    guard kind.isEstimator else { throw RunConfigurationError("an \(kind.rawValue) is trained, not fitted") }
    guard training.count > 0 else {
      throw TrainingError("\(source.data.name): no example is left to train on after the test part is taken")
    }
    task = source.task
    targetName = source.targetName
    guard (kind == .linear) == (task == .regression) else {
      throw TrainingError(
        task == .regression
          ? "\(source.data.name): the targets are numbers; a \(kind.rawValue) model needs classes"
          : "\(source.data.name): the targets are classes; a linear model needs numbers")
    }
    let preprocessing = try source.preprocessing(fittedTo: training, configuration)
    let classes = source.data.classNames.count
    layer = Dense(
      preprocessing.inputCount, task == .regression || classes == 2 && kind != .softmax ? 1 : classes, weights: .zeros,
      dtype: .float64)
    let outputs: TabularModel.Outputs = kind == .perceptron ? .perceptron : kind == .adaline ? .adaline : .logits
    model = TabularModel(network: Sequential([layer]), preprocessing: preprocessing, outputs: outputs)
    self.training = preprocessing(training)
    self.test = preprocessing(test)
    inOriginalUnits = (
      training.replacing(features: self.training.features), test.replacing(features: self.test.features)
    )
  }

  /// Fits the model.
  /// - Throws: `TrainingError` if the data do not suit it; whatever `onEpoch` throws.
  public func train(
    progress: Progress = .automatic, onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    if configuration.threads > 0 { Threads.count = configuration.threads }
    let start = ContinuousClock.now
    let fit = try fit()
    let seconds = (ContinuousClock.now - start) / Duration.seconds(1)
    let shape = layer.weight.value.shape
    layer.weight.value = fit.weights.reshaped(shape)
    layer.bias?.value = fit.bias.reshaped([shape[0]])
    (remark.text, remark.scores) = (fit.remark, fit.scores)
    var history = History(metricNames: fit.counter.map { [$0.name] } ?? [])
    for (i, loss) in fit.losses.enumerated() {
      let epoch = Epoch(
        number: i + 1, loss: loss, metrics: fit.counter.map { [$0.name: $0.values[i]] } ?? [:],
        seconds: seconds / Double(fit.losses.count))
      history.epochs.append(epoch)
      try onEpoch(epoch)
    }
    return history
  }

  /// How good the fitted model is on the training data and on the test data, nil without any.
  public func measure() throws -> (training: TabularEvaluation, test: TabularEvaluation?) {
    (
      try model.evaluate(inOriginalUnits.training),
      inOriginalUnits.test.count > 0 ? try model.evaluate(inOriginalUnits.test) : nil
    )
  }
}

// MARK: - The estimators

extension EstimatorRun {
  /// What an estimator has found.
  private struct Fit {
    /// (outputs, columns).
    let weights: Tensor
    /// (outputs).
    let bias: Tensor
    /// The cost of each pass over the data, or step of the solver.
    let losses: [Double]
    /// What is counted in each of them.
    var counter: (name: String, values: [Double])?
    var remark = ""
    var scores: [Score] = []
  }

  private func fit() throws -> Fit {
    let isBinary = model.classNames?.count == 2
    switch configuration.model {
    case .perceptron:
      let perceptron = Perceptron(
        learningRate: configuration.learningRate ?? 1, epochs: configuration.passes ?? 1000)
      guard isBinary else {
        let all = try OneVersusRest(perceptron).fitted(to: training).classifiers
        return perceptronFit(
          stack(all.map { $0.weights! }, axis: 0), all.map(\.bias), losses: Self.summed(all.map(\.losses)),
          mistakes: Self.summed(all.map(\.history)))
      }
      let found = try perceptron.fitted(to: training)
      return perceptronFit(found.weights!, [found.bias], losses: found.losses, mistakes: found.history)
    case .adaline:
      let isPerSample = configuration.updatesPerSample
      let adaline = Adaline(
        learningRate: configuration.learningRate ?? adalineRate, epochs: configuration.passes ?? 1000,
        update: isPerSample ? .perSample : .batch)
      let all =
        isBinary ? [try adaline.fitted(to: training)] : try OneVersusRest(adaline).fitted(to: training).classifiers
      let losses = Self.summed(all.map(\.history))
      return Fit(
        weights: stack(all.map { $0.weights! }, axis: 0), bias: Tensor(all.map(\.bias)), losses: losses,
        counter: ("updates", losses.map { _ in Double(isPerSample ? training.count : 1) }))
    case .linear:
      let solver: LinearRegression.Solver =
        configuration.learningRate == nil && configuration.passes == nil
        ? .leastNorm
        : .gradientDescent(
          learningRate: configuration.learningRate ?? 0.1, steps: configuration.passes ?? 1000)
      let found = try LinearRegression(l2: l2(usually: 0), solver: solver).fitted(to: training)
      return Fit(weights: found.weights!, bias: found.bias, losses: found.history)
    case .logistic where isBinary:
      let found = try LogisticRegression(
        l2: l2(usually: 1), maxSteps: configuration.passes ?? 100
      ).fitted(to: training)
      return Fit(weights: found.weights!, bias: Tensor([found.bias]), losses: found.history)
    case .logistic, .softmax:
      // Of more than two classes, a logistic regression is a softmax regression.
      let found = try SoftmaxRegression(
        l2: l2(usually: 1), maxSteps: configuration.passes ?? 100
      ).fitted(to: training)
      return Fit(weights: found.weights!, bias: found.bias, losses: found.history)
    case .mlp: fatalError("EstimatorRun: a network is trained by a TabularRun")
    }
  }

  /// The strength of the penalty beside the sum of the losses, as regressions take it; λ stands beside their mean.
  private func l2(usually usual: Double) -> Double {
    configuration.refinements.penalty == nil ? usual : configuration.refinements.lambda * Double(training.count)
  }

  private func perceptronFit(_ weights: Tensor, _ bias: [Double], losses: [Double], mistakes: [Double]) -> Fit {
    let last = Int(mistakes.last ?? 0)
    let passes = "\(mistakes.count) \(mistakes.count == 1 ? "epoch" : "epochs")"
    return Fit(
      weights: weights, bias: Tensor(bias), losses: losses, counter: ("mistakes", mistakes),
      remark: last == 0
        ? "separated after \(passes)"
        : "not separable after \(passes): \(last) \(last == 1 ? "mistake" : "mistakes") in the last",
      scores: [Score("mistakes", Double(last))])
  }

  /// A learning rate at which the cost of an Adaline always falls: 1 / Σ (‖x‖² + 1) is at most half of what would be too much.
  private var adalineRate: Double {
    1 / (square(training.features.cast(to: .float64)).sum().item + Double(training.count))
  }

  /// The sums of histories, as long as the longest; one that has ended keeps its last value.
  private static func summed(_ histories: [[Double]]) -> [Double] {
    (0..<(histories.map(\.count).max() ?? 0)).map { i in histories.reduce(0) { $0 + $1[min(i, $1.count - 1)] } }
  }
}

extension EstimatorRun: NetworkRun {
  public var announcement: String {
    get throws {
      let name =
        switch configuration.model {
        case .perceptron: "perceptron"
        case .adaline: "Adaline"
        case let kind: "\(kind.rawValue) regression"
        }
      return "\(configuration.data): \(training.count) training and \(test.count) test examples, "
        + "\(training.features.shape[1]) features, \(task.rawValue)\n" + training.duplicateReport([("test", test)])
        + "\(name), \(layer.weight.value.count + layer.outputs) parameters"
    }
  }

  public var settings: JSON {
    func number(_ value: Double?) -> JSON { value.map { .number($0) } ?? .null }
    var members: [JSON.Member] = [
      JSON.Member("apus_version", .string(apusVersion)), JSON.Member("data", .string(configuration.data)),
      JSON.Member("target", .string(targetName)), JSON.Member("task", .string(task.rawValue)),
      JSON.Member("model", .string(configuration.model.rawValue)),
    ]
    switch configuration.model {
    case .perceptron: members.append(JSON.Member("learning_rate", .number(configuration.learningRate ?? 1)))
    case .adaline:
      members += [
        JSON.Member("learning_rate", .number(configuration.learningRate ?? adalineRate)),
        JSON.Member("batch_size", .integer(configuration.updatesPerSample ? 1 : training.count)),
      ]
    case .linear:
      members += [
        JSON.Member("learning_rate", number(configuration.learningRate)),
        JSON.Member("l2", .number(l2(usually: 0))),
      ]
    case .logistic, .softmax, .mlp: members.append(JSON.Member("l2", .number(l2(usually: 1))))
    }
    return .object(
      members + [
        JSON.Member("epochs", configuration.passes.map { .integer($0) } ?? .null),
        JSON.Member("test", .number(configuration.testFraction)),
      ] + configuration.preprocessingJSON + [
        JSON.Member("seed", .string(String(configuration.seed))),
        JSON.Member("threads", .integer(configuration.threads)),
      ])
  }

  /// None: the classics end where they are to end, and the result says how.
  public func findings(_ history: History) -> [Finding] { [] }

  public func scores(of epoch: Epoch) -> [Score] {
    [Score("loss", epoch.loss)] + epoch.metrics.map { Score($0.key, $0.value) }
  }

  public func result() throws -> RunResult {
    let (training, test) = try measure()
    return RunResult(
      training: training, test: test, remark: remark.text.isEmpty ? "" : remark.text + "\n", further: remark.scores)
  }

  public func save(to path: String) throws { try model.save(to: path) }
}

extension RunConfiguration {
  /// The run that these choices ask for: of a network or of one of the classics.
  /// - Throws: as ``TabularRun/init(_:)``.
  public func makeRun() throws -> any NetworkRun {
    model.isEstimator ? try EstimatorRun(self) : try TabularRun(self)
  }
}
