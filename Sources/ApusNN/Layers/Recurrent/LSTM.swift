import ApusCore

/// Long short-term memory over sequences: an ``LSTMCell`` at every step, with the same weights.
///
/// ```swift
/// let model = Sequential {
///   Embedding(65, 128)
///   LSTM(128, 256)
///   Dense(256, 65)
/// }
/// ```
/// x has the shape (n, steps, inputs). Several layers stand on top of each other; with two directions, a second cell of each layer reads
/// the sequence from its end, and what both give lies side by side.
///
/// Sequences of different lengths are padded to a common one, with anything. Where `lengths` are given, outputs beyond a sequence's end
/// are 0, its last state is the one at its own end, and the backward direction begins there. Lengths are whole numbers (n), or a mask
/// (n, steps), bool, whose last true step is the sequence's last. In a `Sequential`, an ``Embedding`` with a padding index, or ``Masking``,
/// gives the mask.
///
/// A gradient flows through the state that is given, as through every input: `state.stopGradient()` truncates it. All products are
/// float32 (or float64), whatever the `Precision`.
public final class LSTM: RecurrentLayer {
  /// Layer by layer, the forward direction before the backward one.
  public let cells: [LSTMCell]
  let options: RecurrentOptions

  /// - Parameters:
  ///   - inputs: the extent of the last axis of x; at least 1.
  ///   - units: the extent of h, for each direction; at least 1.
  ///   - layers: how many stand on top of each other; at least 1.
  ///   - isBidirectional: whether each layer also reads backwards.
  ///   - dropout: the probability that an input of the second or a later layer is dropped while training, in [0, 1).
  ///   - returns: what `forward` gives, for the next layer: h of all steps or the last one.
  ///   - weights: how all parameters start; if nil, uniform within 1 / √units.
  public init(
    _ inputs: Int, _ units: Int, layers: Int = 1, isBidirectional: Bool = false, dropout: Double = 0,
    hasBias: Bool = true, returns: RecurrentOutput = .all, weights: Initializer? = nil, dtype: DType = .float32
  ) {
    options = RecurrentOptions(
      "LSTM", layers: layers, isBidirectional: isBidirectional, dropout: dropout, returns: returns)
    cells = options.cells(inputs, units) {
      LSTMCell($0, units, hasBias: hasBias, weights: weights, dtype: dtype)
    }
  }

  public func forward(_ x: Tensor) -> Tensor { runForward(x) }

  /// h of every step, and the last state of every cell, from where `state` left off (zeros if nil).
  public func callAsFunction(
    _ x: Tensor, state: LSTMState?, lengths: Tensor? = nil
  ) -> (output: Tensor, state: LSTMState) {
    let (output, last) = running(\.output) {
      runAll(x, state: state.map { [$0.hidden, $0.cell] }, lengths: lengths)
    }
    return (output, LSTMState(hidden: last[0], cell: last[1]))
  }

  /// The same for `embedding(tokens)`, faster where there are more tokens (n, steps) than vectors: what the layer makes of each vector is
  /// computed once. (The results are the same up to rounding.)
  public func callAsFunction(
    _ tokens: Tensor, through embedding: Embedding, state: LSTMState?, lengths: Tensor? = nil
  ) -> (output: Tensor, state: LSTMState) {
    let (output, last) = running(\.output) {
      runAll(tokens, through: embedding, state: state.map { [$0.hidden, $0.cell] }, lengths: lengths)
    }
    return (output, LSTMState(hidden: last[0], cell: last[1]))
  }

  public var description: String { text("LSTM") }
}
