import ApusCore
import Testing

@testable import ApusData

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The playground's sets follow the formulas of its source.
@Suite struct PlaygroundTests {
  private typealias Point = (x: Double, y: Double, label: Double)

  private func points(_ set: Playground, noise: Double = 0, count: Int? = nil, seed: UInt64 = 1) -> [Point] {
    let data = set.dataset(noise: noise, count: count, seed: seed)
    let (values, targets) = (data.features.doubles, data.targets.doubles)
    return (0..<data.count).map { i in
      (values[2 * i], values[2 * i + 1], set.task == .classification ? 2 * targets[i] - 1 : targets[i])
    }
  }

  /// The label at a place, by the source's rule.
  private func label(_ set: Playground, _ x: Double, _ y: Double) -> Double {
    switch set {
    case .circle: return hypot(x, y) < 2.5 ? 1 : -1
    case .xor: return x * y >= 0 ? 1 : -1
    case .plane: return (x + y) / 10
    case .multiGauss:
      var best = 0.0
      for (cx, cy, sign) in [
        (-4.0, 2.5, 1.0), (0, 2.5, -1), (4, 2.5, 1), (-4, -2.5, -1), (0, -2.5, 1), (4, -2.5, -1),
      ] {
        let value = sign * (1 - min(2, hypot(x - cx, y - cy)) / 2)
        if abs(value) > abs(best) { best = value }
      }
      return best
    case .gauss, .spiral: return .nan
    }
  }

  @Test func sizesAndClasses() {
    for set in Playground.allCases {
      let data = set.dataset()
      #expect(data.count == (set.task == .classification ? 500 : 1200) && data.featureNames == ["x1", "x2"])
      #expect(set.task == .classification ? data.classNames == ["-1", "1"] : data.classNames.isEmpty)
      #expect(set.dataset(seed: 4).features.floats == set.dataset(seed: 4).features.floats)
    }
  }

  @Test("without noise every label is that of the place", arguments: [Playground.circle, .xor, .plane, .multiGauss])
  func labels(set: Playground) {
    for point in points(set) {
      // float32 may round a place over an edge, which is 0 wide.
      #expect(abs(point.label - label(set, point.x, point.y)) < 1e-5, "\(point)")
    }
    // With noise some labels are those of other places.
    let wrong = points(set, noise: 50).count { abs($0.label - label(set, $0.x, $0.y)) > 1e-5 }
    #expect(wrong > 50)
  }

  @Test func circle() {
    let all = points(.circle)
    #expect(all.prefix(250).allSatisfy { hypot($0.x, $0.y) < 2.5 && $0.label == 1 })
    #expect(all.suffix(250).allSatisfy { (3.499...5.001).contains(hypot($0.x, $0.y)) && $0.label == -1 })
    // The radius is uniform: half of the inner points lie within 1.25.
    #expect(abs(points(.circle, count: 10_000).prefix(5000).count { hypot($0.x, $0.y) < 1.25 } - 2500) < 150)
    // Noise never moves a point.
    #expect(points(.circle, noise: 50).prefix(250).allSatisfy { hypot($0.x, $0.y) < 2.5 })
  }

  @Test func xorLeavesAGap() {
    let all = points(.xor, count: 4000)
    #expect(all.allSatisfy { (0.2999...5.3001).contains(abs($0.x)) && (0.2999...5.3001).contains(abs($0.y)) })
    for (sx, sy) in [(1.0, 1.0), (1, -1), (-1, 1), (-1, -1)] {
      #expect(abs(all.count { $0.x * sx > 0 && $0.y * sy > 0 } - 1000) < 120)
    }
  }

  @Test("the clouds' variance grows from 0.5 to 4", arguments: [(0.0, 0.5), (25, 2.25), (50, 4)])
  func clouds(noise: Double, variance: Double) {
    let all = points(.gauss, noise: noise, count: 20_000)
    for (part, centre) in [(all.prefix(10_000), 2.0), (all.suffix(10_000), -2)] {
      #expect(part.allSatisfy { $0.label == centre / 2 })
      for values in [part.map(\.x), part.map(\.y)] {
        let mean = values.reduce(0, +) / 10_000
        let found = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 10_000
        #expect(abs(mean - centre) < 0.08 && abs(found - variance) < 0.08 * variance)
      }
    }
  }

  @Test func spirals() {
    for (noise, limit) in [(0.0, 1e-5), (40, 0.4 + 1e-5)] {
      let all = points(.spiral, noise: noise)
      for i in 0..<500 {
        let along = Double(i % 250) / 250
        let angle = 1.75 * along * 2 * Double.pi + (i < 250 ? 0 : .pi)
        #expect(abs(all[i].x - 5 * along * sin(angle)) <= limit && abs(all[i].y - 5 * along * cos(angle)) <= limit)
        #expect(all[i].label == (i < 250 ? 1 : -1))
      }
      #expect(noise == 0 || all.map(\.x) != points(.spiral).map(\.x))
    }
  }

  @Test func fieldsFillTheSquare() {
    for set in [Playground.plane, .multiGauss] {
      let all = points(set, count: 8000)
      #expect(all.allSatisfy { abs($0.x) <= 6 && abs($0.y) <= 6 && abs($0.label) <= 1.2 })
      #expect(abs(all.count { $0.x > 3 && $0.y < 0 } - 1000) < 120)
    }
    #expect(points(.multiGauss).contains { $0.label > 0.8 } && points(.multiGauss).contains { $0.label < -0.8 })
  }

  @Test func oddCountsStop() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Playground.spiral.dataset(noise: 0, count: 7)
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("7 points with noise 0.0"))
  }
}
