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
