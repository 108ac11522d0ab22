import ApusCore

/// Some lines of text of one width, one of which stands on the line of the formula.
struct TextBox {
  var lines: [String]
  var baseline: Int

  init(_ text: String) {
    lines = [text]
    baseline = 0
  }

  init(lines: [String], baseline: Int) {
    let width = lines.map(\.count).max() ?? 0
    self.lines = lines.map { $0 + String(repeating: " ", count: width - $0.count) }
    self.baseline = baseline
  }

  var width: Int { lines[0].count }

  /// Beside each other, on one line.
  static func joined(_ boxes: [TextBox]) -> TextBox {
    guard !boxes.isEmpty else { return TextBox("") }
    let above = boxes.map(\.baseline).max()!
    let below = boxes.map { $0.lines.count - $0.baseline }.max()!
    var lines = [String](repeating: "", count: above + below)
    for box in boxes {
      let blank = String(repeating: " ", count: box.width)
      for row in lines.indices {
        let inner = row - above + box.baseline
        lines[row] += box.lines.indices.contains(inner) ? box.lines[inner] : blank
      }
    }
    return TextBox(lines: lines, baseline: above)
  }

  /// Between brackets as high as the box.
  func bracketed(_ brackets: Brackets) -> TextBox {
    guard lines.count > 1 else { return TextBox("\(brackets.plain.0)\(lines[0])\(brackets.plain.1)") }
    func column(_ parts: (String, String, String)) -> TextBox {
      let rows = lines.indices.map { $0 == 0 ? parts.0 : $0 == lines.count - 1 ? parts.2 : parts.1 }
      return TextBox(lines: rows, baseline: baseline)
    }
    return .joined([column(brackets.left), self, column(brackets.right)])
  }

  struct Brackets {
    let plain: (String, String)
    let left: (String, String, String)
    let right: (String, String, String)

    static let round = Brackets(plain: ("(", ")"), left: ("⎛", "⎜", "⎝"), right: ("⎞", "⎟", "⎠"))
    static let square = Brackets(plain: ("[", "]"), left: ("⎡", "⎢", "⎣"), right: ("⎤", "⎥", "⎦"))
  }
}

/// Sets formulas as plain text, matrices over several lines.
struct TextWriter: FormulaWriter {
  let digits: Int

  func symbol(_ symbol: Formula.Symbol) -> TextBox { TextBox(symbol.text) }
  func number(_ value: Double) -> TextBox { TextBox(value.explained(digits)) }
  func name(_ name: String) -> TextBox { TextBox(name) }

  func matrix(_ value: Tensor) -> TextBox {
    let cells = value.rowsOfNumbers.map { $0.map { $0.explained(digits) } }
    let widths = (0..<value.shape[1]).map { column in cells.map { $0[column].count }.max() ?? 0 }
    let lines = cells.map { row in
      zip(row, widths).map { String(repeating: " ", count: $1 - $0.count) + $0 }.joined(separator: "  ")
    }
    return TextBox(lines: lines, baseline: (lines.count - 1) / 2).bracketed(.square)
  }

  func sign(_ sign: Formula.Sign) -> TextBox {
    switch sign {
    case .gap: TextBox(" ")
    case .negative, .sum, .sumOverExamples: TextBox(sign.rawValue)
    case .comma: TextBox(", ")
    default: TextBox(" \(sign.rawValue) ")
    }
  }

  func joined(_ parts: [TextBox]) -> TextBox { .joined(parts) }

  func raised(_ base: TextBox, _ exponent: String) -> TextBox {
    var mark = TextBox(exponent)
    // At the upper right corner of a high one.
    mark.baseline = base.baseline
    mark.lines += [String](repeating: " ", count: base.lines.count - 1)
    return .joined([base, mark])
  }

  func fraction(_ numerator: TextBox, _ denominator: TextBox) -> TextBox {
    let isLong = denominator.lines[0].contains(" ")
    return .joined([numerator, TextBox("/"), isLong ? denominator.bracketed(.round) : denominator])
  }

  func bracketed(_ inner: TextBox, square: Bool) -> TextBox { inner.bracketed(square ? .square : .round) }

  func withOnes(_ inner: TextBox, above: Bool) -> TextBox {
    .joined([TextBox(above ? "[1; " : "[1, "), inner, TextBox("]")])
  }
}

extension Double {
  /// With so many significant digits, and no zero that is negative.
  func explained(_ digits: Int) -> String { self == 0 ? "0" : formatted("g", precision: digits) }
}

extension Tensor {
  /// The numbers of a matrix, row by row.
  var rowsOfNumbers: [[Double]] {
    let (values, columns) = (doubles, shape[1])
    return (0..<shape[0]).map { Array(values[$0 * columns..<($0 + 1) * columns]) }
  }
}
