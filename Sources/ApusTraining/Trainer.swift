import ApusCore
import ApusData
import ApusNN

/// Trains a model on a data set: shuffled batches, loss, gradients, update, epoch after epoch.
///
/// ```swift
/// let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 1e-3), metrics: [.accuracy])
/// try trainer.fit(train, validation: test, epochs: 20)
/// print(try trainer.evaluate(test))
/// ```
/// The order of the examples and dropout's choices depend on the seed alone.
public final class Trainer<Model: Layer> {
  public let model: Model
  public let loss: Loss
  public let optimizer: any Optimizer
  public let metrics: [Metric]
  /// How gradients are limited; nil: not at all.
  public let clipping: GradientClipping?
  /// The learning rate of each step; nil: the optimiser's own.
  public let schedule: LearningRateSchedule?
  /// What is added to the loss for large weights.
  public let regularization: Regularization
  /// What weights satisfy after every update.
  public let constraint: WeightConstraint?
  /// The average of the parameters over the steps.
  public let average: WeightAverage?
  /// How many batches make one update.
  public let accumulation: Int
  private let accumulator = GradientAccumulator()
  /// The update of accumulated gradients.
  private let updateStep: Program
  /// In which the products of training, evaluation and prediction are computed.
  public let precision: Precision
  var random: RandomSource
  /// How many epochs have begun, in all calls of `fit`: each has an order of its own.
  var epochsBegun = 0
  /// From a batch to its loss and metrics; the first also updates the parameters.
  let (trainingStep, evaluationStep): (Program, Program)

  /// - Parameters:
  ///   - clipping: limits the gradients of every step.
  ///   - schedule: sets the optimiser's learning rate before every step, by the steps that it has taken.
  ///   - regularization: added to the loss, in training and in evaluation: both report the cost (notes C15).
  ///   - constraint: applied after every update.
  ///   - average: taken after every update; see ``WeightAverage`` for how to evaluate it.
  ///   - accumulation: how many batches make one update, with their mean gradient; the last update of an epoch may have fewer.
  ///   - seed: decides the order of the examples and what dropout drops.
  ///   - precision: of matrix products; bfloat16 trains the same float32 parameters, up to twice as fast where the processor is made
  ///     for it (``Precision/isFast``), and slower elsewhere. Small products stay float32.
  ///   - runsEagerly: whether every step runs operation by operation, for looking into it with a debugger; otherwise steps run as
  ///     a ``Program``, with the same results.
  public init(
    _ model: Model, loss: Loss, optimizer: any Optimizer, metrics: [Metric] = [],
    clipping: GradientClipping? = nil, schedule: LearningRateSchedule? = nil,
    regularization: Regularization = Regularization(), constraint: WeightConstraint? = nil,
    average: WeightAverage? = nil, accumulation: Int = 1, seed: UInt64 = 0, precision: Precision = .float32,
    runsEagerly: Bool = false
  ) {
    guard accumulation > 0 else { fatalError("Trainer: \(accumulation) batches for an update; expected at least 1") }
    self.model = model
    self.loss = loss
    self.optimizer = optimizer
    self.metrics = metrics
    self.clipping = clipping
    self.schedule = schedule
    self.regularization = regularization
    self.constraint = constraint
    self.average = average
    self.accumulation = accumulation
    self.precision = precision
    random = RandomSource(seed: seed, stream: 0x74_7261_696e)  // a stream of its own: "train"
    func cost(_ output: Tensor, _ target: Tensor) -> Tensor {
      let value = loss(output, target: target)
      return regularization.isEmpty ? value : value + regularization.penalty.cast(to: value.dtype)
    }
    func update(_ gradients: Gradients) {
      optimizer.update(model, clipping.map(gradients.clipped) ?? gradients)
      constraint?.apply(to: model)
      average?.update()
    }
    updateStep = Program("update", isEager: runsEagerly) { [accumulator] _ in
      update(accumulator.mean)
      return []
    }
    trainingStep = Program("training step", isEager: runsEagerly) { [accumulator] batch in
      var prediction: Tensor?
      let (value, gradients) = valueWithGradient(of: model) { model in
        let output = withPrecision(precision) { model(batch[0]) }
        prediction = output.stopGradient()
        return cost(output, batch[1])
      }
      try requireFinite(value)
      if accumulation == 1 { update(gradients) } else { accumulator.add(gradients, count: batch[0].shape[0]) }
      return [value] + metrics.map { $0.score(prediction!, batch[1]) }
    }
    evaluationStep = Program("evaluation step", isEager: runsEagerly) { batch in
      let prediction = withPrecision(precision) { model(batch[0]) }
      return [cost(prediction, batch[1])] + metrics.map { $0.score(prediction, batch[1]) }
    }
    guard Set(metrics.map(\.name)).count == metrics.count else {
      fatalError("Trainer: two of the metrics \(metrics.map(\.name)) have the same name")
    }
  }

  /// Goes `epochs` times through `training`, in an order that depends on the trainer's seed and the epoch.
  /// - Parameters:
  ///   - validation: evaluated after each epoch, never trained on.
  ///   - batchSize: the examples of one update; the last batch of an epoch may be smaller.
  ///   - progress: where to report; by default a bar on a terminal, plain lines elsewhere, on standard error.
  ///   - onEpoch: called after each epoch.
  /// - Throws: `TrainingError` if the data do not fit the model or the loss stops being a number; the parameters are
  ///   then those of the last complete update. Whatever `onEpoch` throws.
  @discardableResult
  public func fit(
    _ training: Dataset, validation: Dataset? = nil, epochs: Int, batchSize: Int = 32,
    progress: Progress = .automatic, onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    try fit(
      DataLoader(training, batchSize: batchSize, prefetchCount: 0, seed: random.seed),
      validation: validation.map { Self.inOrder($0, batchSize: 1024) }, epochs: epochs, progress: progress,
      onEpoch: onEpoch)
  }

  /// Goes `epochs` times through the batches of `training`.
  ///
  /// The loader's own seed decides the order and the augmentations; its batches may be prepared ahead, which changes no result.
  /// - Throws: as ``fit(_:validation:epochs:batchSize:progress:onEpoch:)``, and whatever the loaders' sources throw.
  @discardableResult
  public func fit(
    _ training: DataLoader, validation: DataLoader? = nil, epochs: Int, progress: Progress = .automatic,
    onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    try check(training)
    let validation = validation.flatMap { $0.source.count > 0 ? $0 : nil }
    if let validation { try check(validation) }
    var history = History(metricNames: metrics.map(\.name))
    var reporter = ProgressReporter(progress, epochs: epochs)
    for number in stride(from: 1, through: epochs, by: 1) {
      let start = ContinuousClock.now
      let (loss, scores) = try trainEpoch(training, number: number) { done in
        reporter.batch(epoch: number, fraction: done)
      }
      let checked = try validation.map { try evaluate($0) }
      let epoch = Epoch(
        number: number, loss: loss, metrics: scores, validationLoss: checked?.loss,
        validationMetrics: checked?.metrics ?? [:], seconds: (ContinuousClock.now - start).seconds)
      history.epochs.append(epoch)
      reporter.epoch(epoch, metricNames: history.metricNames)
      try onEpoch(epoch)
    }
    return history
  }

  private func trainEpoch(
    _ training: DataLoader, number: Int, _ report: (Double) -> Void
  ) throws -> (loss: Double, metrics: [String: Double]) {
    var totals = Totals(metrics.count)
    var batchesDone = 0
    let batches = training.batches(epoch: epochsBegun)
    epochsBegun += 1
    while let (x, y) = try batches.next() {
      if let schedule { optimizer.learningRate = schedule(optimizer.memory.step) }
      let results: [Tensor]
      do { results = try withTraining(random: &random) { try trainingStep([x, y]) } } catch let error as NotFiniteError
      {
        throw TrainingError(
          "the loss became \(error.value) in epoch \(number), after \(optimizer.memory.step) updates; "
            + "try a smaller learning rate than \(optimizer.learningRate), or scale the features")
      }
      totals.add(results, count: x.shape[0])
      batchesDone += 1
      if batchesDone % accumulation == 0 { try updateFromAccumulated() }
      report(Double(totals.count) / Double(training.exampleCount))
    }
    try updateFromAccumulated()
    return (totals.loss, Dictionary(uniqueKeysWithValues: zip(metrics.map(\.name), totals.scores)))
  }

  /// One step on a batch, and its loss.
  func searchStep(_ batch: [Tensor]) throws -> Double {
    let loss = try trainingStep(batch)[0].item
    try updateFromAccumulated()
    return loss
  }

  /// Records all steps anew.
  func forgetRecordings() { for step in [trainingStep, updateStep, evaluationStep] { step.forgetRecordings() } }

  /// Takes the step along the gradients that were accumulated, if there are any.
  private func updateFromAccumulated() throws {
    guard accumulator.count > 0 else { return }
    _ = try updateStep([])
    accumulator.reset()
  }

  /// The mean loss and metrics on `data`, without changing anything.
  /// - Throws: `TrainingError` if the data do not fit the model.
  public func evaluate(_ data: Dataset, batchSize: Int = 1024) throws -> Evaluation {
    try evaluate(Self.inOrder(data, batchSize: batchSize))
  }

  /// The mean loss and metrics on the batches of `data`, without changing anything.
  /// - Throws: `TrainingError` if the data do not fit the model; whatever their source throws.
  public func evaluate(_ data: DataLoader) throws -> Evaluation {
    try check(data)
    var totals = Totals(metrics.count)
    let batches = data.batches()
    while let (x, y) = try batches.next() {
      totals.add(try withInference { try evaluationStep([x, y]) }, count: x.shape[0])
    }
    return Evaluation(
      loss: totals.loss, metrics: Dictionary(uniqueKeysWithValues: zip(metrics.map(\.name), totals.scores)),
      count: totals.count)
  }

  private static func inOrder(_ data: Dataset, batchSize: Int) -> DataLoader {
    DataLoader(data, batchSize: batchSize, isShuffled: false, prefetchCount: 0)
  }

  /// The model's outputs (logits, for classification) for every row of `features`.
  /// - Throws: `TrainingError` if they do not fit the model.
  public func predict(_ features: Tensor, batchSize: Int = 1024) throws -> Tensor {
    try withPrecision(precision) { try model.predict(features, batchSize: batchSize) }
  }

  func check(_ loader: DataLoader) throws {
    let data = loader.source
    guard data.count > 0 else { throw TrainingError("\(data.name): there are no examples") }
    guard loader.batchSize > 0 else {
      throw TrainingError("the batch size is \(loader.batchSize); expected at least 1")
    }
    guard loader.batchCount > 0 else {
      throw TrainingError(
        "\(data.name): \(data.count) examples are less than a batch of \(loader.batchSize), and smaller batches are left out"
      )
    }
    // Whole numbers are up to the model: they are labels or positions, such as those of words.
    let dtype = data.featureType.dtype
    if let parameter = model.parameters.first, dtype.isFloatingPoint, parameter.dtype != dtype {
      throw TrainingError(
        "\(data.name): the features are \(dtype), the model's parameters \(parameter.dtype); "
          + "convert the features with cast(to:)")
    }
    do throws(ShapeError) {
      let output = try model.outputShape(for: Shape([data.count] + (try loader.featureType().shape)))
      try loss.check(output: output, target: Shape([data.count] + data.targetType.shape), kind: data.kind)
    } catch { throw TrainingError("\(data.name): \(error)") }
  }
}

extension Layer {
  /// The outputs for every row of `features`, computed in batches, as when predicting.
  /// - Throws: `TrainingError` if they do not fit the model.
  public func predict(_ features: Tensor, batchSize: Int = 1024) throws -> Tensor {
    let shape: Shape
    do { shape = try outputShape(for: features.shape) } catch { throw TrainingError("\(error)") }
    // Some layers accept any shape, but rows there must be.
    guard features.rank > 0 else {
      throw TrainingError("features of shape () were found; expected a row for each example")
    }
    guard batchSize > 0 else { throw TrainingError("the batch size is \(batchSize); expected at least 1") }
    guard features.shape[0] > 0 else { return .zeros(shape, dtype: features.dtype) }
    return withInference {
      if features.shape[0] <= batchSize { return self(features) }
      return concatenate(
        stride(from: 0, to: features.shape[0], by: batchSize).map { start in
          self(features[start..<min(start + batchSize, features.shape[0])])
        })
    }
  }
}

/// Losses and metrics on a data set.
public struct Evaluation: Sendable, Hashable, CustomStringConvertible {
  /// The mean loss.
  public let loss: Double
  /// The metrics by name.
  public let metrics: [String: Double]
  /// The number of examples.
  public let count: Int

  public var description: String {
    let scores = metrics.sorted { $0.key < $1.key }.map { ", \($0.key) \($0.value.formatted(precision: 4))" }
    return "loss \(loss.formatted(precision: 4))" + scores.joined() + " on \(count) examples"
  }
}

/// Training that cannot go on: one sentence says why.
public struct TrainingError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Means over batches of different sizes.
private struct Totals {
  private var lossSum = 0.0
  private var scoreSums: [Double]
  private(set) var count = 0

  init(_ metrics: Int) { scoreSums = Array(repeating: 0, count: metrics) }

  /// - Parameter results: loss and metrics of a batch of `count` examples.
  mutating func add(_ results: [Tensor], count: Int) {
    lossSum += results[0].item * Double(count)
    for i in scoreSums.indices { scoreSums[i] += results[i + 1].item * Double(count) }
    self.count += count
  }

  var loss: Double { lossSum / Double(count) }
  var scores: [Double] { scoreSums.map { $0 / Double(count) } }
}

extension Loss {
  /// Whether a network's output fits the targets of a data set.
  func check(output: Shape, target: Shape, kind: Dataset.Targets) throws(ShapeError) {
    switch (task, kind) {
    case (.classification, .classes(let names)):
      // One label for an example, or one for every position of it.
      guard output.dropLast().elementsEqual(target), output.last == names.count else {
        throw ShapeError(
          name,
          "the network's output has shape \(output); expected (n"
            + (target.dropFirst() + [names.count]).map { ", \($0)" }.joined() + "), a logit for each class")
      }
    case (.binaryClassification, .classes(let names)):
      guard names.count == 2, output.rank == 2, output[1] == 1 else {
        throw ShapeError(
          name,
          "the network's output has shape \(output) and there are \(names.count) classes; expected (n, 1) and 2 classes"
        )
      }
    case (.regression, _):
      guard output == target || (output.rank == 2 && output[1] == 1 && target.rank == 1) else {
        throw ShapeError(name, "the network's output has shape \(output), the targets have shape \(target)")
      }
    default: throw ShapeError(name, "the targets are numbers; a classification needs classes")
    }
  }
}
