import CApus
import Testing

struct MomentsTests {
  static let rows = [1, 2, 7, 63, 64, 65, 200, 1000]
  static let columns = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65, 100, 257, 300]

  /// The moments of all columns, computed for one range after the other.
  func moments<E: ReduceElement>(
    _ x: [E], zero: E, rows: Int, columns: Int, splitAt splits: [Int] = []
  ) -> (mean: [E], variance: [E]) {
    var mean = [E](repeating: zero, count: columns)
    var variance = mean
    for (begin, end) in zip([0] + splits, splits + [columns]) {
      x.withUnsafeBytes { bytes in
        mean.withUnsafeMutableBytes { mean in
          variance.withUnsafeMutableBytes { variance in
            apus_column_moments(
              E.dtype, bytes.baseAddress!, Int64(rows), Int64(columns), mean.baseAddress!, variance.baseAddress!,
              Int64(begin), Int64(end))
          }
        }
      }
    }
    return (mean, variance)
  }

  /// Two passes in double: the exact result for these numbers but for rounding.
  func reference(_ x: [Double], rows: Int, columns: Int, _ j: Int) -> (mean: Double, variance: Double) {
    let column = (0..<rows).map { x[$0 * columns + j] }
    let mean = column.reduce(0, +) / Double(rows)
    // The mean's own rounding is taken out again.
    let rest = column.reduce(0) { $0 + ($1 - mean) } / Double(rows)
    return (mean + rest, column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rows) - rest * rest)
  }

  func check<E: ReduceElement>(_ type: E.Type, zero: E, tolerance: Double, element: (Int) -> E) {
    for rows in Self.rows {
      for columns in Self.columns {
        let x = (0..<rows * columns).map(element)
        let (mean, variance) = moments(x, zero: zero, rows: rows, columns: columns)
        let wide = x.map(\.asDouble)
        let isRight = (0..<columns).allSatisfy { j in
          let expected = reference(wide, rows: rows, columns: columns, j)
          let size = abs(expected.mean) + expected.variance.squareRoot()
          return abs(mean[j].asDouble - expected.mean) <= 4 * E.epsilon * size
            && abs(variance[j].asDouble - expected.variance) <= tolerance * expected.variance
        }
        #expect(isRight, "\(E.self) \(rows) x \(columns)")
        let splits = [1, 3, 40, 90, 291].filter { $0 < columns }
        let parts = moments(x, zero: zero, rows: rows, columns: columns, splitAt: splits)
        #expect(parts.mean == mean && parts.variance == variance, "split \(E.self) \(rows) x \(columns)")
      }
    }
  }

  @Test func float32() { check(Float.self, zero: 0, tolerance: 3e-6) { .sample($0) } }
  @Test func float64() { check(Double.self, zero: 0, tolerance: 1e-14) { .sample($0) } }

  /// A mean ten thousand times the deviation: the square of the sum would leave nothing of the variance.
  @Test func largeMean() {
    check(Float.self, zero: 0, tolerance: 3e-6) { 1e4 + .sample($0) / 2 }
    check(Double.self, zero: 0, tolerance: 1e-11) { 1e4 + .sample($0) / 2 }
  }

  /// The first rows of every block are far from the others: the worst place to measure deviations from.
  @Test func misleadingStart() {
    for columns in [5, 40] {
      let x = (0..<1000 * columns).map { i in Float(i / columns % 64 < 8 ? 0 : 1000) + Float.sample(i) / 1000 }
      let (mean, variance) = moments(x, zero: 0, rows: 1000, columns: columns)
      for j in 0..<columns {
        let expected = reference(x.map(Double.init), rows: 1000, columns: columns, j)
        #expect(abs(Double(mean[j]) - expected.mean) <= 1e-7 * expected.mean)
        #expect(abs(Double(variance[j]) - expected.variance) <= 3e-6 * expected.variance)
      }
    }
  }

  @Test func equalElementsHaveNoVariance() {
    for value in [0, 0.1, -1e-20, 1e4 + 0.1, 3e30] as [Float] {
      for (rows, columns) in [(1, 3), (70, 3), (3, 20), (1000, 100)] {
        let x = [Float](repeating: value, count: rows * columns)
        let (mean, variance) = moments(x, zero: 1, rows: rows, columns: columns)
        #expect(mean.allSatisfy { abs($0 - value) <= abs(value) * 1e-7 })
        // A centre that is rounded leaves at most the rounding's own square.
        #expect(variance.allSatisfy { $0 >= 0 && $0 <= value * value * 1e-13 }, "\(value) \(rows) x \(columns)")
      }
    }
  }

  @Test func notFinite() {
    for (rows, columns) in [(1, 2), (3, 5), (100, 5), (100, 40)] {
      for value in [Float.nan, .infinity, -.infinity] {
        var x = (0..<rows * columns).map { Float.sample($0) }
        x[(rows - 1) * columns + 1] = value
        let (mean, variance) = moments(x, zero: 0, rows: rows, columns: columns)
        let isSpoilt = (0..<columns).map { !mean[$0].isFinite && !variance[$0].isFinite }
        #expect(isSpoilt == (0..<columns).map { $0 == 1 }, "\(value) \(rows) x \(columns)")
        #expect((0..<columns).allSatisfy { $0 == 1 || (mean[$0].isFinite && variance[$0].isFinite) })
      }
    }
    let nothing = moments([Float(0)], zero: 0, rows: 0, columns: 3)
    #expect(nothing.mean.allSatisfy { $0.isNaN } && nothing.variance.allSatisfy { $0.isNaN })
  }
}
