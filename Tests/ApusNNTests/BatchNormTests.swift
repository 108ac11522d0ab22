import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct BatchNormTests {
  private struct Reference: Decodable, Sendable, CustomTestStringConvertible {
    let shape: [Int]
    let momentum, epsilon: Double
    let x, gamma, beta, weights: [Double]
    let output, dx, dgamma, dbeta, runningMean, runningVariance, predicted: [Double]
    var testDescription: String { "\(shape)" }

    func layer(_ dtype: DType = .float64) -> BatchNorm {
      let layer = BatchNorm(shape.last!, momentum: momentum, epsilon: epsilon, dtype: dtype)
      layer.gamma.value = Tensor(gamma).cast(to: dtype)
      layer.beta.value = Tensor(beta).cast(to: dtype)
      return layer
    }
  }

  private static let references: [Reference] = try! fixture("batch_norm.json")

  private static func training<R>(_ body: () throws -> R) rethrows -> R {
    var random = RandomSource(seed: 1)
    return try withTraining(random: &random, body)
  }

  // MARK: Against PyTorch

  @Test(arguments: references) private func float64AgreesWithPyTorch(reference: Reference) {
    let layer = reference.layer()
    let x = Tensor(reference.x, shape: Shape(reference.shape))
    let weights = Tensor(reference.weights, shape: x.shape)
    // A large mean costs PyTorch digits, too: it is squared before the variance is as accurate as here.
    let tolerance = abs(reference.x[0]) > 1e3 ? 1e-10 : 1e-12
    var output = x
    let (_, gradients, dx) = Self.training {
      valueWithGradient(of: layer, at: x) { layer, x in
        let y = layer(x)
        output = y.stopGradient()
        return (y * weights).sum()
      }
    }
    #expect(difference(output, reference.output, tolerance) == nil)
    #expect(difference(dx, reference.dx, tolerance) == nil)
    #expect(gradients.parameters == [layer.gamma, layer.beta])
    #expect(difference(gradients.tensors[0], reference.dgamma, tolerance) == nil)
    #expect(difference(gradients.tensors[1], reference.dbeta, tolerance) == nil)
    _ = Self.training { layer(2 * x + 1) }
    #expect(difference(layer.runningMean.value, reference.runningMean, tolerance) == nil)
    #expect(difference(layer.runningVariance.value, reference.runningVariance, tolerance) == nil)
    #expect(difference(layer(x), reference.predicted, tolerance) == nil)
  }

  @Test(arguments: references) private func float32IsAsCloseAsItsDigits(reference: Reference) {
    let layer = reference.layer(.float32)
    let x = Tensor(reference.x, shape: Shape(reference.shape)).cast(to: .float32)
    // Of numbers around 10,000, float32 has three digits behind the point.
    let tolerance = abs(reference.x[0]) > 1e3 ? 3e-3 : 1e-5
    let y = Self.training { layer(x) }
    #expect(difference(y, reference.output, tolerance) == nil)
    _ = Self.training { layer(2 * x + 1) }
    #expect(difference(layer.runningMean.value, reference.runningMean, 1e-6) == nil)
    #expect(difference(layer.runningVariance.value, reference.runningVariance, tolerance) == nil)
  }

  // MARK: Derivatives

  @Test(arguments: [[5, 3], [2, 1], [3, 2, 4]] as [Shape]) func derivatives(shape: Shape) {
    let x = normal(shape, seed: 1)
    let weights = normal(shape, seed: 2)
    let layer = BatchNorm(shape.last!, dtype: .float64)
    layer.gamma.value = normal([layer.features], seed: 3)
    func output(_ x: [Tensor]) -> Tensor { square(layer(x[0])) * weights }
    Self.training {
      let first = checkGradients(of: output, at: [x])
      #expect(first.isPassed, "\(first)")
      let second = checkSecondGradients(of: output, at: [x])
      #expect(second.isPassed, "\(second)")
    }
    let moments = checkSecondGradients(of: { square($0[0].moments()) }, at: [x])
    #expect(moments.isPassed, "\(moments)")
  }

  // MARK: Moments

  @Test(arguments: [DType.float32, .float64, .bfloat16]) func momentsAreMeanAndVariance(dtype: DType) {
    for shape in [[300, 7], [2, 33], [4, 5, 20], [9], [1, 4]] as [Shape] {
      let x = (normal(shape, seed: 5) * 2 + 3).cast(to: dtype)
      let axes = Array(0..<(shape.rank - 1))
      let wide = x.cast(to: .float64)
      let expected =
        axes.isEmpty ? stack([wide, wide * 0]) : stack([wide.mean(axes: axes), wide.variance(axes: axes)])
      let tolerance = dtype == .float64 ? 1e-14 : dtype == .float32 ? 1e-6 : 5e-3
      let found = x.moments()
      #expect(found.dtype == dtype && difference(found, expected, tolerance) == nil, "\(shape)")
      let turned = x.rank == 2 ? x.transposed().dense.transposed() : x
      #expect(turned.moments().doubles == found.doubles)
    }
    #expect(Tensor.zeros([0, 3]).moments().doubles.allSatisfy { $0.isNaN })
    #expect(Tensor.zeros([3, 0]).moments().shape == [2, 0])
  }

  @Test func threadsDoNotChangeBits() async {
    await #expect(processExitsWith: .success) {
      func run() -> [Float] {
        var random = RandomSource(seed: 4)
        return [[1001, 517], [40, 33, 96], [20_000, 6]].flatMap { (shape: Shape) -> [Float] in
          let x = Tensor.randomNormal(shape, using: &random)
          let layer = BatchNorm(shape.last!)
          let (_, gradients, dx) = withTraining(random: &random) {
            valueWithGradient(of: layer, at: x) { square($0($1) + 1).mean() }
          }
          let tensors = [layer.runningMean.value, layer.runningVariance.value, layer(x), dx] + gradients.tensors
          return tensors.flatMap(\.floats)
        }
      }
      Threads.count = 1
      let alone = run()
      Threads.count = 2
      #expect(run() == alone)
    }
  }

  // MARK: Training and predicting

  @Test func predictingChangesNothingAndSeesNoOtherExamples() {
    let layer = BatchNorm(3, dtype: .float64)
    let x = normal([6, 3], seed: 7)
    for _ in 0..<3 { _ = Self.training { layer(x) } }
    let before = (layer.runningMean.value.doubles, layer.runningVariance.value.doubles)
    let whole = layer(x)
    #expect(layer(x[2..<3]).doubles == whole[2..<3].doubles)
    #expect(layer(x[4]).doubles == whole[4].doubles, "a single vector")
    #expect(Self.training { withInference { layer(x) } }.doubles == whole.doubles)
    #expect(layer.runningMean.value.doubles == before.0 && layer.runningVariance.value.doubles == before.1)
    #expect(before.0 != [0, 0, 0])
  }

  @Test func outputsOfTrainingAreStandardised() {
    let x = normal([500, 4], seed: 8) * 3 + 100
    let moments = Self.training { BatchNorm(4, dtype: .float64)(x) }.moments()
    #expect(difference(moments[0], [0, 0, 0, 0], 1e-12) == nil)
    #expect(difference(moments[1], [1, 1, 1, 1], 1e-5) == nil)
  }

  @Test func momentumDecidesWhatIsRemembered() {
    let x = normal([8, 2], seed: 9)
    let (never, always) = (BatchNorm(2, momentum: 0, dtype: .float64), BatchNorm(2, momentum: 1, dtype: .float64))
    for layer in [never, always] { _ = Self.training { layer(x) } }
    #expect(never.runningMean.value.doubles == [0, 0] && never.runningVariance.value.doubles == [1, 1])
    #expect(difference(always.runningVariance.value, x.variance(axes: [0], isSample: true), 1e-14) == nil)
  }

  @Test func oneExampleIsRefusedInTraining() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var random = RandomSource(seed: 1)
      _ = withTraining(random: &random) { BatchNorm(3)(.ones([1, 3])) }
    }
    #expect(
      standardError(of: result).contains(
        "BatchNorm(3): an input of shape (1, 3) was found; training expected at least 2 examples of each feature"))
  }

  // MARK: The notes

  @Test("N-29, E-16: both places of ε") func placesOfEpsilon() {
    let z = Tensor([1.0, 2, 4, 5], shape: [4, 1])
    let notes = BatchNorm(1, epsilon: 1e-3, epsilonPlacement: .besideRoot, dtype: .float64)
    let usual = BatchNorm(1, epsilon: 1e-3, dtype: .float64)
    #expect(
      difference(Self.training { notes(z) }, [-1.264111567, -0.632055783, 0.632055783, 1.264111567], 5e-9) == nil)
    #expect(
      difference(Self.training { usual(z) }, [-1.264658162, -0.632329081, 0.632329081, 1.264658162], 5e-9) == nil)
  }

  @Test("J6: γ = √σ² + ε and β = μ give z back", arguments: EpsilonPlacement.allCases)
  func identity(placement: EpsilonPlacement) {
    let z = normal([30, 3], seed: 11) * 4 + 2
    let layer = BatchNorm(3, epsilon: 0.1, epsilonPlacement: placement, dtype: .float64)
    let (mean, variance) = (z.mean(axes: [0]), z.variance(axes: [0]))
    layer.gamma.value = placement == .besideRoot ? sqrt(variance) + 0.1 : sqrt(variance + 0.1)
    layer.beta.value = mean
    #expect(difference(Self.training { layer(z) }, z, 1e-14) == nil)
  }

  @Test("J5: before or after the activation", arguments: [true, false]) func placement(isBefore: Bool) {
    let norm = BatchNorm(5, dtype: .float64)
    let activation = ActivationLayer(.relu)
    let model = withSeed(1) {
      Sequential([Dense(3, 5, dtype: .float64)] + (isBefore ? [norm, activation] : [activation, norm]))
    }
    let y = Self.training { model(normal([200, 3], seed: 12)) }
    let means = y.mean(axes: [0]).doubles
    // What is normalised has mean 0; what comes out of ReLU has no negative numbers.
    #expect(isBefore ? y.min().item == 0 && means.allSatisfy { $0 > 0.1 } : means.allSatisfy { abs($0) < 1e-12 })
  }

  @Test func constantFeaturesHaveFiniteGradients() {
    for placement in EpsilonPlacement.allCases {
      let layer = BatchNorm(2, epsilonPlacement: placement, dtype: .float64)
      let x = Tensor([[1.0, 5], [2, 5], [4, 5]])
      let (_, gradients, dx) = Self.training { valueWithGradient(of: layer, at: x) { (square($0($1))).sum() } }
      let all = dx.doubles + gradients.tensors.flatMap(\.doubles)
      #expect(all.allSatisfy { $0.isFinite }, "\(placement)")
    }
  }

  // MARK: Buffers

  @Test func buffersAreNoParameters() throws {
    let layer = BatchNorm(4)
    let model = Sequential([Dense(4, 4, hasBias: false), layer, Sequential([BatchNorm(4)])])
    #expect(model.namedParameters.map(\.name) == ["0.weight", "1.gamma", "1.beta", "2.0.gamma", "2.0.beta"])
    #expect(
      model.namedBuffers.map(\.name) == [
        "1.runningMean", "1.runningVariance", "2.0.runningMean", "2.0.runningVariance",
      ])
    #expect(model.parameters.count == 5 && model.parameterCount == 32)
    #expect(layer.runningMean.isBuffer && !layer.runningMean.isTrainable && !layer.gamma.isBuffer)
    // Frozen is something else.
    layer.gamma.isTrainable = false
    #expect(model.parameters.contains(layer.gamma) && model.namedBuffers.count == 4)
    let summary = try model.summary(inputShape: [1, 4])
    #expect(summary.parameterCount == 32 && summary.trainableCount == 28 && summary.bufferCount == 16)
    #expect(
      summary.description.hasSuffix(
        "32 parameters, of which 28 are trainable, and 16 non-trainable numbers in buffers; "
          + "3 layers with parameters (4 counting the input)"))
  }

  @Test(
    arguments: [(1.5, 1e-5), (-0.1, 1e-5), (.nan, 1e-5), (0.1, 0), (0.1, -1), (0.1, .infinity), (0.1, nil)]
      as [(Double, Double?)])
  func impossibleSettingsAreRefusedInFiles(momentum: Double, epsilon: Double?) {
    var configuration = BatchNorm(2).configuration
    configuration.settings["momentum"] = .number(momentum)
    configuration.settings["epsilon"] = epsilon.map { .number($0) }
    #expect(throws: ConfigurationError.self) { try LayerRegistry.standard.layer(configuration) }
  }
}
