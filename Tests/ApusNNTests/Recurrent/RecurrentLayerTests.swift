import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite("Recurrent layers") struct RecurrentLayerTests {
  /// Every parameter of a layer set to the same number, biases to 0.
  private func fill(_ layer: any Layer, with value: Double) {
    for (name, parameter) in layer.namedParameters {
      let isBias = name.lowercased().hasSuffix("bias")
      parameter.value = Tensor(filledWith: isBias ? 0 : value, shape: parameter.shape, dtype: parameter.dtype)
    }
  }

  private let x = Tensor([1.0, 2, 3], shape: [1, 3, 1])
  private let rnn = [0.462117157, 0.842886103, 0.958036041]
  private let lstm = [(0.174269719, 0.287649137), (0.500859380, 0.810271017), (0.770023295, 1.492456759)]
  private let gru = [0.174468021, 0.329078112, 0.424278037]

  @Test("N-30: the worked numbers of the cells, all weights ½, x = 1, 2, 3") func workedNumbers() {
    let rnnLayer = SimpleRNN(1, 1, dtype: .float64)
    let lstmLayer = LSTM(1, 1, dtype: .float64)
    let gruLayer = GRU(1, 1, dtype: .float64)
    for layer in [rnnLayer, lstmLayer, gruLayer] as [any Layer] { fill(layer, with: 0.5) }
    #expect(difference(rnnLayer(x), rnn, 1e-9) == nil)
    #expect(difference(lstmLayer(x), lstm.map(\.0), 1e-9) == nil)
    #expect(difference(gruLayer(x), gru, 1e-9) == nil)
    #expect(difference(lstmLayer(x, state: nil).state.cell, [lstm[2].1], 1e-9) == nil)
  }

  @Test("N-30: step by step with the cells") func workedNumbersByCells() {
    let rnnCell = SimpleRNNCell(1, 1, dtype: .float64)
    let lstmCell = LSTMCell(1, 1, dtype: .float64)
    let gruCell = GRUCell(1, 1, dtype: .float64)
    for layer in [rnnCell, lstmCell, gruCell] as [any Layer] { fill(layer, with: 0.5) }
    var (h, state, g): (Tensor?, LSTMState?, Tensor?)
    for (step, x) in x.unstacked(axis: 1).enumerated() {
      h = rnnCell(x, state: h)
      state = lstmCell(x, state: state)
      g = gruCell(x, state: g)
      #expect(abs(h!.item - rnn[step]) < 1e-9)
      #expect(abs(state!.hidden.item - lstm[step].0) < 1e-9 && abs(state!.cell.item - lstm[step].1) < 1e-9)
      #expect(abs(g!.item - gru[step]) < 1e-9)
    }
  }

  @Test("M4: a sequence in two parts with the carried state is the sequence as a whole") func carriedState() {
    let x = normal([3, 7, 4], seed: 1)
    let lstm = withSeed(2) { LSTM(4, 5, layers: 2, dtype: .float64) }
    let (whole, last) = lstm(x, state: nil)
    let (first, state) = lstm(x[.all, 0..<4], state: nil)
    let (second, end) = lstm(x[.all, 4...], state: state)
    #expect(difference(concatenate([first, second], axis: 1), whole, 1e-14) == nil)
    #expect(difference(end.hidden, last.hidden, 1e-14) == nil && difference(end.cell, last.cell, 1e-14) == nil)
    let gru = withSeed(2) { GRU(4, 5, dtype: .float64) }
    let (all, final) = gru(x, state: nil)
    var (h, parts): (Tensor?, [Tensor]) = (nil, [])
    for t in 0..<7 {
      // One step at a time goes another way through the library.
      let (y, new) = gru(x[.all, t...t], state: h)
      parts.append(y)
      h = new
    }
    #expect(difference(concatenate(parts, axis: 1), all, 1e-14) == nil && difference(h!, final, 1e-14) == nil)
  }

  @Test("M3: what lies beyond a sequence's end changes nothing, and each sequence is as if it were alone")
  func lengths() {
    let layer = withSeed(3) { LSTM(2, 3, layers: 2, isBidirectional: true, dtype: .float64) }
    let x = normal([3, 6, 2], seed: 5)
    let lengths = [4, 6, 1]
    let (y, state) = layer(x, state: nil, lengths: Tensor(lengths.map(Int32.init)))
    var garbage = x
    for (i, length) in lengths.enumerated() where length < 6 {
      let mask =
        (Tensor.range(0..<6) .>= Double(length)).reshaped([1, 6, 1])
        .& (Tensor.range(0..<3) .== Double(i)).reshaped([3, 1, 1])
      garbage = garbage.replacing(where: mask.broadcast(to: [3, 6, 2]), with: .nan)
    }
    let (same, sameState) = layer(garbage, state: nil, lengths: Tensor(lengths.map(Int64.init)))
    #expect(same.doubles == y.doubles && sameState.hidden.doubles == state.hidden.doubles)
    for (i, length) in lengths.enumerated() {
      let (alone, end) = layer(x[i...i, 0..<length], state: nil)
      #expect(difference(y[i...i, 0..<length], alone, 1e-14) == nil)
      #expect(y[i, length...].doubles.allSatisfy { $0 == 0 })
      #expect(difference(state.hidden[.all, i...i], end.hidden, 1e-14) == nil)
      #expect(difference(state.cell[.all, i...i], end.cell, 1e-14) == nil)
    }
    // No gradient comes from beyond, either.
    let gradient = gradient(at: x) { layer($0, state: nil, lengths: Tensor(lengths.map(Int64.init))).output.sum() }
    #expect(gradient[2, 1...].doubles.allSatisfy { $0 == 0 } && gradient[0, 3].doubles.allSatisfy { $0 != 0 })
  }

  @Test("in a program, lengths may differ from run to run") func lengthsInPrograms() throws {
    let layer = withSeed(3) { GRU(2, 20, isBidirectional: true) }
    let x = normal([3, 6, 2], seed: 5).cast(to: .float32)
    let program = Program("lengths") { inputs in
      let (value, gradients) = valueWithGradient(of: layer) { layer in
        (layer(inputs[0], state: nil, lengths: inputs[1]).output * 2).sum()
      }
      return [value] + gradients.tensors
    }
    let eager = Program("lengths", isEager: true) { inputs in
      let (value, gradients) = valueWithGradient(of: layer) { layer in
        (layer(inputs[0], state: nil, lengths: inputs[1]).output * 2).sum()
      }
      return [value] + gradients.tensors
    }
    var sums: Set<Float> = []
    for lengths in [[4, 6, 1], [1, 2, 3], [6, 6, 6], [0, 5, 0]] as [[Int64]] {
      let inputs = [x, Tensor(lengths)]
      let found = try program(inputs).map(\.floats)
      #expect(try found == eager(inputs).map(\.floats))
      sums.insert(found[0][0])
    }
    #expect(sums.count == 4 && program.description.contains("instructions"))
  }

  @Test("a length of 0 leaves the state as it was") func emptySequence() {
    let layer = GRU(2, 3, dtype: .float64)
    let state = normal([1, 2, 3], seed: 4)
    let (y, last) = layer(normal([2, 4, 2], seed: 5), state: state, lengths: Tensor([0, 4] as [Int64]))
    #expect(y[0].doubles.allSatisfy { $0 == 0 } && last[0, 0].doubles == state[0, 0].doubles)
  }

  @Test("`last` gives both directions' last states") func lastOutput() {
    let x = normal([2, 5, 3], seed: 6)
    func make(_ returns: RecurrentOutput) -> GRU {
      withSeed(8) { GRU(3, 4, layers: 2, isBidirectional: true, returns: returns, dtype: .float64) }
    }
    let all = make(.all)(x)
    let last = make(.last)(x)
    #expect(last.shape == [2, 8])
    #expect(last[.all, 0..<4].doubles == all[.all, -1, 0..<4].doubles)
    #expect(last[.all, 4...].doubles == all[.all, 0, 4...].doubles)
  }

  @Test("dropout between layers, only while training") func dropout() {
    let x = Tensor.ones([2, 3, 2], dtype: .float64)
    let layer = LSTM(2, 16, layers: 2, dropout: 0.5, dtype: .float64)
    #expect(layer(x).doubles == layer(x).doubles)
    var random = RandomSource(seed: 1)
    let (a, b) = withTraining(random: &random) { (layer(x), layer(x)) }
    #expect(a.doubles != b.doubles)
    let single = LSTM(2, 16, dropout: 0.5, dtype: .float64)
    #expect(withTraining(random: &random) { single(x) }.doubles == single(x).doubles)
  }

  @Test("parameters have names by cell") func names() {
    #expect(
      GRU(2, 3, isBidirectional: true).namedParameters.map(\.name) == [
        "0.inputWeight", "0.recurrentWeight", "0.bias", "0.recurrentBias", "1.inputWeight", "1.recurrentWeight",
        "1.bias", "1.recurrentBias",
      ])
    // PyTorch's LSTM has 4 · 256 more: its second bias.
    #expect(LSTM(128, 256).parameterCount == 4 * 256 * (128 + 256 + 1))
  }

  @Test("errors name the layer and the shapes") func errors() async {
    let input = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = LSTM(3, 4)(Tensor.zeros([2, 5, 2]))
    }
    #expect(
      standardError(of: input).contains("LSTM(3, 4): an input of shape (2, 5, 2) was found; expected (n, steps, 3)"))
    let state = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = GRU(3, 4)(Tensor.zeros([2, 5, 3]), state: Tensor.zeros([1, 3, 4]))
    }
    #expect(standardError(of: state).contains("GRU(3, 4): a state of shape (1, 3, 4) was found; expected (1, 2, 4)"))
    let length = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = LSTM(3, 4)(Tensor.zeros([2, 5, 3]), state: nil, lengths: Tensor([1, 6] as [Int64]))
    }
    #expect(standardError(of: length).contains("lstm: length 6 is outside 0...5"))
    let token = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Embedding(5, 2)(Tensor([1, -1] as [Int32]))
    }
    #expect(standardError(of: token).contains("embedding: token -1 is outside the 5 rows of the table"))
  }

  @Test("tokens through an embedding: the same results and gradients as of the vectors") func tokens() {
    // More tokens than vectors, and fewer.
    for shape in [[4, 6], [2, 3]] as [Shape] {
      let embedding = withSeed(1) { Embedding(9, 5, paddingIndex: 3, dtype: .float64) }
      let lstm = withSeed(2) { LSTM(5, 7, layers: 2, isBidirectional: true, dtype: .float64) }
      let model = Sequential([embedding, lstm])
      let tokens = Tensor((0..<shape.elementCount).map { Int32(($0 * 7 + 3) % 9) }, shape: shape)
      let lengths = Tensor((0..<shape[0]).map { Int64(shape[1] - $0 % 2) })
      func run(_ body: @escaping () -> (output: Tensor, state: LSTMState)) -> [Tensor] {
        let (value, gradients) = valueWithGradient(of: model) { _ in
          let (y, state) = body()
          return (y * y).sum() + (state.hidden * state.cell).sum()
        }
        return [value] + gradients.tensors
      }
      let through = run { lstm(tokens, through: embedding, state: nil, lengths: lengths) }
      let plain = run { lstm(embedding(tokens), state: nil, lengths: lengths) }
      for (a, b) in zip(through, plain) { #expect(difference(a, b, 1e-13) == nil) }
      #expect(through[1][3].doubles.allSatisfy { $0 == 0 })  // the padding
      #expect(difference(model(tokens), lstm(embedding(tokens)), 1e-14) == nil)
    }
  }

  @Test("Embedding: rows, their gradient, and the padding that stays 0") func embedding() {
    let layer = Embedding(6, 3, paddingIndex: 2, dtype: .float64)
    #expect(layer.weight.value[2].doubles == [0, 0, 0])
    let tokens = Tensor([1, 2, 5, 1] as [Int64], shape: [2, 2])
    let (_, gradients) = valueWithGradient(of: layer) { ($0(tokens) * 2).sum() }
    #expect(layer(tokens).shape == [2, 2, 3] && layer(tokens)[1, 0].doubles == layer.weight.value[5].doubles)
    let expected: [Double] = [0, 4, 0, 0, 0, 2].flatMap { [$0, $0, $0] }
    #expect(gradients[layer.weight]!.doubles == expected)
    // As a dense layer on one-hot vectors.
    let oneHot = Tensor.oneHot(tokens, classCount: 6, dtype: .float64)
    #expect(difference(oneHot • layer.weight.value, layer(tokens), 0) == nil)
  }
}
