import ApusCore
import ApusNN

/// What a training run needs beside its model to go on bit for bit: the optimiser's memory, averages, random numbers.
///
/// ```swift
/// try trainer.state.save(to: "run.state.safetensors")                         // beside the model's file
/// try trainer.restore(TrainingState(path: "run.state.safetensors"))           // in a new process, with the model read from its file
/// ```
/// It is named tensors and short texts, as a safetensors file holds them.
public struct TrainingState: Sendable {
  public private(set) var tensors: [(name: String, tensor: Tensor)] = []
  public private(set) var metadata: [String: String] = [:]
  private var positions: [String: Int] = [:]

  /// Nothing.
  public init() {}

  /// What a file held.
  public init(tensors: [(name: String, tensor: Tensor)], metadata: [String: String]) {
    for (name, tensor) in tensors { self[tensor: name] = tensor }
    self.metadata = metadata
  }

  public subscript(name: String) -> String? {
    get { metadata[name] }
    set { metadata[name] = newValue }
  }

  public subscript(tensor name: String) -> Tensor? {
    get { positions[name].map { tensors[$0].tensor } }
    set {
      guard let newValue else { fatalError("TrainingState: a tensor cannot be removed") }
      if let position = positions[name] {
        tensors[position].tensor = newValue
      } else {
        positions[name] = tensors.count
        tensors.append((name, newValue))
      }
    }
  }

  /// Takes in all that another one has.
  public mutating func add(_ other: TrainingState) {
    for (name, tensor) in other.tensors { self[tensor: name] = tensor }
    metadata.merge(other.metadata) { $1 }
  }

  // MARK: Reading with checks

  func text(_ name: String) throws(TrainingError) -> String {
    guard let text = metadata[name] else { throw TrainingError("the training state lacks '\(name)'") }
    return text
  }

  func number<Number: LosslessStringConvertible>(
    _ name: String, where isValid: (Number) -> Bool
  ) throws(TrainingError) -> Number {
    let text = try text(name)
    guard let number = Number(text), isValid(number) else {
      throw TrainingError("the training state's '\(name)' is '\(text.prefix(40))', which is no such number")
    }
    return number
  }

  func tensor(_ name: String, _ expected: TensorType) throws(TrainingError) -> Tensor {
    guard let tensor = self[tensor: name] else { throw TrainingError("the training state lacks the tensor '\(name)'") }
    guard tensor.type == expected else {
      throw TrainingError(
        "the training state's tensor '\(name)' is of type \(tensor.type); the model expects \(expected)")
    }
    return tensor
  }
}

extension Optimizer {
  private var kind: String { "\(Swift.type(of: self))" }

  /// The learning rate, and for each parameter that was updated the number of its steps and its state.
  /// - Parameter model: names the parameters.
  public func state(of model: some Layer) -> TrainingState {
    var state = TrainingState()
    state["optimizer"] = kind
    state["optimizer.learningRate"] = "\(learningRate)"
    for (name, parameter) in model.namedParameters {
      guard let slot = memory.knownSlot(of: parameter), slot.step > 0 else { continue }
      state["optimizer.steps.\(name)"] = "\(slot.step)"
      for (i, tensor) in slot.storedStates.enumerated() { state[tensor: "optimizer.\(name).\(i)"] = tensor }
    }
    return state
  }

  /// Goes on where another optimiser of the same kind and settings stood: its learning rate, steps and states.
  ///
  /// A ``ApusCore/Program`` that contains updates must not have been recorded before. (A trainer sees to that by itself.)
  /// - Throws: `TrainingError` if the state belongs to another kind of optimiser or does not fit the model; nothing has changed then.
  public func restore(_ state: TrainingState, of model: some Layer) throws(TrainingError) {
    let found = try state.text("optimizer")
    guard found == kind else {
      throw TrainingError("the training state belongs to the optimiser '\(found.prefix(40))', not '\(kind)'")
    }
    let rate: Double = try state.number("optimizer.learningRate") { $0.isFinite }
    var restored: [(parameter: Parameter, step: Int, states: [Tensor])] = []
    let named = model.namedParameters
    for (name, parameter) in named {
      guard state["optimizer.steps.\(name)"] != nil else {
        restored.append((parameter, 0, []))
        continue
      }
      let step: Int = try state.number("optimizer.steps.\(name)") { $0 > 0 }
      let count = rule(step: 1, group: group(of: parameter)).update.stateCount
      var states: [Tensor] = []
      for i in 0..<count { states.append(try state.tensor("optimizer.\(name).\(i)", parameter.stored.type)) }
      restored.append((parameter, step, states))
    }
    let prefix = "optimizer.steps."
    let names = Set(named.map(\.name))
    for key in state.metadata.keys where key.hasPrefix(prefix) && !names.contains(String(key.dropFirst(prefix.count))) {
      throw TrainingError(
        "the training state is of a model with the parameter '\(key.dropFirst(prefix.count).prefix(80))', which this one lacks"
      )
    }
    learningRate = rate
    for (parameter, step, states) in restored { memory.restore(parameter, step: step, states: states) }
  }
}

extension OptimizerMemory {
  /// A step count of 0 forgets the parameter's state.
  func restore(_ parameter: Parameter, step: Int, states: [Tensor]) {
    guard step > 0 || knownSlot(of: parameter) != nil else { return }
    let slot = slot(of: parameter, position: 0)
    slot.step = step
    for (state, value) in zip(slot.states(states.count), states) { state.value = value }
  }
}

extension WeightAverage {
  /// The averages, and over how many steps they were taken.
  public var state: TrainingState {
    var state = TrainingState()
    state["average"] = kind.description
    state["average.count"] = "\(count)"
    for (name, average) in zip(names, averages) { state[tensor: "average.\(name)"] = average.stored }
    return state
  }

  /// Goes on where another average of the same kind stood.
  /// - Throws: `TrainingError` if the state belongs to another kind or does not fit the model; nothing has changed then.
  public func restore(_ state: TrainingState) throws(TrainingError) {
    let found = try state.text("average")
    guard found == kind.description else {
      throw TrainingError("the training state belongs to an average '\(found.prefix(60))', not '\(kind)'")
    }
    let count: Int = try state.number("average.count") { $0 >= 0 }
    var values: [Tensor] = []
    for (name, average) in zip(names, averages) {
      values.append(try state.tensor("average.\(name)", average.stored.type))
    }
    self.count = count
    for (average, value) in zip(averages, values) { average.value = value }
  }
}
