extension Chart {
  /// The chart's lines as text, for a terminal: a panel for each, of Braille dots, all with the same axes. Other marks are left out;
  /// nothing if there are no lines.
  /// - Parameters:
  ///   - columns: the width of a panel in characters, each of 2 x 4 dots.
  ///   - rows: its height.
  public func text(columns: Int = 60, rows: Int = 8) -> String {
    let lines = marks.compactMap { $0 as? LineMark }
    guard !lines.isEmpty, columns > 1, rows > 1 else { return "" }
    func covered(_ range: (LineMark) -> ClosedRange<Double>?) -> ClosedRange<Double>? {
      lines.compactMap(range).reduce(nil) { $0?.union($1) ?? $1 }
    }
    let xRange = x.shownRange(covered(\.xRange), ticks: 5)
    let yRange = y.shownRange(covered(\.yRange), ticks: 4)
    // A dot's middle is its place.
    let frame = Rectangle(x: 0, y: 0, width: Double(2 * columns - 1), height: Double(4 * rows - 1))
    let space = PlotSpace(frame: frame, x: (x, xRange), y: (y, yRange))
    let ends = [yRange.upperBound, yRange.lowerBound].map { Ticks.label($0) }
    let margin = ends.map(\.count).max()!
    func padded(_ text: String) -> String { String(repeating: " ", count: margin - text.count) + text }
    let panels = lines.map { line -> String in
      var text = [title, line.name].filter { !$0.isEmpty }.joined(separator: ", ") + "\n"
      for (i, row) in Self.dots(line, in: space, columns: columns, rows: rows).enumerated() {
        let label = i == 0 ? ends[0] : i == rows - 1 ? ends[1] : ""
        text += "\(padded(label)) \(label.isEmpty ? "│" : "┤")\(row)\n"
      }
      let (left, right) = (Ticks.label(xRange.lowerBound), Ticks.label(xRange.upperBound))
      let free = columns - left.count - right.count - x.title.count
      guard free >= 2 else { return text }
      return text + padded("") + "  " + left + String(repeating: " ", count: free / 2) + x.title
        + String(repeating: " ", count: free - free / 2) + right + "\n"
    }
    return String(panels.joined(separator: "\n").dropLast())
  }

  /// Rows of Braille characters with the dots of a line.
  private static func dots(_ line: LineMark, in space: PlotSpace, columns: Int, rows: Int) -> [String] {
    var cells = [UInt32](repeating: 0, count: columns * rows)
    func set(_ place: Point) {
      let (column, row) = (Int(place.x.rounded()), Int(place.y.rounded()))
      guard (0..<2 * columns).contains(column), (0..<4 * rows).contains(row) else { return }
      // The dots of a character are numbered by columns, but for the fourth row, which was added later.
      let bit = row % 4 == 3 ? 6 + column % 2 : row % 4 + 3 * (column % 2)
      cells[row / 4 * columns + column / 2] |= 1 << UInt32(bit)
    }
    var last: Point?
    for place in line.points.map({ space($0) }) {
      if let place {
        let from = last ?? place
        if let (start, end) = space.frame.clip(from: from, to: place) {
          let steps = max(1, Int(max(abs(end.x - start.x), abs(end.y - start.y)).rounded(.up)))
          for step in 0...steps { set(start + Double(step) / Double(steps) * (end - start)) }
        }
      }
      last = place
    }
    return (0..<rows).map { row in
      var text = String(
        String.UnicodeScalarView(cells[row * columns..<(row + 1) * columns].map { Unicode.Scalar(0x2800 + $0)! }))
      while text.last == "\u{2800}" { text.removeLast() }
      return text
    }
  }
}
