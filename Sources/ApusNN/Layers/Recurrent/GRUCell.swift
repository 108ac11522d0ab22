import ApusCore

/// One step of a gated recurrent unit (Cho et al., 2014), the reset gate after the recurrent product, as in PyTorch and cuDNN:
///
/// r, u = σ(x Wₓᵀ + b + h Wₕᵀ), n = tanh(x Wₓᵀ + b + r (h Wₕᵀ + b′)); h′ = (1 − u) n + u h, each gate with its own rows of the weights,
/// in the order r, u, n (PyTorch's name for u is z). The recurrent bias b′ of n stands inside the bracket, so that it cannot be a part of
/// b. For loops written by hand; ``GRU`` runs whole sequences, faster.
public final class GRUCell: RecurrentCell {
  public let inputs: Int
  public let units: Int
  /// Of shape (3 · units, inputs).
  public let inputWeight: Parameter
  /// Of shape (3 · units, units).
  public let recurrentWeight: Parameter
  /// b, of shape (3 · units).
  public let bias: Parameter?
  /// b′, of shape (units).
  public let recurrentBias: Parameter?

  package var recurrence: Recurrence { .gru }

  /// - Parameter weights: how all parameters start; if nil, uniform within 1 / √units.
  public init(_ inputs: Int, _ units: Int, hasBias: Bool = true, weights: Initializer? = nil, dtype: DType = .float32) {
    let parameters = RecurrentParameters(.gru, inputs, units, hasBias: hasBias, weights: weights, dtype: dtype)
    (self.inputs, self.units) = (inputs, units)
    inputWeight = parameters.inputWeight
    recurrentWeight = parameters.recurrentWeight
    bias = parameters.bias
    recurrentBias = parameters.recurrentBias
  }

  /// The state after one step from x (n, inputs); the zero state if none is given.
  public func callAsFunction(_ x: Tensor, state h: Tensor?) -> Tensor { step(x, state: h.map { [$0] })[0] }

  public func forward(_ x: Tensor) -> Tensor { stepped(x, state: nil)[0] }
  public func visit(_ visitor: inout LayerVisitor) { visitParameters(&visitor) }
  public var description: String { text("GRUCell") }
}
