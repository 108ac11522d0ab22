import ApusCore
import ApusData

/// The adaptive linear neuron (Widrow and Hoff, 1960; notes A9, A10, C6): a = w·x + b itself is fitted to the targets 0 and 1 by going
/// down the gradient of J = ½ Σ (y - a)²; the class is 1 where a is at least one half.
public struct Adaline: Classifier, BinaryClassifier {
  /// When the weights change.
  public enum Update: Sendable, Hashable {
    /// After the whole set: w ← w + η Σ (y - a) x.
    case batch
    /// After each example, in the data's order: w ← w + η (y - a) x.
    case perSample
  }

  /// η.
  public let learningRate: Double
  public let epochs: Int
  public let update: Update
  /// w, of shape (columns); nil before fitting.
  public private(set) var weights: Tensor?
  /// b.
  public private(set) var bias = 0.0
  /// J of each pass, before its last update: of a batch, with the weights that the pass began with; per sample, of each example when it was
  /// visited.
  public private(set) var history: [Double] = []
  /// How often the weights changed: once a pass, or once for each example.
  public private(set) var updateCount = 0
  public private(set) var classNames: [String] = []

  public init(learningRate: Double = 0.01, epochs: Int = 100, update: Update = .batch) {
    self.learningRate = learningRate
    self.epochs = epochs
    self.update = update
  }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let labels = try data.labels(for: "an Adaline", classes: 2)
    let weights = try ClassWeights.equal.weights(labels: labels, classes: 2, samples: sampleWeights)
    try fit(data.matrix(for: "an Adaline"), isPositive: labels.map { $0 == 1 }, weights: weights)
    classNames = data.classNames
  }

  public mutating func fit(_ x: Tensor, isPositive: [Bool], weights: [Double]) throws {
    (bias, history, updateCount) = (0, [], 0)
    self.weights = Tensor.zeros([x.shape[1]], dtype: .float64)
    let y = Tensor(isPositive.map { $0 ? 1.0 : 0 })
    let all = Tensor(weights)
    for epoch in 1...max(1, epochs) {
      var cost = 0.0
      switch update {
      case .batch: cost = step(x, y, all)
      case .perSample: for i in 0..<x.shape[0] { cost += step(x[i..<i + 1], y[i..<i + 1], all[i..<i + 1]) }
      }
      guard cost.isFinite else {
        throw TrainingError(
          "the cost of Adaline became \(cost) in pass \(epoch); try a smaller learning rate than \(learningRate)")
      }
      history.append(cost)
    }
  }

  /// One update by the examples given.
  /// - Returns: their cost before it.
  private mutating func step(_ x: Tensor, _ y: Tensor, _ sampleWeights: Tensor) -> Double {
    let error = y - ((x * weights!).sum(axes: [1]) + bias)
    let weighted = error * sampleWeights
    let cost = (weighted * error).sum().item / 2
    weights = weights! + learningRate * (weighted.reshaped([x.shape[0], 1]) * x).sum(axes: [0])
    bias += learningRate * weighted.sum().item
    updateCount += 1
    return cost
  }

  /// a - ½.
  public func decision(_ features: Tensor) throws -> Tensor {
    let x = try features.rows(for: weights, "Adaline")
    return (x * weights!).sum(axes: [1]) + (bias - 0.5)
  }
}
