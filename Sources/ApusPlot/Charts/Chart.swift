/// Marks between two axes, with a title, a legend, and a scale of colours where there is one.
///
/// ```swift
/// let chart = Chart(
///   "Loss", x: Axis("epoch"), y: Axis("loss", scale: .logarithmic),
///   marks: [LineMark(values: losses, from: 1, name: "training")])
/// try chart.write(to: "loss.svg")
/// ```
public struct Chart: Picture {
  public var title: String
  /// Under the title, smaller.
  public var subtitle: String
  public var x: Axis
  public var y: Axis
  /// From the back to the front.
  public var marks: [any Mark]
  public var width: Double
  public var height: Double
  /// Whether a unit is equally long along both axes.
  public var isSquare: Bool

  public init(
    _ title: String, subtitle: String = "", x: Axis, y: Axis, marks: [any Mark], width: Double = 600,
    height: Double = 400, isSquare: Bool = false
  ) {
    self.title = title
    self.subtitle = subtitle
    self.x = x
    self.y = y
    self.marks = marks
    self.width = width
    self.height = height
    self.isSquare = isSquare
  }

  public func draw(on canvas: inout Canvas, in area: Rectangle) {
    let layout = ChartLayout(self, in: area)
    let frame = layout.space.frame
    canvas.text(title, at: Point(frame.x, area.y + 24), TextStyle(size: 15, isBold: true))
    let faint = TextStyle(size: 12, color: .faintText)
    // Viewers' fonts may be wider than ours.
    canvas.text(
      ChartLayout.shortened(subtitle, faint, width: 0.88 * (area.maxX - frame.x)), at: Point(frame.x, area.y + 42),
      faint)
    for (entry, place) in layout.legend { entry.draw(on: &canvas, at: place) }
    let background = marks.filter(\.isBackground)
    if background.isEmpty { layout.drawGrid(on: &canvas) }
    for mark in background + marks.filter({ !$0.isBackground }) { mark.draw(on: &canvas, in: layout.space) }
    layout.drawAxes(on: &canvas)
    if let key = layout.key {
      key.draw(on: &canvas, in: Rectangle(x: frame.maxX + 14, y: frame.y, width: 13, height: frame.height))
    }
  }
}

/// Where the parts of a chart stand.
struct ChartLayout {
  let space: PlotSpace
  let xTicks: Ticks
  let yTicks: Ticks
  let key: ColorKey?
  private(set) var legend: [(LegendEntry, Point)] = []
  private let slant: Bool
  private let nameWidth: Double
  private let bottom: Double
  private let left: Double

  private static let labelSize = 11.5
  private static let titleSize = 12.5
  private static let outer = 14.0

  init(_ chart: Chart, in area: Rectangle) {
    key = chart.marks.lazy.compactMap(\.colorKey).first
    let xCount = max(2, Int(area.width / 75))
    let yCount = max(2, Int(area.height / 55))
    func union(_ ranges: [ClosedRange<Double>?]) -> ClosedRange<Double>? {
      ranges.compactMap { $0 }.reduce(nil) { $0?.union($1) ?? $1 }
    }
    let xRange = chart.x.shownRange(union(chart.marks.map(\.xRange)), ticks: xCount)
    let yRange = chart.y.shownRange(union(chart.marks.map(\.yRange)), ticks: yCount)
    (xTicks, yTicks) = (chart.x.ticks(xRange, count: xCount), chart.y.ticks(yRange, count: yCount))

    // Around the frame: names and numbers of the axes, the title, the legend, the scale of colours.
    func width(_ text: String) -> Double { StrokeFont.width(text, size: Self.labelSize) }
    func shortened(_ labels: [String]) -> Double {
      min(160, labels.map { width(Self.shortened($0, TextStyle(size: Self.labelSize))) }.max() ?? 0)
    }
    left = Self.outer + (chart.y.title.isEmpty ? 0 : 19) + shortened(yTicks.labels) + 7
    let right = Self.outer + (key.map { $0.width } ?? 8)
    let free = area.width - left - right
    let widest = shortened(xTicks.labels)
    // Long names stand aslant where they have no room; of short ones some are left out.
    slant = widest > 28 && widest + 6 > free / Double(max(1, chart.x.categories.count)) && !chart.x.categories.isEmpty
    nameWidth = slant ? 13 : widest + 6
    bottom = Self.outer + (chart.x.title.isEmpty ? 0 : 20) + (slant ? 0.72 * widest + 12 : 18)
    var top = (chart.title.isEmpty ? 12 : 36) + (chart.subtitle.isEmpty ? 0 : 16.0)
    let entries = chart.marks.flatMap(\.legend)
    if !entries.isEmpty {
      var place = Point(area.x + left, area.y + top + 9)
      for entry in entries {
        if place.x > area.x + left && place.x + entry.width > area.maxX - Self.outer {
          place = Point(area.x + left, place.y + 18)
        }
        legend.append((entry, place))
        place.x += entry.width + 16
      }
      top = place.y - area.y + 17
    }
    var frame = Rectangle(
      x: area.x + left, y: area.y + top, width: max(20, free), height: max(20, area.height - top - bottom))
    if chart.isSquare {
      let unit = min(frame.width / xRange.length, frame.height / yRange.length)
      frame.width = unit * xRange.length
      frame.height = unit * yRange.length
    }
    space = PlotSpace(frame: frame, x: (chart.x, xRange), y: (chart.y, yRange))
  }

  // MARK: Axes

  private func x(_ value: Double) -> Double? { space(Point(value, space.y.range.lowerBound))?.x }
  private func y(_ value: Double) -> Double? { space(Point(space.x.range.lowerBound, value))?.y }

  /// In the middle of a pixel, so that a thin line is sharp.
  private func snapped(_ value: Double) -> Double { value.rounded(.down) + 0.5 }

  func drawGrid(on canvas: inout Canvas) {
    let frame = space.frame
    let (fine, faint) = (Stroke(.grid), Stroke(.grid.mixed(with: .white, share: 0.55)))
    func vertical(_ value: Double, _ stroke: Stroke) {
      guard let x = x(value).map(snapped) else { return }
      canvas.line([Point(x, frame.y), Point(x, frame.maxY)], stroke)
    }
    func horizontal(_ value: Double, _ stroke: Stroke) {
      guard let y = y(value).map(snapped) else { return }
      canvas.line([Point(frame.x, y), Point(frame.maxX, y)], stroke)
    }
    if space.x.axis.categories.isEmpty {
      for value in xTicks.minor { vertical(value, faint) }
      for value in xTicks.values { vertical(value, fine) }
    }
    if space.y.axis.categories.isEmpty {
      for value in yTicks.minor { horizontal(value, faint) }
      for value in yTicks.values { horizontal(value, fine) }
    }
  }

  func drawAxes(on canvas: inout Canvas) {
    let frame = space.frame
    let line = Stroke(.axis)
    let (low, high) = (snapped(frame.x), snapped(frame.maxY))
    canvas.line([Point(low, frame.y), Point(low, high), Point(frame.maxX, high)], line)
    let style = TextStyle(size: Self.labelSize, color: .faintText)
    // Of many categories only some have room for their names.
    func every(_ axis: Axis, _ extent: Double, room: Double) -> Int {
      let least = Double(axis.categories.count) * extent / room
      // Every second, fifth, tenth, …
      return Int(max(1, Ticks.step(0...least, count: 1)).rounded(.up))
    }
    let xEvery = every(space.x.axis, nameWidth, room: frame.width)
    for (i, (value, label)) in zip(xTicks.values, xTicks.labels).enumerated() where i % xEvery == 0 {
      guard let x = x(value) else { continue }
      canvas.line([Point(snapped(x), high), Point(snapped(x), high + 4)], line)
      var style = style
      (style.anchor, style.angle) = slant ? (.end, 45) : (.middle, 0)
      canvas.text(
        Self.shortened(label, style), at: Point(x + (slant ? 4 : 0), high + (slant ? 14 : 16)), style)
    }
    let yEvery = every(space.y.axis, 13, room: frame.height)
    for (i, (value, label)) in zip(yTicks.values, yTicks.labels).enumerated() where i % yEvery == 0 {
      guard let y = y(value) else { continue }
      canvas.line([Point(low - 4, snapped(y)), Point(low, snapped(y))], line)
      var style = style
      style.anchor = .end
      canvas.text(Self.shortened(label, style), at: Point(low - 7, y + style.middle), style)
    }
    var name = TextStyle(size: Self.titleSize, anchor: .middle)
    canvas.text(
      Self.shortened(space.x.axis.title, name, width: max(160, frame.width)),
      at: Point(frame.center.x, frame.maxY + bottom - Self.outer + 3), name)
    name.angle = 90
    canvas.text(
      Self.shortened(space.y.axis.title, name, width: max(160, frame.height)),
      at: Point(frame.x - left + Self.outer + 9, frame.center.y), name)
  }

  /// A long name without its end.
  static func shortened(_ text: String, _ style: TextStyle, width: Double = 160) -> String {
    // Names from files may be very long: nothing is looked at that is not shown.
    var shown = ""
    for character in text {
      shown.append(character)
      guard StrokeFont.width(shown, size: style.size) > width else { continue }
      while !shown.isEmpty, StrokeFont.width(shown + "…", size: style.size) > width { shown.removeLast() }
      return shown + "…"
    }
    return shown
  }
}

extension LegendEntry {
  private static let style = TextStyle(size: 12)

  private var shown: String { ChartLayout.shortened(name, Self.style, width: 220) }

  private var sampleWidth: Double { if case .line = sample { 24 } else { 12 } }

  var width: Double { sampleWidth + 6 + StrokeFont.width(shown, size: Self.style.size) }

  /// - Parameter place: the left end, half-way up.
  func draw(on canvas: inout Canvas, at place: Point) {
    switch sample {
    case .line(let stroke): canvas.line([place + Point(1, 0), place + Point(sampleWidth - 1, 0)], stroke)
    case .marker(let marker, let color):
      marker.draw(on: &canvas, at: place + Point(6, 0), radius: 4, color: color.withOpacity(1))
    case .area(let color):
      canvas.rectangle(Rectangle(x: place.x, y: place.y - 5, width: 11, height: 10), fill: color)
    }
    canvas.text(shown, at: place + Point(sampleWidth + 6, Self.style.middle), Self.style)
  }
}

extension ColorKey {
  private func ticks(_ count: Int) -> Ticks { Axis(scale: scale).ticks(range, count: count) }

  private static let style = TextStyle(size: 11.5, color: .faintText)

  /// With its numbers and its name.
  var width: Double {
    guard range.length > 0 else { return 8 }
    let labels = ticks(6).labels.map { StrokeFont.width($0, size: Self.style.size) }.max() ?? 0
    return 14 + 13 + 8 + labels + (title.isEmpty ? 0 : 18)
  }

  func draw(on canvas: inout Canvas, in area: Rectangle) {
    guard range.length > 0 else { return }
    let colors = map.colors
    let bitmap = Bitmap(width: 1, height: 128) { _, y in colors[255 - 2 * y] }
    canvas.add(.image(bitmap, area))
    var labels = 0.0
    let ticks = ticks(max(2, Int(area.height / 45)))
    for (value, label) in zip(ticks.values, ticks.labels) {
      let y = area.maxY - place(value) * area.height
      canvas.line([Point(area.maxX, y), Point(area.maxX + 4, y)], Stroke(.axis))
      canvas.text(label, at: Point(area.maxX + 7, y + Self.style.middle), Self.style)
      labels = max(labels, StrokeFont.width(label, size: Self.style.size))
    }
    canvas.text(
      title, at: Point(area.maxX + 8 + labels + 15, area.center.y),
      TextStyle(size: 12, anchor: .middle, angle: 90))
  }
}
