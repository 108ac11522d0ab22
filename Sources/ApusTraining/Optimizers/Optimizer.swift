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
  /// The rule, and its scalars for a parameter's step number `step` (from 1).
  func rule(step: Int) -> (update: Update, scalars: [Double])
}

extension Optimizer {
  /// Changes the model's parameters by one step. All gradients are those of the model before the step (notes F1).
  public func update(_ model: some Layer, _ gradients: Gradients) {
    memory.step += 1
    // Nearly always all parameters have taken the same number of steps; one that was frozen for a while has taken
    // fewer.
    var (step, (update, scalars)) = (memory.step, rule(step: memory.step))
    for (i, parameter) in gradients.parameters.enumerated() where parameter.isTrainable {
      memory.withSlot(of: parameter, position: i, stateCount: update.stateCount) { slot in
        slot.step += 1
        if slot.step != step {
          step = slot.step
          (update, scalars) = rule(step: step)
        }
        update(parameter, gradient: gradients.tensors[i], states: &slot.states, scalars: scalars)
      }
    }
  }
}

/// What an optimiser remembers: the number of steps, and state tensors for each parameter.
public final class OptimizerMemory {
  /// The steps taken so far.
  public internal(set) var step = 0
  private var slots: [Slot] = []
  private var positions: [Parameter: Int] = [:]

  /// What is remembered of one parameter.
  struct Slot {
    let parameter: Parameter
    /// How often it was updated.
    var step = 0
    var states: [Tensor]
  }

  public init() {}

  /// A model lists its parameters in a fixed order, so the slot is nearly always found at the parameter's own position.
  func withSlot(of parameter: Parameter, position: Int, stateCount: Int, _ body: (inout Slot) -> Void) {
    if position < slots.count, slots[position].parameter === parameter { return body(&slots[position]) }
    if let known = positions[parameter] { return body(&slots[known]) }
    positions[parameter] = slots.count
    let zeros = (0..<stateCount).map { _ in Tensor.zeros(parameter.shape, dtype: parameter.dtype) }
    slots.append(Slot(parameter: parameter, states: zeros))
    body(&slots[slots.count - 1])
  }
}
