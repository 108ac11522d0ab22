import ApusCore

/// What is to be done to features before a model sees them: a step that is yet to be fitted.
public enum FeatureStep: Sendable, Hashable {
  /// Fill what is missing.
  case impute(Imputation.Method)
  /// Add products of features.
  case polynomial(degree: Int, isInteractionOnly: Bool = false, hasBias: Bool = false)
  /// Bring all columns to one scale.
  case scale(Scaling.Method, deviation: Scaling.Deviation = .population)
}

/// A step with what it has learnt from training data.
public enum FittedStep: Sendable, Hashable {
  case imputation(Imputation)
  case polynomial(PolynomialFeatures)
  case scaling(Scaling)

  /// The number of columns that it was fitted to.
  public var inputs: Int {
    switch self {
    case .imputation(let imputation): imputation.fills.count
    case .polynomial(let features): features.inputs
    case .scaling(let scaling): scaling.offsets.count
    }
  }

  /// The number of columns that it makes.
  public var outputs: Int { if case .polynomial(let features) = self { features.outputs } else { inputs } }

  fileprivate func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .imputation(let imputation): imputation(x)
    case .polynomial(let features): features(x)
    case .scaling(let scaling): scaling(x)
    }
  }

  /// What it has been made of; what was filled stays filled.
  fileprivate func inverted(_ x: Tensor) -> Tensor {
    switch self {
    case .imputation: x
    case .polynomial(let features): features.inverted(x)
    case .scaling(let scaling): scaling.inverted(x)
    }
  }
}

/// Everything between a file's columns and a network, in order: saved with the model, so that a prediction starts from the same
/// numbers.
///
/// ```swift
/// let (train, test) = data.split(testFraction: 0.2, seed: 1)
/// let preprocessing = try Preprocessing(fittedTo: train, steps: [.impute(.median), .polynomial(degree: 2), .scale(.robust)])
/// try trainer.fit(preprocessing(train), validation: preprocessing(test), epochs: 20)
/// ```
public struct Preprocessing: Sendable, Hashable {
  /// Columns become numbers.
  public let features: FeatureEncoder
  /// Then these, one after the other.
  public let steps: [FittedStep]
  public let target: TargetEncoding
  /// For a regression, how the targets were scaled.
  public let targetScaling: Scaling?

  /// A preprocessing of known parts, as of a saved model.
  public init(features: FeatureEncoder, steps: [FittedStep], target: TargetEncoding, targetScaling: Scaling?) {
    self.features = features
    self.steps = steps
    self.target = target
    self.targetScaling = targetScaling
  }

  /// Fits the steps, each to what those before it make of the training part of a data set.
  /// - Parameter encoder: how the features were made from columns; plain numbers if nil.
  /// - Throws: `DatasetError` for anything else than a training part (notes J2), and for features that are no finite numbers.
  public init(
    fittedTo training: Dataset, encoder: FeatureEncoder? = nil, targetName: String = "target", steps: [FeatureStep]
  ) throws(DatasetError) {
    let encoder = encoder ?? FeatureEncoder(names: training.featureNames)
    var x = try training.featuresToFit(mayBeMissing: true)
    var fitted: [FittedStep] = []
    for step in steps {
      if case .impute = step {} else { try training.requireFinite(x) }
      let next: FittedStep =
        switch step {
        case .impute(let method):
          // After products of features, columns are numbers of their own.
          .imputation(
            try Imputation(
              method, fittedTo: x, encoder: x.shape[1] == encoder.names.count ? encoder : FeatureEncoder(names: []),
              source: training.name))
        case .polynomial(let degree, let isInteractionOnly, let hasBias):
          .polynomial(
            try PolynomialFeatures(
              degree: degree, isInteractionOnly: isInteractionOnly, hasBias: hasBias, inputs: x.shape[1]))
        case .scale(let method, let deviation): .scaling(Scaling(method, deviation: deviation, fittedTo: x))
        }
      x = next(x)
      fitted.append(next)
    }
    try training.requireFinite(x)
    features = encoder
    self.steps = fitted
    switch training.kind {
    case .classes(let names):
      target = TargetEncoding(name: targetName, classes: names)
      targetScaling = nil
    case .numbers(let names):
      target = TargetEncoding(name: names.first ?? targetName, classes: nil)
      targetScaling = Scaling(.standardize, fittedTo: training.targets)
    }
  }

  /// Fits a scaling to the training part of a data set.
  /// - Throws: `DatasetError` for anything else than a training part (notes J2), and for features that are no finite numbers.
  public init(
    fittedTo training: Dataset, encoder: FeatureEncoder? = nil, targetName: String = "target",
    scaling: Scaling.Method = .standardize
  ) throws(DatasetError) {
    try self.init(fittedTo: training, encoder: encoder, targetName: targetName, steps: [.scale(scaling)])
  }

  /// The names of the columns that come out.
  public var inputNames: [String] {
    steps.reduce(features.names) { names, step in
      if case .polynomial(let features) = step { features.names(names) } else { names }
    }
  }

  /// The number of columns that come out.
  public var inputCount: Int { steps.last?.outputs ?? features.names.count }

  /// Whether missing values are filled.
  public var fillsMissing: Bool {
    steps.contains { if case .imputation = $0 { true } else { false } }
  }

  /// Features as the network gets them, from encoded ones (n, columns).
  public func callAsFunction(_ x: Tensor) -> Tensor {
    guard steps.contains(where: { if case .scaling(let scaling) = $0 { scaling.method != .none } else { true } }) else {
      return x
    }
    return steps.reduce(x.cast(to: .float64)) { $1($0) }.cast(to: x.dtype)
  }

  /// The encoded features of what the network gets.
  public func inverted(_ x: Tensor) -> Tensor {
    steps.reversed().reduce(x.cast(to: .float64)) { $1.inverted($0) }.cast(to: x.dtype)
  }

  /// The features of a table's rows, as the network gets them.
  /// - Throws: `CSVError` or `DatasetError` if the table's columns are not those of the training data.
  public func features(of table: Table) throws -> Tensor { self(try features.encode(table)) }

  /// The data set with features as the network gets them, and for a regression scaled targets.
  public func callAsFunction(_ data: Dataset) -> Dataset {
    data.replacing(
      features: self(data.features), targets: targetScaling?(data.targets) ?? data.targets,
      featureNames: data.featureNames.isEmpty ? [] : inputNames)
  }
}
