/// The computation graph behind a tensor, as a thing to look at: nodes are variables and operations, edges are dependencies.
///
/// Tensors remember where they came from only inside `valueWithGradient`; make the graph there:
/// ```swift
/// let (loss, _) = valueWithGradient(at: x) { x in
///   let y = (x * x).sum()
///   print(ComputationGraph(of: y))
///   return y
/// }
/// ```
public struct ComputationGraph: Sendable, CustomStringConvertible {
  /// One variable, constant or operation.
  public struct Vertex: Sendable, Hashable {
    public enum Kind: Sendable, Hashable { case variable, constant, operation }
    public let kind: Kind
    /// The operation's name, or the variable's.
    public let name: String
    /// What distinguishes this call, such as axes; often empty.
    public let detail: String
    /// The shape and element type of its result.
    public let type: TensorType
    /// The vertices that it reads, by position in ``ComputationGraph/vertices``.
    public let inputs: [Int]
    /// The layer that ran it, as it was written.
    public let layer: String?
  }

  /// All vertices in topological order: each after everything it reads. The last is the tensor that was asked about.
  public let vertices: [Vertex]

  /// The graph behind `tensor`.
  public init(of tensor: Tensor) {
    var nodes: [UInt64: Node] = [:]
    var pending = tensor.node.map { [$0] } ?? []
    while let node = pending.popLast() {
      guard nodes.updateValue(node, forKey: node.sequence) == nil else { continue }
      pending.append(contentsOf: node.inputs.compactMap(\.node))
    }
    var vertices: [Vertex] = []
    var positions: [UInt64: Int] = [:]
    var constants: [ObjectIdentifier: Int] = [:]
    var variables = 0
    for node in nodes.values.sorted(by: { $0.sequence < $1.sequence }) {
      let inputs = node.inputs.map { input -> Int in
        if let source = input.node { return positions[source.sequence]! }
        if let known = constants[ObjectIdentifier(input.object)] { return known }
        vertices.append(
          Vertex(kind: .constant, name: "constant", detail: "", type: input.type, inputs: [], layer: nil))
        constants[ObjectIdentifier(input.object)] = vertices.count - 1
        return vertices.count - 1
      }
      if node.isVariable { variables += 1 }
      positions[node.sequence] = vertices.count
      vertices.append(
        Vertex(
          kind: node.isVariable ? .variable : .operation,
          name: node.isVariable ? node.label ?? "variable \(variables)" : node.function!.name,
          detail: node.isVariable ? "" : node.function!.detail, type: node.outputType, inputs: inputs,
          layer: node.layer?.description))
    }
    if tensor.node == nil {
      vertices = [Vertex(kind: .constant, name: "constant", detail: "", type: tensor.type, inputs: [], layer: nil)]
    }
    self.vertices = vertices
  }

  /// One line for each vertex: `%5 = matmul(%1, %3)  float32(4, 2)  in Dense(3, 2)`.
  public var description: String {
    vertices.enumerated().map { index, vertex in
      var line = "%\(index) = \(vertex.name)"
      if vertex.kind == .operation {
        let operands = vertex.inputs.map { "%\($0)" }
        line += "(" + (operands + (vertex.detail.isEmpty ? [] : [vertex.detail])).joined(separator: ", ") + ")"
      }
      line += "  \(vertex.type)"
      if let layer = vertex.layer { line += "  in \(layer)" }
      return line
    }.joined(separator: "\n")
  }

  /// The graph in Graphviz' language: `dot -Tsvg` draws it.
  public var dot: String {
    var lines = ["digraph computation {", "  rankdir=TB;", "  node [fontname=\"Helvetica\"];"]
    for (index, vertex) in vertices.enumerated() {
      let shape =
        switch vertex.kind {
        case .variable: "shape=ellipse, style=filled, fillcolor=\"#cfe3f7\""
        case .constant: "shape=ellipse"
        case .operation: "shape=box, style=\"rounded,filled\", fillcolor=\"#f4ead2\""
        }
      lines.append("  n\(index) [label=\"\(escaped(label(vertex, newline: "\\n")))\", \(shape)];")
    }
    for (index, vertex) in vertices.enumerated() {
      for input in vertex.inputs { lines.append("  n\(input) -> n\(index);") }
    }
    return (lines + ["}"]).joined(separator: "\n")
  }

  /// The graph as a Mermaid flowchart.
  public var mermaid: String {
    var lines = ["flowchart TD"]
    for (index, vertex) in vertices.enumerated() {
      let text = "\"\(label(vertex, newline: "<br/>").split(separator: "\"").joined(separator: "#quot;"))\""
      lines.append("  n\(index)" + (vertex.kind == .operation ? "[\(text)]" : "([\(text)])"))
    }
    for (index, vertex) in vertices.enumerated() {
      for input in vertex.inputs { lines.append("  n\(input) --> n\(index)") }
    }
    return lines.joined(separator: "\n")
  }

  private func label(_ vertex: Vertex, newline: String) -> String {
    [vertex.name, vertex.detail, "\(vertex.type)"].filter { !$0.isEmpty }.joined(separator: newline)
  }

  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      if character == "\"" { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
