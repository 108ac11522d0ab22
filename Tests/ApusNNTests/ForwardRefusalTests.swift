import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// What the shape rule refuses, `forward` refuses too: the program stops with a sentence that names the layer, the shape and what was
/// expected, and nothing is computed from a wrong shape.
@Suite struct ForwardRefusalTests {
  /// The layers of the harness that refuse something, each in a process of its own.
  static let checks = (LayerCheckTests.layers + LayerCheckTests.sequenceLayers + ImageLayerTests.checks)
    .filter { $0.refusals > 0 }

  @Test(arguments: checks.indices) func forwardStops(number: Int) async {
    let check = Self.checks[number]
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [number] in
      ForwardRefusalTests.checks[number].runRefused(0)
    }
    let text = standardError(of: result)
    // The rule's own sentence; or that of the operation that does the work, inside the layer.
    let isRule = check.refusal(0).map(text.contains) == true
    #expect(isRule || (text.contains(check.description) && text.contains("expected")), "\(check): \(text)")
  }

  @Test("pooling of another number of axes stops with the rule's own sentence") func pools() async {
    let maxima = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = MaxPool2D(2)(Tensor.zeros([2, 4, 3]))
    }
    #expect(
      standardError(of: maxima).contains(
        "MaxPool2D(2): an input of shape (2, 4, 3) was found; expected (n, height, width, channels)"))
    let means = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = AveragePool2D(2)(Tensor.zeros([2, 4, 4, 4, 3]))
    }
    #expect(
      standardError(of: means).contains(
        "AveragePool2D(2): an input of shape (2, 4, 4, 4, 3) was found; expected (n, height, width, channels)"))
  }

  @Test("an empty batch has no statistics to train with") func emptyBatchNorm() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var random = RandomSource(seed: 1)
      _ = withTraining(random: &random) { BatchNorm(3)(Tensor.zeros([0, 3])) }
    }
    #expect(standardError(of: result).contains("an input of shape (0, 3) was found; training expected at least 2"))
  }
}
