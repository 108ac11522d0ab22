import ApusCore
import ApusData

/// A model that is fitted to a data set by one call, whatever goes on inside.
///
/// ```swift
/// var model = LogisticRegression(l2: 1)
/// try model.fit(train)
/// print(try model.score(test))
/// ```
public protocol Estimator {
  /// Learns from `data`, forgetting what was learnt before.
  /// - Parameter sampleWeights: how much each example counts; nil: all the same.
  /// - Throws: `TrainingError` if the data do not suit the model.
  mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws

  /// One prediction for each row of `features` (n, columns): labels, int32 of shape (n), or numbers, float64.
  /// - Throws: `TrainingError` before ``fit(_:)``, or if the columns are not those of the training data.
  func predict(_ features: Tensor) throws -> Tensor

  /// How good the predictions are: the accuracy of a classifier, R² of a regression.
  func score(_ data: Dataset) throws -> Double

  /// The cost, or the number of mistakes, after each pass over the data or step of the solver.
  var history: [Double] { get }
}

extension Estimator {
  /// Learns from `data`, every example counting the same.
  public mutating func fit(_ data: Dataset) throws { try fit(data, sampleWeights: nil) }

  /// The model after it has learnt from `data`.
  public func fitted(to data: Dataset) throws -> Self {
    var copy = self
    try copy.fit(data)
    return copy
  }
}

/// An estimator of classes.
public protocol Classifier: Estimator {
  /// The names of the classes; empty before ``Estimator/fit(_:)``.
  var classNames: [String] { get }
  /// A number for each row that is the larger, the more it speaks for the second of two classes, of shape (n); or for each class, (n,
  /// classes). float64.
  func decision(_ features: Tensor) throws -> Tensor
}

extension Classifier {
  public func predict(_ features: Tensor) throws -> Tensor {
    let decision = try decision(features)
    return (decision.rank == 1 ? (decision .>= 0).cast(to: .int32) : decision.argMax(axis: 1).cast(to: .int32))
  }

  /// The accuracy.
  public func score(_ data: Dataset) throws -> Double { try report(data).accuracy }

  /// How the predictions compare with the truth.
  public func report(_ data: Dataset) throws -> ClassificationReport {
    guard data.classNames.count == classNames.count else {
      throw TrainingError(
        "\(data.name): there are \(data.classNames.count) classes; the model was fitted to \(classNames.count)")
    }
    return ClassificationReport(
      labels: data.targets.ints, predictions: try predict(data.features).ints, classNames: classNames)
  }
}

/// How much the examples of each class count.
public enum ClassWeights: Sendable, Hashable {
  case equal
  /// In inverse proportion to the classes' frequencies: n / (classes · count).
  case balanced
  /// One weight for each class.
  case given([Double])

  /// The weight of each example, together with weights of its own.
  func weights(labels: [Int], classes: Int, samples: [Double]?) throws(TrainingError) -> [Double] {
    let each: [Double]
    switch self {
    case .equal: each = Array(repeating: 1, count: classes)
    case .balanced:
      var counts = [Double](repeating: 0, count: classes)
      for label in labels { counts[label] += 1 }
      each = counts.map { $0 == 0 ? 0 : Double(labels.count) / (Double(classes) * $0) }
    case .given(let given):
      guard given.count == classes else {
        throw TrainingError("there are \(given.count) class weights for \(classes) classes")
      }
      each = given
    }
    if let samples, samples.count != labels.count {
      throw TrainingError("there are \(samples.count) sample weights for \(labels.count) examples")
    }
    let weights = labels.indices.map { each[labels[$0]] * (samples?[$0] ?? 1) }
    guard weights.allSatisfy({ $0 >= 0 && $0.isFinite }), weights.contains(where: { $0 > 0 }) else {
      throw TrainingError("weights must be finite and at least 0, one of them more than 0")
    }
    return weights
  }
}

extension Dataset {
  /// The features as float64 (n, columns), checked.
  func matrix(for model: String) throws(TrainingError) -> Tensor {
    guard count > 0 else { throw TrainingError("\(name): there are no examples") }
    guard features.rank == 2 else {
      throw TrainingError("\(name): the features have shape \(features.shape); \(model) needs (n, columns)")
    }
    let x = features.cast(to: .float64)
    guard x.sum().item.isFinite else { throw TrainingError("\(name): a feature is not a finite number") }
    return x
  }

  /// The labels, checked to be of classes; of exactly `classes` where that is given.
  func labels(for model: String, classes: Int? = nil) throws(TrainingError) -> [Int] {
    guard case .classes(let names) = kind else {
      throw TrainingError("\(name): the targets are numbers; \(model) needs classes")
    }
    if let classes, names.count != classes {
      throw TrainingError(
        "\(name): there are \(names.count) classes; \(model) tells \(classes) apart (OneVersusRest makes more of it)")
    }
    return targets.ints
  }

  /// The targets as float64 (n, outputs), checked to be numbers.
  func numbers(for model: String) throws(TrainingError) -> Tensor {
    guard case .numbers = kind else {
      throw TrainingError("\(name): the targets are classes; \(model) needs numbers")
    }
    let y = targets.cast(to: .float64)
    return y.rank == 1 ? y.reshaped([count, 1]) : y
  }
}

extension Tensor {
  /// These rows as float64, checked to have as many columns as `weights` (…, columns); nil: nothing was learnt yet.
  func rows(for weights: Tensor?, _ model: String) throws(TrainingError) -> Tensor {
    guard let weights else { throw TrainingError("\(model): it has not been fitted yet") }
    guard rank == 2, shape[1] == weights.shape.last else {
      throw TrainingError(
        "\(model): features of shape \(shape) were found; it was fitted to (n, \(weights.shape.last ?? 0))")
    }
    return cast(to: .float64)
  }
}
