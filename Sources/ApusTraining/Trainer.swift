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
  let accumulator = GradientAccumulator()
  /// The update of accumulated gradients.
  private let updateStep: Program
  /// In which the products of training, evaluation and prediction are computed.
  public let precision: Precision
  /// Whether every step checks that its gradients are finite, not only its loss.
  public let checksGradients: Bool
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
  ///   - checksGradients: whether training also stops, before the update, when a gradient is no number any more. The loss of the
  ///     next step tells that too, but then the parameters are spoilt; this reads all gradients once more.
  ///   - runsEagerly: whether every step runs operation by operation, for looking into it with a debugger; otherwise steps run as
  ///     a ``Program``, with the same results.
  public init(
    _ model: Model, loss: Loss, optimizer: any Optimizer, metrics: [Metric] = [],
    clipping: GradientClipping? = nil, schedule: LearningRateSchedule? = nil,
    regularization: Regularization = Regularization(), constraint: WeightConstraint? = nil,
    average: WeightAverage? = nil, accumulation: Int = 1, seed: UInt64 = 0, precision: Precision = .float32,
    checksGradients: Bool = false, runsEagerly: Bool = false
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
    self.checksGradients = checksGradients
    random = RandomSource(seed: seed, stream: 0x74_7261_696e)  // a stream of its own: "train"
    let cost = Self.cost(loss, regularization)
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
      if checksGradients { try requireFinite(gradients.globalNorm) }
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

  /// From an output and its target to what is trained: the loss, and the penalty for large weights.
  static func cost(_ loss: Loss, _ regularization: Regularization) -> (_ output: Tensor, _ target: Tensor) -> Tensor {
    { output, target in
      let value = loss(output, target: target)
      return regularization.isEmpty ? value : value + regularization.penalty.cast(to: value.dtype)
    }
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
  func updateFromAccumulated() throws {
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

  static func inOrder(_ data: Dataset, batchSize: Int) -> DataLoader {
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
struct Totals {
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
    case (.joint, .numbers):
      guard output.rank == 2, target.rank == 2 else {
        throw ShapeError(
          name, "the network's output has shape \(output), the targets have shape \(target); expected (n, columns)")
      }
    case (.joint, _): throw ShapeError(name, "the targets are classes; several outputs need columns of numbers")
    default: throw ShapeError(name, "the targets are numbers; a classification needs classes")
    }
  }
}
