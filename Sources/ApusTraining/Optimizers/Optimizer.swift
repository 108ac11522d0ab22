import ApusCore
import ApusNN

/// A rule that improves parameters from their gradients.
///
/// ```swift
/// let optimizer = Adam(learningRate: 1e-3)
/// let (loss, gradients) = valueWithGradient(of: model) { … }
/// optimizer.update(model, gradients)
/// ```
/// Each rule is written as its formulas and runs as one pass over the memory of a parameter and its state.
public protocol Optimizer: AnyObject, CustomStringConvertible {
  /// The step size; may be changed between steps.
  var learningRate: Double { get set }
  /// The optimiser's own memory of every parameter that it has updated.
  var memory: OptimizerMemory { get }
  /// The rule, and its scalars for step number `step` (from 1).
  func rule(step: Int) -> (update: Update, scalars: [Double])
}

extension Optimizer {
  /// Changes the model's parameters by one step. All gradients are those of the model before the step (notes F1).
  public func update(_ model: some Layer, _ gradients: Gradients) {
    memory.step += 1
    let (update, scalars) = rule(step: memory.step)
    for (i, parameter) in gradients.parameters.enumerated() where parameter.isTrainable {
      memory.withStates(of: parameter, position: i, count: update.stateCount) { states in
        update(parameter, gradient: gradients.tensors[i], states: &states, scalars: scalars)
      }
    }
  }
}

/// What an optimiser remembers: the number of steps, and state tensors for each parameter.
public final class OptimizerMemory {
  /// The steps taken so far.
  public internal(set) var step = 0
  private var slots: [(parameter: Parameter, states: [Tensor])] = []
  private var positions: [Parameter: Int] = [:]

  public init() {}

  /// A model lists its parameters in a fixed order, so the slot is nearly always found at the parameter's own position.
  func withStates(of parameter: Parameter, position: Int, count: Int, _ body: (inout [Tensor]) -> Void) {
    guard count > 0 else {
      var none: [Tensor] = []
      return body(&none)
    }
    if position < slots.count, slots[position].parameter === parameter { return body(&slots[position].states) }
    if let known = positions[parameter] { return body(&slots[known].states) }
    positions[parameter] = slots.count
    let zeros = (0..<count).map { _ in Tensor.zeros(parameter.shape, dtype: parameter.dtype) }
    slots.append((parameter, zeros))
    body(&slots[slots.count - 1].states)
  }
}
