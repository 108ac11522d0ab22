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

  @Test("H1, H6: mean and variance of every rule", arguments: [Shape([200, 300]), [40, 5, 5, 30]])
  func variances(shape: Shape) {
    let receptive = shape.dropFirst().dropLast().reduce(1, *)
    let (fanOut, fanIn) = (Double(shape[0] * receptive), Double(shape[shape.rank - 1] * receptive))
    let glorot = 2 / (fanIn + fanOut)
    let he = 2 / fanIn
    let cases: [(Initializer, variance: Double, isUniform: Bool)] = [
      (.normal(standardDeviation: 0.01), 1e-4, false), (.uniform(bound: 0.3), 0.03, true),
      (.glorotUniform, glorot, true), (.glorotNormal, glorot, false), (.heUniform, he, true), (.heNormal, he, false),
      (.leCunUniform, he / 2, true), (.leCunNormal, he / 2, false),
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

  @Test func ones() {
    var random = RandomSource(seed: 1)
    #expect(Initializer.ones([2, 2], using: &random).doubles == [1, 1, 1, 1])
    #expect(Initializer.identity([2, 3], using: &random).doubles == [1, 0, 0, 0, 1, 0])
    #expect(random == RandomSource(seed: 1))
  }

  /// Within ±2σ, with the moments of the truncated distribution: the variance is σ² (1 − 4 φ(2) / (2 Φ(2) − 1)).
  @Test func truncatedNormal() {
    for dtype in [DType.float32, .float64] {
      var random = RandomSource(seed: 2)
      let x = Initializer.truncatedNormal(standardDeviation: 0.5)([300, 400], dtype: dtype, using: &random)
      #expect(x.dtype == dtype && abs(x).max().item <= 1 && abs(x).max().item > 0.9999)
      #expect(abs(x.mean().item) < 5 * 0.44 / 120_000.0.squareRoot())
      let variance = 0.25 * 0.7737413035499231
      #expect(abs(x.variance().item / variance - 1) < 5 * (1.2 / 120_000.0).squareRoot())
      // Another of its quantiles: P(|x| < σ) = (2 Φ(1) − 1) / (2 Φ(2) − 1).
      let share = Double(x.doubles.count { Swift.abs($0) < 0.5 }) / 120_000
      #expect(Swift.abs(share - 0.6826894921370859 / 0.9544997361036416) < 0.007)
    }
  }

  @Test(arguments: [[5, 5], [3, 8], [8, 3], [64, 64], [1, 4], [4, 1], [6, 2, 3, 2]] as [Shape])
  func orthogonal(shape: Shape) {
    var random = RandomSource(seed: 3)
    let x = Initializer.orthogonal(gain: 2)(shape, dtype: .float64, using: &random)
    #expect(x.shape == shape)
    let matrix = x.reshaped([shape[0], shape.dropFirst().reduce(1, *)])
    let isWide = matrix.shape[0] <= matrix.shape[1]
    let product = isWide ? matrix • matrix.transposed() : matrix.transposed() • matrix
    #expect(difference(product, .identity(product.shape[0], dtype: .float64) * 4, 1e-13) == nil)
  }

  /// The first element of a random direction in n dimensions has variance 1 / n and no preferred sign.
  @Test func orthogonalMatricesHaveNoPreference() {
    var random = RandomSource(seed: 4)
    let count = 2000
    let first = (0..<count).map { _ in Initializer.orthogonal()([3, 3], dtype: .float64, using: &random)[2, 0].item }
    let variance = first.reduce(0) { $0 + $1 * $1 } / Double(count)
    #expect(Swift.abs(first.reduce(0, +)) / Double(count) < 5 * (1 / 3.0 / Double(count)).squareRoot())
    #expect(Swift.abs(variance - 1 / 3.0) < 5 * (4 / 45.0 / Double(count)).squareRoot())
  }

  @Test("H2: each parameter has its own") func parametersHaveTheirOwn() {
    let layer = withSeed(5) {
      Dense(100, 200, weights: .normal(standardDeviation: 0.03), biases: .normal(standardDeviation: 1), dtype: .float64)
    }
    #expect(Swift.abs(layer.weight.value.standardDeviation().item / 0.03 - 1) < 0.03)
    #expect(Swift.abs(layer.bias!.value.standardDeviation().item - 1) < 0.25)
  }

  /// SELU with LeCun's normal weights keeps mean 0 and variance 1 through many layers.
  @Test func seluNormalisesItself() {
    let model = withSeed(6) { Sequential((0..<20).map { _ in Dense(200, 200, activation: .selu, dtype: .float64) }) }
    let y = model(normal([300, 200], seed: 7))
    #expect(Swift.abs(y.mean().item) < 0.1 && Swift.abs(y.variance().item - 1) < 0.2)
  }

  @Test func wrongShapesStop() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var random = RandomSource(seed: 1)
      _ = Initializer.orthogonal()([4], using: &random)
    }
    #expect(standardError(of: result).contains("a parameter of shape (4,) was found; expected at least two axes"))
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
