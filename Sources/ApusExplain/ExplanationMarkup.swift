import ApusCore

extension Explanation {
  /// As Markdown, with formulas in LaTeX between dollar signs.
  /// - Parameter digits: significant digits of every number; 1 to 17.
  public func markdown(digits: Int = 6) -> String {
    let outline = ExplanationOutline(explanation: self, digits: digits)
    let writer = LaTeXWriter(digits: digits)
    var blocks = ["# Forward and backward, step by step", "`\(network)`"]
    blocks.append(outline.introduction.map(\.escapedForMarkdown).joined(separator: "\n"))
    let rows = outline.table.map { "| " + $0.map(\.escapedForMarkdown).joined(separator: " | ") + " |" }
    let rule = "|" + outline.table[0].map { _ in " --- |" }.joined()
    blocks.append(([rows[0], rule] + rows[1...]).joined(separator: "\n"))
    for section in outline.sections {
      blocks.append("## \(section.title)")
      for step in section.steps {
        let lines = step.lines(by: writer).enumerated().map { i, line in i == 0 ? line : "& " + line }
        blocks.append("`\(step.name)`: \(step.dimensions)")
        blocks.append("$$\n\\begin{aligned}\n\(Self.aligned(lines))\n\\end{aligned}\n$$")
      }
    }
    if let conclusion = outline.conclusion { blocks.append(conclusion) }
    return blocks.joined(separator: "\n\n") + "\n"
  }

  /// Lines of LaTeX with the first sign of the first line in the column where the others begin.
  private static func aligned(_ lines: [String]) -> String {
    var lines = lines
    for sign in [" = ", " \\leftarrow "] {
      guard let range = lines[0].firstRange(of: sign) else { continue }
      lines[0].replaceSubrange(range, with: " &" + sign.dropFirst())
      break
    }
    return lines.joined(separator: " \\\\\n")
  }

  /// As a page of HTML that needs nothing else: formulas are MathML, tables are tables, nothing runs.
  /// - Parameter digits: significant digits of every number; 1 to 17.
  public func html(digits: Int = 6) -> String {
    let outline = ExplanationOutline(explanation: self, digits: digits)
    let writer = MathMLWriter(digits: digits)
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>" + cells.map { "<\(tag)>\($0.escapedForHTML)</\(tag.prefix(2))>" }.joined() + "</tr>\n"
    }
    var body = "<h1>Forward and backward, step by step</h1>\n<p><code>\(network.escapedForHTML)</code></p>\n"
    body += outline.introduction.map { "<p>\($0.escapedForHTML)</p>\n" }.joined()
    body += "<table>\n<caption>The layers and their dimensions</caption>\n"
    body += row(outline.table[0], "th scope=\"col\"") + outline.table.dropFirst().map { row($0, "td") }.joined()
    body += "</table>\n"
    for section in outline.sections {
      body += "<section>\n<h2>\(section.title.escapedForHTML)</h2>\n"
      for step in section.steps {
        body += "<div class=\"step\">\n<p>\(step.name.escapedForHTML): \(step.dimensions.escapedForHTML)</p>\n"
        body += step.lines(by: writer).map { "<math display=\"block\">\($0)</math>\n" }.joined()
        body += "</div>\n"
      }
      body += "</section>\n"
    }
    if let conclusion = outline.conclusion { body += "<p>\(conclusion.escapedForHTML)</p>\n" }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>Forward and backward, step by step</title>
      <style>
      body { font-family: sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.4; }
      table { border-collapse: collapse; } caption { text-align: left; }
      body > table td, th { border: 1px solid #888; padding: 0.2rem 0.6rem; text-align: left; }
      .step { border-left: 3px solid #888; margin: 1rem 0; padding-left: 1rem; overflow-x: auto; }
      .step p { color: #555; margin: 0.2rem 0; }
      math { text-align: left; margin: 0.4rem 0; }
      </style>
      </head>
      <body>
      \(body)</body>
      </html>

      """
  }
}

extension String {
  /// With the characters escaped that Markdown would take for signs of its own.
  fileprivate var escapedForMarkdown: String {
    var result = ""
    for character in self {
      if "\\`*_^[]|<>$".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
