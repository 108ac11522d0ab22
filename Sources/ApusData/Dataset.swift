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
    return Dataset(
      name, features: features.gathering(positions), targets: targets.gathering(positions), kind: kind,
      featureNames: featureNames)
  }

  /// The same examples with other features.
  public func replacing(features: Tensor) -> Dataset {
    Dataset(name, features: features, targets: targets, kind: kind, featureNames: featureNames)
  }
}

// MARK: - Splits and batches

extension Dataset {
  /// Two disjoint parts, the second with about `fraction` of the examples, chosen by `seed`.
  ///
  /// Classes keep their shares in both parts (a stratified split), each rounded so that the parts' sizes come out
  /// right.
  /// - Parameter fraction: from 0 (the second part is empty) to 1.
  public func split(testFraction fraction: Double, seed: UInt64) -> (train: Dataset, test: Dataset) {
    guard (0...1).contains(fraction) else { fatalError("split: the fraction \(fraction) must lie in 0...1") }
    var random = RandomSource(seed: seed, stream: 0x73_706c_6974)  // a stream of its own: "split"
    var groups: [[Int]]
    if case .classes(let names) = kind {
      groups = Array(repeating: [], count: names.count)
      for (i, label) in targets.ints.enumerated() { groups[label].append(i) }
    } else {
      groups = [Array(0..<count)]
    }
    let wanted = Int((Double(count) * fraction).rounded())
    let sizes = Self.shares(of: wanted, in: groups.map(\.count))
    var (train, test): ([Int], [Int]) = ([], [])
    for (group, size) in zip(groups, sizes) {
      let shuffled = group.shuffled(using: &random)
      test += shuffled[..<size]
      train += shuffled[size...]
    }
    return (selecting(train.sorted()), selecting(test.sorted()))
  }

  /// Whole numbers that add up to `total`, in proportion to `counts`: the largest remainders are rounded up.
  private static func shares(of total: Int, in counts: [Int]) -> [Int] {
    let all = counts.reduce(0, +)
    guard all > 0 else { return counts }
    var sizes = counts.map { $0 * total / all }
    let remainders = counts.indices.sorted {
      let (a, b) = (counts[$0] * total % all, counts[$1] * total % all)
      return a == b ? $0 < $1 : a > b
    }
    var missing = total - sizes.reduce(0, +)
    for i in remainders where missing > 0 && sizes[i] < counts[i] {
      sizes[i] += 1
      missing -= 1
    }
    return sizes
  }

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
  public let description: String
  public init(_ description: String) { self.description = description }
}

extension Dataset {
  /// The columns of a table: `target` (or the last column) is what to learn, the others are features.
  ///
  /// Categorical features become one column of 0 and 1 for each category. Text targets, and whole numbers of which
  /// there are at most 20 different ones, are classes; other numbers are a regression's targets.
  /// - Parameter task: to decide otherwise than the targets suggest.
  /// - Throws: `CSVError` if there is no such column, `DatasetError` if there is nothing to learn.
  public init(_ table: Table, target: String? = nil, task: Task? = nil) throws {
    guard let last = table.columns.last, table.columns.count > 1 else {
      throw DatasetError("\(table.source): a data set needs at least one feature column and a target column")
    }
    guard table.rowCount > 0 else { throw DatasetError("\(table.source): there are no rows") }
    let column = if let target { try table.column(target) } else { last }
    let encoder = FeatureEncoder(table.columns.filter { $0.name != column.name })
    let encoding = try TargetEncoding(column, task: task, source: table.source)
    self.init(
      table.source, features: try encoder.encode(table),
      targets: try encoding.encode(column, source: table.source, line: table.lineNumber(ofRow:)),
      kind: encoding.kind, featureNames: encoder.names)
  }

  private init(_ name: String, _ points: LabelledPoints, classNames: [String]? = nil) {
    self.init(
      name, features: Tensor(points.features, shape: [points.count, points.featureCount]),
      targets: Tensor(points.labels),
      kind: .classes(classNames ?? (0..<points.classCount).map(String.init)),
      featureNames: (1...points.featureCount).map { "x\($0)" })
  }

  /// A bundled set by name; see ``names``.
  public init(named name: String, seed: UInt64 = 0) throws {
    guard let set = try Self.make(name, seed: seed) else {
      throw DatasetError("there is no data set '\(name)'; there are \(Self.names.joined(separator: ", "))")
    }
    self = set
  }

  /// The names of the bundled sets and generators.
  public static let names = [
    "iris", "wine", "breast-cancer", "digits", "xor", "and", "or", "moons", "circles", "spiral", "gaussians",
  ]

  /// One line about a bundled set.
  public static func summary(of name: String) -> String {
    switch name {
    case "iris": "irises of three species, by the lengths and widths of sepals and petals"
    case "wine": "wines of three cultivars, by chemical analysis"
    case "breast-cancer": "tumours, malignant or benign, by measurements of cell nuclei"
    case "digits": "handwritten digits, 8 x 8 pixels"
    case "xor", "and", "or": "the truth table of \(name.uppercased())"
    case "moons": "two interleaving half circles (generated)"
    case "circles": "a circle inside another (generated)"
    case "spiral": "three arms of a spiral (generated)"
    case "gaussians": "two normal clouds (generated)"
    default: ""
    }
  }

  private static func make(_ name: String, seed: UInt64) throws -> Dataset? {
    var random = RandomSource(seed: seed, stream: 0x64_6174_61)  // "data"
    switch name {
    case "iris": return try Dataset(BundledData.iris.table)
    case "wine": return try Dataset(BundledData.wine.table)
    case "breast-cancer": return try Dataset(BundledData.breastCancer.table)
    case "digits": return try Dataset(BundledData.digits.table)
    case "xor": return Dataset(name, .xor)
    case "and": return Dataset(name, .and)
    case "or": return Dataset(name, .or)
    case "moons": return Dataset(name, .moons(count: 400, noise: 0.1, using: &random))
    case "circles": return Dataset(name, .circles(count: 400, noise: 0.05, using: &random))
    case "spiral": return Dataset(name, .spiral(count: 600, arms: 3, noise: 0.02, using: &random))
    case "gaussians": return Dataset(name, .gaussians(count: 400, blobs: 2, using: &random))
    default: return nil
    }
  }

  /// 150 irises of three species, 4 measurements each.
  public static func iris() throws -> Dataset { try Dataset(named: "iris") }
  /// 178 wines of three cultivars, 13 chemical measurements each.
  public static func wine() throws -> Dataset { try Dataset(named: "wine") }
  /// 569 tumours, malignant or benign, 30 measurements each.
  public static func breastCancer() throws -> Dataset { try Dataset(named: "breast-cancer") }
  /// 1,797 handwritten digits of 8 x 8 pixels from 0 to 16.
  public static func digits() throws -> Dataset { try Dataset(named: "digits") }
}
