import ApusCore
import ApusNN

extension GPT {
  /// A sequence that grows token by token. What attention knows of earlier positions is kept, so that a further token costs one position.
  ///
  /// ```swift
  /// let text = model.makeSequence()
  /// var logits = text.logits(after: prompt)
  /// logits = text.logits(next: token)
  /// ```
  public final class Sequence {
    private let model: GPT
    private let caches: [KVCache]
    /// The tokens so far.
    public private(set) var tokens: [Int] = []
    /// How many of the last tokens the caches hold.
    private var held = 0

    fileprivate init(_ model: GPT) {
      self.model = model
      caches = model.blocks.map { _ in KVCache(capacity: model.context) }
    }

    /// Adds a token and gives the logits (vocabulary) of the one that follows.
    /// - Precondition: the token is one of the vocabulary.
    public func logits(next token: Int) -> Tensor { logits(after: [token]) }

    /// Adds tokens, at least one, and gives the logits (vocabulary) of the one that follows.
    ///
    /// Where more tokens have come together than the model's context, the earlier half of the context is forgotten.
    public func logits(after more: [Int]) -> Tensor {
      guard !more.isEmpty else { fatalError("GPT: there is no token to go on from") }
      tokens += more
      var new = more
      if held + more.count > model.context || model.blocks.isEmpty {
        for cache in caches { cache.removeAll() }
        held = 0
        new = Array(tokens.suffix(tokens.count > model.context ? (model.context + 1) / 2 : tokens.count))
      }
      held += new.count
      return withInference {
        model.nextLogits(Tensor(new.map { Int32($0) }, shape: [1, new.count]), caches)[0]
      }
    }
  }

  /// An empty sequence.
  public func makeSequence() -> Sequence { Sequence(self) }

  /// `count` tokens that follow `prompt`, drawn from the model's probabilities.
  /// - Parameters:
  ///   - prompt: at least one token.
  ///   - temperature: what logits are divided by; 0 always takes the likeliest token.
  ///   - topCount: draws from this many of the likeliest tokens alone; nil: from all.
  ///   - random: where the draws come from.
  public func generate(
    after prompt: [Int], count: Int, temperature: Double = 1, topCount: Int? = nil, using random: inout RandomSource
  ) -> [Int] {
    guard temperature >= 0, topCount ?? 1 >= 1, count >= 0 else {
      fatalError("GPT: the temperature \(temperature) must be at least 0, topCount and count positive")
    }
    let sequence = makeSequence()
    guard count > 0 else { return [] }
    var result: [Int] = []
    var logits = sequence.logits(after: prompt)
    while true {
      let token = draw(logits.doubles, temperature, topCount, &random)
      result.append(token)
      if result.count == count { return result }
      logits = sequence.logits(next: token)
    }
  }

  private func draw(_ logits: [Double], _ temperature: Double, _ topCount: Int?, _ random: inout RandomSource) -> Int {
    let ranked = logits.indices.sorted { logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1] }
    guard temperature > 0 else { return ranked[0] }
    let candidates = ranked.prefix(topCount ?? ranked.count)
    let scaled = Tensor(candidates.map { logits[$0] / temperature })
    var rest = Double.random(in: 0..<1, using: &random)
    for (candidate, probability) in zip(candidates, softmax(scaled).doubles) {
      rest -= probability
      if rest < 0 { return candidate }
    }
    return candidates.last!
  }
}
