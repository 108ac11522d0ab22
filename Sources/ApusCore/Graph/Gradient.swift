import CApus

// The reverse pass. Nodes are visited in descending order of their sequence numbers: an operation is always made after its inputs,
// so this is a reverse topological order, and a node's gradient is complete when its turn comes.

/// Gradients on their way, ordered by their nodes' sequence numbers, latest last.
private struct PendingGradients {
  struct Item {
    let node: Node
    /// Of the node's result; nil if only further results have gradients.
    var gradient: Tensor?
    /// Of the further results of a function that has several, from number 1 on.
    var more: [Tensor?] = []

    mutating func add(_ gradient: Tensor, result: Int) {
      if result == 0 {
        self.gradient = self.gradient.map { $0 + gradient } ?? gradient
      } else {
        while more.count < result { more.append(nil) }
        more[result - 1] = more[result - 1].map { $0 + gradient } ?? gradient
      }
    }
  }
  private var items: [Item] = []

  init() { items.reserveCapacity(8) }

  /// Adds to the gradient of a result of `node`: contributions over several paths are summed (the chain rule; notes D2).
  mutating func add(_ gradient: Tensor, to node: Node, result: Int = 0) {
    var low = 0
    var high = items.count
    while low < high {
      let middle = (low + high) / 2
      if items[middle].node.sequence < node.sequence { low = middle + 1 } else { high = middle }
    }
    if low == items.count || items[low].node !== node { items.insert(Item(node: node), at: low) }
    items[low].add(gradient, result: result)
  }

  mutating func removeLatest() -> Item? { items.popLast() }
}

/// Sends `seed` backwards from `y` and returns the gradients of `variables`: zeros where y does not depend on one.
private func pullBack(from y: Tensor, seed: Tensor, to variables: [Tensor]) -> [Tensor] {
  var gradients = [Tensor?](repeating: nil, count: variables.count)
  if let root = y.node, let earliest = variables.first?.node?.sequence {
    let (recorder, observer) = (Recorder.current, OperationObserver.current)
    defer { observer?.pullBack(through: nil) }
    var pending = PendingGradients()
    pending.add(seed, to: root)
    while let item = pending.removeLatest() {
      let node = item.node
      if node.isVariable, let index = variables.firstIndex(of: node) {
        gradients[index] = item.gradient
        continue
      }
      guard let function = node.function else { continue }
      let inputs = node.inputs
      recorder?.pullBack(through: node.layer)
      observer?.pullBack(through: node)
      // Nothing older than the variables can lead to one.
      func isNeeded(_ i: Int) -> Bool { inputs[i].node.map { $0.sequence >= earliest } ?? false }
      if node.isFurtherResult, let result = function as? ResultNumber {
        pending.add(item.gradient!, to: inputs[0].node!, result: result.number)
      } else if let dy = item.gradient, item.more.isEmpty {
        function.sendGradients(dy, inputs, node.output, isNeeded: isNeeded) { pending.add($1, to: inputs[$0].node!) }
      } else if let several = function as? any FunctionOfSeveral {
        several.sendGradients(ofResults: [item.gradient] + item.more, inputs, node.output, isNeeded: isNeeded) {
          pending.add($1, to: inputs[$0].node!)
        }
      }
    }
  }
  return variables.indices.map { gradients[$0] ?? .zeros(variables[$0].shape, dtype: variables[$0].dtype) }
}

extension [Tensor] {
  /// The position of the variable with this node. Variables are made in order, so their sequence numbers ascend.
  fileprivate func firstIndex(of node: Node) -> Int? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self[middle].node!.sequence < node.sequence { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].node === node ? low : nil
  }
}

/// The derivative of a loss with respect to itself.
private let one = Tensor(filledWith: 1, shape: [], dtype: .float32)

/// Runs the reverse pass of a scope that has just closed: operations in it are recorded only if an enclosing scope asks for them.
private func gradients(of value: Tensor, wrt variables: [Tensor], in name: String) -> [Tensor] {
  guard value.count == 1 else {
    stop(ShapeError(name, "the result has shape \(value.shape); a gradient needs a single number (a loss)"))
  }
  guard value.dtype.isFloatingPoint else {
    stop(ShapeError(name, "the result is \(value.dtype); a gradient needs floating point"))
  }
  let thread = apus_thread()
  let before = thread.pointee.is_recording
  thread.pointee.is_recording = thread.pointee.gradient_scope != nil
  defer { thread.pointee.is_recording = before }
  let seed =
    value.rank == 0 && value.dtype == .float32 ? one : Tensor(filledWith: 1, shape: value.shape, dtype: value.dtype)
  return Recorder.during(.backward) { pullBack(from: value, seed: seed, to: variables) }
}

/// The link from a variable back to the tensor it stands for, so that an enclosing scope's gradient flows through.
struct Identity: ViewFunction {
  var name: String { "variable" }
  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { x[0].type }
  func view(_ x: TensorObject, type: TensorType) -> (strides: Strides, offset: Int)? { (x.strides, x.offset) }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { dy }
}

extension Tensor {
  /// This tensor as a variable of the innermost scope.
  fileprivate func asVariable(in name: String, label: String? = nil) -> Tensor {
    guard dtype.isFloatingPoint else {
      stop(
        ShapeError(name, "a gradient with respect to a \(dtype) tensor does not exist; convert it to floating point"))
    }
    if node != nil { return apply(view: Identity(), self) }
    return Tensor(TensorObject(object, node: Node(variable: type, label: label)))
  }
}

/// The value of `body` and its gradients with respect to each of `x`.
///
/// The gradients are tensors of the shapes of `x`; where the value does not depend on one of them, zeros. Inside another
/// `valueWithGradient` they are differentiable themselves, which gives second derivatives.
/// - Parameter body: computes a single number from the variables that stand for `x`.
public func valueWithGradient(
  at x: [Tensor], _ body: ([Tensor]) throws -> Tensor
) rethrows -> (value: Tensor, gradients: [Tensor]) {
  let (value, variables) = try GradientScope.open { _ in
    let variables = x.map { $0.asVariable(in: "valueWithGradient") }
    return (try body(variables), variables)
  }
  return (value.leavingScope(), gradients(of: value, wrt: variables, in: "valueWithGradient"))
}

/// The value of `body` and its gradient with respect to `x`.
public func valueWithGradient(
  at x: Tensor, _ body: (Tensor) throws -> Tensor
) rethrows -> (value: Tensor, gradient: Tensor) {
  let (value, gradients) = try valueWithGradient(at: [x]) { try body($0[0]) }
  return (value, gradients[0])
}

/// The gradient of `body` with respect to `x`.
public func gradient(at x: Tensor, of body: (Tensor) throws -> Tensor) rethrows -> Tensor {
  try valueWithGradient(at: x, body).gradient
}

/// The value of `body` in a scope of its own, and the variables that stood for `parameters` and then `inputs`.
private func withVariables(
  of parameters: [Parameter], at inputs: [Tensor], _ body: ([Tensor]) throws -> Tensor
) rethrows -> (value: Tensor, variables: [Tensor]) {
  try GradientScope.open(parameters) { scope in
    var variables: [Tensor] = []
    variables.reserveCapacity(parameters.count + inputs.count)
    for parameter in parameters {
      // In an enclosing scope the parameter may already be a variable: then link to it.
      let outer = scope.parent?.variable(for: parameter)
      let variable = (outer ?? parameter.stored).asVariable(in: "valueWithGradient", label: parameter.name)
      scope.track(variable)
      variables.append(variable)
    }
    for input in inputs { variables.append(input.asVariable(in: "valueWithGradient")) }
    return (try body(inputs.isEmpty ? [] : Array(variables[parameters.count...])), variables)
  }
}

/// The value of `body` and its gradients with respect to `parameters`, and to `inputs` if any are given.
package func valueWithGradient(
  of parameters: [Parameter], at inputs: [Tensor], _ body: ([Tensor]) throws -> Tensor
) rethrows -> (value: Tensor, parameters: [Tensor], inputs: [Tensor]) {
  let (value, variables) = try withVariables(of: parameters, at: inputs, body)
  let all = gradients(of: value, wrt: variables, in: "valueWithGradient")
  guard !inputs.isEmpty else { return (value.leavingScope(), all, []) }
  return (value.leavingScope(), Array(all[..<parameters.count]), Array(all[parameters.count...]))
}

/// What flows back through `body` to `parameters` and `inputs` when `seed` arrives at its result: for functions whose gradient computes
/// them once more.
package func pullBack(
  _ seed: Tensor, through body: ([Tensor]) throws -> Tensor, to parameters: [Parameter], at inputs: [Tensor]
) rethrows -> (parameters: [Tensor], inputs: [Tensor]) {
  let (value, variables) = try withVariables(of: parameters, at: inputs, body)
  let thread = apus_thread()
  let before = thread.pointee.is_recording
  thread.pointee.is_recording = thread.pointee.gradient_scope != nil
  defer { thread.pointee.is_recording = before }
  let all = pullBack(from: value, seed: seed, to: variables)
  return (Array(all[..<parameters.count]), Array(all[parameters.count...]))
}

extension Tensor {
  /// Outside of every scope a result is a plain tensor: it does not keep its graph alive.
  fileprivate func leavingScope() -> Tensor { GradientScope.current == nil ? stopGradient() : self }
}
