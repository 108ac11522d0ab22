/// A function of two numbers, known on a grid of points that are evenly spaced over a rectangle.
public struct Field: Sendable, Hashable {
  public let columns: Int
  public let rows: Int
  /// The first and the last column's place, and the rows'.
  public let x: ClosedRange<Double>
  public let y: ClosedRange<Double>
  /// Row by row, from the smallest y.
  public let values: [Double]

  /// - Precondition: at least 2 columns and rows, and a value for each point.
  public init(x: ClosedRange<Double>, y: ClosedRange<Double>, columns: Int, rows: Int, values: [Double]) {
    guard columns > 1, rows > 1, values.count == columns * rows else {
      fatalError(
        "Field: \(values.count) values for \(columns) x \(rows) points; expected at least 2 x 2, and one for each")
    }
    (self.x, self.y, self.columns, self.rows, self.values) = (x, y, columns, rows, values)
  }

  /// The values of a function.
  public init(
    x: ClosedRange<Double>, y: ClosedRange<Double>, columns: Int = 80, rows: Int = 60,
    _ function: (Double, Double) throws -> Double
  ) rethrows {
    let values = try Self.points(x: x, y: y, columns: columns, rows: rows).map { try function($0.x, $0.y) }
    self.init(x: x, y: y, columns: columns, rows: rows, values: values)
  }

  /// The points of a grid, in the order of ``values``.
  public static func points(x: ClosedRange<Double>, y: ClosedRange<Double>, columns: Int, rows: Int) -> [Point] {
    (0..<rows).flatMap { row in
      (0..<columns).map { column in
        Point(x.at(Double(column) / Double(columns - 1)), y.at(Double(row) / Double(rows - 1)))
      }
    }
  }

  public subscript(column: Int, row: Int) -> Double { values[row * columns + column] }

  func point(_ column: Double, _ row: Double) -> Point {
    Point(x.at(column / Double(columns - 1)), y.at(row / Double(rows - 1)))
  }

  /// The field between its points, bilinearly, at shares of the way along x and y.
  func interpolated(_ u: Double, _ v: Double) -> Double {
    let (a, b) = (u * Double(columns - 1), v * Double(rows - 1))
    let (column, row) = (min(columns - 2, max(0, Int(a))), min(rows - 2, max(0, Int(b))))
    let (s, t) = (a - Double(column), b - Double(row))
    return (1 - t) * ((1 - s) * self[column, row] + s * self[column + 1, row])
      + t * ((1 - s) * self[column, row + 1] + s * self[column + 1, row + 1])
  }
}

// MARK: - Contours

extension Field {
  /// The lines along which the field, bilinear between its points, has the value `level`: marching squares.
  ///
  /// Every cell of four points is looked at by itself; lines that meet at a cell's edge are joined. A closed line ends where it begins.
  /// In a cell with two opposite corners above the level, its middle decides which are connected. Cells with a corner that is no number
  /// have no line.
  public func contours(at level: Double) -> [[Point]] {
    // An edge between two points: that from the point to its right, or upwards.
    struct Edge: Hashable { let column, row: Int, isUpward: Bool }
    func crossing(_ edge: Edge) -> Point {
      let a = self[edge.column, edge.row]
      let b = edge.isUpward ? self[edge.column, edge.row + 1] : self[edge.column + 1, edge.row]
      let share = (level - a) / (b - a)
      return point(Double(edge.column) + (edge.isUpward ? 0 : share), Double(edge.row) + (edge.isUpward ? share : 0))
    }
    // At each edge, the edges where the line through it goes on: one cell on each side, so at most two.
    var neighbors: [Edge: [Edge]] = [:]
    var order: [Edge] = []
    func join(_ a: Edge, _ b: Edge) {
      for (from, to) in [(a, b), (b, a)] {
        if neighbors[from] == nil { order.append(from) }
        neighbors[from, default: []].append(to)
      }
    }
    for row in 0..<rows - 1 {
      for column in 0..<columns - 1 {
        let corners = [self[column, row], self[column + 1, row], self[column + 1, row + 1], self[column, row + 1]]
        guard corners.allSatisfy(\.isFinite) else { continue }
        let bottom = Edge(column: column, row: row, isUpward: false)
        let top = Edge(column: column, row: row + 1, isUpward: false)
        let left = Edge(column: column, row: row, isUpward: true)
        let right = Edge(column: column + 1, row: row, isUpward: true)
        var code = corners.enumerated().reduce(0) { $0 | ($1.element > level ? 1 << $1.offset : 0) }
        if code == 5 || code == 10 {
          let isConnected = corners.reduce(0) { $0 + $1 / 4 } > level
          // Corners 0 and 2 are above: connected, the line cuts off 1 and 3, else 0 and 2.
          let cutsOddCorners = (code == 5) == isConnected
          join(bottom, cutsOddCorners ? right : left)
          join(top, cutsOddCorners ? left : right)
          continue
        }
        if code > 7 { code = 15 - code }
        switch code {
        case 1: join(left, bottom)
        case 2: join(bottom, right)
        case 3: join(left, right)
        case 4: join(right, top)
        case 6: join(bottom, top)
        case 7: join(left, top)
        default: break
        }
      }
    }
    var lines: [[Point]] = []
    // Open lines first, from an end.
    for isClosed in [false, true] {
      for start in order where neighbors[start].map({ isClosed ? !$0.isEmpty : $0.count == 1 }) == true {
        var line = [crossing(start)]
        var here = start
        while let next = neighbors[here]?.popLast() {
          neighbors[next, default: []].removeAll { $0 == here }
          line.append(crossing(next))
          here = next
        }
        lines.append(line)
      }
    }
    return lines
  }

  /// About `count` levels within what the values cover: round numbers, or evenly spaced ratios.
  public func levels(count: Int = 10, scale: Axis.Scale = .linear) -> [Double] {
    guard let range = ClosedRange(covering: values), range.length > 0 else { return [] }
    if scale == .logarithmic, range.lowerBound > 0 {
      let ratio = range.upperBound / range.lowerBound
      return (1...count).map { range.lowerBound * power(ratio, Double($0) / Double(count + 1)) }
    }
    return Ticks(linear: range, count: count).values.filter { $0 > range.lowerBound && $0 < range.upperBound }
  }
}
