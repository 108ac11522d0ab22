/// The notes' table of activation functions (1.6), made from the entries themselves: what it says is what is computed.
public enum ActivationDocument {
  /// The page `docs/activations.md`, in Markdown.
  /// - Parameter picture: the path of an activation's plot, to be shown in its row; nil for none.
  public static func markdown(picture: (Activation) -> String? = { _ in nil }) -> String {
    let activations = Activation.all + Activation.rowwise
    let pictures = activations.map(picture)
    let hasPictures = pictures.contains { $0 != nil }
    let header =
      ["name"] + (hasPictures ? ["plot, with the derivative dashed"] : []) + [
        "equation", "derivative, from x and y = f(x)", "where it does not exist", "f(−1), f(0), f(2)", "source",
      ]
    var lines = [
      "# Activation functions", "",
      "Made by `make docs` from the entries in `Sources/ApusCore/Expressions/Activation.swift`; a test fails when the two differ.",
      "The derivatives are those that training uses: found symbolically from the formula, or given with it; `select(c, a, b)` is a",
      "where c holds, b elsewhere. A slope that is learnt (PReLU, notes G8) belongs to the layer `PReLU`; gated units (GLU, SwiGLU,",
      "…) are the layer `GatedLinearUnit`.", "",
      row(header), row(Array(repeating: "---", count: header.count)),
    ]
    for (activation, picture) in zip(activations, pictures) {
      lines.append(
        row(
          ["`\(activation)`"] + (hasPictures ? [picture.map { "![\(activation.name)](\($0))" } ?? ""] : []) + [
            activation.equation, "`\(activation.derivative)`", activation.kink ?? "", values(activation),
            activation.source ?? "",
          ]))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func row(_ cells: [String]) -> String {
    // A bar would end the cell.
    "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
  }

  private static func values(_ activation: Activation) -> String {
    activation(Tensor([-1, 0, 2] as [Double])).doubles.map(fourDigits).joined(separator: ", ")
  }

  /// The number, rounded to four digits behind the point.
  private static func fourDigits(_ value: Double) -> String {
    let rounded = (value * 1e4).rounded() / 1e4
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }
}
