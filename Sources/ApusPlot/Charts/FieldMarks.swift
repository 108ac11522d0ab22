/// A matrix of colours over a rectangle of the chart.
public struct CellMark: Mark {
  public let columns: Int
  public let rows: Int
  /// Row by row, from the smallest y.
  public let colors: [Color]
  public let x: ClosedRange<Double>
  public let y: ClosedRange<Double>
  public var colorKey: ColorKey?
  /// In the legend.
  public var legend: [LegendEntry] = []

  /// - Parameter x: from the first column's outer edge to the last's; `y` likewise.
  public init(columns: Int, rows: Int, x: ClosedRange<Double>, y: ClosedRange<Double>, colors: [Color]) {
    guard columns > 0, rows > 0, colors.count == columns * rows else {
      fatalError("CellMark: \(colors.count) colours for \(columns) x \(rows) cells")
    }
    (self.columns, self.rows, self.x, self.y, self.colors) = (columns, rows, x, y, colors)
  }

  /// A matrix whose cell (row i, column j) is centred at x = j, y = i.
  public init(matrix: [[Double]], key: ColorKey) {
    let columns = matrix.first?.count ?? 0
    self.init(
      columns: columns, rows: matrix.count, x: -0.5...Double(columns) - 0.5, y: -0.5...Double(matrix.count) - 0.5,
      colors: matrix.joined().map { key.color($0) })
    colorKey = key
  }

  /// A field as an area of smooth or, with `levels`, stepped colours.
  public init(_ field: Field, key: ColorKey, levels: [Double]? = nil) {
    let (columns, rows) = (max(field.columns, 300), max(field.rows, 200))
    let steps = levels?.sorted()
    let colors = (0..<rows).flatMap { row in
      (0..<columns).map { column in
        let value = field.interpolated((Double(column) + 0.5) / Double(columns), (Double(row) + 0.5) / Double(rows))
        guard let steps, !value.isNaN else { return key.color(value) }
        // Between two levels the colour is that of their middle.
        let above = steps.prefix { $0 <= value }.count
        let ends = [key.range.lowerBound] + steps + [key.range.upperBound]
        return key.map((key.place(ends[above]) + key.place(ends[above + 1])) / 2)
      }
    }
    self.init(columns: columns, rows: rows, x: field.x, y: field.y, colors: colors)
    colorKey = key
  }

  public var xRange: ClosedRange<Double>? { x }
  public var yRange: ClosedRange<Double>? { y }
  public var isBackground: Bool { true }

  public func draw(on canvas: inout Canvas, in space: PlotSpace) {
    guard let a = space(Point(x.lowerBound, y.lowerBound)), let b = space(Point(x.upperBound, y.upperBound)) else {
      return
    }
    let bitmap = Bitmap(width: columns, height: rows) { column, row in
      colors[(a.y > b.y ? rows - 1 - row : row) * columns + (a.x < b.x ? column : columns - 1 - column)]
    }
    canvas.add(
      .image(bitmap, Rectangle(x: min(a.x, b.x), y: min(a.y, b.y), width: abs(b.x - a.x), height: abs(b.y - a.y))))
  }
}

/// Lines along which a field has given values.
public struct ContourMark: Mark {
  public var name: String
  public let field: Field
  public var levels: [Double]
  /// The colour of a level's line.
  public var stroke: @Sendable (Double) -> Stroke

  public init(
    _ field: Field, levels: [Double], name: String = "",
    stroke: @escaping @Sendable (Double) -> Stroke = { _ in Stroke(.text.withOpacity(0.55), width: 0.8) }
  ) {
    (self.name, self.field, self.levels, self.stroke) = (name, field, levels, stroke)
  }

  public var xRange: ClosedRange<Double>? { field.x }
  public var yRange: ClosedRange<Double>? { field.y }
  public var legend: [LegendEntry] {
    guard !name.isEmpty, let level = levels.first else { return [] }
    return [LegendEntry(name: name, sample: .line(stroke(level)))]
  }

  public func draw(on canvas: inout Canvas, in space: PlotSpace) {
    for level in levels {
      for line in field.contours(at: level) {
        LineMark(line, stroke: stroke(level)).draw(on: &canvas, in: space)
      }
    }
  }
}
