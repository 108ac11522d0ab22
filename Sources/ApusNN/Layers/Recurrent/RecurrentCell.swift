import ApusCore

/// What the cells of recurrent layers share: weights, and the formulas of a step.
///
/// With G gates, the weights have the shapes (G · units, inputs) and (G · units, units), as in PyTorch's files; there is one bias, of
/// shape (G · units), where PyTorch has two, which are only ever added: see `load(pyTorch:)`.
package protocol RecurrentCell: Layer {
  var recurrence: Recurrence { get }
  var inputs: Int { get }
  var units: Int { get }
  var inputWeight: Parameter { get }
  var recurrentWeight: Parameter { get }
  var bias: Parameter? { get }
  /// Only a GRU has one.
  var recurrentBias: Parameter? { get }
}

/// A cell's parameters, as they start.
struct RecurrentParameters {
  let inputWeight: Parameter
  let recurrentWeight: Parameter
  let bias: Parameter?
  let recurrentBias: Parameter?

  /// - Parameter weights: how all of them start; if nil, uniform within 1 / √units (the usual choice, which keeps the gates open).
  init(_ recurrence: Recurrence, _ inputs: Int, _ units: Int, hasBias: Bool, weights: Initializer?, dtype: DType) {
    guard inputs > 0 && units > 0 else {
      fatalError("\(recurrence.name)(\(inputs), \(units)): both numbers must be at least 1")
    }
    let initializer = weights ?? .uniform(bound: 1 / Double(units).squareRoot())
    var random = initializationStream()
    func parameter(_ shape: Shape, _ name: String) -> Parameter {
      Parameter(initializer(shape, dtype: dtype, using: &random), name: name)
    }
    let rows = recurrence.gateCount * units
    inputWeight = parameter([rows, inputs], "inputWeight")
    recurrentWeight = parameter([rows, units], "recurrentWeight")
    bias = hasBias ? parameter([rows], "bias") : nil
    recurrentBias = hasBias && recurrence == .gru ? parameter([units], "recurrentBias") : nil
  }
}

extension RecurrentCell {
  package func visitParameters(_ visitor: inout LayerVisitor) {
    visitor.parameter("inputWeight", inputWeight)
    visitor.parameter("recurrentWeight", recurrentWeight)
    visitor.parameter("bias", bias)
    visitor.parameter("recurrentBias", recurrentBias)
  }

  /// The state that nothing has changed yet: zeros.
  package func initialState(_ count: Int) -> [Tensor] {
    (0..<recurrence.stateCount).map { _ in .zeros([count, units], dtype: inputWeight.dtype) }
  }

  /// One step from x (n, inputs), as a call of the layer.
  package func step(_ x: Tensor, state: [Tensor]?) -> [Tensor] {
    running(\[Tensor].[0]) { stepped(x, state: state) }
  }

  /// One step from x (n, inputs).
  func stepped(_ x: Tensor, state: [Tensor]?) -> [Tensor] {
    do throws(ShapeError) {
      let shape = try outputShape(for: x.shape)
      if let other = state?.first(where: { $0.shape != shape }) {
        throw ShapeError(description, "a state of shape \(other.shape) was found; expected \(shape)")
      }
      return recurrence.step(
        linear(x, weight: inputWeight.value, bias: bias?.value), state: state ?? initialState(x.shape[0]),
        weight: recurrentWeight.value, recurrentBias: recurrentBias?.value)
    } catch { stop(error) }
  }

  /// All steps of x (n, steps, inputs), or of the rows of x (rows, inputs) that tokens (n, steps) name.
  func run(
    _ x: Tensor, tokens: Tensor?, state: [Tensor]?, lengths: Tensor?, isReversed: Bool
  ) -> (output: Tensor, state: [Tensor]) {
    running(\.output) {
      recurrence(
        RecurrentOperands(
          x: x, inputWeight: inputWeight.value, recurrentWeight: recurrentWeight.value, bias: bias?.value,
          recurrentBias: recurrentBias?.value, state: state ?? initialState((tokens ?? x).shape[0]), lengths: lengths,
          tokens: tokens),
        isReversed: isReversed)
    }
  }

  /// A cell as a layer gives h after one step from the zero state.
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 2, input[1] == inputs else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, \(inputs))")
    }
    return [input[0], units]
  }

  func text(_ name: String, _ options: String = "") -> String {
    "\(name)(\(inputs), \(units)\(options)" + (bias == nil ? ", hasBias: false)" : ")")
  }
}
