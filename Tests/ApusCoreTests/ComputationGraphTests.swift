import Testing

@testable import ApusCore

@Suite struct ComputationGraphTests {
  private final class Layer: Sendable, CustomStringConvertible {
    let description = "Dense(2, 3)"
  }

  private func graph(_ body: (Tensor) -> Tensor) -> ComputationGraph {
    var graph: ComputationGraph?
    _ = valueWithGradient(at: Tensor([1, 2] as [Float])) { x in
      let y = body(x)
      graph = ComputationGraph(of: y)
      return y.sum()
    }
    return graph!
  }

  @Test func isListedInTopologicalOrder() {
    let graph = graph { x in
      let square = x * x
      return (square + Tensor([1, 2] as [Float]) * square).sum(axes: [0])
    }
    #expect(
      graph.description == """
        %0 = variable 1  float32(2,)
        %1 = multiply(%0, %0)  float32(2,)
        %2 = constant  float32(2,)
        %3 = multiply(%2, %1)  float32(2,)
        %4 = add(%1, %3)  float32(2,)
        %5 = sum(%4, axes [0])  float32()
        """)
    for (i, vertex) in graph.vertices.enumerated() { #expect(vertex.inputs.allSatisfy { $0 < i }) }
  }

  @Test func parametersAndLayersHaveNames() {
    let weight = Parameter(Tensor.ones([3, 2]), name: "weight")
    let layer = Layer()
    _ = valueWithGradient(of: [weight], at: []) { _ in
      let y = LayerFrame.run(layer) { linear(Tensor.ones([4, 2]), weight: weight.value) }
      #expect(
        ComputationGraph(of: y).description == """
          %0 = weight  float32(3, 2)
          %1 = constant  float32(4, 2)
          %2 = linear(%1, %0)  float32(4, 3)  in Dense(2, 3)
          """)
      return y.sum()
    }
  }

  @Test func isDrawnInDOT() {
    let dot = graph { exp($0) }.dot
    #expect(dot.hasPrefix("digraph computation {\n") && dot.hasSuffix("\n}"))
    #expect(dot.contains("n0 [label=\"variable 1\\nfloat32(2,)\", shape=ellipse"))
    #expect(dot.contains("n1 [label=\"exp\\nfloat32(2,)\", shape=box"))
    #expect(dot.contains("  n0 -> n1;"))
  }

  @Test func isDrawnInMermaid() {
    #expect(
      graph { exp($0) }.mermaid == """
        flowchart TD
          n0(["variable 1<br/>float32(2,)"])
          n1["exp<br/>float32(2,)"]
          n0 --> n1
        """)
  }

  @Test func quotesInNamesAreEscaped() {
    let parameter = Parameter(Tensor(1 as Float), name: "the \"bias\"")
    _ = valueWithGradient(of: [parameter], at: []) { _ in
      let graph = ComputationGraph(of: parameter.value * 2)
      #expect(graph.dot.contains("the \\\"bias\\\""))
      #expect(graph.mermaid.contains("the #quot;bias#quot;"))
      return parameter.value
    }
  }

  @Test func aPlainTensorIsAConstant() {
    #expect(ComputationGraph(of: Tensor.zeros([2])).description == "%0 = constant  float32(2,)")
  }
}
