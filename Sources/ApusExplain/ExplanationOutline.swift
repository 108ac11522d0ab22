import ApusCore
import ApusNN

/// What a document says before the steps and between them, whatever it is set in.
struct ExplanationOutline {
  let explanation: Explanation
  let digits: Int

  /// The network, and how this document writes about it.
  var introduction: [String] {
    let (e, count) = (explanation, explanation.layers.count)
    let layers = count == 1 ? "1 layer" : "\(count) layers"
    // Both ways to count (E-01).
    var sentences = [
      e.notation == .matrices
        ? "L = \(count): \(layers), the input not counted; notes that count it (000, 004) say L = \(count + 1)."
        : "L = \(count + 1): \(layers) and the input, which is layer 1; notes that do not count it (001 to 003) say L = \(count)."
    ]
    let examples = e.exampleCount == 1 ? "m = 1 example" : "m = \(e.exampleCount) examples"
    sentences.append(
      e.convention == .columns ? "\(examples): a column each." : "\(examples): a row each.")
    if let loss = e.loss { sentences.append("The loss of an example is \(loss.words).") }
    if e.notation == .deltas && e.layers.contains(where: { $0.bias != nil }) {
      sentences.append("The first column of Θ holds the biases, for the unit a₀ = 1; Θ_−0 is Θ without it.")
    }
    if e.cost != nil && e.notation == .deltas { sentences.append("There is no δ^(1): the input has no error.") }
    return sentences
  }

  /// A row for each layer: its number, the number of its units, its dimensions and its activation (notes B1, B3).
  var table: [[String]] {
    let e = explanation
    let (open, close) = e.notation == .matrices ? ("[", "]") : ("(", ")")
    let first = e.notation == .matrices ? 0 : 1
    let capital = e.exampleCount > 1
    let (z, a) = capital ? ("Z", "A") : ("z", "a")
    func of(_ name: String) -> String { "\(name)^\(open)l\(close)" }
    func examples(_ units: Int) -> String {
      e.convention == .columns ? "(\(units)×\(e.exampleCount))" : "(\(e.exampleCount)×\(units))"
    }
    let inputs = e.layers[0].inputs
    func activation(_ layer: Explanation.Layer) -> String { "\(layer.activation.symbol): \(layer.activation.equation)" }
    guard e.notation == .matrices else {
      var rows = [["l", of("n"), of("Θ"), "\(of(z)), \(of(a))", "\(of("g"))(x)"]]
      for l in 0...e.layers.count {
        let next = l < e.layers.count ? e.layers[l] : nil
        let theta = next.map { "(\($0.units)×\($0.inputs + ($0.bias == nil ? 0 : 1)))" } ?? ""
        let own = l == 0 ? nil : e.layers[l - 1]
        rows.append([
          "\(l + first)", "\(own?.units ?? inputs)", theta, examples(own?.units ?? inputs),
          own.map(activation) ?? "the input",
        ])
      }
      return rows
    }
    var rows = [["l", of("n"), of("W"), of("b"), "\(of(z)), \(of(a))", "\(of("g"))(x)"]]
    rows.append(["0", "\(inputs)", "", "", examples(inputs), "the input"])
    for layer in e.layers {
      let bias = layer.bias == nil ? "" : e.convention == .columns ? "(\(layer.units)×1)" : "(1×\(layer.units))"
      rows.append([
        "\(layer.number)", "\(layer.units)", "(\(layer.units)×\(layer.inputs))", bias, examples(layer.units),
        activation(layer),
      ])
    }
    return rows
  }

  /// The steps of each part that has any, with its title.
  var sections: [(title: String, steps: [Explanation.Step])] {
    Explanation.Step.Part.allCases.compactMap { part in
      let steps = explanation.steps.filter { $0.part == part }
      return steps.isEmpty ? nil : (title(of: part), steps)
    }
  }

  private func title(of part: Explanation.Step.Part) -> String {
    switch part {
    case .given: "Given"
    case .forward: "Forward"
    case .cost: "Cost"
    case .backward: "Backward"
    case .update: "Update with the learning rate α = \((explanation.learningRate ?? 0).explained(digits))"
    }
  }

  /// Whether formulas and automatic differentiation agree.
  var conclusion: String? {
    guard explanation.cost != nil else { return nil }
    return explanation.disagreement < 1e-9
      ? "The gradients are those of automatic differentiation; the formulas give the same numbers, to less than 10⁻⁹."
      : "The gradients are those of automatic differentiation; the formulas differ from them by up to "
        + "\(explanation.disagreement.explained(3)), as rounding makes it near saturated outputs."
  }
}

extension Explanation.Loss {
  /// The loss of an example in words and symbols.
  var words: String {
    switch self {
    case .halfSquaredError: "half the squared error, ½ Σ (a − y)²"
    case .meanSquaredError: "the squared error, the mean of (a − y)² over the outputs"
    case .binaryCrossEntropy: "the binary cross-entropy, −Σ (y ln a + (1 − y) ln(1 − a))"
    case .softmaxCrossEntropy: "the cross-entropy, −Σ y ln a"
    }
  }
}

extension Explanation.Step {
  /// What stands behind the name, line by line: the formula, the formula with numbers, the result.
  func lines<W: FormulaWriter>(by writer: W) -> [W.Output] {
    let sign = writer.sign(isAssignment ? .assigned : .equals)
    let name = left.written(by: writer, numbers: false)
    guard let definition else { return [writer.joined([name, sign, result(by: writer)])] }
    var lines: [W.Output] = []
    if definition.text == self.name {
      // A function that has no simpler formula.
      lines.append(writer.joined([name, sign, definition.written(by: writer, numbers: true)]))
    } else {
      lines.append(writer.joined([name, sign, definition.written(by: writer, numbers: false)]))
      if !definition.isSymbol {
        lines.append(writer.joined([writer.sign(.equals), definition.written(by: writer, numbers: true)]))
      }
    }
    return lines + [writer.joined([writer.sign(.equals), result(by: writer)])]
  }

  /// The matrix; of one element where the formula is a number, that number.
  private func result<W: FormulaWriter>(by writer: W) -> W.Output {
    definition?.isNumber == true ? writer.number(matrix.item) : writer.matrix(matrix)
  }
}

extension Formula {
  fileprivate var isSymbol: Bool { if case .symbol = self { true } else { false } }
  fileprivate var text: String { written(by: TextWriter(digits: 6), numbers: false).lines[0] }
}
