import ApusCore

/// The state of LSTM cells: what they give, and what they remember.
public struct LSTMState: Sendable {
  /// h: of a cell (n, units), of a layer (stacked layers · directions, n, units).
  public var hidden: Tensor
  /// c, of the same shape.
  public var cell: Tensor

  public init(hidden: Tensor, cell: Tensor) {
    self.hidden = hidden
    self.cell = cell
  }

  /// The same numbers as a new beginning: no gradient flows further back (truncated back-propagation through time).
  public func stopGradient() -> LSTMState { LSTMState(hidden: hidden.stopGradient(), cell: cell.stopGradient()) }
}

/// One step of long short-term memory (Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000):
///
/// i, f, o = σ(x Wₓᵀ + b + h Wₕᵀ), g = tanh(x Wₓᵀ + b + h Wₕᵀ); c′ = f c + i g, h′ = o tanh(c′), each gate with its own rows of the
/// weights, in the order i, f, g, o. For loops written by hand; ``LSTM`` runs whole sequences, faster.
public final class LSTMCell: RecurrentCell {
  public let inputs: Int
  public let units: Int
  /// Of shape (4 · units, inputs).
  public let inputWeight: Parameter
  /// Of shape (4 · units, units).
  public let recurrentWeight: Parameter
  /// Of shape (4 · units).
  public let bias: Parameter?
  package var recurrentBias: Parameter? { nil }

  package var recurrence: Recurrence { .lstm }

  /// - Parameter weights: how all parameters start; if nil, uniform within 1 / √units.
  public init(_ inputs: Int, _ units: Int, hasBias: Bool = true, weights: Initializer? = nil, dtype: DType = .float32) {
    let parameters = RecurrentParameters(.lstm, inputs, units, hasBias: hasBias, weights: weights, dtype: dtype)
    (self.inputs, self.units) = (inputs, units)
    inputWeight = parameters.inputWeight
    recurrentWeight = parameters.recurrentWeight
    bias = parameters.bias
  }

  /// The state after one step from x (n, inputs); the zero state if none is given.
  public func callAsFunction(_ x: Tensor, state: LSTMState?) -> LSTMState {
    let new = step(x, state: state.map { [$0.hidden, $0.cell] })
    return LSTMState(hidden: new[0], cell: new[1])
  }

  public func forward(_ x: Tensor) -> Tensor { stepped(x, state: nil)[0] }
  public func visit(_ visitor: inout LayerVisitor) { visitParameters(&visitor) }
  public var description: String { text("LSTMCell") }
}
