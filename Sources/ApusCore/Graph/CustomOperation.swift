/// A user's own node of the computation graph: a forward and a gradient, both written with tensors.
///
/// For formulas of one element at a time, ``Elementwise`` is shorter and faster: it finds the gradient by itself. A custom operation
/// serves where the gradient is chosen rather than derived, or is cheaper than the one that the graph would give:
/// ```swift
/// let straightThrough = CustomOperation("straightThrough") { x in round(x) } gradient: { dy, x, y in dy }
/// ```
/// The forward is not recorded, whatever it computes. The gradient is made of tensor operations, so second derivatives work.
public struct CustomOperation: Sendable {
  /// The name in graphs and errors.
  public let name: String
  private let forward: @Sendable ([Tensor]) -> Tensor
  private let gradient: @Sendable (_ dy: Tensor, _ x: [Tensor], _ y: Tensor) -> [Tensor?]

  /// An operation of any number of inputs.
  /// - Parameters:
  ///   - forward: computes y from the inputs x.
  ///   - gradient: computes the gradient of the loss with respect to each input, given that with respect to y; nil for inputs
  ///     that have none, such as labels.
  public init(
    _ name: String, forward: @escaping @Sendable (_ x: [Tensor]) -> Tensor,
    gradient: @escaping @Sendable (_ dy: Tensor, _ x: [Tensor], _ y: Tensor) -> [Tensor?]
  ) {
    self.name = name
    self.forward = forward
    self.gradient = gradient
  }

  /// An operation of one input.
  public init(
    _ name: String, forward: @escaping @Sendable (_ x: Tensor) -> Tensor,
    gradient: @escaping @Sendable (_ dy: Tensor, _ x: Tensor, _ y: Tensor) -> Tensor
  ) {
    self.init(name, forward: { forward($0[0]) }, gradient: { dy, x, y in [gradient(dy, x[0], y)] })
  }

  public func callAsFunction(_ x: Tensor...) -> Tensor { call(x) }

  /// Applies the operation to as many inputs as it takes.
  public func call(_ x: [Tensor]) -> Tensor {
    let result = forward(x.map { $0.stopGradient() }).stopGradient()
    guard result.dtype.isFloatingPoint, isRecording(x) else { return result }
    // A node keeps its output as a whole storage, so a view is copied.
    let y = result.object.isDense && result.object.offset == 0 ? result : result.copied()
    let node = record(CustomCall(operation: self, type: y.type), x, y.type, savedOutput: y.object.storage)
    return Tensor(TensorObject(y.object, node: node))
  }

  /// The gradients as the closure gives them, checked.
  fileprivate func gradients(_ dy: Tensor, _ x: [Tensor], _ y: Tensor) -> [Tensor?] {
    let found = gradient(dy, x, y)
    guard found.count == x.count else {
      stop(ShapeError(name, "the gradient returned \(found.count) tensors for \(x.count) inputs"))
    }
    for case (let i, let dx?) in found.enumerated() where dx.type != x[i].type {
      stop(ShapeError(name, "the gradient for input \(i) is of type \(dx.type); expected that input's, \(x[i].type)"))
    }
    return found
  }
}

extension Tensor {
  /// The same elements in a memory of their own.
  fileprivate func copied() -> Tensor {
    let copy = Tensor(uninitialized: shape, dtype, on: backend)
    backend.copy(self, into: copy)
    return copy
  }
}

/// One run of a custom operation.
private struct CustomCall: Function {
  let operation: CustomOperation
  let type: TensorType
  var name: String { operation.name }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { type }
  func forward(_ x: [Tensor], into y: Tensor) { y.backend.copy(operation.call(x), into: y) }
  var savesOutput: Bool { true }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { operation.gradients(dy, x, y)[i] }

  func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    for case (let i, let dx?) in operation.gradients(dy, x, y).enumerated() where isNeeded(i) { send(i, dx) }
  }
}
