import ApusCore

extension Explanation: CustomStringConvertible {
  public var description: String { text() }

  /// As plain text.
  /// - Parameter digits: significant digits of every number; 1 to 17.
  public func text(digits: Int = 6) -> String {
    let outline = ExplanationOutline(explanation: self, digits: digits)
    let writer = TextWriter(digits: digits)
    var blocks = [
      network, outline.introduction.joined(separator: "\n"),
      alignedTable(outline.table, leading: [outline.table[0].count - 1]),
    ]
    for section in outline.sections {
      blocks.append(section.title + "\n" + String(repeating: "-", count: section.title.count))
      blocks += section.steps.map { $0.text(by: writer) }
    }
    if let conclusion = outline.conclusion { blocks.append(conclusion) }
    return blocks.joined(separator: "\n\n")
  }
}

extension Explanation.Step {
  /// The lines under each other, their equals signs in one column, and the dimensions beside the first.
  fileprivate func text(by writer: TextWriter) -> String {
    var boxes = lines(by: writer)
    let indent = left.written(by: writer, numbers: false).width
    for i in boxes.indices.dropFirst() {
      boxes[i] = .joined([TextBox(String(repeating: " ", count: indent)), boxes[i]])
    }
    boxes[0] = .joined([boxes[0], TextBox("    \(dimensions)")])
    return boxes.flatMap(\.lines).map { $0.trimmingEnd }.joined(separator: "\n")
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
