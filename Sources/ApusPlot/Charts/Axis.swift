/// One of the two directions of a chart.
public struct Axis: Sendable {
  public enum Scale: Sendable, Hashable {
    case linear
    /// Equal ratios are equally far apart; only positive numbers have a place.
    case logarithmic
  }

  /// How the range is chosen from what is drawn.
  public enum Fit: Sendable, Hashable {
    /// What the data cover.
    case exact
    /// A little more on both sides.
    case padded
    /// On to the next round numbers; from 0 on if the data begin not far above it.
    case rounded
  }

  /// What the numbers are, with their unit in parentheses.
  public var title: String
  public var scale: Scale
  /// What is shown; nil: what the data need.
  public var range: ClosedRange<Double>?
  public var fit: Fit
  /// Names for 0, 1, 2, …: then these stand in place of numbers.
  public var categories: [String]
  /// Whether numbers grow to the left, or downwards.
  public var isReversed: Bool
  /// Whether only whole numbers are written.
  public var isWhole: Bool

  /// Smaller numbers have no place on a logarithmic axis.
  static let smallest = 1e-300

  public init(
    _ title: String = "", scale: Scale = .linear, range: ClosedRange<Double>? = nil, fit: Fit = .rounded,
    categories: [String] = [], isReversed: Bool = false, isWhole: Bool = false
  ) {
    self.title = title
    self.scale = scale
    self.range = range
    self.fit = fit
    self.categories = categories
    self.isReversed = isReversed
    self.isWhole = isWhole
  }

  /// The range that is shown for data that cover `data`.
  func shownRange(_ data: ClosedRange<Double>?, ticks count: Int) -> ClosedRange<Double> {
    if !categories.isEmpty { return -0.5...Double(categories.count) - 0.5 }
    if let range, range.length > 0, scale == .linear || range.lowerBound >= Self.smallest { return range }
    guard let data else { return scale == .linear ? 0...1 : 1...10 }
    if scale == .logarithmic { return Self.logarithmic(data, fit) }
    // A single number gets room around it.
    guard data.length > 1e-12 * max(abs(data.lowerBound), abs(data.upperBound)) else {
      let margin = data.lowerBound == 0 ? 1 : 0.1 * abs(data.lowerBound)
      return data.lowerBound - margin...data.upperBound + margin
    }
    switch fit {
    case .exact: return data
    case .padded: return data.at(-0.05)...data.at(1.05)
    case .rounded:
      var data = data
      if data.lowerBound > 0 && data.lowerBound < 0.4 * data.upperBound { data = 0...data.upperBound }
      if data.upperBound < 0 && data.upperBound > 0.4 * data.lowerBound { data = data.lowerBound...0 }
      let step = Ticks.step(data, count: count)
      guard step.isNormal else { return data }
      return (data.lowerBound / step + 1e-9).rounded(.down) * step...(data.upperBound / step - 1e-9).rounded(.up) * step
    }
  }

  private static func logarithmic(_ data: ClosedRange<Double>, _ fit: Fit) -> ClosedRange<Double> {
    guard data.upperBound >= 1e9 * smallest else { return 1...10 }
    // Without the numbers that have no place, nobody knows how far down the others go.
    guard data.lowerBound >= 10 * smallest else { return data.upperBound / 1e6...data.upperBound }
    guard data.upperBound > 1.0001 * data.lowerBound else { return data.lowerBound / 2...data.upperBound * 2 }
    guard fit != .exact else { return data }
    let decades = decimalLogarithm(data.upperBound) - decimalLogarithm(data.lowerBound)
    let margin = power(10, min(0.9, 0.05 * decades))
    return data.lowerBound / margin...data.upperBound * margin
  }

  func ticks(_ range: ClosedRange<Double>, count: Int) -> Ticks {
    if !categories.isEmpty { return Ticks(values: categories.indices.map(Double.init), labels: categories) }
    return scale == .linear
      ? Ticks(linear: range, count: count, least: isWhole ? 1 : 0) : Ticks(logarithmic: range, count: count)
  }
}

/// Where a chart's own numbers lie on the canvas.
public struct PlotSpace: Sendable {
  /// The area between the axes.
  public let frame: Rectangle
  let x: (axis: Axis, range: ClosedRange<Double>)
  let y: (axis: Axis, range: ClosedRange<Double>)

  /// The place of a point; nil if it has none: no number, or not above 0 on a logarithmic axis.
  public func callAsFunction(_ point: Point) -> Point? {
    guard let x = Self.share(point.x, x), let y = Self.share(point.y, y) else { return nil }
    return Point(frame.x + x * frame.width, frame.maxY - y * frame.height)
  }

  private static func share(_ value: Double, _ side: (axis: Axis, range: ClosedRange<Double>)) -> Double? {
    guard value.isDrawable else { return nil }
    var share: Double
    switch side.axis.scale {
    case .linear: share = (value - side.range.lowerBound) / side.range.length
    case .logarithmic:
      guard value >= Axis.smallest else { return nil }
      let low = decimalLogarithm(side.range.lowerBound)
      share = (decimalLogarithm(value) - low) / (decimalLogarithm(side.range.upperBound) - low)
    }
    // Far outside is far enough.
    share = min(1e4, max(-1e4, share))
    return side.axis.isReversed ? 1 - share : share
  }

  /// The place of the smallest number that is shown along y, where bars begin.
  var floor: Double {
    y.axis.scale == .linear ? min(max(0, y.range.lowerBound), y.range.upperBound) : y.range.lowerBound
  }

  func contains(_ place: Point) -> Bool {
    place.x >= frame.x - 0.01 && place.x <= frame.maxX + 0.01 && place.y >= frame.y - 0.01
      && place.y <= frame.maxY + 0.01
  }
}
