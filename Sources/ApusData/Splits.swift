import ApusCore

// Data sets divided into parts: one to learn from, the others held back (notes P1). The parts know which they are: nothing can be fitted to
// those that are held back.

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
    let (training, heldOut) = divided(train.sorted(), test.sorted())
    return (training, heldOut)
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

  /// Three disjoint parts, chosen by `seed`: to train on, to choose between models, and to measure the one that was chosen (notes P1).
  /// Classes keep their shares in all of them.
  /// - Parameters: the shares of all examples, together less than 1.
  public func split(
    validationFraction: Double, testFraction: Double, seed: UInt64
  ) -> (training: Dataset, validation: Dataset, test: Dataset) {
    let share = Self.validationShare(validationFraction, testFraction)
    let (rest, test) = split(testFraction: testFraction, seed: seed)
    let (training, validation) = rest.split(testFraction: share, seed: seed)
    return (training, validation, test)
  }

  /// The share of the validation part of what the test part leaves.
  private static func validationShare(_ validation: Double, _ test: Double) -> Double {
    guard validation >= 0, test >= 0, validation + test < 1 else {
      fatalError("split: the fractions \(validation) and \(test) must be at least 0, together less than 1")
    }
    return min(1, validation / (1 - test))
  }

  /// Two disjoint parts that no group is in both of, such as the pictures of one person: as many whole groups, in an order chosen
  /// by `seed`, as bring the second part closest to `fraction` of the examples.
  /// - Parameter groups: a number for each example.
  /// - Throws: `DatasetError` if there is not a group for each example.
  public func split(
    testFraction fraction: Double, groups: [Int], seed: UInt64
  ) throws(DatasetError) -> (train: Dataset, test: Dataset) {
    let (train, test) = try positions(Array(0..<count), fraction: fraction, groups: groups, seed: seed)
    let parts = divided(train, test)
    return (parts.training, parts.heldOut)
  }

  /// Three disjoint parts, as ``split(validationFraction:testFraction:seed:)``, of which no two share a group.
  /// - Throws: `DatasetError` if there is not a group for each example.
  public func split(
    validationFraction: Double, testFraction: Double, groups: [Int], seed: UInt64
  ) throws(DatasetError) -> (training: Dataset, validation: Dataset, test: Dataset) {
    let share = Self.validationShare(validationFraction, testFraction)
    let (rest, test) = try positions(Array(0..<count), fraction: testFraction, groups: groups, seed: seed)
    let (training, validation) = try positions(rest, fraction: share, groups: groups, seed: seed)
    return (
      divided(training, []).training, divided([], validation).heldOut, divided([], test).heldOut
    )
  }

  /// The examples at `positions` in two parts, the second of whole groups with about `fraction` of them; each in order.
  private func positions(
    _ positions: [Int], fraction: Double, groups: [Int], seed: UInt64
  ) throws(DatasetError) -> (first: [Int], second: [Int]) {
    guard (0...1).contains(fraction) else { fatalError("split: the fraction \(fraction) must lie in 0...1") }
    guard groups.count == count else {
      throw DatasetError("\(name): there are \(groups.count) groups for \(count) examples")
    }
    var random = RandomSource(seed: seed, stream: 0x73_706c_6974)  // as other splits: "split"
    let members = Dictionary(grouping: positions, by: { groups[$0] }).sorted { $0.key < $1.key }.map(\.value)
    let wanted = Double(positions.count) * fraction
    var second: Set<Int> = []
    for group in members.shuffled(using: &random)
    where abs(Double(second.count + group.count) - wanted) < abs(Double(second.count) - wanted) {
      second.formUnion(group)
    }
    return (positions.filter { !second.contains($0) }, second.sorted())
  }

  /// The parts of each fold.
  /// - Throws: `DatasetError` if the data do not allow so many folds.
  public func folds(_ folds: Folds) throws(DatasetError) -> [(training: Dataset, test: Dataset)] {
    var labels: [Int] = []
    if case .classes = kind { labels = targets.ints }
    let positions: [(training: [Int], test: [Int])]
    do { positions = try folds.positions(count: count, labels: labels) } catch {
      throw DatasetError("\(name): \(error)")
    }
    return positions.map {
      let parts = divided($0.training, $0.test)
      return (parts.training, parts.heldOut)
    }
  }

  /// The examples of `other` whose features are exactly those of an example here (notes P1): a model that was trained on the one has
  /// seen the other.
  /// - Returns: pairs of positions, here and there, the first here for each there.
  public func duplicates(in other: Dataset) -> [(here: Int, there: Int)] {
    guard count > 0, other.count > 0, features.count / count == other.features.count / other.count else { return [] }
    let (here, there) = (Row.all(of: self), Row.all(of: other))
    let known = Dictionary(here.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    return there.enumerated().compactMap { position, row in known[row].map { ($0, position) } }
  }
}

/// An example's features as bits, so that NaN equals NaN; 0 and -0 are the same number.
private struct Row: Hashable {
  /// Those of all examples.
  let values: [UInt64]
  let range: Range<Int>

  static func all(of data: Dataset) -> [Row] {
    let values = data.features.doubles.map { ($0 == 0 ? 0 : $0).bitPattern }
    let width = values.count / data.count
    return (0..<data.count).map { Row(values: values, range: $0 * width..<($0 + 1) * width) }
  }

  static func == (a: Row, b: Row) -> Bool { a.values[a.range] == b.values[b.range] }
  func hash(into hasher: inout Hasher) { for i in range { hasher.combine(values[i]) } }
}
