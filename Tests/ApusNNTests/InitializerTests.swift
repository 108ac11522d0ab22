import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct InitializerTests {
  /// Mean 0 and the right variance, each within five standard errors; inside the bound, and close to it.
  private static func expect(_ values: [Double], variance: Double, bound: Double?, _ name: String) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let found = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    #expect(abs(mean) < 5 * (variance / count).squareRoot(), "\(name): mean \(mean)")
    // The fourth moment is 9/5 of the squared variance for a uniform distribution, 3 times for a normal one.
    let spread = variance * ((bound == nil ? 2 : 0.8) / count).squareRoot()
    #expect(abs(found - variance) < 5 * spread, "\(name): variance \(found), expected \(variance)")
    let largest = values.reduce(0) { max($0, abs($1)) }
    if let bound {
      #expect(largest <= bound && largest > 0.999 * bound, "\(name): largest \(largest), bound \(bound)")
    } else {
      #expect(largest > 3.5 * variance.squareRoot(), "\(name): too few large values for a normal distribution")
    }
  }

  @Test(arguments: [Shape([200, 300]), [40, 5, 5, 30]]) func variances(shape: Shape) {
    let receptive = shape.dropFirst().dropLast().reduce(1, *)
    let (fanOut, fanIn) = (Double(shape[0] * receptive), Double(shape[shape.rank - 1] * receptive))
    let glorot = 2 / (fanIn + fanOut)
    let he = 2 / fanIn
    let cases: [(Initializer, variance: Double, isUniform: Bool)] = [
      (.normal(standardDeviation: 0.01), 1e-4, false), (.uniform(bound: 0.3), 0.03, true),
      (.glorotUniform, glorot, true), (.glorotNormal, glorot, false), (.heUniform, he, true), (.heNormal, he, false),
    ]
    for (initializer, variance, isUniform) in cases {
      for dtype in [DType.float32, .float64] {
        var random = RandomSource(seed: 1)
        let tensor = initializer(shape, dtype: dtype, using: &random)
        #expect(tensor.shape == shape && tensor.dtype == dtype)
        Self.expect(
          tensor.doubles, variance: variance, bound: isUniform ? (3 * variance).squareRoot() : nil, "\(initializer)")
      }
    }
  }

  @Test func constants() {
    var random = RandomSource(seed: 1)
    #expect(Initializer.zeros([2, 3], using: &random).doubles == [0, 0, 0, 0, 0, 0])
    #expect(Initializer.constant(0.5)([3], using: &random).doubles == [0.5, 0.5, 0.5])
    #expect(random == RandomSource(seed: 1))
    #expect(Initializer.placeholder([2, 3], using: &random).shape == [2, 3])
  }

  @Test func initializerSuitsTheActivation() {
    func bound(_ activation: Activation) -> Double {
      withSeed(1) { Dense(50, 30, activation: activation) }.weight.value.doubles.reduce(0) { max($0, abs($1)) }
    }
    let (he, glorot) = ((6 / 50.0).squareRoot(), (6 / 80.0).squareRoot())
    for activation in [Activation.relu, .leakyRelu(), .gelu] { #expect((0.99 * he...he).contains(bound(activation))) }
    for activation in [Activation.identity, .tanh, .sigmoid] {
      #expect((0.99 * glorot...glorot).contains(bound(activation)))
    }
    #expect(Dense(3, 4).bias?.value.doubles == [0, 0, 0, 0])
  }

  @Test func seedDecidesAndLayersDiffer() {
    func weights(_ seed: UInt64) -> [[Float]] {
      withSeed(seed) { [Dense(4, 4), Dense(4, 4)] }.map { $0.weight.value.floats }
    }
    #expect(weights(1) == weights(1))
    #expect(weights(1) != weights(2))
    #expect(weights(1)[0] != weights(1)[1])
    // Another element type starts from other draws of the same distribution, but the order of layers does not change.
    let nested = withSeed(1) { (withSeed(9) { Dense(2, 2) }, Dense(4, 4)) }
    #expect(nested.1.weight.value.floats == weights(1)[0], "an inner seed must not disturb the outer one")
  }

  @Test("H3: weights of zero keep all units of a layer equal for ever") func symmetry() {
    let x = normal([8, 2], seed: 1)
    let y = Tensor([0.0, 1, 1, 0, 1, 0, 1, 1], shape: [8, 1])
    func hiddenRows(_ weights: Initializer) -> Set<[Double]> {
      let first = Dense(2, 4, activation: .sigmoid, weights: weights, dtype: .float64)
      let second = Dense(4, 1, weights: weights, dtype: .float64)
      let model = Sequential([first, second])
      for _ in 0..<50 {
        let (_, gradients) = valueWithGradient(of: model) { binaryCrossEntropy(logits: $0(x), target: y) }
        for (parameter, gradient) in zip(gradients.parameters, gradients.tensors) {
          parameter.value = parameter.value - gradient * 0.5
        }
      }
      #expect(first.weight.value.doubles.contains { $0 != 0 }, "nothing was learnt")
      let w = first.weight.value.doubles
      return Set((0..<4).map { Array(w[2 * $0..<2 * $0 + 2]) })
    }
    #expect(hiddenRows(.zeros).count == 1)
    #expect(withSeed(1) { hiddenRows(.normal(standardDeviation: 0.1)) }.count == 4)
  }
}
