import ApusCore

/// Sets formulas in MathML, which browsers show and screen readers read aloud.
struct MathMLWriter: FormulaWriter {
  let digits: Int

  func symbol(_ symbol: Formula.Symbol) -> String {
    let base = name(symbol.base)
    let above = symbol.place.map { place in
      "<mrow><mo stretchy=\"false\">\(place.first!)</mo><mn>\(place.dropFirst().dropLast())</mn>"
        + "<mo stretchy=\"false\">\(place.last!)</mo>\(symbol.isDerivative ? "<mo>′</mo>" : "")</mrow>"
    }
    let below = symbol.subscripted.map { "<mtext>\($0)</mtext>" }
    return switch (below, above) {
    case (let below?, let above?): "<msubsup>\(base)\(below)\(above)</msubsup>"
    case (nil, let above?): "<msup>\(base)\(above)</msup>"
    case (let below?, nil): "<msub>\(base)\(below)</msub>"
    case (nil, nil): base
    }
  }

  func number(_ value: Double) -> String {
    let text = value.explained(digits)
    return text.hasPrefix("-") ? "<mrow><mo>−</mo><mn>\(text.dropFirst())</mn></mrow>" : "<mn>\(text)</mn>"
  }

  func matrix(_ value: Tensor) -> String {
    let rows = value.rowsOfNumbers.map { row in
      "<mtr>" + row.map { "<mtd>\(number($0))</mtd>" }.joined() + "</mtr>"
    }
    return "<mrow><mo>[</mo><mtable>\(rows.joined())</mtable><mo>]</mo></mrow>"
  }

  func sign(_ sign: Formula.Sign) -> String {
    switch sign {
    case .gap: "<mspace width=\"0.2em\"/>"
    case .negative: "<mo>−</mo>"
    case .sumOverExamples: "<msub><mo>Σ</mo><mi>i</mi></msub>"
    case .greater: "<mo>&gt;</mo>"
    default: "<mo>\(sign.rawValue)</mo>"
    }
  }

  func name(_ name: String) -> String { "<mi>\(name.escapedForHTML)</mi>" }
  func joined(_ parts: [String]) -> String { "<mrow>\(parts.joined())</mrow>" }
  func raised(_ base: String, _ exponent: String) -> String {
    "<msup><mrow>\(base)</mrow>\(exponent == "ᵀ" ? "<mi>T</mi>" : "<mn>2</mn>")</msup>"
  }
  func fraction(_ numerator: String, _ denominator: String) -> String {
    "<mfrac><mrow>\(numerator)</mrow><mrow>\(denominator)</mrow></mfrac>"
  }
  func bracketed(_ inner: String, square: Bool) -> String {
    "<mrow><mo>\(square ? "[" : "(")</mo>\(inner)<mo>\(square ? "]" : ")")</mo></mrow>"
  }
  func withOnes(_ inner: String, above: Bool) -> String {
    let one = "<mtd><mn>1</mn></mtd>"
    let rest = "<mtd>\(inner)</mtd>"
    let rows = above ? "<mtr>\(one)</mtr><mtr>\(rest)</mtr>" : "<mtr>\(one)\(rest)</mtr>"
    return "<mrow><mo>[</mo><mtable>\(rows)</mtable><mo>]</mo></mrow>"
  }
}

extension String {
  /// With the characters replaced that mean something in HTML.
  var escapedForHTML: String {
    var result = ""
    for character in self {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
    return result
  }
}
