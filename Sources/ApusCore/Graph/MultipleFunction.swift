/// An operation with several results, such as the outputs of a recurrent layer and its last state.
///
/// Results that only the gradient reads (gates, positions of maxima) are results like others: callers keep them to themselves.
package protocol MultipleFunction: Sendable {
  /// The operation's name, as it appears in graphs and errors.
  var name: String { get }

  /// The shape rule: at least one result. Reads only shapes and element types of `x`.
  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType]

  /// Fills the fresh, dense `y`.
  func forward(_ x: [Tensor], into y: [Tensor])

  /// The gradients of the inputs, built of differentiable operations: nil for those that have none or are not needed.
  ///
  /// `dy[k]` is nil where nothing depends on result k. `x[j]` has elements if `saves(input: j)`, `y[k]` if `saves(output: k)`.
  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?]

  /// Whether the gradients of the inputs for which `needed` holds read the elements of input `j`.
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool
  /// Whether the gradients read the elements of result `k`.
  func saves(output k: Int) -> Bool
  /// What distinguishes this call in a printed graph; empty if nothing does.
  var detail: String { get }
}

extension MultipleFunction {
  package func saves(input j: Int, needed: (Int) -> Bool) -> Bool { true }
  package func saves(output k: Int) -> Bool { true }
  package var detail: String { "" }
}

/// Runs `function` on `x`.
package func apply<F: MultipleFunction>(_ function: F, _ x: [Tensor]) -> [Tensor] {
  let types: [TensorType]
  do { types = try function.outputTypes(x) } catch { stop(error) }
  let backend = x.first?.backend ?? Device.current.backend
  let y = types.map { Tensor(uninitialized: $0.shape, $0.dtype, on: backend) }
  var run = MultipleRun(function: function, types: types)
  Recorder.current?.begin(run)
  function.forward(x, into: y)
  OperationObserver.current?.note(function.name, function.detail, x, y)
  guard isRecording(x) else { return y }
  run.saved = y.indices.map { function.saves(output: $0) ? y[$0].object.storage : nil }
  let node = record(run, x, types[0], savedOutput: run.saved[0])
  for (k, result) in y.enumerated() where types[k].dtype.isFloatingPoint {
    result.object.attach(k == 0 ? node : resultNode(k, of: node, types))
  }
  return y
}

/// The node of result `k` of the operation at `node`, which itself stands for the first result.
private func resultNode(_ k: Int, of node: Node, _ types: [TensorType]) -> Node {
  record(ResultNumber(number: k), [Tensor(placeholder: types[0], node: node)], types[k], savedOutput: nil)
}

/// One run of a function with several results, as the graph sees it: a function of the first.
private struct MultipleRun<F: MultipleFunction>: FunctionOfSeveral {
  let function: F
  let types: [TensorType]
  var saved: [Storage?] = []

  var name: String { function.name }
  var detail: String { function.detail }
  var savesOutput: Bool { function.saves(output: 0) }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { types[0] }
  func forward(_ x: [Tensor], into y: Tensor) { fatalError("\(name): it has several results") }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { function.saves(input: j, needed: needed) }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    fatalError("\(name): its gradients come together")
  }

  func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    sendGradients(ofResults: [dy], x, y, isNeeded: isNeeded, send)
  }

  func sendGradients(
    ofResults dy: [Tensor?], _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    let results = types.indices.map { k in
      guard k > 0 else { return y }
      let node = types[k].dtype.isFloatingPoint ? resultNode(k, of: y.node!, types) : nil
      return Tensor(TensorObject(shape: types[k].shape, dtype: types[k].dtype, storage: saved[k], node: node))
    }
    let all = dy + Array(repeating: nil, count: types.count - dy.count)
    for case (let i, let dx?) in function.gradients(all, x, results, isNeeded: isNeeded).enumerated() where isNeeded(i)
    {
      send(i, dx)
    }
  }
}

/// The function of a node that stands for several results.
protocol FunctionOfSeveral: Function {
  /// `dy` may be shorter than the list of results.
  func sendGradients(
    ofResults dy: [Tensor?], _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void)
}

/// The link from a further result to the operation that computed it. The reverse pass takes its gradient there.
struct ResultNumber: Function {
  let number: Int
  var name: String { "result" }
  var detail: String { "\(number)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    fatalError("a result has the type that it was made with")
  }
  func forward(_ x: [Tensor], into y: Tensor) { fatalError("a result is there when its operation has run") }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    fatalError("the reverse pass takes a result's gradient to its operation")
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
}
