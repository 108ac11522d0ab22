import Testing

@testable import ApusCore
@testable import ApusNN

@Suite("Sampling and generation") struct SamplerTests {
  private let logits = [1.0, 3, 2, -1]

  private func close(_ a: [Double], _ b: [Double]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) < 1e-15 }
  }

  @Test("temperature, topK and topP, by their definitions") func probabilities() {
    let e = logits.map { Tensor($0) }.map { exp($0).item }
    let total = e.reduce(0, +)
    let p = Sampler().probabilities(logits)
    #expect(zip(p, e).allSatisfy { abs($0 - $1 / total) < 1e-15 })
    #expect(close(Sampler(temperature: 0.5).probabilities(logits), Sampler().probabilities(logits.map { 2 * $0 })))
    #expect(Sampler.greedy.probabilities(logits) == [0, 1, 0, 0])
    #expect(Sampler.greedy.probabilities([2, 2, 1]) == [1, 0, 0])
    let two = Sampler(topK: 2).probabilities(logits)
    #expect(two[0] == 0 && two[3] == 0 && abs(two[1] - e[1] / (e[1] + e[2])) < 1e-15)
    // The likeliest has 0.656, the two likeliest together 0.898.
    #expect(Sampler(topP: 0.6).probabilities(logits) == [0, 1, 0, 0])
    #expect(close(Sampler(topP: 0.89).probabilities(logits), two))
    #expect(close(Sampler(topP: 1).probabilities(logits), p))
    #expect(Sampler(topP: 1e-9).probabilities(logits) == [0, 1, 0, 0])
    #expect(close(Sampler(topK: 99).probabilities(logits), p))
    #expect(Sampler().probabilities([]) == [])
  }

  @Test("logits that are not finite do no harm") func notFinite() {
    #expect(Sampler().probabilities([.nan, 0, -.infinity]) == [0, 1, 0])
    #expect(Sampler().probabilities([0, .infinity, 1]) == [0, 1, 0])
    #expect(Sampler().probabilities([-.infinity, -.infinity]) == [1, 0])
    #expect(Sampler(temperature: 1e-300).probabilities([1, 2, 0]) == [0, 1, 0])
  }

  @Test("the draws have the frequencies of the probabilities, and repeat with the seed") func draws() {
    var random = RandomSource(seed: 3)
    let rows = Tensor(logits, shape: [1, 4]).broadcast(to: [20000, 4])
    let sampler = Sampler(temperature: 1.5)
    let tokens = sampler(rows, using: &random)
    let expected = sampler.probabilities(logits)
    for token in 0..<4 {
      let share = Double(tokens.count { $0 == token }) / 20000
      // Four standard deviations.
      #expect(abs(share - expected[token]) < 4 * (expected[token] * (1 - expected[token]) / 20000).squareRoot())
    }
    var again = RandomSource(seed: 3)
    #expect(sampler(rows, using: &again) == tokens)
  }

  /// After token k comes k + 1, and the state counts the tokens.
  private struct Successor: TokenModel {
    func logits(after tokens: Tensor, state: Int?) -> (logits: Tensor, state: Int) {
      let next = (tokens.ints.last! + 1) % 10
      return (Tensor.oneHot(Tensor([Int32(next)]), classCount: 10) * 50, (state ?? 0) + tokens.count)
    }
  }

  @Test("generation: token by token, until an end") func generation() {
    var random = RandomSource(seed: 1)
    let model = Successor()
    #expect(model.generate(from: [3, 7], count: 5, using: &random) == [8, 9, 0, 1, 2])
    #expect(model.generate(from: [3], count: 9, until: [6], using: &random) == [4, 5, 6])
    #expect(model.generate(from: [3], count: 9, using: &random) { $0 != 5 } == [4, 5])
    #expect(model.generate(from: [3], count: 0, using: &random) == [])
  }

  private struct Recurrent: TokenModel {
    let embedding = withSeed(1) { Embedding(6, 5) }
    let lstm = withSeed(2) { LSTM(5, 8) }
    let head = withSeed(3) { Dense(8, 6) }
    func logits(after tokens: Tensor, state: LSTMState?) -> (logits: Tensor, state: LSTMState) {
      let (h, state) = lstm(embedding(tokens), state: state)
      return (head(h[.all, -1]), state)
    }
  }

  @Test("M4: with a carried state as with the whole text each time") func carriedState() {
    let model = Recurrent()
    var random = RandomSource(seed: 1)
    let tokens = model.generate(from: [1, 2, 3], count: 12, by: .greedy, using: &random)
    var all = [1, 2, 3]
    for token in tokens {
      let text = Tensor(all.map { Int32($0) }, shape: [1, all.count])
      #expect(model.logits(after: text, state: nil).logits.argMax().ints == [token])
      all.append(token)
    }
  }
}
