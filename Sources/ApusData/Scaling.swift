import ApusCore

/// A scaling of features, fitted on training data and applied to everything else: x becomes (x - offset) * factor,
/// column by column.
public struct Scaling: Sendable, Hashable {
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// Nothing is changed.
    case none
    /// Mean 0 and standard deviation 1 (the population's, dividing by n; notes J1).
    case standardize
    /// The smallest value becomes 0, the largest 1 (notes J3).
    case minMax
  }

  public let method: Method
  /// Subtracted from each column.
  public let offsets: [Double]
  /// Multiplied with each column then; 1 for a column whose values are all equal.
  public let factors: [Double]

  /// A scaling by known numbers, one pair for each column.
  public init(method: Method, offsets: [Double], factors: [Double]) {
    guard offsets.count == factors.count else {
      fatalError("Scaling: there are \(offsets.count) offsets and \(factors.count) factors; expected as many of both")
    }
    self.method = method
    self.offsets = offsets
    self.factors = factors
  }

  /// Fits a scaling to the columns of `training` (n, columns), n at least 1: only training data may be used, so that
  /// nothing is known about the data that the model is tested on (notes J2).
  public init(_ method: Method, fittedTo training: Tensor) {
    guard training.rank == 2 && training.shape[0] > 0 else {
      fatalError("Scaling: data of shape \(training.shape) were found; expected (rows, columns) with at least one row")
    }
    self.method = method
    let x = training.cast(to: .float64)
    let columns = training.shape[1]
    switch method {
    case .none:
      offsets = Array(repeating: 0, count: columns)
      factors = Array(repeating: 1, count: columns)
    case .standardize:
      offsets = x.mean(axes: [0]).doubles
      // A deviation that is only rounding error counts as none.
      factors = zip(x.standardDeviation(axes: [0]).doubles, offsets).map { $0 > 1e-12 * abs($1) ? 1 / $0 : 1 }
    case .minMax:
      offsets = x.min(axes: [0]).doubles
      factors = zip(x.max(axes: [0]).doubles, offsets).map { $0 > $1 ? 1 / ($0 - $1) : 1 }
    }
  }

  /// The scaled features; the number of columns is that of the training data.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    if method == .none { return x }
    return ((x.cast(to: .float64) - Tensor(offsets)) * Tensor(factors)).cast(to: x.dtype)
  }

  /// The original values of scaled ones.
  public func inverted(_ x: Tensor) -> Tensor {
    if method == .none { return x }
    return (x.cast(to: .float64) / Tensor(factors) + Tensor(offsets)).cast(to: x.dtype)
  }
}

/// Everything between a file's columns and a network: saved with the model, so that a prediction starts from the same
/// numbers.
public struct Preprocessing: Sendable, Hashable {
  public let features: FeatureEncoder
  public let scaling: Scaling
  public let target: TargetEncoding
  /// For a regression, how the targets were scaled.
  public let targetScaling: Scaling?

  /// A preprocessing of known parts, as of a saved model.
  public init(features: FeatureEncoder, scaling: Scaling, target: TargetEncoding, targetScaling: Scaling?) {
    self.features = features
    self.scaling = scaling
    self.target = target
    self.targetScaling = targetScaling
  }

  /// Fits the scaling to the training part of a data set.
  /// - Parameter encoder: how the features were made from columns; plain numbers if nil.
  public init(
    fittedTo training: Dataset, encoder: FeatureEncoder? = nil, targetName: String = "target",
    scaling: Scaling.Method = .standardize
  ) {
    features = encoder ?? FeatureEncoder(names: training.featureNames)
    self.scaling = Scaling(scaling, fittedTo: training.features)
    switch training.kind {
    case .classes(let names):
      target = TargetEncoding(name: targetName, classes: names)
      targetScaling = nil
    case .numbers(let names):
      target = TargetEncoding(name: names.first ?? targetName, classes: nil)
      targetScaling = Scaling(.standardize, fittedTo: training.targets)
    }
  }

  /// The data set with scaled features, and for a regression scaled targets.
  public func callAsFunction(_ data: Dataset) -> Dataset {
    Dataset(
      data.name, features: scaling(data.features), targets: targetScaling?(data.targets) ?? data.targets,
      kind: data.kind, featureNames: data.featureNames)
  }
}
