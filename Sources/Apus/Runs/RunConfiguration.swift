/// Every choice of a training run on a table: what is needed to repeat it.
public struct RunConfiguration: Sendable, Hashable {
  /// A rule to update parameters.
  public enum OptimizerKind: String, Sendable, Hashable, CaseIterable {
    case sgd, momentum, adam

    /// What works for most data.
    public var defaultLearningRate: Double {
      switch self {
      case .sgd: 0.1
      case .momentum: 0.01
      case .adam: 1e-3
      }
    }
  }

  /// What is fitted to the table.
  public enum ModelKind: String, Sendable, Hashable, CaseIterable {
    /// A network of dense layers.
    case mlp
    case perceptron, adaline, linear, logistic, softmax

    /// Whether it is one of the classics, which an `EstimatorRun` fits.
    public var isEstimator: Bool { self != .mlp }

    /// Whether it is a regression, whose weights may have a penalty.
    public var hasPenalty: Bool { self == .linear || self == .logistic || self == .softmax }
  }

  /// A bundled data set's name or the path of a CSV file.
  public var data: String
  public var model = ModelKind.mlp
  /// The column to predict; nil: the last.
  public var target: String?
  /// Nil: told from the target.
  public var task: Dataset.Task?
  /// The numbers of units of the hidden layers.
  public var hidden: [Int] = [128, 64]
  public var activation: Activation = .relu
  /// Nil: what fits the task.
  public var loss: String?
  public var optimizer: OptimizerKind = .adam
  /// Nil: the optimiser's usual one.
  public var learningRate: Double?
  public var epochs = 50
  public var batchSize = 32
  /// In which the products of training are computed.
  public var precision = Precision.float32
  /// How the learning rate falls.
  public var schedule = TrainingChoices.ScheduleKind.constant
  /// The probability to drop a hidden unit while training.
  public var dropout = 0.0
  /// Regularisation, normalisation and an early end.
  public var refinements = TrainingRefinements()
  /// The share of the training data that is held back to watch progress.
  public var validationFraction = 0.1
  /// The share of all data that is held back to measure the result.
  public var testFraction = 0.2
  /// Nil: what suits the data. Columns of different units are standardised; pixels share a unit, and those that hardly
  /// vary must not be blown up.
  public var scaling: Scaling.Method?
  /// What standardised columns are divided by.
  public var deviation = Scaling.Deviation.population
  /// What becomes of missing values; nil: they are an error.
  public var imputation: Imputation.Method?
  /// More than 1: products of so many features are added.
  public var polynomialDegree = 1
  /// Of the classics: the largest number of passes over the data, or of steps of the solver; nil: what is usual for the model.
  public var passes: Int?
  /// Whether an Adaline changes its weights after each example instead of after all of them (notes A10).
  public var updatesPerSample = false
  public var seed: UInt64 = 0
  /// 0: all cores.
  public var threads = 0

  public init(data: String) { self.data = data }

  /// Refuses numbers out of their ranges, whatever the data.
  func check() throws(RunConfigurationError) {
    func require(_ condition: Bool, _ sentence: String) throws(RunConfigurationError) {
      if !condition { throw RunConfigurationError(sentence) }
    }
    try require(
      hidden.count <= 100 && hidden.allSatisfy { (1...1 << 16).contains($0) },
      "the hidden layers \(hidden) are not up to 100 numbers from 1 to 65536")
    for epochs in [epochs, passes ?? 1] { try require(epochs >= 1, "\(epochs) epochs are not at least 1") }
    try require(batchSize >= 1, "the batch size \(batchSize) is not at least 1")
    try require(dropout >= 0 && dropout < 1, "the dropout \(dropout) is not at least 0 and less than 1")
    try require((1...20).contains(polynomialDegree), "the polynomial degree \(polynomialDegree) is not 1 to 20")
    for fraction in [validationFraction, testFraction] {
      try require(fraction >= 0 && fraction < 1, "the fraction \(fraction) is not at least 0 and less than 1")
    }
    if let learningRate {
      try require(learningRate > 0 && learningRate.isFinite, "the learning rate \(learningRate) is not more than 0")
    }
    try refinements.check()
    if model.isEstimator, let penalty = refinements.penalty {
      try require(
        model.hasPenalty && penalty == .l2,
        "a \(penalty.rawValue) penalty is not for the model \(model.rawValue); l2 is, for linear, logistic and softmax")
    }
  }

  var chosenScaling: Scaling.Method { scaling ?? (data == "digits" ? .minMax : .standardize) }

  /// What is done to features, in order.
  var featureSteps: [FeatureStep] {
    var steps: [FeatureStep] = []
    if let imputation { steps.append(.impute(imputation)) }
    if polynomialDegree > 1 { steps.append(.polynomial(degree: polynomialDegree)) }
    return steps + [.scale(chosenScaling, deviation: deviation)]
  }

  /// How features are prepared, for `config.json`.
  var preprocessingJSON: [JSON.Member] {
    [
      JSON.Member("impute", imputation.map { .string($0.description) } ?? .null),
      JSON.Member("polynomial", .integer(polynomialDegree)),
      JSON.Member("scaling", .string(chosenScaling.rawValue)),
      JSON.Member("deviation", .string(deviation.rawValue)),
    ]
  }

  /// Every choice, with defaults filled in, for `config.json`.
  public func json(loss: Loss, task: Dataset.Task, target: String) -> JSON {
    .object(members(loss: loss, task: task, target: target) + refinements.members)
  }

  private func members(loss: Loss, task: Dataset.Task, target: String) -> [JSON.Member] {
    [
      JSON.Member("apus_version", .string(apusVersion)),
      JSON.Member("data", .string(data)),
      JSON.Member("target", .string(target)),
      JSON.Member("task", .string(task.rawValue)),
      JSON.Member("model", .string(model.rawValue)),
      JSON.Member("hidden", .array(hidden.map { .integer($0) })),
      JSON.Member("activation", .string(activation.name)),
      JSON.Member(
        "activation_parameters", .object(activation.parameters.map { JSON.Member($0.name, .number($0.value)) })),
      JSON.Member("loss", .string(loss.name)),
      JSON.Member("optimizer", .string(optimizer.rawValue)),
      JSON.Member("learning_rate", .number(learningRate ?? optimizer.defaultLearningRate)),
      JSON.Member("schedule", .string(schedule.rawValue)),
      JSON.Member("epochs", .integer(epochs)),
      JSON.Member("batch_size", .integer(batchSize)),
      JSON.Member("precision", .string(precision.rawValue)),
      JSON.Member("dropout", .number(dropout)),
      JSON.Member("validation", .number(validationFraction)),
      JSON.Member("test", .number(testFraction)),
    ] + preprocessingJSON + [
      // A seed may exceed what JSON readers take for a number.
      JSON.Member("seed", .string(String(seed))),
      JSON.Member("threads", .integer(threads)),
    ]
  }
}

/// Choices that do not fit each other or the data: one sentence says which.
public struct RunConfigurationError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// The version of the library and the command line.
public let apusVersion = "0.1.0"
