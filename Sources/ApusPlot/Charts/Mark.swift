/// Something that a chart shows in its own units: lines, points, bars, cells, contours.
public protocol Mark: Sendable {
  /// What it covers; nil if it has no extent, or should not count. Numbers that cannot be drawn are left out.
  var xRange: ClosedRange<Double>? { get }
  var yRange: ClosedRange<Double>? { get }
  /// What the legend says about it.
  var legend: [LegendEntry] { get }
  /// What its colours stand for, for a scale beside the chart.
  var colorKey: ColorKey? { get }
  /// Whether it is a ground for other marks: then the grid is not drawn under it.
  var isBackground: Bool { get }

  func draw(on canvas: inout Canvas, in space: PlotSpace)
}

extension Mark {
  public var legend: [LegendEntry] { [] }
  public var colorKey: ColorKey? { nil }
  public var isBackground: Bool { false }
}

/// One name in a legend.
public struct LegendEntry: Sendable {
  enum Sample: Sendable {
    case line(Stroke)
    case marker(Marker, Color)
    case area(Color)
  }
  let name: String
  let sample: Sample
}

/// Which colours stand for which numbers.
public struct ColorKey: Sendable {
  public var title: String
  public var range: ClosedRange<Double>
  public var map: ColorMap
  public var scale: Axis.Scale

  public init(_ title: String = "", range: ClosedRange<Double>, map: ColorMap, scale: Axis.Scale = .linear) {
    (self.title, self.range, self.map, self.scale) = (title, range, map, scale)
  }

  func color(_ value: Double) -> Color { map(place(value)) }

  func place(_ value: Double) -> Double {
    guard scale == .logarithmic else { return range.length > 0 ? (value - range.lowerBound) / range.length : 0.5 }
    guard range.lowerBound > 0, range.length > 0 else { return 0.5 }
    let low = decimalLogarithm(range.lowerBound)
    return value <= 0 ? 0 : (decimalLogarithm(value) - low) / (decimalLogarithm(range.upperBound) - low)
  }
}

/// The shape of a point: classes differ in shape and colour.
public enum Marker: Sendable, Hashable, CaseIterable {
  case circle, square, triangle, diamond, cross

  /// The shape of series or class number `index`.
  public static func series(_ index: Int) -> Marker { allCases[index % allCases.count] }

  /// Draws the shape; all have about the same area.
  func draw(on canvas: inout Canvas, at p: Point, radius r: Double, color: Color) {
    let border = Stroke(.white.withOpacity(0.9 * color.opacity), width: 0.6)
    func polygon(_ corners: [(Double, Double)]) {
      canvas.add(.polygon(corners.map { p + r * Point($0.0, $0.1) }, fill: color, border: border))
    }
    switch self {
    case .circle: canvas.circle(p, radius: r, fill: color, border: border)
    case .square: polygon([(-0.89, -0.89), (0.89, -0.89), (0.89, 0.89), (-0.89, 0.89)])
    case .triangle: polygon([(0, -1.3), (1.2, 0.8), (-1.2, 0.8)])
    case .diamond: polygon([(0, -1.3), (1.2, 0), (0, 1.3), (-1.2, 0)])
    case .cross:
      let d = 0.85 * r
      canvas.line([p + Point(-d, -d), p + Point(d, d)], Stroke(color, width: 0.55 * r))
      canvas.line([p + Point(-d, d), p + Point(d, -d)], Stroke(color, width: 0.55 * r))
    }
  }
}
