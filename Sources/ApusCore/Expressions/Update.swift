/// A rule that changes a parameter in place, written as its formulas: one pass over memory updates the parameter and the
/// optimiser's state together.
///
/// ```swift
/// let momentum = Update(scalars: 2) { p, g, v, k in
///   let (rate, beta) = (k[0], k[1])
///   v = beta * v + g
///   p = p - rate * v
/// }
/// ```
public final class Update: Sendable {
  /// How many state tensors the rule keeps for each parameter, all of its shape and starting at zero.
  public let stateCount: Int
  private let scalarCount: Int
  private let formulas: [Expression]
  private let float32: TileProgram
  private let float64: TileProgram

  /// How weights decay besides; the number for it is one more scalar, after those of the rule.
  public enum Decay: Sendable {
    case none
    /// The gradient of a penalty λ/2 ‖p‖² is added: the rule sees g + λ p. The scalar is λ.
    case coupled
    /// The rule starts from the parameter scaled down. The scalar is what is kept, 1 − α λ.
    case decoupled
  }

  /// A rule with any number of state tensors: `body` changes the parameter p and the states s, given the gradient g and the scalars k.
  public init(
    states: Int, scalars: Int, decay: Decay = .none,
    _ body: (_ p: inout Expression, _ g: Expression, _ s: inout [Expression], _ k: [Expression]) -> Void
  ) {
    // Inputs: parameter, gradient, states; outputs: parameter, states.
    var (parameter, gradient) = (Expression(.input(0)), Expression(.input(1)))
    var state = (0..<states).map { Expression(.input(2 + $0)) }
    switch decay {
    case .none: break
    case .coupled: gradient = gradient + Expression(.scalar(scalars)) * parameter
    case .decoupled: parameter = Expression(.scalar(scalars)) * parameter
    }
    body(&parameter, gradient, &state, (0..<scalars).map { Expression(.scalar($0)) })
    let scalars = decay == .none ? scalars : scalars + 1
    stateCount = states
    scalarCount = scalars
    formulas = [parameter] + state
    let inPlace = [0] + (0..<states).map { 2 + $0 }
    func program(_ dtype: DType) -> TileProgram {
      TileProgram([parameter] + state, inputCount: 2 + states, scalarCount: scalars, compute: dtype, inPlace: inPlace)
    }
    float32 = program(.float32)
    float64 = program(.float64)
  }

  /// A rule without state: `body` changes the parameter p, given its gradient g and the scalars k.
  public convenience init(scalars: Int, _ body: (_ p: inout Expression, _ g: Expression, _ k: [Expression]) -> Void) {
    self.init(states: 0, scalars: scalars) { p, g, _, k in body(&p, g, k) }
  }

  /// A rule with one state tensor.
  public convenience init(
    scalars: Int, _ body: (_ p: inout Expression, _ g: Expression, _ v: inout Expression, _ k: [Expression]) -> Void
  ) {
    self.init(states: 1, scalars: scalars) { p, g, s, k in body(&p, g, &s[0], k) }
  }

  /// A rule with two state tensors.
  public convenience init(
    scalars: Int,
    _ body: (
      _ p: inout Expression, _ g: Expression, _ m: inout Expression, _ v: inout Expression, _ k: [Expression]
    ) -> Void
  ) {
    self.init(states: 2, scalars: scalars) { p, g, s, k in
      var (m, v) = (s[0], s[1])
      body(&p, g, &m, &v, k)
      s = [m, v]
    }
  }

  /// Changes `parameter` and `states` by the rule.
  package func callAsFunction(_ parameter: Parameter, gradient: Tensor, states: [Parameter], scalars: Scalars) {
    precondition(states.count == stateCount && scalars.values.count == scalarCount)
    let value = parameter.writable()
    guard gradient.shape == value.shape, gradient.dtype == value.dtype else {
      let found = "a gradient of type \(gradient.type)"
      stop(ShapeError("update", "\(found) does not fit a parameter of type \(value.type)"))
    }
    var (inputs, outputs) = ([value, gradient], [value])
    for state in states {
      let state = state.writable()
      inputs.append(state)
      outputs.append(state)
    }
    value.backend.elementwise(
      value.dtype == .float64 ? float64 : float32, scalars: scalars, shape: value.shape, inputs: inputs,
      outputs: outputs)
  }

  /// The rule as text, one line for each quantity that it changes.
  public func formatted(parameter: String = "p", gradient: String = "g", states: [String], scalars: [String]) -> String
  {
    zip([parameter] + states, formulas).map {
      "\($0) = \($1.formatted(inputs: [parameter, gradient] + states, scalars: scalars))"
    }.joined(separator: "\n")
  }
}
