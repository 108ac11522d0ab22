import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusModels
@testable import ApusNN
@testable import ApusTraining

/// Truncated back-propagation through time: the memory goes from batch to batch, its gradient does not.
@Suite("M3, M4: truncated back-propagation through time") struct TruncatedTrainingTests {
  enum Cell: String, CaseIterable { case simple, lstm, gru }

  /// One recurrent layer with its memory as a list of tensors (1, n, units), whatever its kind.
  private final class Recurrent: Layer {
    let layer: any Layer
    let units: Int
    init(_ cell: Cell, _ inputs: Int, _ units: Int, dtype: DType = .float32) {
      self.units = units
      layer =
        switch cell {
        case .simple: SimpleRNN(inputs, units, dtype: dtype)
        case .lstm: LSTM(inputs, units, dtype: dtype)
        case .gru: GRU(inputs, units, dtype: dtype)
        }
    }
    func forward(_ x: Tensor) -> Tensor { layer(x) }
    func run(_ x: Tensor, _ memory: [Tensor]?) -> (output: Tensor, memory: [Tensor]) {
      switch layer {
      case let layer as SimpleRNN:
        let (h, state) = layer(x, state: memory?[0])
        return (h, [state])
      case let layer as GRU:
        let (h, state) = layer(x, state: memory?[0])
        return (h, [state])
      default:
        let (h, state) = (layer as! LSTM)(x, state: memory.map { LSTMState(hidden: $0[0], cell: $0[1]) })
        return (h, [state.hidden, state.cell])
      }
    }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape { try layer.outputShape(for: input) }
  }

  /// A language model that is made by hand.
  private final class Model: Layer {
    let embedding = Embedding(7, 12)
    let recurrent: Recurrent
    let head = Dense(20, 7)
    init(_ cell: Cell) { recurrent = Recurrent(cell, 12, 20) }
    func forward(_ x: Tensor) -> Tensor { logits(x, nil).logits }
    func logits(_ x: Tensor, _ memory: [Tensor]?) -> (logits: Tensor, memory: [Tensor]) {
      let (h, memory) = recurrent.run(embedding(x), memory)
      return (head(h), memory)
    }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape { [input[0], input[1], 7] }
  }

  private static let text = TokenText(
    "squares", tokens: (0..<400).map { ($0 * $0 + 3 * $0) % 7 }, vocabulary: (0..<7).map(String.init))

  /// The losses, as bits, of going through two streams of the text with clipped gradients, and the memory at the end.
  private static func train<L: Layer>(
    _ model: L, isEager: Bool, carries: Bool = true, start: [Tensor], gradientName: String,
    _ logits: @escaping (L, Tensor, [Tensor]) -> (logits: Tensor, memory: [Tensor])
  ) throws -> (losses: [UInt32], end: [[Float]]) {
    let optimizer = Adam(learningRate: 1e-2)
    let step = Program("step", isEager: isEager) { inputs in
      var next: [Tensor] = []
      let (loss, gradients) = valueWithGradient(of: model) { model in
        let (logits, memory) = logits(model, inputs[0], Array(inputs[2...]))
        next = memory.map { $0.stopGradient() }
        return softmaxCrossEntropy(logits: logits, labels: inputs[1])
      }
      optimizer.update(model, gradients.clipped(.globalNorm(0.5)))
      return [loss] + next
    }
    var memory = start
    var losses: [UInt32] = []
    var random = RandomSource(seed: 8)
    for (x, y) in try text.streams(count: 2, length: 8) {
      let results = try withTraining(random: &random) { try step([x, y] + memory) }
      losses.append(results[0].floats[0].bitPattern)
      if carries { memory = Array(results[1...]) }
    }
    #expect(losses.count == 24)
    if !isEager { #expect(step.description.contains(gradientName), "\(step.description)") }
    return (losses, memory.map(\.floats))
  }

  @Test("a program trains as single operations do, to the bit", arguments: Cell.allCases)
  func program(cell: Cell) throws {
    func train(isEager: Bool, carries: Bool = true) throws -> (losses: [UInt32], end: [[Float]]) {
      try Self.train(
        withSeed(6) { Model(cell) }, isEager: isEager, carries: carries,
        start: Array(repeating: .zeros([1, 2, 20]), count: cell == .lstm ? 2 : 1),
        gradientName: "\(cell == .simple ? "simpleRNN" : cell.rawValue)Gradient"
      ) { $0.logits($1, $2) }
    }
    let (program, eager) = (try train(isEager: false), try train(isEager: true))
    #expect(program.losses == eager.losses && program.end == eager.end)
    #expect(try train(isEager: false, carries: false).losses != program.losses)
  }

  /// Two layers with dropout between them.
  @Test("language models train likewise on streams of tokens", arguments: RecurrentLanguageModel.Cell.allCases)
  func languageModels(cell: RecurrentLanguageModel.Cell) throws {
    func train(isEager: Bool, carries: Bool = true) throws -> (losses: [UInt32], end: [[Float]]) {
      let model = withSeed(6) {
        RecurrentLanguageModel(cell, vocabulary: 7, features: 12, units: 20, layers: 2, dropout: 0.1)
      }
      return try Self.train(
        model, isEager: isEager, carries: carries, start: model.emptyMemory(2), gradientName: "\(cell.rawValue)Gradient"
      ) { $0.logits($1, memory: $2) }
    }
    let (program, eager) = (try train(isEager: false), try train(isEager: true))
    #expect(program.losses == eager.losses && program.end == eager.end)
    #expect(try train(isEager: false, carries: false).losses != program.losses)
  }

  @Test(
    "no gradient flows through a truncated state, and the whole one through a state that is not",
    arguments: Cell.allCases)
  func truncation(cell: Cell) {
    let layer = withSeed(2) { Recurrent(cell, 3, 4, dtype: .float64) }
    var random = RandomSource(seed: 1)
    let x = Tensor.randomNormal([2, 6, 3], dtype: .float64, using: &random)
    func gradient(truncates: Bool) -> [Double] {
      ApusCore.gradient(at: x) { x in
        let (_, memory) = layer.run(x[.all, 0..<3], nil)
        return layer.run(x[.all, 3...], truncates ? memory.map { $0.stopGradient() } : memory).output.sum()
      }.doubles
    }
    let (cut, through) = (gradient(truncates: true), gradient(truncates: false))
    let whole = ApusCore.gradient(at: x) { layer($0)[.all, 3...].sum() }.doubles
    for (i, (a, b)) in zip(cut, through).enumerated() {
      let isFirstHalf = i / 3 % 6 < 3
      #expect(isFirstHalf ? a == 0 && b != 0 : abs(a - b) < 1e-14)
      #expect(abs(b - whole[i]) < 1e-14)
    }
  }
}
