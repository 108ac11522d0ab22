import ApusCore
import ApusData
import ApusNN

/// What the multi-layer perceptrons have in common: the hidden layers and how they are trained.
public struct MLPSettings {
  /// The numbers of units of the hidden layers (notes A23).
  public var hidden = [100]
  public var activation = Activation.relu
  public var epochs = 100
  public var batchSize = 32
  /// Makes the optimiser of a fit.
  public var optimizer: () -> any Optimizer = { Adam(learningRate: 1e-3) }
  /// Decides the initial weights and the order of the examples.
  public var seed: UInt64 = 0

  public init() {}

  fileprivate func network(inputs: Int, outputs: Int) -> Sequential {
    withSeed(seed) { .dense([inputs] + hidden + [outputs], activation: activation) }
  }

  /// - Parameter weights: how much each example counts; nil: all the same.
  /// - Returns: the mean loss of each epoch.
  fileprivate func train(
    _ network: Sequential, _ loss: Loss, _ data: Dataset, weights: [Double]?
  ) throws -> [Double] {
    if let weights { return try trainWeighted(network, loss, data, weights) }
    let trainer = Trainer(network, loss: loss, optimizer: optimizer(), seed: seed)
    return try trainer.fit(data, epochs: epochs, batchSize: batchSize, progress: .silent).losses
  }

  /// The weights are scaled so that their mean is 1: then an example of weight 2 is as good as two examples.
  private func trainWeighted(
    _ network: Sequential, _ loss: Loss, _ data: Dataset, _ weights: [Double]
  ) throws -> [Double] {
    let checked = try ClassWeights.equal.weights(
      labels: Array(repeating: 0, count: data.count), classes: 1, samples: weights)
    let mean = checked.reduce(0, +) / Double(data.count)
    let relative = Tensor(checked.map { Float($0 / mean) })
    let targets =
      loss.task == .regression && data.targets.rank == 1 ? data.targets.reshaped([data.count, 1]) : data.targets
    let optimizer = optimizer()
    let step = Program("weighted step") { batch in
      let (value, gradients) = valueWithGradient(of: network) { network in
        let losses = loss(network(batch[0]), target: batch[1], reduction: .none)
        return ((losses.rank == 1 ? losses : losses.mean(axes: [1])) * batch[2]).mean()
      }
      try requireFinite(value)
      optimizer.update(network, gradients)
      return [value]
    }
    var random = RandomSource(seed: seed, stream: 0x74_7261_696e)  // as a trainer: "train"
    return try (1...max(1, epochs)).map { epoch in
      let order = (0..<data.count).shuffled(using: &random)
      var total = 0.0
      for start in stride(from: 0, to: data.count, by: batchSize) {
        let chosen = order[start..<min(start + batchSize, data.count)]
        let positions = Tensor(chosen.map(Int64.init))
        do {
          let value = try withTraining(random: &random) {
            try step([data.features, targets, relative].map { $0.gathering(positions) })[0]
          }
          total += value.item * Double(chosen.count)
        } catch let error as NotFiniteError {
          throw TrainingError(
            "the loss became \(error.value) in epoch \(epoch); try a smaller learning rate than \(optimizer.learningRate), "
              + "or scale the features")
        }
      }
      return total / Double(data.count)
    }
  }
}

/// A network of dense layers that tells classes apart, as an estimator. Features should be scaled.
public struct MLPClassifier: Classifier {
  public var settings: MLPSettings
  /// Nil before fitting.
  public private(set) var network: Sequential?
  /// The mean loss of each epoch.
  public private(set) var history: [Double] = []
  public private(set) var classNames: [String] = []

  public init(_ settings: MLPSettings = MLPSettings()) { self.settings = settings }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    _ = try data.matrix(for: "a multi-layer perceptron")
    _ = try data.labels(for: "MLPClassifier")
    let network = settings.network(inputs: data.features.shape[1], outputs: data.classNames.count)
    history = try settings.train(network, .softmaxCrossEntropy, data, weights: sampleWeights)
    (self.network, classNames) = (network, data.classNames)
  }

  /// The logits, float64 of shape (n, classes).
  public func decision(_ features: Tensor) throws -> Tensor {
    guard let network else { throw TrainingError("MLPClassifier: it has not been fitted yet") }
    return try network.predict(features).cast(to: .float64)
  }

  /// p(k | x), float64 of shape (n, classes); each row sums to 1.
  public func predictProbabilities(_ features: Tensor) throws -> Tensor { softmax(try decision(features)) }
}

/// A network of dense layers that predicts numbers, as an estimator. Features and targets should be scaled.
public struct MLPRegressor: Estimator {
  public var settings: MLPSettings
  /// Nil before fitting.
  public private(set) var network: Sequential?
  /// The mean loss of each epoch.
  public private(set) var history: [Double] = []

  public init(_ settings: MLPSettings = MLPSettings()) { self.settings = settings }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    _ = try data.matrix(for: "a multi-layer perceptron")
    let outputs = try data.numbers(for: "MLPRegressor").shape[1]
    let network = settings.network(inputs: data.features.shape[1], outputs: outputs)
    history = try settings.train(network, .meanSquaredError, data, weights: sampleWeights)
    self.network = network
  }

  /// float64, (n) for one output, else (n, outputs).
  public func predict(_ features: Tensor) throws -> Tensor {
    guard let network else { throw TrainingError("MLPRegressor: it has not been fitted yet") }
    let y = try network.predict(features).cast(to: .float64)
    return y.shape[1] == 1 ? y.reshaped([y.shape[0]]) : y
  }

  /// R², the mean over the outputs.
  public func score(_ data: Dataset) throws -> Double {
    r2(try data.numbers(for: "MLPRegressor"), try predict(data.features))
  }
}
