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

  /// The number of the group that a parameter belongs to, where a rule treats some parameters differently, such as those that decay.
  func group(of parameter: Parameter) -> Int
  /// The rule of a group.
  func rule(step: Int, group: Int) -> (update: Update, scalars: [Double])
}

extension Optimizer {
  public func group(of parameter: Parameter) -> Int { 0 }
  public func rule(step: Int, group: Int) -> (update: Update, scalars: [Double]) { rule(step: step) }

  /// Changes the model's parameters by one step. All gradients are those of the model before the step (notes F1).
  public func update(_ model: some Layer, _ gradients: Gradients) {
    Recorder.during(.update) {
      var waiting: [(slot: OptimizerMemory.Slot, group: Int, gradient: Tensor)] = []
      for (i, parameter) in gradients.parameters.enumerated() where parameter.isTrainable {
        let slot = memory.slot(of: parameter, position: i)
        waiting.append((slot, group(of: parameter), gradients.tensors[i]))
      }
      // Nearly always all parameters have taken the same number of steps; one that was frozen for a while has taken fewer.
      while let (first, group, _) = waiting.first {
        let step = first.step
        let members = waiting.filter { $0.slot.step == step && $0.group == group }
        waiting.removeAll { $0.slot.step == step && $0.group == group }
        let slots = members.map(\.slot)
        let scalars = StepScalars { [self] in
          for slot in slots { slot.step += 1 }
          return rule(step: slots[0].step, group: group).scalars
        }
        let update = rule(step: step + 1, group: group).update
        for (slot, _, gradient) in members {
          update(
            slot.parameter, gradient: gradient, states: slot.states(update.stateCount),
            scalars: Scalars(scalars.values, from: scalars))
        }
      }
    }
  }
}

/// What an optimiser remembers: the number of steps, and state tensors for each parameter.
public final class OptimizerMemory {
  private var slots: [Slot] = []
  private var positions: [Parameter: Int] = [:]

  /// What is remembered of one parameter.
  final class Slot {
    let parameter: Parameter
    /// How often it was updated.
    var step = 0
    private var states: [Parameter] = []

    init(_ parameter: Parameter) { self.parameter = parameter }

    /// The state as it is, to be saved.
    var storedStates: [Tensor] { states.map(\.stored) }

    /// The rule's state, which starts at zero.
    func states(_ count: Int) -> [Parameter] {
      if states.count != count {
        states = (0..<count).map { _ in Parameter(.zeros(parameter.shape, dtype: parameter.dtype)) }
      }
      return states
    }
  }

  public init() {}

  /// The steps taken so far.
  public var step: Int { slots.lazy.map(\.step).max() ?? 0 }

  /// What is remembered of a parameter; nil if it was never updated.
  func knownSlot(of parameter: Parameter) -> Slot? { positions[parameter].map { slots[$0] } }

  /// A model lists its parameters in a fixed order, so the slot is nearly always found at the parameter's own position.
  func slot(of parameter: Parameter, position: Int) -> Slot {
    if position < slots.count, slots[position].parameter === parameter { return slots[position] }
    if let known = positions[parameter] { return slots[known] }
    positions[parameter] = slots.count
    slots.append(Slot(parameter))
    return slots[slots.count - 1]
  }
}
