import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The data sets of TensorFlow Playground (Smilkov, Carter and others, 2016), with the distributions and the noise of its source: points of
/// the plane with classes -1 and 1, or with numbers from -1 to 1.
public enum Playground: String, Sendable, CaseIterable {
  case circle, xor
  case gauss, spiral
  case plane
  case multiGauss = "multi-gauss"

  /// Whether the targets are classes.
  public var task: Dataset.Task { self == .plane || self == .multiGauss ? .regression : .classification }

  /// The usual number of points.
  public var count: Int { task == .classification ? 500 : 1200 }

  var summary: String {
    switch self {
    case .circle: "disc in a ring"
    case .xor: "four quadrants"
    case .gauss: "two normal clouds"
    case .spiral: "two spirals"
    case .plane: "inclined plane"
    case .multiGauss: "six hills and hollows"
    }
  }

  /// Points of this set.
  /// - Parameters:
  ///   - count: even for two classes; nil: the usual number.
  ///   - noise: 0 to 50, as on its slider. Of spirals it moves the points; of two clouds it is their width; else a point is judged by a
  ///     place that is so far from where it stands.
  public func dataset(noise: Double = 0, count: Int? = nil, seed: UInt64 = 0) -> Dataset {
    var random = RandomSource(seed: seed, stream: 0x64_6174_61)  // as the sets by name: "data"
    return dataset("playground-\(rawValue)", noise: noise, count: count, using: &random)
  }

  func dataset(
    _ name: String, noise: Double, count: Int? = nil, using random: inout RandomSource
  ) -> Dataset {
    let count = count ?? self.count
    guard (0...50).contains(noise), count >= 2, task == .regression || count % 2 == 0 else {
      fatalError("Playground: \(count) points with noise \(noise); expected an even number, and noise from 0 to 50")
    }
    let points = points(count, noise / 100, using: &random)
    let features = Tensor(points.flatMap { [Float($0.x), Float($0.y)] }, shape: [count, 2])
    switch task {
    case .classification:
      return Dataset(
        name, features: features, targets: Tensor(points.map { $0.label > 0 ? 1 : 0 } as [Int32]),
        kind: .classes(["-1", "1"]), featureNames: ["x1", "x2"])
    case .regression:
      return Dataset(
        name, features: features, targets: Tensor(points.map { Float($0.label) }, shape: [count, 1]),
        kind: .numbers(["label"]), featureNames: ["x1", "x2"])
    }
  }

  private typealias Point = (x: Double, y: Double, label: Double)

  /// - Parameter noise: from 0 to ½.
  private func points(_ count: Int, _ noise: Double, using random: inout RandomSource) -> [Point] {
    func uniform(_ radius: Double) -> Double {
      // Written out, so that the numbers do not change with the standard library's way of drawing from a range.
      (Double(random.next() >> 11) * 0x1p-52 - 1) * radius
    }
    /// A point judged by a place nearby, up to `noise * radius` away in each direction.
    func judged(_ x: Double, _ y: Double, radius: Double, by label: (Double, Double) -> Double) -> Point {
      let (dx, dy) = (uniform(radius) * noise, uniform(radius) * noise)
      return (x, y, label(x + dx, y + dy))
    }
    switch self {
    case .circle:
      return (0..<count).map { i in
        let (inner, outer) = i < count / 2 ? (0, 2.5) : (3.5, 5.0)
        let (radius, angle) = ((inner + outer) / 2 + uniform((outer - inner) / 2), .pi + uniform(.pi))
        return judged(radius * sin(angle), radius * cos(angle), radius: 5) { hypot($0, $1) < 2.5 ? 1 : -1 }
      }
    case .xor:
      // The quadrants are 0.6 apart.
      func coordinate() -> Double {
        let value = uniform(5)
        return value + (value > 0 ? 0.3 : -0.3)
      }
      return (0..<count).map { _ in
        let (x, y) = (coordinate(), coordinate())
        return judged(x, y, radius: 5) { $0 * $1 >= 0 ? 1 : -1 }
      }
    case .gauss:
      let deviation = (0.5 + 7 * noise).squareRoot()
      return (0..<count).map { i in
        let centre = i < count / 2 ? 2.0 : -2
        let (dx, dy) = normalPair(using: &random)
        return (centre + deviation * dx, centre + deviation * dy, centre / 2)
      }
    case .spiral:
      return (0..<count).map { i in
        let along = Double(i % (count / 2)) / Double(count / 2)
        let angle = 3.5 * .pi * along + (i < count / 2 ? 0 : .pi)
        let (x, y) = (5 * along * sin(angle), 5 * along * cos(angle))
        return (x + uniform(1) * noise, y + uniform(1) * noise, i < count / 2 ? 1 : -1)
      }
    case .plane:
      return (0..<count).map { _ in
        let (x, y) = (uniform(6), uniform(6))
        return judged(x, y, radius: 6) { ($0 + $1) / 10 }
      }
    case .multiGauss:
      // Hills and hollows in turn, 2 wide; the nearest decides.
      let hills = [(-4.0, 2.5, 1.0), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1)]
      return (0..<count).map { _ in
        let (x, y) = (uniform(6), uniform(6))
        return judged(x, y, radius: 6) { x, y in
          hills.reduce(0) { label, hill in
            let height = hill.2 * max(0, 1 - hypot(x - hill.0, y - hill.1) / 2)
            return abs(height) > abs(label) ? height : label
          }
        }
      }
    }
  }
}
