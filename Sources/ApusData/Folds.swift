import ApusCore

/// Ways to hold back every part of a data set once, or all that comes later, for cross-validation (notes P5).
public enum Folds: Sendable, Hashable {
  /// k parts of nearly equal sizes; in the data's order, or shuffled by the seed.
  case plain(Int, seed: UInt64? = nil)
  /// k parts in which every class has its share, shuffled by the seed.
  case stratified(Int, seed: UInt64 = 0)
  /// k parts of nearly equal sizes in which no group is torn apart; `groups` has a number for each example.
  case grouped(Int, groups: [Int])
  /// k parts of equal sizes at the end of the data, each tested by what was learnt from all that came before it, but for a `gap`.
  case timeSeries(Int, gap: Int = 0)

  /// The positions of the examples of each fold.
  /// - Parameter labels: the class of each example; only `stratified` reads them.
  /// - Throws: `DatasetError` if the data do not allow so many folds.
  public func positions(
    count: Int, labels: [Int] = []
  ) throws(DatasetError) -> [(training: [Int], test: [Int])] {
    switch self {
    case .plain(let k, let seed):
      try Self.check(k, parts: count, "examples")
      var order = Array(0..<count)
      if let seed {
        var random = Self.random(seed)
        order = order.shuffled(using: &random)
      }
      // The first parts are one larger where it does not come out even.
      let starts = (0...k).map { count / k * $0 + min($0, count % k) }
      return Self.complete((0..<k).map { Array(order[starts[$0]..<starts[$0 + 1]]) }, count: count)
    case .stratified(let k, let seed):
      guard labels.count == count else {
        throw DatasetError("stratified folds need a class for each example; there are \(labels.count) for \(count)")
      }
      let classes = Dictionary(grouping: 0..<count, by: { labels[$0] }).sorted { $0.key < $1.key }.map(\.value)
      try Self.check(k, parts: classes.map(\.count).min() ?? 0, "examples in the smallest class")
      var random = Self.random(seed)
      // The classes one after the other are dealt to the parts in turn, so that also the parts' sizes differ by at most one.
      var parts = [[Int]](repeating: [], count: k)
      for (number, i) in classes.flatMap({ $0.shuffled(using: &random) }).enumerated() { parts[number % k].append(i) }
      return Self.complete(parts, count: count)
    case .grouped(let k, let groups):
      guard groups.count == count else {
        throw DatasetError("grouped folds need a group for each example; there are \(groups.count) for \(count)")
      }
      return Self.complete(try Self.parts(k, ofGroups: groups), count: count)
    case .timeSeries(let k, let gap):
      try Self.check(k, parts: count - 1, "examples after the first")
      let size = count / (k + 1)
      return try (0..<k).map { fold throws(DatasetError) in
        let start = count - (k - fold) * size
        guard gap >= 0 && start > gap else {
          throw DatasetError("a gap of \(gap) leaves nothing to train on before the test examples from \(start) on")
        }
        return (Array(0..<start - gap), Array(start..<start + size))
      }
    }
  }

  /// Groups in k parts: the largest first, each to the part that is smallest so far.
  static func parts(_ k: Int, ofGroups groups: [Int]) throws(DatasetError) -> [[Int]] {
    let members = Dictionary(grouping: groups.indices, by: { groups[$0] })
    try check(k, parts: members.count, "groups")
    var parts = [[Int]](repeating: [], count: k)
    for group in members.sorted(by: { ($1.value.count, $0.key) < ($0.value.count, $1.key) }) {
      let smallest = parts.indices.min { (parts[$0].count, $0) < (parts[$1].count, $1) }!
      parts[smallest] += group.value
    }
    return parts
  }

  private static func check(_ k: Int, parts: Int, _ what: String) throws(DatasetError) {
    guard k >= 2 else { throw DatasetError("\(k) folds were asked for; expected at least 2") }
    guard parts >= k else { throw DatasetError("\(k) folds were asked for, but there are only \(parts) \(what)") }
  }

  private static func complete(_ parts: [[Int]], count: Int) -> [(training: [Int], test: [Int])] {
    parts.map { part in
      let test = Set(part)
      return ((0..<count).filter { !test.contains($0) }, part.sorted())
    }
  }

  private static func random(_ seed: UInt64) -> RandomSource {
    RandomSource(seed: seed, stream: 0x66_6f6c_6473)  // a stream of its own: "folds"
  }
}

extension Dataset {
  /// The parts of each fold.
  /// - Throws: `DatasetError` if the data do not allow so many folds.
  public func folds(_ folds: Folds) throws(DatasetError) -> [(training: Dataset, test: Dataset)] {
    var labels: [Int] = []
    if case .classes = kind { labels = targets.ints }
    let positions: [(training: [Int], test: [Int])]
    do { positions = try folds.positions(count: count, labels: labels) } catch {
      throw DatasetError("\(name): \(error)")
    }
    return positions.map { (selecting($0.training), selecting($0.test)) }
  }

  /// Three disjoint parts, chosen by `seed`: to train on, to choose between models, and to measure the one that was chosen (notes P1).
  /// Classes keep their shares in all of them.
  /// - Parameters: the shares of all examples, together less than 1.
  public func split(
    validationFraction: Double, testFraction: Double, seed: UInt64
  ) -> (training: Dataset, validation: Dataset, test: Dataset) {
    guard validationFraction >= 0, testFraction >= 0, validationFraction + testFraction < 1 else {
      fatalError(
        "split: the fractions \(validationFraction) and \(testFraction) must be at least 0, together less than 1")
    }
    let (rest, test) = split(testFraction: testFraction, seed: seed)
    let (training, validation) = rest.split(testFraction: validationFraction / (1 - testFraction), seed: seed)
    return (training, validation, test)
  }

  /// Two disjoint parts that no group is in both of, such as the pictures of one person: as many whole groups, in an order chosen
  /// by `seed`, as bring the second part closest to `fraction` of the examples.
  /// - Parameter groups: a number for each example.
  /// - Throws: `DatasetError` if there is not a group for each example.
  public func split(
    testFraction fraction: Double, groups: [Int], seed: UInt64
  ) throws(DatasetError) -> (train: Dataset, test: Dataset) {
    guard (0...1).contains(fraction) else { fatalError("split: the fraction \(fraction) must lie in 0...1") }
    guard groups.count == count else {
      throw DatasetError("\(name): there are \(groups.count) groups for \(count) examples")
    }
    var random = RandomSource(seed: seed, stream: 0x73_706c_6974)  // as other splits: "split"
    let members = Dictionary(grouping: groups.indices, by: { groups[$0] }).sorted { $0.key < $1.key }.map(\.value)
    let wanted = Double(count) * fraction
    var test: Set<Int> = []
    for group in members.shuffled(using: &random)
    where abs(Double(test.count + group.count) - wanted) < abs(Double(test.count) - wanted) {
      test.formUnion(group)
    }
    return (selecting((0..<count).filter { !test.contains($0) }), selecting(test.sorted()))
  }

  /// The examples of `other` whose features are exactly those of an example here (notes P1): a model that was trained on the one has
  /// seen the other.
  /// - Returns: pairs of positions, here and there, the first here for each there.
  public func duplicates(in other: Dataset) -> [(here: Int, there: Int)] {
    guard count > 0, other.count > 0, features.count / count == other.features.count / other.count else { return [] }
    func rows(_ data: Dataset) -> [[UInt64]] {
      let (values, width) = (data.features.doubles, data.features.count / data.count)
      // As bits, so that NaN equals NaN; 0 and -0 are the same number.
      return (0..<data.count).map { row in
        values[row * width..<(row + 1) * width].map { ($0 == 0 ? 0 : $0).bitPattern }
      }
    }
    var known: [[UInt64]: Int] = [:]
    for (i, row) in rows(self).enumerated() where known[row] == nil { known[row] = i }
    return rows(other).enumerated().compactMap { there, row in known[row].map { ($0, there) } }
  }
}
