import CApus

/// One operation: its shape rule, its kernel call and its gradient, side by side.
///
/// Functions are stateless values. `Tensor` operations build one and hand it to ``apply(_:_:)``, which checks shapes, allocates the
/// output, runs the kernel and, when something upstream is trainable, records a ``Node``.
package protocol Function: Sendable {
  /// The operation's name, as it appears in graphs and errors.
  var name: String { get }

  /// The shape rule. Reads only shapes and element types of `x`, so it also runs on placeholders.
  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType

  /// Fills the fresh, dense `y`.
  func forward(_ x: [Tensor], into y: Tensor)

  /// The gradient with respect to input `i`, built of differentiable operations; nil where there is none (labels, indices).
  ///
  /// `x[j]` has elements if `saves(input: j)`, `y` if `savesOutput`.
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor?

  /// Hands the gradient of every input for which `isNeeded` to `send`. By default `gradient` is asked for each; a function whose
  /// gradients share work overrides this.
  func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void)

  /// Whether the gradients of the inputs for which `needed` holds read the elements of input `j`.
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool
  /// Whether the gradients read the elements of the output.
  var savesOutput: Bool { get }
  /// What distinguishes this call in a printed graph, such as axes; empty if nothing does.
  var detail: String { get }
}

extension Function {
  package func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    for i in x.indices where isNeeded(i) {
      if let dx = gradient(dy, x, y, wrt: i) { send(i, dx) }
    }
  }
  package func saves(input j: Int, needed: (Int) -> Bool) -> Bool { true }
  package var savesOutput: Bool { false }
  package var detail: String { "" }
}

/// An operation that only looks differently at the elements of its one input: no kernel, no memory.
package protocol ViewFunction: Function {
  /// The layout of the result in the input's storage, or nil when the input's strides do not allow a view.
  func view(_ x: TensorObject, type: TensorType) -> (strides: Strides, offset: Int)?
}

extension ViewFunction {
  package func forward(_ x: [Tensor], into y: Tensor) {
    y.backend.copy(apply(view: self, x[0].stopGradient()), into: y)
  }
  package func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
}

/// Runs `function` on `x`.
package func apply<F: Function>(_ function: F, _ x: [Tensor]) -> Tensor {
  let type: TensorType
  do { type = try function.outputType(x) } catch { stop(error) }
  let y = Tensor(uninitialized: type.shape, type.dtype, on: x.first?.backend ?? Device.current.backend)
  Recorder.current?.begin(function)
  function.forward(x, into: y)
  OperationObserver.current?.note(function.name, function.detail, x, [y])
  guard type.dtype.isFloatingPoint, isRecording(x) else { return y }
  let saved = function.savesOutput ? y.object.storage : nil
  y.object.attach(record(function, x, type, savedOutput: saved))
  return y
}

/// Runs a view: shares the input's memory where its strides allow, copies it otherwise.
package func apply<F: ViewFunction>(view function: F, _ x: Tensor) -> Tensor {
  let type: TensorType
  do { type = try function.outputType([x]) } catch { stop(error) }
  let node = type.dtype.isFloatingPoint && isRecording(x) ? record(function, [x], type, savedOutput: nil) : nil
  if let (strides, offset) = function.view(x.object, type: type) {
    return Tensor(
      TensorObject(
        shape: type.shape, strides: strides, offset: offset, dtype: type.dtype, storage: x.object.storage, node: node))
  }
  let copy = x.dense
  guard let (strides, offset) = function.view(copy.object, type: type) else {
    fatalError("\(function.name): a dense tensor must have a view")
  }
  return Tensor(
    TensorObject(
      shape: type.shape, strides: strides, offset: offset, dtype: type.dtype, storage: copy.object.storage, node: node))
}

/// The node of one run, holding on to no more elements than the gradient will read.
func record(_ function: some Function, _ x: [Tensor], _ type: TensorType, savedOutput: Storage?) -> Node {
  var inputs = x
  for j in x.indices where !function.saves(input: j, needed: { x[$0].isTracked }) {
    inputs[j] = Tensor(placeholder: x[j].type, node: x[j].node)
  }
  return Node(function, inputs: inputs, outputType: type, savedOutput: savedOutput)
}

/// Stops the program: a wrong shape in an operation is a programmer's error.
package func stop(_ error: ShapeError) -> Never {
  var error = error
  if error.path.isEmpty { error.path = LayerFrame.path }
  fatalError(error.description)
}
