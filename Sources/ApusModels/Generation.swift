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
}

extension GPT: TokenModel {
  /// - Precondition: there is one text; its last tokens may be any number.
  public func logits(after tokens: Tensor, state: Sequence?) -> (logits: Tensor, state: Sequence) {
    guard tokens.rank == 2, tokens.shape[0] == 1 else {
      fatalError("GPT: tokens of shape \(tokens.shape) were found; expected (1, steps)")
    }
    let sequence = state ?? makeSequence()
    return (sequence.logits(after: tokens.ints).reshaped([1, vocabulary]), sequence)
  }
}
