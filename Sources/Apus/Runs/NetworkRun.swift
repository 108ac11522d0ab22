/// A training run that can be told about while it goes on, and saved: what `apus train` does with every kind of data.
public protocol NetworkRun {
  /// What is trained on what, for a person.
  var announcement: String { get throws }
  /// Every choice with defaults filled in, for `config.json`.
  var settings: JSON { get }

  /// Trains the network.
  /// - Throws: `TrainingError` if the loss stops being a number; whatever `onEpoch` throws.
  func train(progress: Progress, onEpoch: (Epoch) throws -> Void) throws -> History

  /// What one epoch came to, by names.
  func scores(of epoch: Epoch) -> [Score]

  /// How good the trained network is.
  /// - Throws: `TrainingError` if it computes no numbers.
  func result() throws -> RunResult

  /// Measures where the time of a training step goes, on a copy: the network stays as it is. Nil where that is not provided.
  func profile() throws -> ProgramProfile?

  /// Writes the network with what is needed to use it into one file, as a whole or not at all.
  func save(to path: String) throws

  /// What is probably wrong with network, loss and data, before any training.
  var warnings: [Finding] { get }
  /// What the course of the training says.
  func findings(_ history: History) -> [Finding]

  /// The names of the further files that the run writes into its directory.
  var extraFiles: [String] { get }
  /// Writes them as the network is now, each as a whole or not at all: after every epoch, so that one can watch them change.
  func writeExtras(to directory: String) throws
}

extension NetworkRun {
  public var warnings: [Finding] { [] }
  public func findings(_ history: History) -> [Finding] { history.findings() }
  public var extraFiles: [String] { [] }
  public func writeExtras(to directory: String) throws {}
  public func profile() throws -> ProgramProfile? { nil }
}

extension Layer {
  /// Refuses what the last updates did too late for the training to notice: it looks at the loss before each.
  /// - Parameter losses: of the trained network.
  /// - Throws: `TrainingError` if one of them, of the parameters or of the buffers is no finite number.
  func requireNumbers(_ losses: [Double]) throws(TrainingError) {
    let advice = "try a smaller learning rate"
    if let (name, _) = namedTensors.first(where: { !$0.parameter.value.floats.allSatisfy(\.isFinite) }) {
      throw TrainingError("after training '\(name)' holds values that are no finite numbers; \(advice)")
    }
    if let loss = losses.first(where: { !$0.isFinite }) {
      throw TrainingError("after training the loss is \(loss); \(advice)")
    }
  }
}

/// A number with a name, such as a loss; nil where there is none.
public struct Score: Sendable, Hashable {
  public let name: String
  public let value: Double?

  public init(_ name: String, _ value: Double?) {
    self.name = name
    self.value = value
  }
}

/// What a run came to, for programs and for people.
public struct RunResult: Sendable, Hashable {
  public let scores: [Score]
  public let text: String
}

/// How networks on images and texts are trained: the choices that they have in common. Nil: what is usual for the network.
public struct TrainingChoices: Sendable, Hashable {
  /// How the learning rate falls over the run.
  public enum ScheduleKind: String, Sendable, Hashable, CaseIterable { case constant, linear, cosine }

  public var optimizer: RunConfiguration.OptimizerKind?
  public var learningRate: Double?
  public var schedule: ScheduleKind?
  public var epochs: Int?
  public var batchSize: Int?
  public var dropout: Double?
  public var precision = Precision.float32
  public var refinements = TrainingRefinements()
  public var seed: UInt64 = 0
  /// 0: all cores.
  public var threads = 0

  public init() {}
}

/// The choices of a run, all made.
struct TrainingPlan {
  var optimizer: RunConfiguration.OptimizerKind
  var learningRate: Double
  var schedule: TrainingChoices.ScheduleKind
  var epochs: Int
  var batchSize: Int
  var dropout = 0.0
  var precision = Precision.float32
  var refinements = TrainingRefinements()
  var seed: UInt64 = 0
  var threads = 0

  /// What is usual, where `choices` says nothing else.
  func applying(_ choices: TrainingChoices) throws(RunConfigurationError) -> TrainingPlan {
    var plan = self
    plan.optimizer = choices.optimizer ?? optimizer
    let isOther = plan.optimizer != optimizer
    plan.learningRate = choices.learningRate ?? (isOther ? plan.optimizer.defaultLearningRate : learningRate)
    plan.schedule = choices.schedule ?? schedule
    plan.epochs = choices.epochs ?? epochs
    plan.batchSize = choices.batchSize ?? batchSize
    plan.dropout = choices.dropout ?? dropout
    plan.refinements = choices.refinements
    try plan.refinements.check()
    (plan.precision, plan.seed, plan.threads) = (choices.precision, choices.seed, choices.threads)
    func require(_ condition: Bool, _ sentence: String) throws(RunConfigurationError) {
      if !condition { throw RunConfigurationError(sentence) }
    }
    try require(plan.epochs >= 1, "\(plan.epochs) epochs are not at least 1")
    try require(plan.batchSize >= 1, "the batch size \(plan.batchSize) is not at least 1")
    try require(plan.dropout >= 0 && plan.dropout < 1, "the dropout \(plan.dropout) is not at least 0 and less than 1")
    try require(
      plan.learningRate > 0 && plan.learningRate.isFinite, "the learning rate \(plan.learningRate) is not more than 0")
    return plan
  }

  func makeOptimizer() -> any Optimizer { optimizer.make(learningRate: learningRate) }

  func makeSchedule(steps: Int) -> LearningRateSchedule { schedule.make(learningRate: learningRate, steps: steps) }

  func useThreads() { if threads > 0 { Threads.count = threads } }

  /// For `config.json`, after what the run itself is about.
  func json(_ subject: [JSON.Member]) -> JSON {
    .object(
      [JSON.Member("apus_version", .string(apusVersion))] + subject + [
        JSON.Member("optimizer", .string(optimizer.rawValue)), JSON.Member("learning_rate", .number(learningRate)),
        JSON.Member("schedule", .string(schedule.rawValue)), JSON.Member("epochs", .integer(epochs)),
        JSON.Member("batch_size", .integer(batchSize)), JSON.Member("dropout", .number(dropout)),
        JSON.Member("precision", .string(precision.rawValue)),
        // A seed may exceed what JSON readers take for a number.
        JSON.Member("seed", .string(String(seed))), JSON.Member("threads", .integer(threads)),
      ])
  }
}

extension TrainingChoices.ScheduleKind {
  /// From the learning rate down to a fortieth of it, unless it is constant.
  func make(learningRate: Double, steps: Int) -> LearningRateSchedule {
    switch self {
    case .constant: .constant(learningRate)
    case .linear: .linear(from: learningRate, to: learningRate / 40, steps: steps)
    case .cosine: .cosine(from: learningRate, to: learningRate / 40, steps: steps)
    }
  }
}

extension RunConfiguration.OptimizerKind {
  func make(learningRate: Double) -> any Optimizer {
    switch self {
    case .sgd: SGD(learningRate: learningRate)
    case .momentum: SGD(learningRate: learningRate, momentum: 0.9)
    case .adam: Adam(learningRate: learningRate)
    }
  }
}
