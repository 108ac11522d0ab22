import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Outputs, states and all gradients as PyTorch computes them: every cell, one and two layers and directions, sequences of different
/// lengths, and states that are carried (checklist M3, M4).
@Suite("Recurrent layers against PyTorch") struct RecurrentFixtureTests {
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let kind: String
    let seed: UInt32
    let n, steps, inputs, units, layers: Int
    let isBidirectional, hasBias: Bool
    let lengths: [Int]?
    let carries: Bool
    let lastOnly: Bool
    let output: [Double]
    let state: [[Double]]
    let inputGradient: [Double]
    let stateGradients: [[Double]]
    let gradients: [String: [Double]]
    var testDescription: String { "\(kind) \(seed)" }
    var cellCount: Int { layers * (isBidirectional ? 2 : 1) }
  }

  static let cases: [Case] = (try? fixture("recurrent.json")) ?? []

  /// What the script draws, in its order.
  private struct Draws {
    private var random: NumPyRandomState
    init(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }
    mutating func callAsFunction(_ shape: Shape) -> Tensor {
      Tensor(random.randn(count: shape.elementCount).map { Double(Float(0.5 * $0)) }, shape: shape)
    }
  }

  private typealias Run = (_ x: Tensor, _ state: [Tensor]?, _ lengths: Tensor?) -> (output: Tensor, state: [Tensor])

  /// The layer with PyTorch's parameters, and how it is called.
  private func makeLayer(_ c: Case, _ state: [String: Tensor], _ dtype: DType) throws -> (any Layer, Run) {
    switch c.kind {
    case "lstm":
      let layer = LSTM(
        c.inputs, c.units, layers: c.layers, isBidirectional: c.isBidirectional, hasBias: c.hasBias,
        dtype: dtype)
      try layer.load(pyTorch: state)
      return (
        layer,
        { x, state, lengths in
          let (y, last) = layer(x, state: state.map { LSTMState(hidden: $0[0], cell: $0[1]) }, lengths: lengths)
          return (y, [last.hidden, last.cell])
        }
      )
    case "gru":
      let layer = GRU(
        c.inputs, c.units, layers: c.layers, isBidirectional: c.isBidirectional, hasBias: c.hasBias,
        dtype: dtype)
      try layer.load(pyTorch: state)
      return (
        layer,
        { x, state, lengths in
          let (y, last) = layer(x, state: state?[0], lengths: lengths)
          return (y, [last])
        }
      )
    default:
      let layer = SimpleRNN(
        c.inputs, c.units, activation: try #require(SimpleRNN.Activation(rawValue: c.kind)), layers: c.layers,
        isBidirectional: c.isBidirectional, hasBias: c.hasBias,
        dtype: dtype)
      try layer.load(pyTorch: state)
      return (
        layer,
        { x, state, lengths in
          let (y, last) = layer(x, state: state?[0], lengths: lengths)
          return (y, [last])
        }
      )
    }
  }

  @Test("there are cases of every cell") func coverage() {
    #expect(Set(Self.cases.map(\.kind)) == ["tanh", "relu", "lstm", "gru"] && Self.cases.count == 36)
  }

  @Test("M3, M4: outputs, states and gradients", arguments: cases, [DType.float64, .float32])
  func agrees(c: Case, dtype: DType) throws {
    let tolerance = dtype == .float64 ? 1e-12 : 1e-5
    var draw = Draws(c.seed)
    var parameters: [String: Tensor] = [:]
    let gates = ["lstm": 4, "gru": 3][c.kind] ?? 1
    for layer in 0..<c.layers {
      for direction in 0..<(c.isBidirectional ? 2 : 1) {
        let suffix = "_l\(layer)" + (direction == 1 ? "_reverse" : "")
        let inputs = layer == 0 ? c.inputs : c.units * (c.isBidirectional ? 2 : 1)
        parameters["weight_ih" + suffix] = draw([gates * c.units, inputs])
        parameters["weight_hh" + suffix] = draw([gates * c.units, c.units])
        guard c.hasBias else { continue }
        parameters["bias_ih" + suffix] = draw([gates * c.units])
        parameters["bias_hh" + suffix] = draw([gates * c.units])
      }
    }
    let (layer, run) = try makeLayer(c, parameters, dtype)
    let x = draw([c.n, c.steps, c.inputs]).cast(to: dtype)
    let stateCount = c.kind == "lstm" ? 2 : 1
    let state = c.carries ? (0..<stateCount).map { _ in draw([c.cellCount, c.n, c.units]).cast(to: dtype) } : []
    let width = c.units * (c.isBidirectional ? 2 : 1)
    let outputWeights = draw([c.n, c.steps, width]).cast(to: dtype)
    let stateWeights = (0..<stateCount).map { _ in draw([c.cellCount, c.n, c.units]).cast(to: dtype) }
    let lengths = c.lengths.map { Tensor($0.map(Int64.init)) }

    var results: [Tensor] = []
    let (_, gradients, inputGradients) = valueWithGradient(of: layer.parameters, at: [x] + state) { inputs in
      let (y, last) = run(inputs[0], c.carries ? Array(inputs[1...]) : nil, lengths)
      results = ([y] + last).map { $0.stopGradient() }
      var loss = zip(last, stateWeights).map { ($0 * $1).sum() }.reduce(Tensor(0.0).cast(to: dtype), +)
      if !c.lastOnly { loss = loss + (y * outputWeights).sum() }
      return loss
    }
    #expect(difference(results[0], c.output, tolerance) == nil)
    for (found, expected) in zip(results[1...], c.state) { #expect(difference(found, expected, tolerance) == nil) }
    #expect(difference(inputGradients[0], c.inputGradient, tolerance) == nil)
    for (found, expected) in zip(inputGradients[1...], c.stateGradients) {
      #expect(difference(found, expected, tolerance) == nil)
    }
    // The parameters of each cell: weights, the bias, and for a GRU the last third of PyTorch's second bias.
    let perCell = !c.hasBias ? 2 : gates == 3 ? 4 : 3
    #expect(gradients.count == perCell * c.cellCount)
    for cell in 0..<c.cellCount {
      let (number, direction) = cell.quotientAndRemainder(dividingBy: c.isBidirectional ? 2 : 1)
      let suffix = "_l\(number)" + (direction == 1 ? "_reverse" : "")
      for (i, name) in ["weight_ih", "weight_hh", "bias_ih"].prefix(perCell).enumerated() {
        let expected = try #require(c.gradients[name + suffix])
        #expect(difference(gradients[cell * perCell + i], expected, tolerance) == nil, "\(name)\(suffix)")
      }
      if perCell == 4 {
        let expected = try #require(c.gradients["bias_hh" + suffix])
        #expect(difference(gradients[cell * perCell + 3], Array(expected.suffix(c.units)), tolerance) == nil)
      }
    }
  }

  @Test("a state dictionary that does not fit is refused in one sentence") func refusals() {
    let layer = LSTM(2, 3)
    func error(_ state: [String: Tensor]) -> String? {
      do { try layer.load(pyTorch: state) } catch { return "\(error)" }
      return nil
    }
    #expect(error([:]) == "LSTM(2, 3): there is no tensor 'weight_ih_l0'")
    #expect(
      error(["weight_ih_l0": .zeros([12, 3])])
        == "LSTM(2, 3): 'weight_ih_l0' is float32(12, 3); expected floating point of shape (12, 2)")
    let plain = GRU(2, 3, hasBias: false)
    #expect(throws: ConfigurationError.self) {
      try plain.load(
        pyTorch: ["weight_ih_l0": .zeros([9, 2]), "weight_hh_l0": .zeros([9, 3]), "bias_ih_l0": .zeros([9])])
    }
  }
}
