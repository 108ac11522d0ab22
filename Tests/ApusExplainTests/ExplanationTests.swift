import ApusTestSupport
import Testing

@testable import Apus
@testable import ApusCore
@testable import ApusExplain

/// Worked numbers of the notes, line by line.
@Suite("Explain: the notes' numbers") struct ExplanationTests {
  private func expect(
    _ explanation: Explanation, _ name: String, _ expected: [Double], _ tolerance: Double = 1e-9,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let matrix = try #require(explanation[name], "\(name)", sourceLocation: sourceLocation)
    #expect(
      firstDifference(matrix.doubles, expected, tolerance: tolerance) == nil, "\(name): \(matrix)",
      sourceLocation: sourceLocation)
  }

  @Test("N-01, A1, A3: a neuron's weights, bias, z and a can be read") func neuron() throws {
    let explanation = Explanation(.neuron)
    try expect(explanation, "W^[1]", [0, 0.5], 0)
    try expect(explanation, "b^[1]", [4], 0)
    try expect(explanation, "z^[1]", [6.5], 1e-15)
    try expect(explanation, "a^[1]", [0.998498817743263], 1e-12)
    // With Θ = (4, 0, ½) and the bias unit.
    let deltas = Explanation(.neuron, notation: .deltas)
    try expect(deltas, "Θ^(1)", [4, 0, 0.5], 0)
    try expect(deltas, "z^(2)", [6.5], 1e-15)
    try expect(deltas, "a^(2)", [0.998498817743263], 1e-12)
  }

  @Test("N-02, A4: 2-2-1 of equal neurons") func equalNeurons() throws {
    let explanation = Explanation(.twoTwoOne)
    try expect(explanation, "a^[1]", [0.952574126822433, 0.952574126822433], 1e-12)
    try expect(explanation, "a^[2]", [0.721632560951842], 1e-12)
  }

  @Test("E-11: behind a sigmoid with half the squared error, δ is (a − y) ⊙ σ'(z), not a − y") func wrongPair() throws {
    let a = 0.721632560951842
    let explanation = Explanation(.twoTwoOne, notation: .deltas)
    try expect(explanation, "δ^(3)", [(a - 1) * a * (1 - a)], 1e-12)
    #expect(explanation.steps.first { $0.name == "δ^(3)" }?.formula == "(a^(3) − y) ⊙ g^(3)'(z^(3))")
    // It is, where the loss is the cross-entropy.
    #expect(Explanation(.logistic, notation: .deltas).steps.first { $0.name == "δ^(2)" }?.formula == "a^(2) − y")
  }

  @Test("A16, N-03, N-04, N-05: whether to go to class") func goToClass() throws {
    let explanation = Explanation(.threeFourOne)
    #expect(explanation.layers.map(\.inputs) == [3, 4] && explanation.layers.map(\.units) == [4, 1])
    let z = explanation.layers[0].z.doubles[0]
    #expect(abs(z - 0.6986) < 1e-12 && abs(z - 0.7) > 1e-3)
    #expect(abs(explanation.layers[0].a.doubles[0] - 0.6986) < 1e-12)
    try expect(explanation, "a^[2]", [0.45], 1e-12)
    try expect(explanation, "L", [0.798507696217772], 1e-12)
    try expect(explanation, "dz^[2]", [-0.55], 1e-12)
    // Below ½ the rule says no; with another threshold yes.
    try expect(explanation, "ŷ", [0], 0)
    try expect(Explanation(.threeFourOne, threshold: 0.4), "ŷ", [1], 0)
    try expect(Explanation(.threeFourOne, threshold: 0.44999), "ŷ", [1], 0)
  }

  @Test("N-17, D5, D9: a network of two outputs, all gradients") func severalOutputs() throws {
    let explanation = Explanation(.severalOutputs, learningRate: 0.1)
    try expect(explanation, "z^[1]", [0.55, 0.45])
    try expect(explanation, "a^[1]", [0.634135591, 0.610639234])
    try expect(explanation, "a^[2]", [0.177511374, 0.605579183])
    try expect(explanation, "L", [0.521606844])
    try expect(explanation, "da^[2]", [-0.822488626, 0.605579183])
    try expect(explanation, "dz^[2]", [-0.822488626, 0.605579183])
    try expect(explanation, "dW^[2]", [-0.521569, -0.502244, 0.384019, 0.369790], 1e-6)
    try expect(explanation, "db^[2]", [-0.822488626, 0.605579183])
    try expect(explanation, "da^[1]", [-0.272952, 0.977957], 1e-6)
    try expect(explanation, "dz^[1]", [-0.063327, 0.232518], 1e-6)
    try expect(explanation, "dW^[1]", [-0.063327, -0.126654, 0.232518, 0.465036], 1e-6)
    try expect(explanation, "db^[1]", [-0.063327, 0.232518], 1e-6)
    // To nine digits, with PyTorch in float64 (Fixtures/explain.py).
    for (name, values) in Self.pytorch { try expect(explanation, name, values, 1e-9) }
    // Those are also what the layers say.
    let gradients = try #require(explanation.layers[0].gradients)
    #expect(gradients.dW.doubles == explanation["dW^[1]"]!.doubles)
  }

  private static let pytorch: [(String, [Double])] = [
    ("z^[1]", [0.55, 0.45]),
    ("a^[1]", [0.634135591010801, 0.610639233949222]),
    ("a^[2]", [0.177511373338027, 0.605579182664778]),
    ("L", [0.521606843732619]),
    ("da^[2]", [-0.822488626661973, 0.605579182664778]),
    ("dW^[2]", [-0.521569311367952, -0.502243824916815, 0.384019312902967, 0.369790408198016]),
    ("db^[2]", [-0.822488626661973, 0.605579182664778]),
    ("da^[1]", [-0.272952447330992, 0.977956522129006]),
    ("dz^[1]", [-0.0633270540175364, 0.232517925539698]),
    ("dW^[1]", [-0.0633270540175364, -0.126654108035073, 0.232517925539698, 0.465035851079396]),
    ("db^[1]", [-0.0633270540175364, 0.232517925539698]),
    ("W^[1]", [0.106332705401754, 0.212665410803507, -0.32325179255397, 0.35349641489206]),
    ("b^[1]", [0.0563327054017536, -0.0732517925539698]),
    ("W^[2]", [0.752156931136795, -0.549775617508318, 0.461598068709703, 0.763020959180198]),
    ("b^[2]", [0.182248862666197, -0.260557918266478]),
  ]

  @Test("N-18, D6: logistic regression of one example") func logistic() throws {
    let explanation = Explanation(.logistic)
    try expect(explanation, "z^[1]", [0.1])
    try expect(explanation, "a^[1]", [0.524979187])
    try expect(explanation, "da^[1]", [-1.904837418])
    try expect(explanation, "dz^[1]", [-0.475020813])
    try expect(explanation, "dW^[1]", [-0.950041625, -1.900083250])
    try expect(explanation, "db^[1]", [-0.475020813])
    #expect(explanation.steps.first { $0.name == "dz^[1]" }?.formula == "a^[1] − y")
    // Not E-06's −(y/a + …): the second term is added.
    #expect(
      explanation.steps.first { $0.name == "da^[1]" }?.formula == "-y ⊘ a^[1] + (1 − y) ⊘ (1 − a^[1])")
  }

  @Test("E-06: with y = 0 and a = 0.45, da is +1.818") func signOfTheSecondTerm() throws {
    let model = Sequential([Dense(1, 1, dtype: .float64)])
    model.parameters[0].value = Tensor([[1.0]])
    let logit = Tensor([[-0.2006706954621511]])
    let explanation = try Explanation(
      of: model, loss: .binaryCrossEntropy, features: logit, targets: Tensor([[0.0]]))
    try expect(explanation, "da^[1]", [1 / 0.55], 1e-12)
  }

  @Test("golden text of N-17", arguments: ["text", "markdown", "html"]) func golden(format: String) throws {
    let explanation = Explanation(.severalOutputs, learningRate: 0.1)
    let text =
      switch format {
      case "text": explanation.text() + "\n"
      case "markdown": explanation.markdown()
      default: explanation.html()
      }
    let path = fixturePath("n-17.\(format == "text" ? "txt" : format == "markdown" ? "md" : "html")")
    let golden = String(decoding: ScratchDirectory.bytes(path), as: UTF8.self)
    let (found, expected) = (text.split(separator: "\n"), golden.split(separator: "\n"))
    for (i, pair) in zip(found, expected).enumerated() { #expect(pair.0 == pair.1, "line \(i + 1)") }
    #expect(text == golden)
  }
}
