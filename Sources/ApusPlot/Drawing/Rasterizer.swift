extension Canvas {
  /// The picture as pixels, on white.
  /// - Parameter scale: the pixels along a unit of the canvas; above 0.
  public func bitmap(scale: Double = 2) -> Bitmap {
    let (columns, rows) = (Int((width * scale).rounded(.up)), Int((height * scale).rounded(.up)))
    var rasterizer = Rasterizer(bitmap: Bitmap(width: max(1, columns), height: max(1, rows)), scale: scale)
    for element in elements { rasterizer.draw(element) }
    return rasterizer.bitmap
  }
}

/// Draws elements into pixels. A pixel's coverage is told from how far its centre is from the shape's edge, which is exact for straight
/// edges along the axes and close to it for others.
private struct Rasterizer {
  var bitmap: Bitmap
  let scale: Double

  mutating func draw(_ element: Canvas.Element) {
    switch element {
    case .line(let points, let stroke):
      let points = points.map { $0 * scale }
      let pieces = stroke.dashes.isEmpty ? [points] : dashed(points, stroke.dashes.map { $0 * scale })
      self.stroke(pieces, width: stroke.width * scale, color: stroke.color)
    case .polygon(let points, let fill, let border):
      let points = points.map { $0 * scale }
      self.fill(points, color: fill)
      outline(points, border)
    case .rectangle(let r, let fill, let border):
      let (low, high) = (Point(r.x, r.y) * scale, Point(r.maxX, r.maxY) * scale)
      if let fill {
        self.fill(from: low, to: high, color: fill) { p in
          // The share of the pixel that lies inside, along each axis.
          let inside = pointwiseMin(p + 0.5, high) - pointwiseMax(p - 0.5, low)
          return max(0, inside.x) * max(0, inside.y)
        }
      }
      outline([low, Point(high.x, low.y), high, Point(low.x, high.y)], border)
    case .circle(let center, let radius, let color, let border):
      let (center, radius) = (center * scale, radius * scale)
      fill(from: center - radius, to: center + radius, color: color) { 0.5 + radius - length($0 - center) }
      if let border {
        let half = border.width * scale / 2
        fill(from: center - radius - half, to: center + radius + half, color: border.color) {
          0.5 + half - abs(length($0 - center) - radius)
        }
      }
    case .text(let text, let point, let style):
      let lines = StrokeFont.lines(text, at: point, style).map { $0.map { $0 * scale } }
      stroke(lines, width: StrokeFont.penWidth(style) * scale, color: style.color)
    case .image(let image, let r): draw(image, in: r)
    }
  }

  private mutating func draw(_ image: Bitmap, in r: Rectangle) {
    let (left, right) = (Int((r.x * scale).rounded()), Int((r.maxX * scale).rounded()))
    let (top, bottom) = (Int((r.y * scale).rounded()), Int((r.maxY * scale).rounded()))
    guard left < right && top < bottom else { return }
    for y in max(0, top)..<max(0, min(bottom, bitmap.height)) where y >= top {
      let row = (2 * (y - top) + 1) * image.height / (2 * (bottom - top))
      for x in max(0, left)..<max(0, left, min(right, bitmap.width)) {
        let column = (2 * (x - left) + 1) * image.width / (2 * (right - left))
        bitmap.blend(image[column, row], share: 1, x: x, y: y)
      }
    }
  }

  private mutating func outline(_ points: [Point], _ border: Stroke?) {
    guard let border, let first = points.first else { return }
    stroke([points + [first]], width: border.width * scale, color: border.color)
  }

  // MARK: Areas

  /// Lays `color` over the pixels around a rectangle, as far as `coverage` says for their centres.
  private mutating func fill(from low: Point, to high: Point, color: Color, coverage: (Point) -> Double) {
    let (columns, rows) = pixels(from: low, to: high)
    for y in rows {
      for x in columns {
        let share = min(1, coverage(Point(Double(x) + 0.5, Double(y) + 0.5)))
        if share > 0 { bitmap.blend(color, share: share, x: x, y: y) }
      }
    }
  }

  /// Fills a convex polygon: a pixel is inside as far as it is inside of every edge.
  private mutating func fill(_ points: [Point], color: Color) {
    guard points.count > 2 else { return }
    var area = 0.0
    for (p, q) in zip(points, points[1...] + points[..<1]) { area += p.x * q.y - q.x * p.y }
    let edges = zip(points, points[1...] + points[..<1]).compactMap { p, q -> (point: Point, inward: Point)? in
      let along = q - p
      let size = length(along)
      return size > 0 ? (p, Point(-along.y, along.x) / (area < 0 ? -size : size)) : nil
    }
    let low = points.reduce(points[0], pointwiseMin)
    fill(from: low, to: points.reduce(points[0], pointwiseMax), color: color) { p in
      edges.reduce(1) { share, edge in min(share, 0.5 + dot(p - edge.point, edge.inward)) }
    }
  }

  // MARK: Lines

  /// Draws lines with round ends in one go: where they cross, a translucent colour does not become stronger.
  private mutating func stroke(_ lines: [[Point]], width: Double, color: Color) {
    let radius = width / 2
    let all = lines.joined().filter { $0.x.isDrawable && $0.y.isDrawable }
    guard let first = all.first else { return }
    let low = all.reduce(first, pointwiseMin) - radius
    let high = all.reduce(first, pointwiseMax) + radius
    let (columns, rows) = pixels(from: low, to: high)
    guard !columns.isEmpty && !rows.isEmpty else { return }
    var mask = [Float](repeating: 0, count: columns.count * rows.count)
    for line in lines {
      for (p, q) in zip(line, line.dropFirst().isEmpty ? line[...] : line.dropFirst()) {
        cover(&mask, columns, rows, from: p, to: q, radius: radius)
      }
    }
    for (i, share) in mask.enumerated() where share > 0 {
      let (row, column) = i.quotientAndRemainder(dividingBy: columns.count)
      bitmap.blend(color, share: Double(share), x: columns.lowerBound + column, y: rows.lowerBound + row)
    }
  }

  private func cover(
    _ mask: inout [Float], _ columns: Range<Int>, _ rows: Range<Int>, from p: Point, to q: Point, radius: Double
  ) {
    guard p.x.isDrawable && p.y.isDrawable && q.x.isDrawable && q.y.isDrawable else { return }
    let along = q - p
    let square = dot(along, along)
    let reach = radius + 0.5
    // Lines thinner than a pixel are paler.
    let most = min(1, 2 * radius)
    let (near, far) = pixels(from: pointwiseMin(p, q) - radius, to: pointwiseMax(p, q) + radius)
    for y in far.clamped(to: rows) {
      let row = (y - rows.lowerBound) * columns.count - columns.lowerBound
      for x in near.clamped(to: columns) {
        let center = Point(Double(x) + 0.5, Double(y) + 0.5)
        let place = square > 0 ? min(1, max(0, dot(center - p, along) / square)) : 0
        let distance = length(center - p - place * along)
        if distance < reach { mask[row + x] = max(mask[row + x], Float(min(most, reach - distance))) }
      }
    }
  }

  /// The dashes of a line, as lines.
  private func dashed(_ points: [Point], _ dashes: [Double]) -> [[Point]] {
    guard dashes.allSatisfy({ $0 > 0 }), var here = points.first else { return [points] }
    var pieces: [[Point]] = [[here]]
    var (dash, left) = (0, dashes[0])
    for next in points.dropFirst() {
      while true {
        let distance = length(next - here)
        let isDrawn = dash % 2 == 0
        if distance <= left {
          if isDrawn { pieces[pieces.count - 1].append(next) }
          left -= distance
          here = next
          break
        }
        here += (next - here) * (left / distance)
        if isDrawn { pieces[pieces.count - 1].append(here) } else { pieces.append([here]) }
        dash += 1
        left = dashes[dash % dashes.count]
      }
    }
    return pieces.filter { $0.count > 1 }
  }

  /// The pixels that a rectangle touches.
  private func pixels(from low: Point, to high: Point) -> (columns: Range<Int>, rows: Range<Int>) {
    func range(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
      let first = Int(min(Double(count), max(0, (low - 0.5).rounded(.down))))
      let end = Int(min(Double(count), max(0, (high + 0.5).rounded(.up))))
      return first..<max(first, end)
    }
    return (range(low.x, high.x, bitmap.width), range(low.y, high.y, bitmap.height))
  }
}

func dot(_ a: Point, _ b: Point) -> Double { (a * b).sum() }
func length(_ a: Point) -> Double { dot(a, a).squareRoot() }
