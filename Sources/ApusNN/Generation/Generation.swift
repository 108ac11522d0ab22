import ApusCore

/// A model that says what may come next: a recurrent network with its state, a transformer with its cache or with all that came before.
///
/// ```swift
/// struct CharacterModel: TokenModel {
///   func logits(after tokens: Tensor, state: LSTMState?) -> (logits: Tensor, state: LSTMState) {
///     let (h, state) = lstm(embedding(tokens), state: state)
///     return (head(h[.all, -1]), state)
///   }
/// }
/// let text = model.generate(from: prompt, count: 200, by: Sampler(temperature: 0.8), using: &random)
/// ```
public protocol TokenModel {
  /// What the model remembers of the tokens so far.
  associatedtype State

  /// The logits (n, tokens) of what follows.
  /// - Parameters:
  ///   - tokens: those that came since `state`, int32 (n, steps), at least one.
  ///   - state: nil at the beginning.
  func logits(after tokens: Tensor, state: State?) -> (logits: Tensor, state: State)
}

extension TokenModel {
  /// Up to `count` tokens that follow `prompt`, as when predicting.
  /// - Parameters:
  ///   - prompt: at least one token.
  ///   - end: tokens after which nothing follows; they are the last of the result.
  ///   - onToken: called with each token; false ends the text.
  public func generate(
    from prompt: [Int], count: Int, by sampler: Sampler = Sampler(), until end: Set<Int> = [],
    using random: inout RandomSource, onToken: (Int) -> Bool = { _ in true }
  ) -> [Int] {
    guard !prompt.isEmpty else { fatalError("generate: the prompt is empty; expected at least one token") }
    var tokens: [Int] = []
    var (next, state): ([Int], State?) = (prompt, nil)
    while tokens.count < count {
      let (logits, new) = withInference {
        self.logits(after: Tensor(next.map { Int32($0) }, shape: [1, next.count]), state: state)
      }
      let token = sampler(logits, using: &random)[0]
      tokens.append(token)
      if end.contains(token) || !onToken(token) { break }
      (next, state) = ([token], new)
    }
    return tokens
  }
}
