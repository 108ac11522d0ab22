import Apus
import Testing

@testable import ApusCore
@testable import ApusNN

/// Whatever way a layer is called, whoever looks into the network sees what it put out.
@Suite struct SequenceTraceTests {
  private let tokens = Tensor([[1, 2, 3, 0, 4], [4, 3, 2, 1, 0]] as [[Int32]])

  /// The names in a trace; every layer of the model must be among them.
  private func names(_ model: some Layer, _ body: () -> Void) -> [String] {
    recordingOutputs(of: model) { _ in withInference(body) }.trace.entries.map(\.name)
  }

  private func paths(_ layer: any Layer, _ name: String = "") -> Set<String> {
    layer.children.reduce(into: [name]) { all, child in
      all.formUnion(paths(child.layer, name.isEmpty ? child.name : "\(name).\(child.name)"))
    }
  }

  @Test("M7: an embedding whose tokens are read directly, and the recurrent layer behind it", arguments: [5, 50])
  func tokensThroughAnEmbedding(count: Int) throws {
    let model = Sequential {
      Embedding(count, 3)
      LSTM(3, 4, layers: 2)
      GRU(4, 2, returns: .last)
      Dense(2, 2)
    }
    let trace = ActivationTrace(of: model, tokens)
    #expect(trace.entries.map(\.name) == ["0", "1.0", "1.1", "1", "2.0", "2", "3", ""])
    let embedding = try #require(model[0] as? Embedding)
    #expect(trace["0"]?.floats == embedding(tokens).floats)
    #expect(trace["1"]?.shape == [2, 5, 4] && trace["1.0"]?.shape == [2, 5, 4] && trace["2"]?.shape == [2, 2])
    // Looking changes nothing.
    #expect(trace[""]?.floats == model(tokens).floats)
  }

  @Test("M7: recurrent layers with states, and cells step by step") func states() {
    let x = normal([2, 3, 3], seed: 1).cast(to: .float32)
    let lstm = LSTM(3, 4)
    #expect(names(lstm) { _ = lstm(x, state: nil, lengths: Tensor([3, 1] as [Int64])) } == ["0", ""])
    let gru = GRU(3, 4)
    #expect(names(gru) { _ = gru(x, state: nil) } == ["0", ""])
    let rnn = SimpleRNN(3, 4)
    #expect(names(rnn) { _ = rnn(x, stepMask: Tensor.ones([2, 3], dtype: .bool)) } == ["0", ""])
    let cell = LSTMCell(3, 4)
    let state = cell(x[.all, 0], state: nil)
    let (second, trace) = recordingOutputs(of: cell) { cell in cell(x[.all, 1], state: state) }
    #expect(trace.entries.count == 1 && trace[""]?.floats == second.hidden.floats)
    #expect(names(cell) { _ = cell(x[.all, 0]) } == [""])
    let (gruCell, rnnCell) = (GRUCell(3, 4), SimpleRNNCell(3, 4))
    #expect(names(gruCell) { _ = gruCell(x[.all, 0], state: nil) } == [""])
    #expect(names(rnnCell) { _ = rnnCell(x[.all, 0], state: nil) } == [""])
  }

  @Test("M7: attention with masks, memory and caches") func attention() {
    let x = normal([2, 3, 4], seed: 1).cast(to: .float32)
    let mask = Tensor.ones([3, 3], dtype: .bool)
    let heads = MultiHeadAttention(4, heads: 2, isCausal: true)
    #expect(names(heads) { _ = heads(x, mask: mask) } == ["output", ""])
    #expect(names(heads) { _ = heads(x, keyMask: Tensor.ones([2, 3], dtype: .bool)) } == ["output", ""])
    #expect(names(heads) { _ = heads(x, memory: x) } == ["output", ""])
    #expect(names(heads) { _ = heads(x, cache: KVCache()) } == ["output", ""])
    let encoder = TransformerBlock(4, heads: 2, isCausal: true)
    for run in [{ _ = encoder(x, mask: mask) }, { _ = encoder(x, cache: KVCache()) }, { _ = encoder(x) }] {
      #expect(Set(names(encoder, run)) == paths(encoder))
    }
    let decoder = TransformerBlock(4, heads: 2, attendsMemory: true)
    #expect(Set(names(decoder) { _ = decoder(x, memory: x) }) == paths(decoder))
    let positions = LearnedPositions(8, 4)
    #expect(names(positions) { _ = positions(x, from: 2) } == [""])
  }

  @Test("M7: language models, also when they go on from a state") func languageModels() {
    for cell in RecurrentLanguageModel.Cell.allCases {
      let model = RecurrentLanguageModel(cell, vocabulary: 5, features: 3, units: 4, layers: 2)
      #expect(Set(names(model) { _ = model(tokens) }) == paths(model))
      let memory = model.emptyMemory(2)
      let (result, trace) = recordingOutputs(of: model) { model in model.logits(tokens, memory: memory) }
      #expect(Set(trace.entries.map(\.name)) == paths(model) && trace[""]?.floats == result.logits.floats)
    }
    let gpt = GPT(vocabulary: 5, context: 8, blocks: 2, heads: 2, width: 4, isTied: false)
    #expect(Set(names(gpt) { _ = gpt(tokens) }) == paths(gpt))
    let generated = names(gpt) { _ = gpt.logits(after: tokens[0...0], state: nil) }
    #expect(Set(generated) == paths(gpt).subtracting(["dropout"]))
  }
}
