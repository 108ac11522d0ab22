import ApusCore

/// Sets formulas in LaTeX, as Markdown shows them between dollar signs.
struct LaTeXWriter: FormulaWriter {
  let digits: Int

  func symbol(_ symbol: Formula.Symbol) -> String {
    let below = symbol.subscripted.map { "_{\(Self.letters($0))}" } ?? ""
    let above = (symbol.place ?? "") + (symbol.isDerivative ? "\\prime" : "")
    return Self.letters(symbol.base) + below + (above.isEmpty ? "" : "^{\(above)}")
  }

  /// Greek letters and accents by their commands; names of several letters upright, but not the differentials dW, dZ, db.
  private static func letters(_ name: String) -> String {
    switch name {
    case "Θ": "\\Theta"
    case "δ": "\\delta"
    case "Δ": "\\Delta"
    case "α": "\\alpha"
    case "λ₁": "\\lambda_1"
    case "λ₂": "\\lambda_2"
    case "σ": "\\sigma"
    case "ŷ": "\\hat{y}"
    case "−0": "-0"
    case "ln": "\\ln"
    case "dW", "dZ", "dA", "dz", "da", "db": name
    default: name.count > 1 ? "\\mathrm{\(name)}" : name
    }
  }

  func number(_ value: Double) -> String {
    let text = value.explained(digits)
    switch text {
    case "inf": return "\\infty"
    case "-inf": return "-\\infty"
    case "nan", "-nan": return "\\mathrm{NaN}"
    default:
      guard let e = text.firstIndex(of: "e") else { return text }
      return "\(text[..<e]) \\cdot 10^{\(Int(text[text.index(after: e)...]) ?? 0)}"
    }
  }

  func matrix(_ value: Tensor) -> String {
    let rows = value.rowsOfNumbers.map { $0.map { number($0) }.joined(separator: " & ") }
    return "\\begin{bmatrix} " + rows.joined(separator: " \\\\ ") + " \\end{bmatrix}"
  }

  func sign(_ sign: Formula.Sign) -> String {
    switch sign {
    case .plus: " + "
    case .minus: " - "
    case .negative: "-"
    case .hadamard: " \\odot "
    case .quotient: " \\oslash "
    case .sum: "\\sum"
    case .sumOverExamples: "\\sum_i"
    case .times: " \\cdot "
    case .equals: " = "
    case .assigned: " \\leftarrow "
    case .greater: " > "
    case .greaterOrEqual: " \\ge "
    case .comma: ", "
    case .gap: " \\, "
    }
  }

  func name(_ name: String) -> String { Self.letters(name) }
  func joined(_ parts: [String]) -> String { parts.joined() }
  func raised(_ base: String, _ exponent: String) -> String {
    "{\(base)}^{\(exponent == "ᵀ" ? "\\mathsf{T}" : "2")}"
  }
  func fraction(_ numerator: String, _ denominator: String) -> String { "\\frac{\(numerator)}{\(denominator)}" }
  func bracketed(_ inner: String, square: Bool) -> String {
    square ? "\\left[ \(inner) \\right]" : "\\left( \(inner) \\right)"
  }
  func withOnes(_ inner: String, above: Bool) -> String {
    "\\begin{bmatrix} 1 \(above ? "\\\\" : "&") \(inner) \\end{bmatrix}"
  }
}
