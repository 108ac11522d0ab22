import Testing

@testable import Apus
@testable import ApusCore
@testable import ApusExplain

/// What cannot be explained: one sentence that names it.
@Suite("Explain: what cannot be explained") struct ExplanationErrorTests {
  private let x = Tensor([[1.0, 2]])
  private let small = Sequential([Dense(2, 1)])

  private func expectError(
    _ part: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Explanation
  ) {
    do {
      _ = try body()
      Issue.record("no error", sourceLocation: sourceLocation)
    } catch let error as ExplanationError {
      #expect(error.description.contains(part), "\(error)", sourceLocation: sourceLocation)
      #expect(!error.description.hasSuffix(".") && !error.description.contains("\n"), sourceLocation: sourceLocation)
    } catch { Issue.record("\(error)", sourceLocation: sourceLocation) }
  }

  @Test func layers() {
    expectError("layer 1, LayerNorm(3)") {
      try Explanation(of: Sequential([Dense(2, 3), LayerNorm(3), Dense(3, 1)]), features: x)
    }
    expectError("layer 0.1, Flatten") {
      try Explanation(of: Sequential([Sequential([Dense(2, 3), Flatten()])]), features: x)
    }
    expectError("layer 0, ActivationLayer(.relu) does not follow a dense layer") {
      try Explanation(of: Sequential([ActivationLayer(.relu), Dense(2, 3)]), features: x)
    }
    expectError("layer 1, ActivationLayer(.relu)") {
      try Explanation(of: Sequential([Dense(2, 3, activation: .tanh), ActivationLayer(.relu)]), features: x)
    }
    expectError("layer 0, Dense(2, 3, activation: .softmax) has the activation .softmax") {
      try Explanation(of: Sequential([Dense(2, 3, activation: .softmax), Dense(3, 1)]), features: x)
    }
    expectError("no dense layer") { try Explanation(of: Sequential([Dropout(0.5)]), features: x) }
    expectError("layer 1, Dense(4, 1) has 4 inputs, but the layer before it has 3 units") {
      try Explanation(of: Sequential([Dense(2, 3), Dense(4, 1)]), features: x)
    }
    let shared = Dense(2, 2)
    expectError("layer 1, Dense(2, 2) shares its weights") {
      try Explanation(of: Sequential([shared, shared]), features: x)
    }
    expectError("401 parameters") { try Explanation(of: Sequential([Dense(400, 1)]), features: .zeros([1, 400])) }
  }

  @Test func whatIsAllowed() throws {
    let large = try Explanation(of: Sequential([Dense(400, 1)]), features: .zeros([1, 400]), limit: 401)
    #expect(large.layers[0].inputs == 400)
    // Dropout does nothing when predicting; an activation may be a layer of its own; containers may be nested.
    let model = Sequential([Sequential([Dense(2, 3), ActivationLayer(.tanh)]), Dropout(0.5), Dense(3, 1)])
    #expect(try Explanation(of: model, features: x).layers.map(\.activation) == [.tanh, .identity])
    // A vector is one example.
    #expect(try Explanation(of: small, features: Tensor([1.0, 2])).exampleCount == 1)
  }

  @Test func losses() {
    let squashed = Sequential([Dense(2, 1, activation: .tanh)])
    expectError("layer 0, Dense(2, 1, activation: .tanh) ends the network with .tanh") {
      try Explanation(of: squashed, loss: .binaryCrossEntropy, features: x, targets: Tensor([[1.0]]))
    }
    expectError("ends the network with .tanh; the loss softmaxCrossEntropy") {
      try Explanation(of: squashed, loss: .softmaxCrossEntropy, features: x, targets: Tensor([[1.0]]))
    }
    expectError("has the activation .softmax") {
      let model = Sequential([Dense(2, 2, activation: .softmax)])
      return try Explanation(of: model, loss: .halfSquaredError, features: x, targets: Tensor([[1.0, 0]]))
    }
    expectError("targets but no loss") { try Explanation(of: small, features: x, targets: Tensor([[1.0]])) }
  }

  @Test func examples() {
    expectError("expected 2 for each example") { try Explanation(of: small, features: Tensor([[1.0, 2, 3]])) }
    expectError("expected a matrix or a vector") { try Explanation(of: small, features: .zeros([1, 1, 2])) }
    expectError("no examples") { try Explanation(of: small, features: .zeros([0, 2])) }
    expectError("402 numbers") { try Explanation(of: small, features: .zeros([201, 2])) }
    expectError("not finite") { try Explanation(of: small, features: Tensor([[1.0, .infinity]])) }
    let large = Dense(2, 1, dtype: .float64)
    large.weight.value = Tensor([[1e308, 1e308]])
    expectError("outputs are not finite") {
      try Explanation(of: Sequential([large]), features: Tensor([[10.0, 10]]))
    }
  }

  @Test func targets() {
    func explained(_ loss: Explanation.Loss, _ outputs: Int, _ targets: Tensor) throws -> Explanation {
      try Explanation(of: Sequential([Dense(2, outputs)]), loss: loss, features: x, targets: targets)
    }
    expectError("expected 1 for each of 1 examples") { try explained(.halfSquaredError, 1, Tensor([[1.0, 2]])) }
    expectError("not finite") { try explained(.halfSquaredError, 1, Tensor([[Double.nan]])) }
    expectError("found 2.0") { try explained(.binaryCrossEntropy, 1, Tensor([[2.0]])) }
    expectError("from 0 to 2") { try explained(.softmaxCrossEntropy, 3, Tensor([Int32(3)])) }
    expectError("sum to 1") { try explained(.softmaxCrossEntropy, 3, Tensor([[0.5, 0.2, 0.1]])) }
  }

  @Test("a saturated output gives the stable cost and gradients") func saturation() throws {
    let dense = Dense(1, 1, dtype: .float64)
    dense.weight.value = Tensor([[1.0]])
    let explanation = try Explanation(
      of: Sequential([dense]), loss: .binaryCrossEntropy, features: Tensor([[-800.0]]), targets: Tensor([[1.0]]))
    #expect(explanation.cost == 800)
    #expect(explanation["dz^[1]"]?.doubles == [-1])
    #expect(!explanation.text().isEmpty)
  }
}
