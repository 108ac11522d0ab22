import ApusCore

/// Examples to learn from: a row of features for each, and a target.
public struct Dataset: Sendable {
  /// What is learnt from the targets.
  public enum Task: String, Sendable, Hashable, CaseIterable { case classification, regression }

  /// What the targets are.
  public enum Targets: Sendable, Hashable {
    /// Labels, int32 of shape (n): positions in the list of class names.
    case classes([String])
    /// Numbers, float32 of shape (n, columns), with the columns' names.
    case numbers([String])
  }

  /// What the examples are for.
  public enum Part: Sendable, Hashable {
    /// All examples, not divided yet.
    case whole
    /// Those to learn from: only these may scalings and the like be fitted to.
    case training
    /// Those that are held back, to choose or to measure a model.
    case heldOut
  }

  /// Where the data come from, for messages: a path or a name.
  public let name: String
  /// One example along the first axis: float32 of shape (n, …); of pixels perhaps uint8, which batches give as float32 from 0 to 1.
  public let features: Tensor
  /// One target for each example.
  public let targets: Tensor
  /// What the targets are.
  public let kind: Targets
  /// The names of the features, in order; empty if they have none.
  public let featureNames: [String]
  /// What the examples are for, which a division decides. A part of what is held back is held back too.
  public private(set) var part = Part.whole

  /// - Precondition: both tensors have the same first extent.
  public init(_ name: String, features: Tensor, targets: Tensor, kind: Targets, featureNames: [String] = []) {
    guard features.rank > 0 && targets.rank > 0 && features.shape[0] == targets.shape[0] else {
      fatalError(
        "Dataset: features of shape \(features.shape) and targets of shape \(targets.shape) "
          + "differ in their first extent"
      )
    }
    if case .classes(let names) = kind, let wrong = targets.ints.first(where: { $0 < 0 || $0 >= names.count }) {
      fatalError("Dataset: the label \(wrong) is outside the \(names.count) classes")
    }
    self.name = name
    self.features = features
    self.targets = targets
    self.kind = kind
    self.featureNames = featureNames
  }

  /// The number of examples.
  public var count: Int { features.shape[0] }

  /// The names of the classes; empty for numbers.
  public var classNames: [String] { if case .classes(let names) = kind { names } else { [] } }

  /// The examples at `indices`, in that order.
  public func selecting(_ indices: [Int]) -> Dataset {
    let positions = Tensor(indices.map(Int64.init))
    return replacing(features: features.gathering(positions), targets: targets.gathering(positions))
  }

  /// The same examples with other features.
  public func replacing(features: Tensor) -> Dataset { replacing(features: features, targets: targets) }

  func replacing(features: Tensor, targets: Tensor, featureNames: [String]? = nil) -> Dataset {
    Dataset(name, features: features, targets: targets, kind: kind, featureNames: featureNames ?? self.featureNames)
      .marked(part)
  }
}

// MARK: - Parts

extension Dataset {
  /// All of these examples as a training part: where those to measure by are held back elsewhere, as in a file of their own.
  public func asTrainingPart() -> Dataset { marked(.training) }

  func marked(_ part: Part) -> Dataset {
    var result = self
    result.part = part
    return result
  }

  /// The examples at `training` to learn from and those at `heldOut` held back. What is held back already stays so.
  func divided(_ training: [Int], _ heldOut: [Int]) -> (training: Dataset, heldOut: Dataset) {
    (selecting(training).marked(part == .heldOut ? .heldOut : .training), selecting(heldOut).marked(.heldOut))
  }

  /// The features, float64 (n, columns), for something to be fitted to.
  /// - Throws: `DatasetError` if these examples are no training part (notes J2), are none, or have features of another shape.
  func featuresToFit(mayBeMissing: Bool = false) throws(DatasetError) -> Tensor {
    switch part {
    case .training: break
    case .heldOut:
      throw DatasetError("\(name): these examples are held back; nothing may be fitted but to the training part")
    case .whole:
      throw DatasetError(
        "\(name): these are all examples; fit to the training part that split(testFraction:seed:) gives, "
          + "or say asTrainingPart() where others are held back")
    }
    guard count > 0 else { throw DatasetError("\(name): there are no examples in the training part") }
    guard features.rank == 2 else {
      throw DatasetError("\(name): features of shape \(features.shape) were found; expected (n, columns)")
    }
    let x = features.cast(to: .float64)
    if !mayBeMissing { try requireFinite(x) }
    return x
  }

  /// Refuses features that are no finite numbers, naming the first of them.
  func requireFinite(_ x: Tensor) throws(DatasetError) {
    guard !x.sum().item.isFinite, let bad = x.doubles.firstIndex(where: { !$0.isFinite }) else { return }
    let (row, column) = bad.quotientAndRemainder(dividingBy: x.shape[1])
    let place = "feature \(column + 1) of example \(row + 1)"
    throw DatasetError(
      x.doubles[bad].isNaN
        ? "\(name): \(place) is missing; impute values first"
        : "\(name): \(place) is not a finite number")
  }
}

// MARK: - Batches

extension Dataset {
  /// The examples in pieces of `size`; the last may be smaller.
  public func batches(of size: Int) -> Batches { Batches(data: self, size: size, order: nil) }

  /// The examples in random order, in pieces of `size`; the last may be smaller.
  public func batches(of size: Int, shuffledBy random: inout RandomSource) -> Batches {
    Batches(data: self, size: size, order: (0..<count).shuffled(using: &random))
  }
}

/// A data set in pieces, each made when it is asked for.
public struct Batches: Sequence, Sendable {
  let data: Dataset
  let size: Int
  /// Nil: as they are.
  let order: [Int]?

  init(data: Dataset, size: Int, order: [Int]?) {
    guard size > 0 else { fatalError("batches: the size \(size) must be at least 1") }
    self.data = data
    self.size = size
    self.order = order
  }

  /// The number of pieces.
  public var count: Int { data.count / size + (data.count % size > 0 ? 1 : 0) }

  public func makeIterator() -> AnyIterator<(features: Tensor, targets: Tensor)> {
    var start = 0
    return AnyIterator {
      guard start < data.count else { return nil }
      let end = start + Swift.min(size, data.count - start)
      defer { start = end }
      return data.batch(order.map { Array($0[start..<end]) } ?? Array(start..<end))
    }
  }
}

// MARK: - Sources

/// Data that cannot be learnt from.
public struct DatasetError: Error, Hashable, CustomStringConvertible {
  /// What is wrong, in one sentence without a full stop.
  public let sentence: String
  /// What the sentence announces, in lines of their own.
  public let details: [String]

  public init(_ sentence: String, details: [String] = []) { (self.sentence, self.details) = (sentence, details) }

  public var description: String { ([sentence] + details.map { "  " + $0 }).joined(separator: "\n") }
}

extension Dataset {
  /// The columns of a table: `target` (or the last column) is what to learn, the others are features.
  ///
  /// Categorical features become one column of 0 and 1 for each category. Text targets, and whole numbers of which
  /// there are at most 20 different ones, are classes; other numbers are a regression's targets.
  /// - Parameter task: to decide otherwise than the targets suggest.
  /// Features of a table that was read with missing values are NaN where one is missing; targets must be there.
  /// - Throws: `CSVError` if there is no such column or a target is missing, `DatasetError` if there is nothing to learn.
  public init(_ table: Table, target: String? = nil, task: Task? = nil) throws {
    guard let last = table.columns.last, table.columns.count > 1 else {
      throw DatasetError("\(table.source): a data set needs at least one feature column and a target column")
    }
    guard table.rowCount > 0 else { throw DatasetError("\(table.source): there are no rows") }
    let column = if let target { try table.column(target) } else { last }
    try table.requireValues(of: column)
    let encoder = FeatureEncoder(table.columns.filter { $0.name != column.name })
    let encoding = try TargetEncoding(column, task: task, source: table.source)
    self.init(
      table.source, features: try encoder.encode(table),
      targets: try encoding.encode(column, source: table.source, line: table.lineNumber(ofRow:)),
      kind: encoding.kind, featureNames: encoder.names)
  }
}
