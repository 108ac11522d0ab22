import ApusTestSupport
import Testing

@testable import Apus
@testable import ApusCore
@testable import ApusExplain

/// Explanations of any network, against automatic differentiation of the model itself and finite differences.
@Suite("Explain: formulas") struct DerivationTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let widths: [Int]
    let activation: Activation
    let loss: Explanation.Loss
    let head: Activation
    let m: Int
    var testDescription: String { "\(widths) \(activation) \(loss) \(head) m=\(m)" }
  }

  static let cases: [Case] = [
    Case(widths: [2, 4, 1], activation: .tanh, loss: .binaryCrossEntropy, head: .identity, m: 7),
    Case(widths: [2, 4, 1], activation: .tanh, loss: .binaryCrossEntropy, head: .sigmoid, m: 1),
    Case(widths: [3, 5, 2], activation: .relu, loss: .binaryCrossEntropy, head: .sigmoid, m: 4),
    Case(widths: [3, 5, 5, 3, 1], activation: .sigmoid, loss: .halfSquaredError, head: .sigmoid, m: 6),
    Case(widths: [3, 4, 3], activation: .silu, loss: .halfSquaredError, head: .identity, m: 1),
    Case(widths: [3, 4, 3], activation: .elu(alpha: 0.7), loss: .meanSquaredError, head: .tanh, m: 5),
    Case(widths: [2, 1], activation: .tanh, loss: .meanSquaredError, head: .identity, m: 1),
    Case(widths: [4, 3, 3], activation: .leakyRelu(), loss: .softmaxCrossEntropy, head: .identity, m: 5),
    Case(widths: [4, 3], activation: .tanh, loss: .softmaxCrossEntropy, head: .softmax, m: 1),
  ]

  private func model(_ test: Case, hasBias: Bool = true) -> Sequential {
    let last = test.widths.count - 2
    return Sequential(
      (0...last).map { l in
        let layer = Dense(
          test.widths[l], test.widths[l + 1], activation: l == last ? test.head : test.activation, hasBias: hasBias,
          dtype: .float64)
        layer.weight.value = normal([test.widths[l + 1], test.widths[l]], seed: UInt64(l + 1))
        layer.bias?.value = normal([test.widths[l + 1]], seed: UInt64(l + 11))
        return layer
      })
  }

  private func normal(_ shape: [Int], seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomNormal(Shape(shape), dtype: .float64, using: &random)
  }

  private func data(_ test: Case) -> (x: Tensor, y: Tensor) {
    let x = normal([test.m, test.widths[0]], seed: 50)
    let y = normal([test.m, test.widths.last!], seed: 51)
    return (x, test.loss == .softmaxCrossEntropy ? softmax(y) : test.loss == .binaryCrossEntropy ? sigmoid(y) : y)
  }

  /// The cost as somebody would write it for a trainer: the network's own outputs into a loss.
  private func cost(_ test: Case, _ model: Sequential, _ x: Tensor, _ y: Tensor) -> Tensor {
    let output = model(x)
    let m = Double(test.m)
    switch test.loss {
    case .halfSquaredError: return halfMeanSquaredError(output, target: y, reduction: .sum) / m
    case .meanSquaredError: return meanSquaredError(output, target: y)
    case .binaryCrossEntropy:
      let p = test.head == .sigmoid ? output : sigmoid(output)
      return binaryCrossEntropy(probabilities: p, target: y, reduction: .sum) / m
    case .softmaxCrossEntropy:
      let p = test.head == .softmax ? output : softmax(output)
      return categoricalCrossEntropy(probabilities: p, target: y, reduction: .sum) / m
    }
  }

  @Test("D9, D7: formulas give automatic differentiation's numbers", arguments: cases, Explanation.Notation.allCases)
  func agreement(test: Case, notation: Explanation.Notation) throws {
    let (x, y) = data(test)
    for convention in Explanation.Convention.allCases {
      for regularizer in [nil, Regularizer(l1: 0.03, l2: 0.2)] {
        for hasBias in [true, false] {
          let explanation = try Explanation(
            of: model(test, hasBias: hasBias), loss: test.loss, features: x, targets: y, learningRate: 0.3,
            regularizer: regularizer, convention: convention, notation: notation)
          #expect(explanation.disagreement < 1e-12, "\(convention), bias \(hasBias)")
          #expect(explanation.steps.allSatisfy { $0.part == .given || $0.definition != nil })
        }
      }
    }
  }

  @Test("gradients and cost are those of the model", arguments: cases) func gradients(test: Case) throws {
    let (model, (x, y)) = (model(test), data(test))
    let explanation = try Explanation(of: model, loss: test.loss, features: x, targets: y)
    let (value, gradients) = valueWithGradient(of: model) { cost(test, $0, x, y) }
    #expect(abs(value.item - explanation.cost!) < 1e-12)
    for (l, layer) in explanation.layers.enumerated() {
      let dense = model[l] as! Dense
      let found = try #require(layer.gradients)
      #expect(firstDifference(found.dW.doubles, gradients[dense.weight]!.doubles, tolerance: 1e-12) == nil)
      #expect(firstDifference(found.db!.doubles, gradients[dense.bias!]!.doubles, tolerance: 1e-12) == nil)
    }
  }

  @Test("gradients are finite differences of the cost, penalty included", arguments: cases)
  func finiteDifferences(test: Case) throws {
    let (model, (x, y)) = (model(test), data(test))
    let regularizer = Regularizer(l1: 0.03, l2: 0.2)
    func explained() throws -> Explanation {
      try Explanation(of: model, loss: test.loss, features: x, targets: y, regularizer: regularizer)
    }
    let explanation = try explained()
    for (l, layer) in explanation.layers.enumerated() {
      let dense = model[l] as! Dense
      for (parameter, gradient) in [(dense.weight, layer.gradients!.dW), (dense.bias!, layer.gradients!.db!)] {
        let start = parameter.value
        for i in 0..<min(4, start.count) {
          let costs = try [1e-5, -1e-5].map { step in
            var values = start.doubles
            values[i] += step
            parameter.value = Tensor(values, shape: start.shape)
            return try explained().cost!
          }
          parameter.value = start
          let slope = (costs[0] - costs[1]) / 2e-5
          #expect(abs(slope - gradient.doubles[i]) < 1e-8 * max(1, abs(slope)), "layer \(l + 1), \(i)")
        }
      }
    }
  }

  @Test("B7: columns and rows hold the same numbers", arguments: cases) func conventions(test: Case) throws {
    let (model, (x, y)) = (model(test), data(test))
    for notation in Explanation.Notation.allCases {
      let both = try Explanation.Convention.allCases.map {
        try Explanation(
          of: model, loss: test.loss, features: x, targets: y, learningRate: 0.1, convention: $0, notation: notation)
      }
      #expect(both[0].steps.map(\.name) == both[1].steps.map(\.name))
      for (columns, rows) in zip(both[0].steps, both[1].steps) {
        // Weights lie the same way in both; everything with an example or a unit in each column is transposed.
        let isWeight = columns.name.contains("W") || columns.name.contains("Θ") || columns.name.hasPrefix("Δ")
        let isWhole = isWeight || columns.name.hasPrefix("D^")
        #expect(columns.matrix.doubles == (isWhole ? rows.matrix : rows.matrix.transposed()).doubles, "\(columns.name)")
      }
    }
    // Data in columns, as the notes have them, by an explicit word.
    let given = try Explanation(
      of: model, loss: test.loss, features: x.transposed(), targets: y.transposed(), layout: .columns)
    #expect(given.cost == (try Explanation(of: model, loss: test.loss, features: x, targets: y)).cost)
  }

  @Test("C1, D10: z, a, W, b and the layer's input are kept", arguments: cases) func cache(test: Case) throws {
    let (model, (x, _)) = (model(test), data(test))
    let explanation = try Explanation(of: model, features: x)
    var a = x
    for (l, layer) in explanation.layers.enumerated() {
      let dense = model[l] as! Dense
      #expect(layer.number == l + 1 && layer.gradients == nil)
      #expect(layer.weight.doubles == dense.weight.value.doubles && layer.bias!.doubles == dense.bias!.value.doubles)
      #expect(layer.input.doubles == a.doubles)
      let z = a • dense.weight.value.transposed() + dense.bias!.value
      #expect(firstDifference(layer.z.doubles, z.doubles, tolerance: 1e-14) == nil)
      #expect(firstDifference(layer.a.doubles, dense(a).doubles, tolerance: 1e-14) == nil)
      a = layer.a
    }
    #expect(explanation.cost == nil && explanation.steps.allSatisfy { $0.part == .given || $0.part == .forward })
  }

  @Test("E-02, E-03, E-04, E-08, B1, B3: the right forms, with their dimensions") func forms() throws {
    let test = Self.cases[0]
    let (x, y) = data(test)
    let explanation = try Explanation(of: model(test), loss: test.loss, features: x, targets: y)
    func line(_ name: String) -> String {
      explanation.steps.first { $0.name == name }.map { "\($0.formula); \($0.dimensions)" } ?? ""
    }
    #expect(line("Z^[1]") == "W^[1] A^[0] + b^[1]; (4×7) = (4×2)(2×7) + (4×1)")
    #expect(line("A^[1]") == "g^[1](Z^[1]); (4×7) = (4×7)")
    #expect(line("J") == "-1/m Σ (Y ⊙ ln(A^[2]) + (1 − Y) ⊙ ln(1 − A^[2])); (1×1)")
    #expect(line("dZ^[2]") == "A^[2] − Y; (1×7) = (1×7) − (1×7)")
    #expect(line("dW^[2]") == "1/m dZ^[2] A^[1]ᵀ; (1×4) = (1×7)(7×4)")
    #expect(line("db^[2]") == "1/m Σᵢ dZ^[2]; (1×1) = (1×1)")
    #expect(line("dA^[1]") == "W^[2]ᵀ dZ^[2]; (4×7) = (4×1)(1×7)")
    #expect(line("dZ^[1]") == "dA^[1] ⊙ g^[1]'(Z^[1]); (4×7) = (4×7) ⊙ (4×7)")
    #expect(line("dW^[1]") == "1/m dZ^[1] A^[0]ᵀ; (4×2) = (4×7)(7×2)")
    let single = try Explanation(of: model(test), loss: test.loss, features: x[0..<1], targets: y[0..<1])
    #expect(single.steps.first { $0.name == "dW^[1]" }?.formula == "dz^[1] a^[0]ᵀ")
    let rows = try Explanation(of: model(test), loss: test.loss, features: x, targets: y, convention: .rows)
    #expect(rows.steps.first { $0.name == "Z^[1]" }?.formula == "A^[0] W^[1]ᵀ + b^[1]")
    #expect(rows.steps.first { $0.name == "dW^[1]" }?.formula == "1/m dZ^[1]ᵀ A^[0]")
  }

  @Test("B2, D7, E-10: Θ, δ, Δ and D, the input being layer 1") func deltaForms() throws {
    let test = Self.cases[0]
    let (model, (x, y)) = (model(test), data(test))
    let explanation = try Explanation(
      of: model, loss: test.loss, features: x, targets: y, learningRate: 0.5, regularizer: .l2(0.1), notation: .deltas)
    func line(_ name: String) -> String { explanation.steps.first { $0.name == name }?.formula ?? "" }
    #expect(line("Z^(2)") == "Θ^(1) [1; A^(1)]")
    #expect(line("δ^(3)") == "A^(3) − Y")
    #expect(line("δ^(2)") == "Θ_−0^(2)ᵀ δ^(3) ⊙ g^(2)'(Z^(2))")
    #expect(line("Δ^(1)") == "δ^(2) [1; A^(1)]ᵀ")
    #expect(line("D^(1)") == "1/m Δ^(1) + λ₂ Θ_b=0^(1)")
    #expect(explanation.steps.last?.formula == "Θ^(2) − α D^(2)")
    #expect(!explanation.steps.contains { $0.name == "δ^(1)" })
    // The same numbers as in the other notation.
    let other = try Explanation(
      of: model, loss: test.loss, features: x, targets: y, learningRate: 0.5, regularizer: .l2(0.1))
    for l in 1...2 {
      let joined = concatenate([other["db^[\(l)]"]!, other["dW^[\(l)]"]!], axis: 1)
      #expect(explanation["D^(\(l))"]!.doubles == joined.doubles)
      #expect(explanation["δ^(\(l + 1))"]!.doubles == other["dZ^[\(l)]"]!.doubles)
      let updated = concatenate([other["b^[\(l)]"]!, other["W^[\(l)]"]!], axis: 1)
      #expect(explanation["Θ^(\(l))"]!.doubles == updated.doubles)
    }
  }

  @Test("E-01: both ways to count layers are named") func layerCounts() {
    let text = Explanation(.threeFourOne).text()
    #expect(text.contains("L = 2: 2 layers, the input not counted; notes that count it (000, 004) say L = 3."))
    let deltas = Explanation(.threeFourOne, notation: .deltas).text()
    #expect(deltas.contains("L = 3: 2 layers and the input, which is layer 1"))
  }

  @Test("the update is the optimiser's") func update() throws {
    let test = Self.cases[3]
    let (model, (x, y)) = (model(test), data(test))
    let explanation = try Explanation(of: model, loss: test.loss, features: x, targets: y, learningRate: 0.3)
    let (_, gradients) = valueWithGradient(of: model) { cost(test, $0, x, y) }
    SGD(learningRate: 0.3).update(model, gradients)
    for l in 0..<4 {
      let dense = model[l] as! Dense
      #expect(
        firstDifference(explanation["W^[\(l + 1)]"]!.doubles, dense.weight.value.doubles, tolerance: 1e-12) == nil)
      #expect(firstDifference(explanation["b^[\(l + 1)]"]!.doubles, dense.bias!.value.doubles, tolerance: 1e-12) == nil)
    }
  }
}
