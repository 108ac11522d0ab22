import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct DropoutTests {
  private static func dropped(_ x: Tensor, _ probability: Double, seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return withTraining(random: &random) { Dropout(probability)(x) }
  }

  @Test func nothingHappensOutsideOfTraining() {
    let x = normal([20, 30], seed: 1)
    #expect(Dropout(0.5)(x).doubles == x.doubles)
    var random = RandomSource(seed: 1)
    let (inside, measured) = withTraining(random: &random) {
      #expect(isTraining)
      return (Dropout(0.5)(x), withInference { Dropout(0.5)(x) })
    }
    #expect(!isTraining)
    #expect(inside.doubles != x.doubles && measured.doubles == x.doubles)
  }

  @Test func probabilityZeroKeepsEverything() {
    let x = normal([20, 30], seed: 1)
    var random = RandomSource(seed: 1)
    #expect(withTraining(random: &random) { Dropout(0)(x) }.doubles == x.doubles)
    #expect(random == RandomSource(seed: 1), "random numbers were drawn for nothing")
  }

  @Test(arguments: [DType.float32, .float64], [0.1, 0.5, 0.9])
  func keptElementsAreScaled(dtype: DType, probability: Double) {
    let x = normal([100, 40], seed: 2).cast(to: dtype)
    let y = Self.dropped(x, probability, seed: 3)
    #expect(y.dtype == dtype)
    let scale = 1 / (1 - probability)
    #expect(zip(x.doubles, y.doubles).allSatisfy { $1 == 0 || abs($1 - $0 * scale) <= 1e-6 * abs($0 * scale) })
  }

  @Test func whatIsDroppedBecomesZeroWhateverItWas() {
    for value in [Double.nan, .infinity, -.infinity] {
      let x = Tensor(filledWith: value, shape: [10, 20])
      let y = Self.dropped(x, 0.5, seed: 3).doubles
      let mask = Self.dropped(.ones([10, 20]), 0.5, seed: 3).doubles
      #expect(zip(y, mask).allSatisfy { $1 == 0 ? $0 == 0 : $0.isNaN || $0 == value })
    }
  }

  /// The masks of a seed stay what they are, for every element type: a training run can be repeated.
  @Test(arguments: [DType.float32, .float64, .bfloat16]) func masksOfASeed(dtype: DType) {
    var random = RandomSource(seed: 9)
    let mask = Tensor.randomBernoulli([33, 7], probability: 0.7, dtype: .float32, using: &random)
    let found = Self.dropped(.ones([33, 7], dtype: dtype), 0.3, seed: 9)
    #expect(found.doubles.map { $0 > 0 } == mask.doubles.map { $0 > 0 })
  }

  /// The share of zeros and the mean lie within five standard deviations of what the probability says.
  @Test(arguments: [0.1, 0.5, 0.9]) func expectationStays(probability: Double) {
    let count = 200_000.0
    let y = Self.dropped(.ones([2000, 100], dtype: .float64), probability, seed: 4)
    let zeros = y.doubles.count { $0 == 0 }
    let deviation = (count * probability * (1 - probability)).squareRoot()
    #expect(abs(Double(zeros) - count * probability) < 5 * deviation)
    #expect(abs(y.mean().item - 1) < 5 * deviation / count / (1 - probability))
  }

  @Test func masksDifferByCallAndExample() {
    let x = Tensor.ones([50, 64])
    var random = RandomSource(seed: 5)
    let (first, second) = withTraining(random: &random) {
      let layer = Dropout(0.5)
      return (layer(x).floats, layer(x).floats)
    }
    #expect(first != second)
    let rows = Set((0..<50).map { Array(first[64 * $0..<64 * $0 + 64]) })
    #expect(rows.count == 50)
    // The source goes on where it stopped: another pass draws other masks.
    let third = withTraining(random: &random) { Dropout(0.5)(x).floats }
    #expect(third != first && third != second)
  }

  @Test func seedDecides() {
    let x = Tensor.ones([50, 64])
    #expect(Self.dropped(x, 0.5, seed: 6).floats == Self.dropped(x, 0.5, seed: 6).floats)
    #expect(Self.dropped(x, 0.5, seed: 6).floats != Self.dropped(x, 0.5, seed: 7).floats)
  }

  @Test func gradientGoesThroughTheSameMask() {
    var random = RandomSource(seed: 8)
    let x = Tensor.ones([10, 10], dtype: .float64)
    var y = x
    let dx = withTraining(random: &random) {
      gradient(at: x) { x in
        let output = Dropout(0.4)(x)
        y = output.stopGradient()
        return output.sum()
      }
    }
    #expect(dx.doubles == y.doubles)
  }

  @Test(arguments: [-0.1, 1, 1.5, .nan]) func impossibleProbabilityIsRefusedInFiles(probability: Double) {
    let configuration = LayerConfiguration(kind: "Dropout", settings: ["probability": .number(probability)])
    #expect(throws: ConfigurationError.self) { try LayerRegistry.standard.layer(configuration) }
  }
}
