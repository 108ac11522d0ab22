import ApusCore

/// One step of Elman's recurrent network (1990): h′ = f(x Wₓᵀ + b + h Wₕᵀ), f = tanh or ReLU.
///
/// For loops written by hand; ``SimpleRNN`` runs whole sequences, faster.
public final class SimpleRNNCell: RecurrentCell {
  public let inputs: Int
  public let units: Int
  public let activation: SimpleRNN.Activation
  /// Of shape (units, inputs).
  public let inputWeight: Parameter
  /// Of shape (units, units).
  public let recurrentWeight: Parameter
  /// Of shape (units).
  public let bias: Parameter?
  package var recurrentBias: Parameter? { nil }

  package var recurrence: Recurrence { activation == .tanh ? .tanh : .relu }

  /// - Parameter weights: how all parameters start; if nil, uniform within 1 / √units.
  public init(
    _ inputs: Int, _ units: Int, activation: SimpleRNN.Activation = .tanh, hasBias: Bool = true,
    weights: Initializer? = nil, dtype: DType = .float32
  ) {
    let parameters = RecurrentParameters(.tanh, inputs, units, hasBias: hasBias, weights: weights, dtype: dtype)
    (self.inputs, self.units, self.activation) = (inputs, units, activation)
    inputWeight = parameters.inputWeight
    recurrentWeight = parameters.recurrentWeight
    bias = parameters.bias
  }

  /// The state after one step from x (n, inputs); the zero state if none is given.
  public func callAsFunction(_ x: Tensor, state h: Tensor?) -> Tensor { step(x, state: h.map { [$0] })[0] }

  public func forward(_ x: Tensor) -> Tensor { stepped(x, state: nil)[0] }
  public func visit(_ visitor: inout LayerVisitor) { visitParameters(&visitor) }
  public var description: String { text("SimpleRNNCell", activation == .tanh ? "" : ", activation: .relu") }
}
