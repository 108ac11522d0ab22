import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// Truncated back-propagation through time (M3): the state goes from batch to batch, its gradient does not.
@Suite("Truncated back-propagation through time") struct TruncatedTrainingTests {
  private static let tokens = (0..<400).map { Int32(($0 * $0 + 3 * $0) % 7) }

  private static func window(_ start: Int) -> (x: Tensor, y: Tensor) {
    // Two streams, each continuing where it was.
    let streams = [0, 200].map { Array(tokens[($0 + start)..<($0 + start + 9)]) }
    func part(_ range: Range<Int>) -> Tensor { Tensor(streams.flatMap { $0[range] }, shape: [2, 8]) }
    return (part(0..<8), part(1..<9))
  }

  private final class Model: Layer {
    let embedding = Embedding(7, 12)
    let lstm = LSTM(12, 20)
    let head = Dense(20, 7)
    func forward(_ x: Tensor) -> Tensor { run(x, nil).logits }
    func run(_ x: Tensor, _ state: LSTMState?) -> (logits: Tensor, state: LSTMState) {
      let (h, state) = lstm(embedding(x), state: state)
      return (head(h), state)
    }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape { [input[0], input[1], 7] }
  }

  /// The losses of twenty windows, with the state carried and clipped gradients.
  private static func train(isEager: Bool, carries: Bool = true) throws -> (losses: [UInt32], end: [Float]) {
    let model = withSeed(6) { Model() }
    let optimizer = Adam(learningRate: 1e-2)
    let step = Program("step", isEager: isEager) { inputs in
      let (x, y, hidden, cell) = (inputs[0], inputs[1], inputs[2], inputs[3])
      var next: LSTMState?
      let (loss, gradients) = valueWithGradient(of: model) { model in
        let (logits, state) = model.run(x, LSTMState(hidden: hidden, cell: cell))
        next = state.stopGradient()
        return softmaxCrossEntropy(logits: logits, labels: y)
      }
      optimizer.update(model, gradients.clipped(.globalNorm(0.5)))
      return [loss, next!.hidden, next!.cell]
    }
    var (hidden, cell) = (Tensor.zeros([1, 2, 20]), Tensor.zeros([1, 2, 20]))
    var losses: [UInt32] = []
    for number in 0..<20 {
      let (x, y) = window(number * 8)
      let results = try step([x, y, hidden, cell])
      losses.append(results[0].floats[0].bitPattern)
      if carries { (hidden, cell) = (results[1], results[2]) }
    }
    if !isEager { #expect(step.description.contains("lstmGradient")) }
    return (losses, hidden.floats)
  }

  @Test("a program trains as single operations do, to the bit") func program() throws {
    let (program, eager) = (try Self.train(isEager: false), try Self.train(isEager: true))
    #expect(program.losses == eager.losses && program.end == eager.end)
    #expect(try Self.train(isEager: false, carries: false).losses != program.losses)
  }

  @Test("no gradient flows through a truncated state, and the whole one through a state that is not") func truncation()
  {
    let lstm = withSeed(2) { LSTM(3, 4, dtype: .float64) }
    var random = RandomSource(seed: 1)
    let x = Tensor.randomNormal([2, 6, 3], dtype: .float64, using: &random)
    func gradient(_ body: @escaping (Tensor, LSTMState) -> Tensor, truncates: Bool) -> [Double] {
      ApusCore.gradient(at: x) { x in
        let (_, state) = lstm(x[.all, 0..<3], state: nil)
        return body(x, truncates ? state.stopGradient() : state)
      }.doubles
    }
    func second(_ x: Tensor, _ state: LSTMState) -> Tensor { lstm(x[.all, 3...], state: state).output.sum() }
    let (cut, through) = (gradient(second, truncates: true), gradient(second, truncates: false))
    let whole = ApusCore.gradient(at: x) { lstm($0, state: nil).output[.all, 3...].sum() }.doubles
    for (i, (a, b)) in zip(cut, through).enumerated() {
      let isFirstHalf = i / 3 % 6 < 3
      #expect(isFirstHalf ? a == 0 && b != 0 : abs(a - b) < 1e-14)
      #expect(abs(b - whole[i]) < 1e-14)
    }
  }
}
