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

/// What dropout does to a network (notes I8, I9).
@Suite struct DropoutEffectTests {
  @Test("I8: a mask for each example, and a rate for each layer") func masks() {
    let model = Sequential([Dropout(0.2), Dropout(0.5)])
    var random = RandomSource(seed: 3)
    let y = withTraining(random: &random) { model(.ones([400, 50], dtype: .float64)) }
    let kept = y.doubles.count { $0 != 0 }
    // 0.8 · 0.5 of 20,000, within five standard deviations.
    #expect(abs(Double(kept) - 8000) < 5 * (20_000 * 0.4 * 0.6).squareRoot())
    #expect(Set((0..<400).map { y[$0].doubles.map { $0 != 0 } }).count == 400)
  }

  @Test("I9: the average of many masks is the network without dropout") func ensemble() {
    let output = dense([[1, -2, 0.5, 3]], bias: [0.5])
    let model = Sequential([Dropout(0.5), output])
    let x = Tensor([[1.0, 0.5, -1, 2]])
    let exact = model(x).item
    let count = 4000
    var random = RandomSource(seed: 4)
    let many = withTraining(random: &random) { model(x.broadcast(to: [count, 4])) }
    // The variance of one is Σ (w x)² p / (1 − p).
    let deviation = (1.0 + 1 + 0.25 + 36).squareRoot()
    #expect(abs(many.mean().item - exact) < 5 * deviation / Double(count).squareRoot())
    #expect(abs(many.standardDeviation().item / deviation - 1) < 0.1)
  }

  /// For a linear model E (y − ŷ)² = (y − x w)² + p / (1 − p) Σ (x w)²: a ridge whose strength is each column's own (Wager et al., 2013).
  @Test("I9: dropout is an L2 penalty that adapts to the inputs, and shrinks weights") func adaptivePenalty() {
    let x = normal([50, 3], seed: 5) * Tensor([1.0, 3, 0.3])
    let y = x • Tensor([1.0, -1, 2], shape: [3, 1]) + normal([50, 1], seed: 6) * 0.1
    let p = 0.3
    let w = Tensor([[0.7, -0.4, 1.5]])
    let layer = dense([w.doubles])
    var random = RandomSource(seed: 7)
    let rounds = 4000
    let model = Sequential([Dropout(p), layer])
    let found = withTraining(random: &random) {
      (0..<rounds).map { _ in meanSquaredError(model(x), target: y, reduction: .sum).item }
    }
    let plain = meanSquaredError(layer(x), target: y, reduction: .sum).item
    let expected = plain + p / (1 - p) * square(x * w).sum().item
    let mean = found.reduce(0, +) / Double(rounds)
    let spread = (found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rounds)).squareRoot()
    #expect(abs(mean - expected) < 5 * spread / Double(rounds).squareRoot())
    #expect(expected > 1.2 * plain)

    // The minimum of that is closer to 0 in every direction: (XᵀX + p/(1 − p) diag(XᵀX))⁻¹ Xᵀy by steps of gradient descent.
    func trained(_ penalty: Double) -> [Double] {
      let layer = dense([[0, 0, 0]])
      for _ in 0..<5000 {
        let (_, gradients) = valueWithGradient(of: layer) {
          meanSquaredError($0(x), target: y) + penalty * square(x * $0.weight.value).sum() / 50
        }
        layer.weight.value = layer.weight.value - 0.05 * gradients.tensors[0]
      }
      return layer.weight.value.doubles
    }
    #expect(zip(trained(p / (1 - p)), trained(0)).allSatisfy { abs($0) < abs($1) })
  }
}
