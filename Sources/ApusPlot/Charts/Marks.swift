/// A line through points. A point without a place, such as NaN, interrupts it; what lies outside of the chart's range is cut off.
public struct LineMark: Mark {
  /// In the legend; none if empty.
  public var name: String
  public var points: [Point]
  public var stroke: Stroke
  /// At every point.
  public var marker: Marker?

  public init(_ points: [Point], name: String = "", stroke: Stroke = Stroke(.blue, width: 2), marker: Marker? = nil) {
    self.name = name
    self.points = points
    self.stroke = stroke
    self.marker = marker
  }

  /// A line through the values at 0, 1, 2, … or from `start` on.
  public init(values: [Double], from start: Double = 0, name: String = "", stroke: Stroke = Stroke(.blue, width: 2)) {
    self.init(values.enumerated().map { Point(start + Double($0), $1) }, name: name, stroke: stroke)
  }

  public var xRange: ClosedRange<Double>? { ClosedRange(covering: points.filter { $0.y.isDrawable }.map(\.x)) }
  public var yRange: ClosedRange<Double>? { ClosedRange(covering: points.map(\.y)) }
  public var legend: [LegendEntry] { name.isEmpty ? [] : [LegendEntry(name: name, sample: .line(stroke))] }

  public func draw(on canvas: inout Canvas, in space: PlotSpace) {
    var piece: [Point] = []
    func end() {
      if piece.count > 1 {
        canvas.line(piece.simplified(within: 0.15), stroke)
      } else if let point = piece.first, space.contains(point) {
        canvas.circle(point, radius: 1.2 * stroke.width, fill: stroke.color)
      }
      piece = []
    }
    var last: Point?
    for place in points.map({ space($0) }) {
      guard let place else {
        end()
        last = nil
        continue
      }
      if let last {
        // The part of the way that lies in the frame.
        if let (enter, leave) = space.frame.clip(from: last, to: place) {
          if piece.last != enter { end() }
          if piece.isEmpty { piece = [enter] }
          if leave != enter { piece.append(leave) }
        } else {
          end()
        }
      } else if space.contains(place) {
        piece = [place]
      }
      last = place
    }
    end()
    guard let marker else { return }
    for place in points.compactMap({ space($0) }) where space.contains(place) {
      marker.draw(on: &canvas, at: place, radius: 1.7 * stroke.width, color: stroke.color)
    }
  }
}

extension [Point] {
  /// The line without points that change it by no more than `distance` (Douglas and Peucker, 1973).
  func simplified(within distance: Double) -> [Point] {
    guard count > 2 else { return self }
    var isKept = [Bool](repeating: false, count: count)
    (isKept[0], isKept[count - 1]) = (true, true)
    var waiting = [(0, count - 1)]
    while let (first, last) = waiting.popLast() {
      let along = self[last] - self[first]
      let square = dot(along, along)
      var (farthest, most) = (first, distance)
      for i in first + 1..<last {
        let from = self[i] - self[first]
        let place = square > 0 ? Swift.min(1, Swift.max(0, dot(from, along) / square)) : 0
        let away = length(from - place * along)
        if away > most { (farthest, most) = (i, away) }
      }
      guard farthest > first else { continue }
      isKept[farthest] = true
      waiting += [(first, farthest), (farthest, last)].filter { $0.1 > $0.0 + 1 }
    }
    return indices.filter { isKept[$0] }.map { self[$0] }
  }
}

extension Rectangle {
  /// The part of a line that lies inside (Liang and Barsky, 1984); nil if there is none.
  func clip(from p: Point, to q: Point) -> (Point, Point)? {
    var (first, last) = (0.0, 1.0)
    let along = q - p
    let sides = [(-along.x, p.x - x), (along.x, maxX - p.x), (-along.y, p.y - y), (along.y, maxY - p.y)]
    for (speed, room) in sides {
      if speed == 0 {
        if room < 0 { return nil }
      } else if speed < 0 {
        first = max(first, room / speed)
      } else {
        last = min(last, room / speed)
      }
    }
    guard first <= last else { return nil }
    return (first > 0 ? p + first * along : p, last < 1 ? p + last * along : q)
  }
}

/// Points of one kind.
public struct PointMark: Mark {
  public var name: String
  public var points: [Point]
  public var color: Color
  public var marker: Marker
  public var radius: Double

  public init(
    _ points: [Point], name: String = "", color: Color = .blue, marker: Marker = .circle, radius: Double = 3.2
  ) {
    (self.name, self.points, self.color, self.marker, self.radius) = (name, points, color, marker, radius)
  }

  public var xRange: ClosedRange<Double>? { ClosedRange(covering: points.map(\.x)) }
  public var yRange: ClosedRange<Double>? { ClosedRange(covering: points.map(\.y)) }
  public var legend: [LegendEntry] { name.isEmpty ? [] : [LegendEntry(name: name, sample: .marker(marker, color))] }

  public func draw(on canvas: inout Canvas, in space: PlotSpace) {
    for place in points.compactMap({ space($0) }) where space.contains(place) {
      marker.draw(on: &canvas, at: place, radius: radius, color: color)
    }
  }

  /// A mark for each class that occurs.
  /// - Parameter labels: the class of every point.
  public static func classes(
    _ points: [Point], labels: [Int], names: [String], radius: Double = 3.2, opacity: Double = 1
  ) -> [PointMark] {
    names.indices.compactMap { label in
      let members = zip(points, labels).filter { $1 == label }.map(\.0)
      guard !members.isEmpty else { return nil }
      return PointMark(
        members, name: names[label], color: .series(label).withOpacity(opacity), marker: .series(label), radius: radius)
    }
  }
}

/// Bars over the categories of the x axis, side by side with those of other series.
public struct BarMark: Mark {
  public var name: String
  /// One number for each category; NaN for none.
  public var values: [Double]
  public var color: Color
  /// Which of how many series side by side this is.
  public var position: (index: Int, count: Int)

  public init(
    _ values: [Double], name: String = "", color: Color = .blue, position: (index: Int, count: Int) = (0, 1)
  ) {
    (self.name, self.values, self.color, self.position) = (name, values, color, position)
  }

  public var xRange: ClosedRange<Double>? { -0.5...max(0.5, Double(values.count) - 0.5) }
  public var yRange: ClosedRange<Double>? { ClosedRange(covering: values) }
  public var legend: [LegendEntry] { name.isEmpty ? [] : [LegendEntry(name: name, sample: .area(color))] }

  public func draw(on canvas: inout Canvas, in space: PlotSpace) {
    let width = 0.76 / Double(position.count)
    for (i, value) in values.enumerated() {
      let left = Double(i) - 0.38 + width * Double(position.index)
      guard let a = space(Point(left, value)), let b = space(Point(left + width, space.floor)) else { continue }
      let (top, bottom) = (max(space.frame.y, min(a.y, b.y)), min(space.frame.maxY, max(a.y, b.y)))
      guard top < bottom else { continue }
      canvas.rectangle(Rectangle(x: a.x, y: top, width: b.x - a.x, height: bottom - top), fill: color)
    }
  }
}

/// A text at a place in the chart.
public struct TextMark: Mark {
  public var text: String
  public var point: Point
  public var style: TextStyle

  public init(_ text: String, at point: Point, style: TextStyle = TextStyle(size: 11, anchor: .middle)) {
    (self.text, self.point, self.style) = (text, point, style)
  }

  public var xRange: ClosedRange<Double>? { nil }
  public var yRange: ClosedRange<Double>? { nil }

  public func draw(on canvas: inout Canvas, in space: PlotSpace) {
    guard let place = space(point), space.contains(place) else { return }
    canvas.text(text, at: place + Point(0, style.middle), style)
  }
}
