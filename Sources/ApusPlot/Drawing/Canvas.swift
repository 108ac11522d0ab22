/// A place on a canvas, or in a chart's own units.
public typealias Point = SIMD2<Double>

/// A rectangle with its sides along the axes; y grows downwards.
public struct Rectangle: Sendable, Hashable {
  public var x, y, width, height: Double

  public init(x: Double, y: Double, width: Double, height: Double) {
    (self.x, self.y, self.width, self.height) = (x, y, width, height)
  }

  public var maxX: Double { x + width }
  public var maxY: Double { y + height }
  public var center: Point { Point(x + width / 2, y + height / 2) }
  /// Without a margin on each side.
  func inset(by margin: Double) -> Rectangle {
    Rectangle(x: x + margin, y: y + margin, width: width - 2 * margin, height: height - 2 * margin)
  }
}

/// How a line is drawn.
public struct Stroke: Sendable, Hashable {
  public var color: Color
  public var width: Double
  /// Lengths of dashes and gaps in turn; empty for a line without gaps.
  public var dashes: [Double]

  public init(_ color: Color, width: Double = 1, dashes: [Double] = []) {
    (self.color, self.width, self.dashes) = (color, width, dashes)
  }
}

/// How a text is drawn.
public struct TextStyle: Sendable, Hashable {
  /// Which part of the text stands at its place.
  public enum Anchor: Sendable, Hashable { case start, middle, end }

  /// The size of the font, in pixels.
  public var size: Double
  public var color: Color
  public var isBold: Bool
  public var anchor: Anchor
  /// Counterclockwise, in degrees.
  public var angle: Double

  public init(
    size: Double = 12, color: Color = .text, isBold: Bool = false, anchor: Anchor = .start, angle: Double = 0
  ) {
    (self.size, self.color, self.isBold, self.anchor, self.angle) = (size, color, isBold, anchor, angle)
  }

  /// From the baseline up to the middle of the digits.
  var middle: Double { 0.357 * size }
}

/// A list of things to draw, in pixels, from the back to the front: what every picture is made of. It becomes SVG or pixels.
public struct Canvas: Sendable {
  /// Something that is drawn.
  public enum Element: Sendable {
    /// Straight lines from point to point, with round ends and joins.
    case line([Point], Stroke)
    /// A convex polygon.
    case polygon([Point], fill: Color, border: Stroke?)
    case rectangle(Rectangle, fill: Color?, border: Stroke?)
    case circle(Point, radius: Double, fill: Color, border: Stroke?)
    /// A line of text; the point is on its baseline.
    case text(String, Point, TextStyle)
    /// Pixels, stretched over a rectangle without smoothing.
    case image(Bitmap, Rectangle)
  }

  public let width: Double
  public let height: Double
  /// What the picture shows, for readers that cannot see it.
  public var title: String
  public private(set) var elements: [Element] = []

  public init(width: Double, height: Double, title: String = "") {
    (self.width, self.height, self.title) = (width, height, title)
  }

  public mutating func add(_ element: Element) { elements.append(element) }

  mutating func line(_ points: [Point], _ stroke: Stroke) { elements.append(.line(points, stroke)) }

  mutating func text(_ text: String, at point: Point, _ style: TextStyle = TextStyle()) {
    if !text.isEmpty { elements.append(.text(text, point, style)) }
  }

  mutating func rectangle(_ rectangle: Rectangle, fill: Color? = nil, border: Stroke? = nil) {
    elements.append(.rectangle(rectangle, fill: fill, border: border))
  }

  mutating func circle(_ center: Point, radius: Double, fill: Color, border: Stroke? = nil) {
    elements.append(.circle(center, radius: radius, fill: fill, border: border))
  }
}
