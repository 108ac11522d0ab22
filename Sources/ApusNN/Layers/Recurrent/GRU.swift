import ApusCore

/// Gated recurrent units over sequences: a ``GRUCell`` at every step, with the same weights.
///
/// x has the shape (n, steps, inputs); see ``LSTM`` for what the recurrent layers have in common.
public final class GRU: RecurrentLayer {
  /// Layer by layer, the forward direction before the backward one.
  public let cells: [GRUCell]
  let options: RecurrentOptions

  /// - Parameters: those of ``LSTM``.
  public init(
    _ inputs: Int, _ units: Int, layers: Int = 1, isBidirectional: Bool = false, dropout: Double = 0,
    hasBias: Bool = true, returns: RecurrentOutput = .all, weights: Initializer? = nil, dtype: DType = .float32
  ) {
    options = RecurrentOptions(
      "GRU", layers: layers, isBidirectional: isBidirectional, dropout: dropout, returns: returns)
    cells = options.cells(inputs, units) {
      GRUCell($0, units, hasBias: hasBias, weights: weights, dtype: dtype)
    }
  }

  public func forward(_ x: Tensor) -> Tensor { runForward(x) }

  /// h of every step, and the last h of every cell (cells, n, units), from where `state` left off (zeros if nil).
  public func callAsFunction(_ x: Tensor, state: Tensor?, lengths: Tensor? = nil) -> (output: Tensor, state: Tensor) {
    let (output, last) = running(\.output) { runAll(x, state: state.map { [$0] }, lengths: lengths) }
    return (output, last[0])
  }

  /// The same for `embedding(tokens)`, faster where there are more tokens (n, steps) than vectors: what the layer makes of each vector is
  /// computed once. (The results are the same up to rounding.)
  public func callAsFunction(
    _ tokens: Tensor, through embedding: Embedding, state: Tensor?, lengths: Tensor? = nil
  ) -> (output: Tensor, state: Tensor) {
    let (output, last) = running(\.output) {
      runAll(tokens, through: embedding, state: state.map { [$0] }, lengths: lengths)
    }
    return (output, last[0])
  }

  public var description: String { text("GRU") }
}
