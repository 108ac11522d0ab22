import Testing

@testable import ApusData

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct GeneratorsTests {
  /// The distance of a point of the plane from (`x`, `y`).
  private func distance(_ point: ArraySlice<Float>, _ x: Float = 0, _ y: Float = 0) -> Float {
    hypotf(point.first! - x, point.last! - y)
  }

  /// Each random generator with `count` points.
  private func all(count: Int, noise: Float, seed: UInt64) -> [LabelledPoints] {
    var random = TestRandom(seed: seed)
    return [
      .moons(count: count, noise: noise, using: &random), .circles(count: count, noise: noise, using: &random),
      .spiral(count: count, arms: 3, noise: noise, using: &random),
      .gaussians(count: count, blobs: 4, noise: noise, using: &random),
    ]
  }

  @Test func truthTables() {
    let corners: [Float] = [0, 0, 0, 1, 1, 0, 1, 1]
    #expect(LabelledPoints.and.features == corners && LabelledPoints.and.labels == [0, 0, 0, 1])
    #expect(LabelledPoints.and.featureCount == 2 && LabelledPoints.and.classCount == 2)
    #expect(LabelledPoints.or.features == corners && LabelledPoints.or.labels == [0, 1, 1, 1])
    #expect(LabelledPoints.xor.features == corners && LabelledPoints.xor.labels == [0, 1, 1, 0])
  }

  @Test(arguments: [1, 3, 8]) func parity(bits: Int) {
    let points = LabelledPoints.parity(bits)
    #expect(points.count == 1 << bits && points.featureCount == bits && points.classCount == 2)
    for index in 0..<points.count {
      #expect(Int32(points[index].reduce(0, +)) % 2 == points.labels[index])
    }
    #expect(Set((0..<points.count).map { points[$0].map(\.self) }).count == points.count)
  }

  @Test(arguments: [0, 1, 5, 100, 101]) func shapesAndBalance(count: Int) {
    for points in all(count: count, noise: 0.1, seed: 3) {
      #expect(points.count == count && points.features.count == 2 * count && points.featureCount == 2)
      let sizes = (0..<points.classCount).map { label in points.labels.count { $0 == Int32(label) } }
      #expect(sizes.max()! - sizes.min()! <= 1 && sizes.reduce(0, +) == count)
      #expect(points.features.allSatisfy { $0.isFinite })
    }
  }

  @Test func theSameGeneratorGivesTheSamePoints() {
    #expect(all(count: 50, noise: 0.2, seed: 5) == all(count: 50, noise: 0.2, seed: 5))
    #expect(all(count: 50, noise: 0.2, seed: 5) != all(count: 50, noise: 0.2, seed: 6))
  }

  @Test func moonsAreHalfCircles() {
    var random = TestRandom(seed: 1)
    let points = LabelledPoints.moons(count: 41, noise: 0, using: &random)
    for index in 0..<points.count {
      let (x, y) = (points[index].first!, points[index].last!)
      if points.labels[index] == 0 {
        #expect(abs(distance(points[index]) - 1) < 1e-6 && y >= -1e-6)
      } else {
        #expect(abs(distance(points[index], 1, 0.5) - 1) < 1e-6 && y <= 0.5 + 1e-6)
      }
      #expect(x >= -1 - 1e-6 && x <= 2 + 1e-6)
    }
    #expect(Array(points[0]) == [1, 0])
  }

  @Test func circlesHaveTheirRadii() {
    var random = TestRandom(seed: 1)
    let points = LabelledPoints.circles(count: 40, noise: 0, factor: 0.3, using: &random)
    for index in 0..<points.count {
      #expect(abs(distance(points[index]) - (points.labels[index] == 0 ? 1 : 0.3)) < 1e-6)
    }
    #expect(Set((0..<points.count).map { points[$0].map(\.self) }).count == 40)
  }

  @Test func spiralArmsAreTurnedCopies() {
    var random = TestRandom(seed: 1)
    let points = LabelledPoints.spiral(count: 60, arms: 3, turns: 1.5, noise: 0, using: &random)
    for place in 0..<20 {
      for arm in 0..<3 {
        let point = points[3 * place + arm]
        let radius = Float(place) / 19
        #expect(abs(distance(point) - radius) < 1e-6)
        let angle = 2 * Float.pi * (Float(arm) / 3 + 1.5 * radius)
        #expect(distance(point, radius * cosf(angle), radius * sinf(angle)) < 1e-5)
      }
    }
  }

  @Test func gaussiansHaveTheirCentresAndSpread() {
    var random = TestRandom(seed: 1)
    let points = LabelledPoints.gaussians(count: 40_000, blobs: 4, noise: 0.3, using: &random)
    for (label, centre) in [(1.0, 0.0), (0, 1), (-1, 0), (0, -1)].enumerated() {
      let members = (0..<points.count).filter { points.labels[$0] == Int32(label) }.map { points[$0] }
      let (x, y) = (members.map { Double($0.first!) }, members.map { Double($0.last!) })
      for (values, expected) in [(x, centre.0), (y, centre.1)] {
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        #expect(abs(mean - expected) < 0.015)
        #expect(abs(variance.squareRoot() - 0.3) < 0.01)
      }
    }
  }

  @Test func normalNumbersAreNormal() {
    var random = TestRandom(seed: 11)
    var values: [Double] = []
    for _ in 0..<50_000 {
      let pair = normalPair(using: &random)
      values += [pair.0, pair.1]
    }
    let count = Double(values.count)
    #expect(abs(values.reduce(0, +) / count) < 0.02)
    #expect(abs(values.reduce(0) { $0 + $1 * $1 } / count - 1) < 0.02)
    #expect(abs(values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count - 3) < 0.15)
    #expect(abs(Double(values.count { abs($0) < 1 }) / count - 0.6827) < 0.006)
  }
}
