import ApusCore
import ApusData

/// The perceptron (Rosenblatt, 1958; notes A5 to A8): ŷ = 1 where w·x + b ≥ 0, else 0, and after every example that is decided
/// wrongly w ← w + α (y - ŷ) x, b ← b + α (y - ŷ).
///
/// It ends after the first pass without a mistake, which comes if a plane separates the classes, and never otherwise:
/// ``isSeparated`` says which.
public struct Perceptron: Classifier, BinaryClassifier {
  /// α.
  public let learningRate: Double
  /// The largest number of passes over the data.
  public let epochs: Int
  /// w, of shape (columns); nil before fitting.
  public private(set) var weights: Tensor?
  /// b.
  public private(set) var bias = 0.0
  /// The mistakes of each pass, after each of which the weights changed.
  public private(set) var history: [Double] = []
  /// The mean loss −(y − ŷ) z of each pass, of each example when it was visited.
  public private(set) var losses: [Double] = []
  public private(set) var classNames: [String] = []

  public init(learningRate: Double = 1, epochs: Int = 1000) {
    self.learningRate = learningRate
    self.epochs = epochs
  }

  /// Whether the last pass was without a mistake.
  public var isSeparated: Bool { history.last == 0 }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let labels = try data.labels(for: "a perceptron", classes: 2)
    let weights = try ClassWeights.equal.weights(labels: labels, classes: 2, samples: sampleWeights)
    try fit(data.matrix(for: "a perceptron"), isPositive: labels.map { $0 == 1 }, weights: weights)
    classNames = data.classNames
  }

  /// The examples are visited in their order, every time.
  public mutating func fit(_ x: Tensor, isPositive: [Bool], weights: [Double]) {
    let (columns, rows) = (x.shape[1], x.doubles)
    var w = [Double](repeating: 0, count: columns)
    (bias, history, losses) = (0, [], [])
    for _ in 0..<epochs {
      var (mistakes, loss) = (0, 0.0)
      for (i, truth) in isPositive.enumerated() where weights[i] > 0 {
        let row = i * columns
        var z = bias
        for j in 0..<columns { z += w[j] * rows[row + j] }
        guard (z >= 0) != truth else { continue }
        mistakes += 1
        loss += weights[i] * abs(z)
        let step = learningRate * weights[i] * (truth ? 1 : -1)
        for j in 0..<columns { w[j] += step * rows[row + j] }
        bias += step
      }
      history.append(Double(mistakes))
      losses.append(loss / Double(isPositive.count))
      if mistakes == 0 { break }
    }
    self.weights = Tensor(w)
  }

  /// w·x + b.
  public func decision(_ features: Tensor) throws -> Tensor {
    let x = try features.rows(for: weights, "Perceptron")
    return (x * weights!).sum(axes: [1]) + bias
  }
}
