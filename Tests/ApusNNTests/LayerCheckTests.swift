import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Every layer through the one harness; and the harness itself, on layers that are wrong on purpose.
@Suite struct LayerCheckTests {
  /// Activations whose derivative exists at every input that the harness draws, with their texts.
  static let activations: [LayerCheck] = (Activation.all + [.logSoftmax]).flatMap { activation -> [LayerCheck] in
    let name = "\(activation)"
    let suffix = activation == .identity ? "" : ", activation: \(name)"
    return [
      LayerCheck("ActivationLayer(\(name))", accepts: [[3, 4], [1, 2], [0, 3], [5], [2, 3, 4]]) { _ in
        ActivationLayer(activation)
      },
      LayerCheck("Dense(3, 2\(suffix))", accepts: [[4, 3], [1, 3], [0, 3]], refuses: [[4, 2], [3, 4], []]) {
        Dense(3, 2, activation: activation, dtype: $0)
      },
    ]
  }

  static let layers = simple + normalizations + attentions + shapes + containers

  static let simple: [LayerCheck] = [
    LayerCheck(
      "Dense(5, 4, hasBias: false)", accepts: [[2, 5], [1, 5], [0, 5], [5], [2, 3, 5], [2, 0, 5]],
      refuses: [[5, 4], [5, 1], []]
    ) { Dense(5, 4, hasBias: false, dtype: $0) },
    LayerCheck(
      "Dense(5, 4, activation: .leakyRelu(slope: 0.2))", accepts: [[2, 3, 5], [7, 5]], refuses: [[2, 5, 3]]
    ) { Dense(5, 4, activation: .leakyRelu(slope: 0.2), biases: .normal(standardDeviation: 1), dtype: $0) },
    LayerCheck("ActivationLayer(.elu(alpha: 0.5))", accepts: [[4, 4]]) { _ in ActivationLayer(.elu(alpha: 0.5)) },
    LayerCheck("Dropout(0.0)", accepts: [[4, 3], [0, 3], [5]]) { _ in Dropout(0) },
    LayerCheck("Dropout(0.3)", accepts: [[4, 3], [1, 3], [0, 3], [2, 3, 4]]) { _ in Dropout(0.3) },
    LayerCheck("Dropout(0.3)", accepts: [[4, 3], [1, 3], [0, 3], [2, 3, 4]], isTraining: true) { _ in Dropout(0.3) },
    LayerCheck("BatchNorm(3)", accepts: [[4, 3], [1, 3], [0, 3], [3], [2, 5, 4, 3]], refuses: [[3, 4], []]) {
      BatchNorm(3, dtype: $0)
    },
    LayerCheck(
      "BatchNorm(3, momentum: 0.5, epsilon: 0.001)", accepts: [[4, 3], [2, 3], [2, 2, 3]], refuses: [[4, 1]],
      isTraining: true
    ) { BatchNorm(3, momentum: 0.5, epsilon: 1e-3, dtype: $0) },
    LayerCheck(
      "BatchNorm(3, epsilon: 0.001, epsilonPlacement: .besideRoot)", accepts: [[4, 3], [2, 3], [2, 2, 3]],
      refuses: [[4, 1]], isTraining: true
    ) { BatchNorm(3, epsilon: 1e-3, epsilonPlacement: .besideRoot, dtype: $0) },
    LayerCheck("PReLU()", accepts: [[4, 3], [0, 3], [5], []]) { PReLU(dtype: $0) },
    LayerCheck("PReLU(3)", accepts: [[4, 3], [0, 3], [3], [2, 2, 3]], refuses: [[4, 1], []]) { PReLU(3, dtype: $0) },
    LayerCheck("GatedLinearUnit()", accepts: [[3, 4], [0, 2], [6]], refuses: [[3, 5], []]) { _ in GatedLinearUnit() },
    LayerCheck("GatedLinearUnit(gate: .silu)", accepts: [[3, 4], [2, 2, 6]], refuses: [[2, 1]]) { _ in
      GatedLinearUnit(gate: .silu)
    },
    LayerCheck("Flatten()", accepts: [[3, 2, 4], [1, 2, 4], [0, 2, 4], [5, 3], [7], [2, 0, 3]], refuses: [[]]) { _ in
      Flatten()
    },
    LayerCheck("Sequential()", accepts: [[3, 2], [0, 2], []]) { _ in Sequential([]) },
    LayerCheck(
      "Sequential(Flatten(), Dense(6, 5, activation: .tanh), Dropout(0.5), Sequential(Dense(5, 2)))",
      accepts: [[4, 2, 3], [1, 6], [0, 6]], refuses: [[4, 2, 4], [4, 5]], isTraining: true
    ) { dtype in
      Sequential {
        Flatten()
        Dense(6, 5, activation: .tanh, dtype: dtype)
        Dropout(0.5)
        Sequential { Dense(5, 2, dtype: dtype) }
      }
    },
  ]

  static let sequenceLayers: [LayerCheck] = [
    LayerCheck("Embedding(7, 3)", accepts: [[2, 5], [1], [0, 2], [], [2, 3, 4]], tokenCount: 7) {
      Embedding(7, 3, dtype: $0)
    },
    // The padding does not occur among the tokens: it has an effect, but no gradient.
    LayerCheck("Embedding(5, 2, paddingIndex: 4)", accepts: [[6], [2, 2]], tokenCount: 4) {
      Embedding(5, 2, paddingIndex: 4, dtype: $0)
    },
    LayerCheck("Masking()", accepts: [[2, 3, 4], [0, 2, 1], [1, 0, 2]], refuses: [[2, 3]]) { _ in Masking() },
    LayerCheck("Masking(-1.5)", accepts: [[2, 3, 4]]) { _ in Masking(-1.5) },
    LayerCheck("SimpleRNNCell(3, 4)", accepts: [[2, 3], [0, 3]], refuses: [[2, 4], [3], [2, 2, 3]]) {
      SimpleRNNCell(3, 4, dtype: $0)
    },
    LayerCheck("SimpleRNNCell(3, 4, activation: .relu, hasBias: false)", accepts: [[2, 3]]) {
      SimpleRNNCell(3, 4, activation: .relu, hasBias: false, dtype: $0)
    },
    LayerCheck("LSTMCell(3, 2)", accepts: [[2, 3], [0, 3]], refuses: [[2, 4], [3]]) { LSTMCell(3, 2, dtype: $0) },
    LayerCheck("GRUCell(3, 2)", accepts: [[2, 3], [0, 3]], refuses: [[2, 4], []]) { GRUCell(3, 2, dtype: $0) },
    LayerCheck("GRUCell(3, 2, hasBias: false)", accepts: [[2, 3]]) { GRUCell(3, 2, hasBias: false, dtype: $0) },
    LayerCheck(
      "SimpleRNN(3, 4)", accepts: [[2, 5, 3], [1, 1, 3], [0, 2, 3], [2, 0, 3]], refuses: [[2, 5, 4], [2, 3]]
    ) {
      SimpleRNN(3, 4, dtype: $0)
    },
    LayerCheck("SimpleRNN(3, 4, activation: .relu, layers: 2, returns: .last)", accepts: [[2, 4, 3], [1, 1, 3]]) {
      SimpleRNN(3, 4, activation: .relu, layers: 2, returns: .last, dtype: $0)
    },
    LayerCheck(
      "LSTM(3, 4)", accepts: [[2, 5, 3], [1, 1, 3], [0, 2, 3], [2, 0, 3]], refuses: [[2, 5, 4], [2, 3], []]
    ) {
      LSTM(3, 4, dtype: $0)
    },
    LayerCheck("LSTM(3, 17, hasBias: false)", accepts: [[2, 3, 3], [7, 2, 3]]) {
      LSTM(3, 17, hasBias: false, dtype: $0)
    },
    LayerCheck(
      "LSTM(3, 2, layers: 2, isBidirectional: true, dropout: 0.5, returns: .last)", accepts: [[2, 3, 3]],
      isTraining: true
    ) { LSTM(3, 2, layers: 2, isBidirectional: true, dropout: 0.5, returns: .last, dtype: $0) },
    LayerCheck("GRU(3, 4)", accepts: [[2, 5, 3], [1, 1, 3], [0, 2, 3], [2, 0, 3]], refuses: [[2, 5, 4], [3]]) {
      GRU(3, 4, dtype: $0)
    },
    LayerCheck("GRU(3, 9, layers: 2, isBidirectional: true)", accepts: [[2, 3, 3]]) {
      GRU(3, 9, layers: 2, isBidirectional: true, dtype: $0)
    },
  ]

  @Test(arguments: sequenceLayers) func sequenceLayerIsSound(check: LayerCheck) {
    #expect(check.problems() == [])
  }

  @Test(arguments: layers) func layerIsSound(check: LayerCheck) {
    #expect(check.problems() == [])
  }

  @Test(arguments: activations) func layerWithActivationIsSound(check: LayerCheck) {
    #expect(check.problems() == [])
  }

  @Test func everyKindIsChecked() {
    let kinds = Set(
      (Self.layers + Self.sequenceLayers + ImageLayerTests.checks).map { $0.description.prefix { $0 != "(" } })
    #expect(LayerRegistry.standard.kindNames.allSatisfy { kinds.contains($0[...]) })
  }

  // MARK: The harness finds mistakes

  /// Scales by a parameter; each mistake is one that a layer's author could make.
  private final class Wrong: ConfigurableLayer {
    enum Mistake: String, CaseIterable, Sendable {
      case promise, refusal, name, description, gradient, visit, buffer, configuration
    }
    let mistake: Mistake
    let scale: Parameter
    let calls: Parameter
    static var kind: String { "Dropout" }

    init(_ mistake: Mistake, _ dtype: DType) {
      self.mistake = mistake
      scale = Parameter(Tensor([2.0, 3, 4]).cast(to: dtype), name: "scale")
      calls = .buffer(Tensor(0.0).cast(to: dtype), name: "calls")
    }
    init(configuration: LayerConfiguration) throws { throw ConfigurationError("never read") }
    var configuration: LayerConfiguration {
      // Another kind of layer comes back; the correct layers cannot be read, either, but only this one says so.
      LayerConfiguration(kind: "Dropout", settings: ["probability": .number(0.25)])
    }

    func forward(_ x: Tensor) -> Tensor {
      let y = x * scale.value
      return mistake == .gradient ? y + x.stopGradient() : y
    }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape {
      guard input.last == 3 || mistake == .refusal else {
        throw mistake == .name
          ? ShapeError("layer", "\(input) is not as expected")
          : ShapeError(description, "\(input) found, expected (…, 3)")
      }
      return mistake == .promise ? [input.elementCount] : input
    }
    func visit(_ visitor: inout LayerVisitor) {
      if mistake != .visit { visitor.parameter("scale", scale) }
      if mistake != .buffer { visitor.buffer("calls", calls) }
    }
    var description: String { mistake == .description ? "Scale" : "Wrong()" }
  }

  @Test func harnessFindsMistakes() {
    let signs: [Wrong.Mistake: String] = [
      .promise: "promised", .refusal: "should be refused", .name: "lacks", .description: "the description is",
      .gradient: "gradients:", .visit: "visit finds", .buffer: "visit finds", .configuration: "the copy's parameters",
    ]
    for mistake in Wrong.Mistake.allCases {
      let problems = LayerCheck("Wrong()", accepts: [[2, 3]], refuses: [[2, 4]]) { Wrong(mistake, $0) }.problems()
      let others = problems.filter { !$0.contains("copy") }
      #expect(problems.contains { $0.contains(signs[mistake]!) }, "\(mistake): \(problems)")
      // One mistake, one complaint; the configuration is wrong in all of them.
      #expect(others.count == (mistake == .configuration ? 0 : 1), "\(mistake): \(others)")
    }
  }
}
