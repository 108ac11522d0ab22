import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Every loss against PyTorch: all reductions, weights, class weights, label smoothing; gradients, second derivatives, float32.
@Suite struct LossFixtureTests {
  private typealias Call =
    @Sendable (_ x: [Tensor], _ weights: Tensor?, _ a: Fixture.Attributes, LossReduction) -> Tensor

  private static let fixtures: [String: [Fixture]] = {
    let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    return Dictionary(grouping: try! Fixture.load("/\(folder)/Fixtures/losses.jsonl"), by: \.operation)
  }()
  static let names = fixtures.keys.sorted()

  private static let losses: [String: Call] = [
    "meanSquaredError": { x, w, _, r in meanSquaredError(x[0], target: x[1], weights: w, reduction: r) },
    "halfMeanSquaredError": { x, w, _, r in halfMeanSquaredError(x[0], target: x[1], weights: w, reduction: r) },
    "meanAbsoluteError": { x, w, _, r in meanAbsoluteError(x[0], target: x[1], weights: w, reduction: r) },
    "huber": { x, w, a, r in huberLoss(x[0], target: x[1], delta: a.delta.number!, weights: w, reduction: r) },
    "smoothL1": { x, w, a, r in smoothL1Loss(x[0], target: x[1], beta: a.beta.number!, weights: w, reduction: r) },
    "logCosh": { x, w, _, r in logCoshLoss(x[0], target: x[1], weights: w, reduction: r) },
    "poissonLog": { x, w, _, r in poissonLoss(logRates: x[0], target: x[1], weights: w, reduction: r) },
    "poisson": { x, w, _, r in poissonLoss(rates: x[0], target: x[1], weights: w, reduction: r) },
    "gaussian": { x, w, _, r in gaussianLoss(x[0], variance: x[1], target: x[2], weights: w, reduction: r) },
    "hinge": { x, w, _, r in hingeLoss(x[0], target: x[1], weights: w, reduction: r) },
    "squaredHinge": { x, w, _, r in squaredHingeLoss(x[0], target: x[1], weights: w, reduction: r) },
    "perceptron": { x, w, _, r in perceptronLoss(x[0], target: x[1], weights: w, reduction: r) },
    "binaryLogits": { x, w, _, r in binaryCrossEntropy(logits: x[0], target: x[1], weights: w, reduction: r) },
    "binaryProbabilities": { x, w, _, r in
      binaryCrossEntropy(probabilities: x[0], target: x[1], weights: w, reduction: r)
    },
    "binarySmooth": { x, w, a, r in
      binaryCrossEntropy(
        logits: x[0], target: x[1], labelSmoothing: a.smoothing.number!, weights: w, reduction: r)
    },
    "binaryPositive": { x, w, a, r in
      binaryCrossEntropy(
        logits: x[0], target: x[1], positiveWeights: Tensor(a.positive.number!).cast(to: x[0].dtype), weights: w,
        reduction: r)
    },
    "softmaxLabels": { x, w, a, r in
      softmaxCrossEntropy(
        logits: x[0], labels: x[1], labelSmoothing: a.smoothing.number!, classWeights: classWeights(a, x[0]),
        weights: w, reduction: r)
    },
    "softmaxTarget": { x, w, a, r in
      softmaxCrossEntropy(
        logits: x[0], target: x[1], labelSmoothing: a.smoothing.number!, classWeights: classWeights(a, x[0]),
        weights: w, reduction: r)
    },
    "negativeLogLikelihood": { x, w, a, r in
      negativeLogLikelihood(
        logProbabilities: x[0], labels: x[1], classWeights: classWeights(a, x[0]), weights: w, reduction: r)
    },
    "categoricalLabels": { x, w, _, r in
      categoricalCrossEntropy(probabilities: x[0], labels: x[1], weights: w, reduction: r)
    },
    "categoricalTarget": { x, w, _, r in
      categoricalCrossEntropy(probabilities: x[0], target: x[1], weights: w, reduction: r)
    },
    "kullbackLeibler": { x, w, _, r in
      kullbackLeiblerDivergence(logProbabilities: x[0], target: x[1], weights: w, reduction: r)
    },
    "cosine": { x, w, _, r in cosineLoss(x[0], target: x[1], weights: w, reduction: r) },
  ]

  private static func classWeights(_ a: Fixture.Attributes, _ z: Tensor) -> Tensor? {
    a.classWeights.int == 1 ? Tensor([0.5, 2, 1, 0.25]).cast(to: z.dtype) : nil
  }

  private static func call(_ fixture: Fixture, _ x: [Tensor]) -> Tensor {
    let reductions: [String: LossReduction] = ["none": .none, "sum": .sum, "mean": .mean]
    let isWeighted = fixture.attributes.weighted.int == 1
    return losses[fixture.operation]!(
      isWeighted ? x.dropLast() : x, isWeighted ? x.last : nil, fixture.attributes,
      reductions[fixture.attributes.reduction.string!]!)
  }

  @Test func everyLossHasFixtures() {
    #expect(Self.names == Self.losses.keys.sorted())
    #expect(Self.fixtures.values.map(\.count).reduce(0, +) == 219)
  }

  @Test(arguments: names) func valuesAndGradients(name: String) throws {
    for fixture in try #require(Self.fixtures[name]) {
      let x = fixture.inputs.map { $0.tensor() }
      let expected = fixture.outputs[0].tensor()
      #expect(difference(Self.call(fixture, x), expected, 1e-13) == nil, "\(fixture)")
      let single = Self.call(fixture, fixture.inputs.map { $0.tensor(as: $0.dtype == .float64 ? .float32 : nil) })
      #expect(single.dtype == .float32 && difference(single, expected, 5e-6) == nil, "\(fixture)")
      for (i, gradient) in (fixture.gradients ?? []).enumerated() {
        guard let gradient, let weights = fixture.weights?[0] else { continue }
        let w = Tensor(weights, shape: expected.shape)
        let found = ApusCore.gradient(at: x[i]) { variable in
          var inputs = x
          inputs[i] = variable
          return (Self.call(fixture, inputs) * w).sum()
        }
        #expect(difference(found, gradient, 1e-12) == nil, "\(fixture), input \(i)")
      }
    }
  }

  /// First and second derivatives are finite differences. The inputs of the fixtures lie away from kinks, or the loss has none.
  @Test(arguments: names) func derivatives(name: String) throws {
    let hasKinks = ["meanAbsoluteError", "huber", "smoothL1", "hinge", "squaredHinge", "perceptron"].contains(name)
    for fixture in try #require(Self.fixtures[name]) where !hasKinks {
      let x = fixture.inputs.map { $0.tensor() }
      guard let gradients = fixture.gradients else { continue }
      let chosen = gradients.indices.filter { gradients[$0] != nil }
      func loss(_ variables: [Tensor]) -> Tensor {
        var inputs = x
        for (i, variable) in zip(chosen, variables) { inputs[i] = variable }
        return Self.call(fixture, inputs)
      }
      let second = checkSecondGradients(of: loss, at: chosen.map { x[$0] })
      #expect(second.isPassed, "\(fixture): \(second)")
    }
  }

  /// A program gives eager's bits, for the loss and its gradient.
  @Test(arguments: names) func programsGiveTheSameBits(name: String) throws {
    for fixture in try #require(Self.fixtures[name]) {
      let x = fixture.inputs.map { $0.tensor(as: $0.dtype == .float64 ? .float32 : nil) }
      func step(_ x: [Tensor]) -> [Tensor] {
        let (value, gradient) = valueWithGradient(at: x[0]) { Self.call(fixture, [$0] + x.dropFirst()).sum() }
        return [value, gradient]
      }
      let program = Program(name) { step($0) }
      let eager = step(x)
      for run in 0..<2 {
        let found = try program(x)
        for (a, b) in zip(found, eager) { #expect(a.floats == b.floats, "\(fixture), run \(run)") }
      }
    }
  }
}
