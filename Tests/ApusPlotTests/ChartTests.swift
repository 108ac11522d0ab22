import Apus
import Testing

@testable import ApusPlot

@Suite struct ChartTests {
  // MARK: Ticks

  @Test func linearTicks() {
    #expect(Ticks(linear: 0...1, count: 5).labels == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(Ticks(linear: -3...7, count: 5).values == [-2, 0, 2, 4, 6])
    #expect(Ticks(linear: -3...7, count: 5).labels == ["−2", "0", "2", "4", "6"])
    #expect(Ticks(linear: 0...43, count: 4).values == [0, 10, 20, 30, 40])
    #expect(Ticks(linear: 0...0.0007, count: 3).labels == ["0", "2×10⁻⁴", "4×10⁻⁴", "6×10⁻⁴"])
    #expect(Ticks(linear: 0...4e6, count: 4).labels == ["0", "10⁶", "2×10⁶", "3×10⁶", "4×10⁶"])
    #expect(Ticks(linear: 1...3, count: 7, least: 1).labels == ["1", "2", "3"])
    #expect(Ticks(linear: 1...1.00002, count: 2).labels == ["1.00000", "1.00001", "1.00002"])
    #expect(Ticks(linear: 123_456_789...123_456_799, count: 2).labels.first == "1.2345679×10⁸")
    // A zero that is reached by adding has no sign.
    #expect(Ticks(linear: -0.3...0.3, count: 6).labels == ["−0.3", "−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"])
  }

  /// Whatever the range: inside, evenly spaced, a step of 1, 2 or 5 with zeros, and about as many as were asked for.
  @Test func linearTicksOfAnyRange() {
    var random = RandomSource(seed: 1)
    for _ in 0..<2000 {
      let scale = power(10, Double.random(in: -12...12, using: &random))
      let low = Double.random(in: -5...5, using: &random) * scale
      let range = low...low + Double.random(in: 0.01...5, using: &random) * scale
      let count = Int.random(in: 2...12, using: &random)
      let ticks = Ticks(linear: range, count: count)
      #expect(
        ticks.values.count >= count / 3 && ticks.values.count <= Int(1.25 * Double(count)) + 1, "\(range) \(count)")
      #expect(ticks.labels.count == ticks.values.count && Set(ticks.labels).count == ticks.labels.count, "\(ticks)")
      let margin = 1e-6 * (range.upperBound - range.lowerBound)
      #expect(ticks.values.allSatisfy { $0 >= range.lowerBound - margin && $0 <= range.upperBound + margin })
      guard ticks.values.count > 1 else { continue }
      let step = ticks.values[1] - ticks.values[0]
      let mantissa = step / power(10, decimalLogarithm(step * 1.0001).rounded(.down))
      #expect([1, 2, 5].contains { abs(mantissa - $0) < 1e-6 }, "\(step)")
    }
  }

  @Test func logarithmicTicks() {
    let wide = Ticks(logarithmic: 1e-3...1e2, count: 6)
    #expect(wide.labels == ["0.001", "0.01", "0.1", "1", "10", "100"])
    #expect(wide.minor.count == 5 * 8 && wide.minor.first! == 0.002)
    #expect(Ticks(logarithmic: 1...100, count: 8).labels == ["1", "2", "5", "10", "20", "50", "100"])
    #expect(
      Ticks(logarithmic: 1e-30...1e30, count: 4).values.map { decimalLogarithm($0).rounded() } == [-30, -14, 2, 18])
    // Less than a decade: ordinary numbers.
    #expect(Ticks(logarithmic: 2.2...2.6, count: 4).labels == ["2.2", "2.3", "2.4", "2.5", "2.6"])
  }

  @Test func shortNumbers() {
    let values = [0, 1, -0.25, 1234.5678, 0.000_012_3, -3e-7, 1e-10, 123_456, .nan, .infinity]
    let expected = ["0", "1", "−0.25", "1235", "1.23×10⁻⁵", "−3×10⁻⁷", "10⁻¹⁰", "1.235×10⁵", "–", "∞"]
    #expect(values.map { Ticks.label($0) } == expected)
  }

  // MARK: Places

  private func chart(_ marks: [any Mark], x: Axis = Axis("x", range: 0...10), y: Axis = Axis("y", range: 0...4))
    -> Chart
  {
    Chart("Title", subtitle: "Subtitle", x: x, y: y, marks: marks)
  }

  private func space(_ chart: Chart) -> PlotSpace {
    ChartLayout(chart, in: Rectangle(x: 0, y: 0, width: chart.width, height: chart.height)).space
  }

  @Test func pointsLieWhereTheAxesSay() throws {
    let chart = chart([LineMark([Point(0, 0), Point(5, 4), Point(10, 1)], name: "series")])
    let elements = try #require(SVGElement.all(chart.svg))
    let frame = space(chart).frame
    let line = try #require(
      elements.first { $0.name == "polyline" && $0.attributes["stroke"] == "#0072b2" && $0.points.count == 3 })
    for ((x, y), (u, v)) in zip(line.points, [(0.0, 0.0), (0.5, 1), (1, 0.25)]) {
      #expect(abs(x - (frame.x + u * frame.width)) < 0.051 && abs(y - (frame.maxY - v * frame.height)) < 0.051)
    }
    // The number of a tick stands under its place.
    let five = try #require(elements.first { $0.text == "5" })
    #expect(abs(five.number("x") - (frame.x + frame.width / 2)) < 0.01 && five.attributes["text-anchor"] == "middle")
    for text in ["Title", "Subtitle", "x", "y", "series"] { #expect(elements.contains { $0.text == text }, "\(text)") }
    // Everything stays on the canvas.
    for element in elements {
      for (x, y) in element.points { #expect((0...600).contains(x) && (0...400).contains(y)) }
    }
  }

  @Test func logarithmicAndReversedPlaces() {
    let log = space(
      chart([], x: Axis("x", scale: .logarithmic, range: 1...1000), y: Axis("y", range: 0...1, isReversed: true)))
    let place = log(Point(10, 0.25))!
    #expect(abs(place.x - (log.frame.x + log.frame.width / 3)) < 1e-9)
    #expect(abs(place.y - (log.frame.y + log.frame.height / 4)) < 1e-9)
    #expect(log(Point(0, 0)) == nil && log(Point(-1, 0)) == nil && log(Point(.nan, 0)) == nil)
  }

  @Test func rangesOfAxes() {
    func range(_ low: Double, _ high: Double, _ axis: Axis = Axis()) -> ClosedRange<Double> {
      axis.shownRange(low...high, ticks: 5)
    }
    #expect(range(0.31, 2.2) == 0...2.5 && range(7.2, 9.9) == 7...10 && range(-3, -2.5) == -3...(-2.5))
    #expect(range(1, 2, Axis(fit: .exact)) == 1...2 && range(0, 2, Axis(fit: .padded)) == -0.1...2.1)
    #expect(range(5, 5) == 4.5...5.5 && range(0, 0) == -1...1)
    #expect(range(0, 3, Axis(categories: ["a", "b", "c"])) == -0.5...2.5)
    #expect(Axis().shownRange(nil, ticks: 5) == 0...1)
    #expect(range(-1, 5, Axis(scale: .logarithmic)) == 5e-6...5)
  }

  @Test func linesAreCutAtTheFrame() throws {
    let chart = chart([LineMark([Point(-5, 2), Point(5, 2), Point(5, 100), Point(.nan, 0), Point(9, 1)])])
    let (space, elements) = (space(chart), try #require(SVGElement.all(chart.svg)))
    let blue = elements.filter { $0.attributes["stroke"] == "#0072b2" }
    #expect(blue.count == 1 && blue[0].points.count == 3)
    #expect(abs(blue[0].points[0].x - space.frame.x) < 0.051 && abs(blue[0].points[2].y - space.frame.y) < 0.051)
    // A point by itself is a dot.
    #expect(elements.filter { $0.name == "circle" }.count == 1)
  }

  @Test func simplifiedLinesKeepTheirCourse() {
    let curve = (0...1000).map { Point(Double($0) / 2, 100 * sine(Double($0) / 100)) }
    let simple = curve.simplified(within: 0.06)
    #expect(simple.count < 250 && simple.first == curve.first && simple.last == curve.last)
    for point in curve {
      let distance = zip(simple, simple.dropFirst()).map { a, b -> Double in
        let place = min(1, max(0, dot(point - a, b - a) / dot(b - a, b - a)))
        return length(point - a - place * (b - a))
      }.min()!
      #expect(distance <= 0.0601)
    }
    #expect([Point(0, 0), Point(1, 0), Point(0, 0)].simplified(within: 0.1).count == 3)
  }

  @Test func categories() {
    let few = texts(chart([BarMark([3, 1])], x: Axis("", categories: ["alpha", "beta"]), y: Axis("")))
    #expect(few.contains("alpha") && few.contains("beta"))
    let many = texts(
      chart(
        [BarMark(Array(repeating: 1, count: 500))], x: Axis("", categories: (0..<500).map(String.init)), y: Axis("")))
    #expect(many.contains("0") && many.contains("100") && many.count < 60)
    let long = String(repeating: "long", count: 100_000)
    #expect(texts(chart([], x: Axis(long, categories: [long]))).allSatisfy { $0.count < 100 })
  }

  @Test func barsBeginAtTheFloor() throws {
    let chart = chart(
      [BarMark([2, -1, .nan])], x: Axis("", categories: ["a", "b", "c"]), y: Axis("", range: -2...2))
    let frame = space(chart).frame
    let bars = try #require(SVGElement.all(chart.svg)).filter {
      $0.name == "rect" && $0.attributes["fill"] == "#0072b2"
    }
    #expect(bars.count == 2)
    #expect(abs(bars[0].number("y") - frame.y) < 0.02 && abs(bars[0].number("height") - frame.height / 2) < 0.02)
    #expect(abs(bars[1].number("y") - frame.center.y) < 0.02 && abs(bars[1].number("height") - frame.height / 4) < 0.02)
  }

  /// Numbers of any kind make a picture, whatever it looks like.
  @Test func anyNumbersCanBeDrawn() throws {
    let odd: [Double] = [
      .nan, .infinity, -.infinity, 1e308, -1e308, 1e299, -1e299, 0, .leastNonzeroMagnitude, -.leastNonzeroMagnitude,
      1000 * .leastNonzeroMagnitude, 1, 1e-300,
    ]
    for scale in [Axis.Scale.linear, .logarithmic] {
      for fit in [Axis.Fit.exact, .padded, .rounded] {
        for a in odd {
          for b in odd {
            let points = [Point(a, b), Point(b, a), Point(1, b)]
            let axis = Axis("x", scale: scale, fit: fit)
            let chart = Chart(
              "odd", x: axis, y: axis, marks: [LineMark(points), PointMark(points), BarMark([a, b])], width: 200,
              height: 150)
            #expect(!chart.svg.contains("nan") && !chart.svg.contains("inf"))
            _ = chart.text(columns: 20, rows: 3)
            if a.isNaN { _ = chart.canvas.bitmap(scale: 1) }
          }
        }
      }
    }
    for marks in [[], [LineMark([])], [LineMark(values: [3])]] as [[any Mark]] {
      #expect(SVGElement.all(Chart("", x: Axis(), y: Axis(), marks: marks).svg) != nil)
    }
  }

  // MARK: Contours

  @Test func contoursOfACone() {
    let field = Field(x: -2...2, y: -1.5...1.5, columns: 81, rows: 61) { x, y in (x * x + y * y).squareRoot() }
    let lines = field.contours(at: 1)
    #expect(lines.count == 1 && lines[0].first == lines[0].last && lines[0].count > 100)
    // Linear interpolation errs by less than h² / 8 times the curvature.
    #expect(lines[0].allSatisfy { abs(length($0) - 1) < 0.05 * 0.05 / 4 })
    // The frame cuts a larger circle into two arcs, which end at the sides.
    let arcs = field.contours(at: 1.8)
    #expect(arcs.count == 2)
    for arc in arcs { for end in [arc.first!, arc.last!] { #expect(abs(abs(end.y) - 1.5) < 1e-12) } }
    #expect(field.contours(at: 9).isEmpty && field.contours(at: -1).isEmpty)
  }

  @Test func contoursOfAPlaneAreExact() {
    let field = Field(x: 0...3, y: 0...2, columns: 4, rows: 5) { x, y in 2 * x - 3 * y }
    let line = field.contours(at: 0.5)
    #expect(line.count == 1 && line[0].allSatisfy { abs(2 * $0.x - 3 * $0.y - 0.5) < 1e-12 })
  }

  @Test func saddlesAreDecidedByTheMiddle() {
    // Corners 1, 0 / 0, 1 and their negative: at a level below the middle the high corners are connected.
    let field = Field(x: 0...1, y: 0...1, columns: 2, rows: 2, values: [1, 0, 0, 1])
    func ends(_ level: Double) -> [[Point]] { field.contours(at: level).map { $0.sorted { $0.x < $1.x } } }
    let below = ends(0.4)
    #expect(below.count == 2)
    // Each line cuts off a low corner: (1, 0) or (0, 1).
    #expect(below.contains { length($0[0] - Point(0.6, 0)) < 1e-12 && length($0[1] - Point(1, 0.4)) < 1e-12 })
    let above = ends(0.6)
    #expect(above.contains { length($0[0] - Point(0, 0.4)) < 1e-12 && length($0[1] - Point(0.4, 0)) < 1e-12 })
  }

  @Test func cellsWithoutNumbersHaveNoLine() {
    var values = Field(x: 0...4, y: 0...4, columns: 5, rows: 5) { x, _ in x }.values
    values[12] = .nan
    let lines = Field(x: 0...4, y: 0...4, columns: 5, rows: 5, values: values).contours(at: 1.5)
    #expect(lines.count == 2 && lines.allSatisfy { $0.count == 2 })
  }

  @Test func fieldsBetweenTheirPoints() {
    let field = Field(x: 0...1, y: 0...1, columns: 3, rows: 3) { x, y in 2 * x + y + x * y }
    #expect(abs(field.interpolated(0.3, 0.8) - (0.6 + 0.8 + 0.24)) < 1e-12 && field.interpolated(1, 1) == 4)
  }

  // MARK: Text

  @Test func linesAsText() {
    let chart = chart([LineMark([Point(0, 0), Point(10, 4)], name: "up")])
    #expect(
      chart.text(columns: 8, rows: 2) == """
        Title, up
        4 ┤⠀⠀⠀⠀⣀⠤⠒⠉
        0 ┤⣀⠤⠒⠉
           0  x  10
        """, "\(chart.text(columns: 8, rows: 2))")
    #expect(self.chart([PointMark([Point(1, 1)])]).text() == "")
  }
}
