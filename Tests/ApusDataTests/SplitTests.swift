import ApusCore
import ApusTestSupport
import Testing

@testable import ApusData

/// Splits and batches: nothing lost, nothing twice, and reproducible.
@Suite struct SplitTests {
  /// Examples whose feature is their own number; `counts[c]` of class c, mixed.
  private static func numbered(_ counts: [Int]) -> Dataset {
    var random = TestRandom(seed: 1)
    let labels = counts.enumerated().flatMap { Array(repeating: Int32($0), count: $1) }.shuffled(using: &random)
    return Dataset(
      "numbered", features: Tensor((0..<labels.count).map { Float($0) }, shape: [labels.count, 1]),
      targets: Tensor(labels), kind: .classes(counts.indices.map { "\($0)" }), featureNames: ["number"])
  }

  private static func plain(_ count: Int) -> Dataset {
    let numbers = Tensor((0..<count).map { Float($0) }, shape: [count, 1])
    return Dataset("plain", features: numbers, targets: numbers, kind: .numbers(["y"]))
  }

  private func numbers(_ data: Dataset) -> [Int] { data.features.ints }

  @Test(arguments: [0, 0.1, 0.2, 0.25, 1.0 / 3, 0.5, 0.9, 1])
  func partsAreDisjointAndComplete(fraction: Double) {
    for data in [Self.numbered([50, 30, 20]), Self.numbered([7, 1, 2]), Self.plain(101), Self.plain(1)] {
      let (train, test) = data.split(testFraction: fraction, seed: 3)
      #expect((numbers(train) + numbers(test)).sorted() == Array(0..<data.count))
      #expect(test.count == Int((Double(data.count) * fraction).rounded()))
      #expect(train.kind == data.kind && test.featureNames == data.featureNames && test.name == data.name)
      // Every example keeps its own target.
      for part in [train, test] {
        #expect(part.targets.ints == numbers(part).map { data.targets.ints[$0] })
      }
    }
  }

  @Test func classesKeepTheirShares() {
    let data = Self.numbered([500, 300, 200])
    let (train, test) = data.split(testFraction: 0.2, seed: 4)
    func counts(_ part: Dataset) -> [Int] { (0..<3).map { label in part.targets.ints.count { $0 == label } } }
    #expect(counts(test) == [100, 60, 40] && counts(train) == [400, 240, 160])
    // Where shares are fractions, each class is within one example of its own.
    let odd = Self.numbered([13, 7, 5, 1])
    for seed in 0..<5 {
      let test = odd.split(testFraction: 0.3, seed: UInt64(seed)).test
      for (label, count) in [13, 7, 5, 1].enumerated() {
        let found = test.targets.ints.count { $0 == label }
        #expect(abs(Double(found) - 0.3 * Double(count)) < 1)
      }
    }
  }

  @Test func seedDecides() {
    let data = Self.numbered([40, 40])
    let test = { (seed: UInt64) in self.numbers(data.split(testFraction: 0.25, seed: seed).test) }
    #expect(test(1) == test(1))
    #expect(test(1) != test(2))
    #expect(test(1) != Array(0..<20), "the first examples are no random choice")
  }

  @Test func impossibleFractionStops() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Self.plain(4).split(testFraction: 1.5, seed: 0)
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("the fraction 1.5 must lie in 0...1"))
  }

  // MARK: Batches

  @Test(arguments: [(10, 1), (10, 3), (10, 5), (10, 10), (10, 11), (0, 4)])
  func batchesInOrder(count: Int, size: Int) {
    let data = Self.plain(count)
    let batches = data.batches(of: size)
    let all = Array(batches)
    #expect(all.count == batches.count && all.count == (count + size - 1) / size)
    #expect(all.flatMap { $0.features.ints } == Array(0..<count))
    #expect(all.flatMap { $0.targets.ints } == Array(0..<count))
    #expect(all.dropLast().allSatisfy { $0.features.shape == [size, 1] })
    if let last = all.last { #expect(last.features.shape[0] == (count % size == 0 ? size : count % size)) }
  }

  @Test func shuffledBatches() {
    let data = Self.plain(100)
    func epoch(_ random: inout RandomSource) -> [Int] {
      data.batches(of: 7, shuffledBy: &random).flatMap { batch -> [Int] in
        #expect(batch.features.ints == batch.targets.ints)
        return batch.features.ints
      }
    }
    var (first, second) = (RandomSource(seed: 1), RandomSource(seed: 1))
    let (a, b) = (epoch(&first), epoch(&first))
    #expect(a.sorted() == Array(0..<100) && b.sorted() == Array(0..<100))
    #expect(a != b && a != Array(0..<100))
    #expect(epoch(&second) == a && epoch(&second) == b)
    // The same order each time that one sequence is gone through.
    let batches = data.batches(of: 7, shuffledBy: &first)
    #expect(batches.flatMap { $0.features.ints } == batches.flatMap { $0.features.ints })
  }

  /// A batch is made when it is asked for: taking one of very many takes no memory for the others.
  @Test func batchesAreLazy() async {
    await #expect(processExitsWith: .success) {
      let count = 200_000
      let features = Tensor.zeros([count, 16])
      let data = Dataset("large", features: features, targets: .zeros([count, 1]), kind: .numbers(["y"]))
      var random = RandomSource(seed: 1)
      let before = Tensor.memoryUse.live
      let iterator = data.batches(of: 10, shuffledBy: &random).makeIterator()
      let first = iterator.next()
      let used = Tensor.memoryUse.live - before
      #expect(first?.features.shape == [10, 16])
      #expect(used < 10_000, "\(used) bytes for ten rows")
    }
  }

  @Test func selectionKeepsTheOrder() {
    let chosen = Self.plain(10).selecting([7, 0, 7, 3])
    #expect(numbers(chosen) == [7, 0, 7, 3] && chosen.targets.ints == [7, 0, 7, 3])
    #expect(Self.plain(10).selecting([]).count == 0)
  }

  @Test func otherFeaturesKeepTheRest() {
    let data = Self.numbered([2, 2])
    let other = data.replacing(features: data.features * 2)
    #expect(other.features.ints == [0, 2, 4, 6])
    #expect(other.targets.ints == data.targets.ints && other.kind == data.kind && other.name == data.name)
  }
}
