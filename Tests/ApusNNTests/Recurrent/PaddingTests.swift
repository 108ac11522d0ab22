import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Sequences of different lengths: padding of any kind has no effect and no gradient, and masks find their way to the layers that need them.
@Suite("Padded sequences") struct PaddingTests {
  private static let lengths = [4, 6, 1, 0]

  /// x (4, 6, 2), with `value` beyond each sequence's end.
  private func padded(with value: Double, _ dtype: DType = .float64) -> Tensor {
    let x = normal([4, 6, 2], seed: 5)
    let isPadding = .!mask()
    return x.replacing(where: isPadding.expandingDimension(at: 2).broadcast(to: x.shape), with: value).cast(to: dtype)
  }

  /// (4, 6): true where a step counts.
  private func mask() -> Tensor {
    let ends = Tensor(Self.lengths.map(Int64.init)).expandingDimension(at: 1)
    return Tensor.range(0..<6) .< ends
  }

  private typealias Run = (_ x: Tensor, _ lengths: Tensor) -> Tensor

  private func layers(_ dtype: DType) -> [(layer: any Layer, run: Run)] {
    withSeed(3) {
      let lstm = LSTM(2, 3, layers: 2, isBidirectional: true, dtype: dtype)
      let gru = GRU(2, 3, isBidirectional: true, dtype: dtype)
      let rnn = SimpleRNN(2, 3, layers: 2, dtype: dtype)
      let relu = SimpleRNN(2, 3, activation: .relu, dtype: dtype)
      return [
        (lstm, { lstm($0, state: nil, lengths: $1).output }), (gru, { gru($0, state: nil, lengths: $1).output }),
        (rnn, { rnn($0, state: nil, lengths: $1).output }), (relu, { relu($0, state: nil, lengths: $1).output }),
      ]
    }
  }

  @Test("NaN and infinity in the padding leave all gradients as they are", arguments: [DType.float32, .float64])
  func gradients(dtype: DType) {
    let lengths = Tensor(Self.lengths.map(Int64.init))
    for (layer, run) in layers(dtype) {
      func step(_ x: Tensor) -> [Tensor] {
        let (value, gradients, inputs) = valueWithGradient(of: layer.parameters, at: [x]) {
          square(run($0[0], lengths)).sum()
        }
        return [value] + gradients + inputs
      }
      let plain = step(padded(with: 0, dtype)).map(\.doubles)
      #expect(plain.allSatisfy { $0.allSatisfy(\.isFinite) && $0.contains { $0 != 0 } }, "\(layer)")
      for value in [Double.nan, .infinity, -1e30] {
        #expect(step(padded(with: value, dtype)).map(\.doubles) == plain, "\(layer), \(value)")
      }
    }
  }

  @Test("second derivatives, too") func secondGradients() {
    let lengths = Tensor(Self.lengths.map(Int64.init))
    for (layer, run) in layers(.float64) {
      func penalty(_ x: Tensor) -> [[Double]] {
        let (value, gradients, _) = valueWithGradient(of: layer.parameters, at: []) { _ in
          let slope = gradient(at: x) { square(run($0, lengths)).sum() }
          return square(slope).sum()
        }
        return [value.doubles] + gradients.map(\.doubles)
      }
      let plain = penalty(padded(with: 0))
      #expect(plain.allSatisfy { $0.allSatisfy(\.isFinite) } && plain[0][0] > 0)
      #expect(penalty(padded(with: .nan)) == plain, "\(layer)")
    }
  }

  @Test("a mask says the same as lengths; what it hides within a sequence counts") func masks() {
    let x = padded(with: 7)
    for (_, run) in layers(.float64) {
      let expected = run(x, Tensor(Self.lengths.map(Int64.init)))
      #expect(run(x, mask()).doubles == expected.doubles)
      let hole = Tensor((0..<24).map { $0 % 6 == 0 && $0 < 12 ? 0 : 1 } as [Double], shape: [4, 6]) .!= 0
      #expect(run(x, mask() .& hole).doubles == expected.doubles)
    }
  }

  @Test("a mask of another shape stops with a sentence") func wrongMask() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = GRU(2, 3)(Tensor.zeros([2, 4, 2]), stepMask: Tensor.zeros([2, 3], dtype: .bool))
    }
    #expect(standardError(of: result).contains("expected an integer for each, or a mask bool(2, 4)"))
  }

  // MARK: In containers

  /// Tokens (3, 5), in which 0 is padding, and the sequences by themselves.
  private let tokens = Tensor([[3, 1, 4, 0, 0], [2, 5, 0, 6, 1], [7, 0, 0, 0, 0]] as [[Int32]])
  private let ends = [3, 5, 1]

  @Test("after an embedding with padding, each sequence ends at its own end", arguments: [false, true])
  func embedding(hasManyTokens: Bool) {
    // With more tokens than vectors, tokens are read without making vectors of them.
    let embedding = withSeed(1) { Embedding(hasManyTokens ? 8 : 40, 4, paddingIndex: 0, dtype: .float64) }
    let lstm = withSeed(2) { LSTM(4, 3, layers: 2, isBidirectional: true, dtype: .float64) }
    let gru = withSeed(3) { GRU(6, 3, isBidirectional: true, returns: .last, dtype: .float64) }
    let model = Sequential {
      embedding
      Dropout(0.5)
      Sequential {
        lstm
        LayerNorm(6, dtype: .float64)
        gru
      }
    }
    let direct = Sequential {
      embedding
      gru4
    }
    let chains: [(model: Sequential, layers: [any Layer])] = [
      (model, [lstm, LayerNorm(6, dtype: .float64), gru]), (direct, [gru4]),
    ]
    for (layer, chain) in chains {
      let y = layer(tokens)
      for (i, end) in ends.enumerated() {
        let alone = chain.reduce(embedding.forward(tokens[i...i, 0..<end])) { $1($0) }
        #expect(difference(y[i...i], alone, 1e-13) == nil, "\(i)")
      }
    }
  }
  private let gru4 = withSeed(4) { GRU(4, 3, returns: .last, dtype: .float64) }

  @Test("Masking, and containers that pass the mask on") func masking() {
    let x = padded(with: -2)[0..<3]
    let gru = withSeed(3) { GRU(2, 2, isBidirectional: true, returns: .last, dtype: .float64) }
    let shortcut = withSeed(4) { LSTM(2, 4, returns: .last, dtype: .float64) }
    let model = Sequential {
      Masking(-2)
      Residual(gru, shortcut: shortcut)
    }
    let both = Sequential {
      Masking(-2)
      Parallel(.concatenate) {
        gru
        shortcut
      }
    }
    let (y, z) = (model(x), both(x))
    for (i, end) in Self.lengths.prefix(3).enumerated() {
      let alone = x[i...i, 0..<end]
      #expect(difference(y[i...i], gru(alone) + shortcut(alone), 1e-14) == nil)
      #expect(difference(z[i...i], concatenate([gru(alone), shortcut(alone)], axis: 1), 1e-14) == nil)
    }
    // Without the mask the last step is one of padding.
    #expect(difference(y, gru(x) + shortcut(x), 1e-3) != nil)
  }

  @Test("models with layers connected in any way pass the mask on, too") func functional() {
    let embedding = withSeed(1) { Embedding(8, 4, paddingIndex: 0, dtype: .float64) }
    let gru = withSeed(3) { GRU(8, 2, isBidirectional: true, returns: .last, dtype: .float64) }
    let lstm = withSeed(4) { LSTM(4, 4, dtype: .float64) }
    let words = SymbolicTensor.input("words", [5], isWhole: true)
    let vectors = embedding(words)
    let model = FunctionalModel(inputs: [words], output: gru(concatenate([lstm(vectors), vectors])))
    let y = model(tokens)
    for (i, end) in [(0, 3), (1, 5), (2, 1)] {
      let alone = embedding(tokens[i...i, 0..<end])
      #expect(difference(y[i...i], gru(concatenate([lstm(alone), alone], axis: -1)), 1e-13) == nil)
    }
  }

  @Test("attention does not look at padding, and a layer that changes the steps ends the mask") func attention() {
    let embedding = withSeed(1) { Embedding(8, 4, paddingIndex: 0, dtype: .float64) }
    let block = withSeed(2) { TransformerBlock(4, heads: 2, dtype: .float64) }
    let heads = withSeed(3) { MultiHeadAttention(4, heads: 2, dtype: .float64) }
    let model = Sequential {
      embedding
      block
      heads
    }
    let y = model(tokens)
    for (i, end) in [(0, 3), (2, 1)] {
      let alone = heads(block(embedding(tokens[i...i, 0..<end])))
      #expect(difference(y[i...i, 0..<end], alone, 1e-13) == nil)
    }
    // Padding within a sequence is not seen, either: as if it were not there.
    let packed = heads(block(embedding(Tensor([[2, 5, 6, 1]] as [[Int32]]))))
    #expect(difference(y[1...1, 0..<2], packed[.all, 0..<2], 1e-13) == nil)
    let pooled = Sequential {
      embedding
      MaxPool1D(2)
      gru4
    }
    #expect(difference(pooled(tokens), gru4(MaxPool1D(2)(embedding(tokens))), 0) == nil)
  }

  @Test("a training step with a mask, as a program, has the bits of the eager one") func programs() throws {
    let model = withSeed(5) {
      Sequential {
        Embedding(8, 4, paddingIndex: 0)
        LSTM(4, 16, isBidirectional: true, returns: .last)
        Dense(32, 2)
      }
    }
    func step(_ tokens: Tensor) -> [Tensor] {
      let (value, gradients) = valueWithGradient(of: model) { square($0(tokens)).mean() }
      return [value] + gradients.tensors
    }
    let program = Program("masked") { step($0[0]) }
    var values: Set<Float> = []
    for tokens in [tokens, tokens * Tensor([[1, 1, 1, 1, 0]] as [[Int32]]), Tensor.ones([3, 5], dtype: .int32)] {
      let found = try program([tokens]).map(\.floats)
      #expect(found == step(tokens).map(\.floats))
      values.insert(found[0][0])
    }
    #expect(values.count == 3 && program.description.contains("instructions"))
  }
}
