import ApusCore
import Testing

@Suite struct RandomTests {
  @Test func equalSeedsGiveEqualNumbers() {
    var (a, b) = (RandomSource(seed: 7), RandomSource(seed: 7))
    let (x, y) = (Tensor.randomNormal([1000], using: &a), Tensor.randomNormal([1000], using: &b))
    #expect(x.floats == y.floats)
    #expect(Tensor.randomNormal([1000], using: &a).floats != x.floats)
    #expect(RandomSource(seed: 7).first(5) != RandomSource(seed: 8).first(5))
    #expect(RandomSource(seed: 7).first(5) != RandomSource(seed: 7, stream: 1).first(5))
    var other = RandomSource(seed: 8)
    #expect(Tensor.randomNormal([1000], using: &other).floats != x.floats)
  }

  @Test(arguments: 0...3) func aSavedPositionResumes(words: Int) {
    var random = RandomSource(seed: 1)
    _ = (0..<words).map { _ in random.next() }
    var copy = RandomSource(seed: random.seed, stream: random.stream, position: random.position)
    #expect(random.first(7) == copy.first(7))
    copy = random
    #expect(copy.next() == random.next())
    _ = Tensor.randomUniform([13], using: &random)
    var resumed = RandomSource(seed: random.seed, stream: random.stream, position: random.position)
    #expect(Tensor.randomUniform([50], using: &random).floats == Tensor.randomUniform([50], using: &resumed).floats)
    #expect(random == resumed)
  }

  @Test func splitSourcesDiffer() {
    var random = RandomSource(seed: 1)
    var first = random.split()
    var second = random.split()
    let numbers = [
      Tensor.randomUniform([100], using: &random).floats, Tensor.randomUniform([100], using: &first).floats,
      Tensor.randomUniform([100], using: &second).floats,
    ]
    #expect(Set(numbers.flatMap { $0 }).count > 295)
    var again = RandomSource(seed: 1)
    var firstAgain = again.split()
    #expect(Tensor.randomUniform([100], using: &firstAgain).floats == numbers[1])
  }

  @Test func partsOfATensorDoNotDependOnItsSize() {
    var (a, b) = (RandomSource(seed: 3), RandomSource(seed: 3))
    let long = Tensor.randomUniform([100_000], using: &a).floats
    #expect(Tensor.randomUniform([999], using: &b).floats == Array(long.prefix(999)))
  }

  @Test(arguments: [DType.float32, .float64]) func momentsAreRight(dtype: DType) {
    var random = RandomSource(seed: 11)
    let uniform = Tensor.randomUniform([200_000], in: -1..<3, dtype: dtype, using: &random)
    #expect(uniform.min().item >= -1 && uniform.max().item < 3)
    #expect(abs(uniform.mean().item - 1) < 0.02)
    #expect(abs(uniform.variance().item - 16.0 / 12) < 0.02)
    let normal = Tensor.randomNormal([200_000], mean: 2, standardDeviation: 3, dtype: dtype, using: &random)
    #expect(abs(normal.mean().item - 2) < 0.03)
    #expect(abs(normal.standardDeviation().item - 3) < 0.03)
    #expect(normal.doubles.allSatisfy { $0.isFinite })
  }

  @Test(arguments: [DType.float32, .float64, .int32, .uint8, .bool]) func bernoulli(dtype: DType) {
    var random = RandomSource(seed: 5)
    let draws = Tensor.randomBernoulli([100_000], probability: 0.3, dtype: dtype, using: &random)
    #expect(draws.dtype == dtype)
    #expect(abs(draws.cast(to: .float64).mean().item - 0.3) < 0.01)
    #expect(Tensor.randomBernoulli([1000], probability: 1, dtype: dtype, using: &random).all().item == 1)
    #expect(Tensor.randomBernoulli([1000], probability: 0, dtype: dtype, using: &random).any().item == 0)
  }

  @Test(arguments: [0, 1, 2, 1000]) func permutationsArePermutations(count: Int) {
    var random = RandomSource(seed: 9)
    let permutation = Tensor.randomPermutation(count, using: &random).ints
    #expect(permutation.sorted() == Array(0..<count))
    if count == 1000 {
      #expect(permutation != Array(0..<count))
      #expect(Tensor.randomPermutation(count, using: &random).ints != permutation)
    }
  }

  @Test func servesSwiftsOwnGenerators() {
    var (a, b) = (RandomSource(seed: 2), RandomSource(seed: 2))
    #expect((0..<20).shuffled(using: &a) == (0..<20).shuffled(using: &b))
    #expect((0..<100).contains(Int.random(in: 0..<100, using: &a)))
    var words = Set<UInt64>()
    for _ in 0..<1000 { words.insert(a.next()) }
    #expect(words.count == 1000)
  }
}

extension RandomSource {
  fileprivate func first(_ count: Int) -> [UInt64] {
    var source = self
    return (0..<count).map { _ in source.next() }
  }
}
