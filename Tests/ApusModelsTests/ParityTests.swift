import Apus
import Testing

@Suite("A11, A12: threshold networks set by hand") struct ParityTests {
  @Test("A11: XOR from AND and OR in two layers") func xor() throws {
    let gate = Sequential.xorGate()
    let data = try Dataset(named: "xor")
    #expect(gate(data.features).flattened().ints == data.targets.ints)
    // Its first layer is OR and NAND, which the truth tables know.
    let inner = gate.layers[0](data.features)
    #expect(inner[.all, 0].ints == (try Dataset(named: "or").targets.ints))
    #expect(inner[.all, 1].ints == (try Dataset(named: "nand").targets.ints))
    let outer = try gate.layers[1](Dataset(named: "and").features).flattened().ints
    #expect(outer == (try Dataset(named: "and").targets.ints))
  }

  @Test("A12: both networks are right on all inputs of up to 10 bits", arguments: 2...10)
  func parity(bits: Int) {
    let points = LabelledPoints.parity(bits)
    let x = Tensor(points.features, shape: [1 << bits, bits])
    let truth = points.labels.map(Int.init)
    let tree = ParityTree(bits: bits)
    #expect(tree(x).flattened().ints == truth)
    #expect(tree.unitCount == 3 * (bits - 1))
    // ⌈log₂ n⌉ levels.
    var levels = 0
    while 1 << levels < bits { levels += 1 }
    #expect(tree.levels.count == levels)
    let shallow = Sequential.shallowParity(bits: bits)
    #expect(shallow(x).flattened().ints == truth)
    // n hidden units, where circuits of AND, OR and NOT need exponentially many (E-17).
    #expect((shallow.layers[0] as? Dense)?.outputs == bits && shallow.layers.count == 2)
    // What it says is right is not what any one unit says.
    #expect(shallow.layers[0](x)[.all, 0].ints != truth)
  }

  @Test func layerInterface() throws {
    let tree = ParityTree(bits: 5)
    #expect(try tree.outputShape(for: [7, 5]) == [7, 1])
    #expect(throws: ShapeError.self) { try tree.outputShape(for: [7, 4]) }
    #expect(tree.parameterCount == 4 * (2 * 2 + 2 + 2 + 1))
  }
}
