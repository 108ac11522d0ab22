import CApus

/// A node of the computation graph: one run of a function, with what its gradient needs; or a variable, where gradients end.
///
/// Nodes hang off tensors: a node holds its inputs, never its output, so dropping the last tensor of a graph frees all of it.
package final class Node: @unchecked Sendable {
  /// Nodes are numbered as they are made, so descending numbers are a reverse topological order.
  package let sequence: UInt64
  /// Nil for a variable.
  package let function: (any Function)?
  /// Emptied only by `deinit`. An input whose values the gradient does not need is a placeholder.
  @exclusivity(unchecked) package private(set) var inputs: [Tensor]
  package let outputType: TensorType
  /// The output's elements (dense), when the gradient needs them.
  let savedOutput: Storage?
  /// For a variable: its name, when it has one.
  package let label: String?
  /// The innermost layer that was running.
  package let layer: (any RunningLayer)?

  init<F: Function>(_ function: F, inputs: [Tensor], outputType: TensorType, savedOutput: Storage?) {
    sequence = apus_next_sequence()
    self.function = function
    isVariable = F.self == Identity.self
    isFurtherResult = F.self == ResultNumber.self
    self.inputs = inputs
    self.outputType = outputType
    self.savedOutput = savedOutput
    label = nil
    layer = LayerFrame.current?.layer
  }

  /// A variable of the given type.
  init(variable type: TensorType, label: String?) {
    sequence = apus_next_sequence()
    function = nil
    isVariable = true
    isFurtherResult = false
    inputs = []
    outputType = type
    savedOutput = nil
    self.label = label
    layer = nil
  }

  /// Whether this node stands for a tensor that a gradient is taken with respect to.
  let isVariable: Bool
  /// Whether this node is but a link to the operation that computed its result among others.
  let isFurtherResult: Bool

  /// The output as the gradient sees it: with its elements if they were saved, and always with its place in the graph.
  var output: Tensor {
    Tensor(TensorObject(shape: outputType.shape, dtype: outputType.dtype, storage: savedOutput, node: self))
  }

  deinit {
    // A long chain would otherwise be freed by recursion, one stack frame for each node. Instead, take over the inputs of every
    // node that nobody else holds, and let the nodes go one after the other.
    guard !inputs.isEmpty else { return }
    var pending = inputs
    inputs = []
    while !pending.isEmpty {
      guard var node = Self.removeLast(&pending), isKnownUniquelyReferenced(&node) else { continue }
      pending.append(contentsOf: node.inputs)
      node.inputs = []
    }
  }

  /// Drops the last tensor and returns its node: uniquely referenced now if the tensor was its only holder.
  @inline(never)
  private static func removeLast(_ tensors: inout [Tensor]) -> Node? { tensors.removeLast().object.node }
}
