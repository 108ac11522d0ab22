import ApusCore
import ApusData

/// A classifier that tells two classes apart, which ``OneVersusRest`` and ``MultiLabel`` make more of.
public protocol BinaryClassifier: Classifier {
  /// Learns which rows of `x`, float64 (n, columns), are positive; each counts as much as its weight.
  mutating func fit(_ x: Tensor, isPositive: [Bool], weights: [Double]) throws
}

/// Any number of classes by a binary classifier for each, which tells it from all others; the most decided one wins.
public struct OneVersusRest<Base: BinaryClassifier>: Classifier {
  private let base: Base
  /// One for each class, once fitted.
  public private(set) var classifiers: [Base] = []
  public private(set) var classNames: [String] = []
  /// The sums of the classifiers' histories, as long as the longest; one that has ended keeps its last value.
  public var history: [Double] { combinedHistory(classifiers.map(\.history)) }

  public init(_ base: Base) { self.base = base }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let labels = try data.labels(for: "a classifier")
    let weights = try ClassWeights.equal.weights(
      labels: labels, classes: data.classNames.count, samples: sampleWeights)
    let x = try data.matrix(for: "a classifier")
    classifiers = try data.classNames.indices.map { number in
      var classifier = base
      try classifier.fit(x, isPositive: labels.map { $0 == number }, weights: weights)
      return classifier
    }
    classNames = data.classNames
  }

  /// Each class's decision, float64 of shape (n, classes).
  public func decision(_ features: Tensor) throws -> Tensor {
    guard !classifiers.isEmpty else { throw TrainingError("OneVersusRest: it has not been fitted yet") }
    return stack(try classifiers.map { try $0.decision(features) }, axis: 1)
  }
}

/// Any number of labels for each example (notes A21), by a binary classifier for each. The data set's targets are numbers, 0 or 1, in a
/// column for each label.
public struct MultiLabel<Base: BinaryClassifier>: Estimator {
  private let base: Base
  /// One for each label, once fitted.
  public private(set) var classifiers: [Base] = []
  /// As of ``OneVersusRest``.
  public var history: [Double] { combinedHistory(classifiers.map(\.history)) }

  public init(_ base: Base) { self.base = base }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let rows = try Self.rows(data)
    let weights = try ClassWeights.equal.weights(
      labels: Array(repeating: 0, count: data.count), classes: 1, samples: sampleWeights)
    let x = try data.matrix(for: "a classifier")
    classifiers = try (0..<(rows.first?.count ?? 0)).map { label in
      var classifier = base
      try classifier.fit(x, isPositive: rows.map { $0[label] }, weights: weights)
      return classifier
    }
  }

  private static func rows(_ data: Dataset) throws(TrainingError) -> [[Bool]] {
    let y = try data.numbers(for: "a classifier of several labels")
    let values = y.doubles
    if let wrong = values.first(where: { $0 != 0 && $0 != 1 }) {
      throw TrainingError("\(data.name): the target \(wrong) is neither 0 nor 1, as labels are")
    }
    return (0..<y.shape[0]).map { i in values[i * y.shape[1]..<(i + 1) * y.shape[1]].map { $0 == 1 } }
  }

  /// Each label's decision, float64 of shape (n, labels).
  public func decision(_ features: Tensor) throws -> Tensor {
    guard !classifiers.isEmpty else { throw TrainingError("MultiLabel: it has not been fitted yet") }
    return stack(try classifiers.map { try $0.decision(features) }, axis: 1)
  }

  /// 0 or 1 for each label, int32 of shape (n, labels).
  public func predict(_ features: Tensor) throws -> Tensor { (try decision(features) .>= 0).cast(to: .int32) }

  /// The share of examples all of whose labels are right.
  public func score(_ data: Dataset) throws -> Double { try report(data).subsetAccuracy }

  /// How the predictions compare with the truth.
  public func report(_ data: Dataset) throws -> MultiLabelReport {
    let (truth, predictions) = (try Self.rows(data), try predict(data.features))
    let (values, labels) = (predictions.ints, predictions.shape[1])
    return MultiLabelReport(
      truth: truth, predictions: truth.indices.map { i in values[i * labels..<(i + 1) * labels].map { $0 == 1 } })
  }
}

private func combinedHistory(_ histories: [[Double]]) -> [Double] {
  (0..<(histories.map(\.count).max() ?? 0)).map { i in histories.reduce(0) { $0 + ($1[min(i, $1.count - 1)]) } }
}
