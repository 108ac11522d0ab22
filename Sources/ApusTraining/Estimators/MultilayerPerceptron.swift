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
    let sizes = [inputs] + hidden
    return withSeed(seed) {
      Sequential {
        for (inputs, outputs) in zip(sizes, hidden) { Dense(inputs, outputs, activation: activation) }
        Dense(sizes[sizes.count - 1], outputs)
      }
    }
  }

  fileprivate func train(_ network: Sequential, _ loss: Loss, _ data: Dataset) throws -> [Double] {
    let trainer = Trainer(network, loss: loss, optimizer: optimizer(), seed: seed)
    return try trainer.fit(data, epochs: epochs, batchSize: batchSize, progress: .silent).losses
  }

  fileprivate func checkNoWeights(_ weights: [Double]?, _ model: String) throws(TrainingError) {
    if weights != nil { throw TrainingError("\(model): sample weights are not supported; repeat examples instead") }
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
    try settings.checkNoWeights(sampleWeights, "MLPClassifier")
    _ = try data.matrix(for: "a multi-layer perceptron")
    _ = try data.labels(for: "MLPClassifier")
    let network = settings.network(inputs: data.features.shape[1], outputs: data.classNames.count)
    history = try settings.train(network, .softmaxCrossEntropy, data)
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
    try settings.checkNoWeights(sampleWeights, "MLPRegressor")
    _ = try data.matrix(for: "a multi-layer perceptron")
    let outputs = try data.numbers(for: "MLPRegressor").shape[1]
    let network = settings.network(inputs: data.features.shape[1], outputs: outputs)
    history = try settings.train(network, .meanSquaredError, data)
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
