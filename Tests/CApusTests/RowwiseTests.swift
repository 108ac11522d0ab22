import CApus
import Foundation
import Testing

struct RowwiseTests {
  static let columns = [1, 2, 3, 4, 7, 8, 10, 15, 16, 17, 31, 33, 1000, 5003]

  func logits(_ count: Int, seed: Int = 0) -> [Double] { (0..<count).map { 9 * sin(Double($0 + seed) * 1.7) } }

  /// Row-wise log-sum-exp in Double.
  func logSumExp(_ row: ArraySlice<Double>) -> Double {
    let largest = row.max()!
    return largest + log(row.reduce(0) { $0 + exp($1 - largest) })
  }

  @Test func softmaxFamily() {
    for columns in Self.columns {
      let rows = 5
      let count = rows * columns
      let wide = logits(count).map { Double(Float($0)) }
      let narrow = wide.map { Float($0) }
      let expected = (0..<rows).map { logSumExp(wide[$0 * columns..<($0 + 1) * columns]) }
      var lse = [Float](repeating: 0, count: rows)
      var p = [Float](repeating: 0, count: count)
      var logP = p
      var lse64 = [Double](repeating: 0, count: rows)
      var p64 = [Double](repeating: 0, count: count)
      var logP64 = p64
      let c = Int64(columns)
      for (begin, end) in [(0, 2), (2, 5)] as [(Int64, Int64)] {
        apus_log_sum_exp(APUS_F32, narrow, &lse, c, begin, end)
        apus_softmax(APUS_F32, narrow, &p, c, begin, end)
        apus_log_softmax(APUS_F32, narrow, &logP, c, begin, end)
        apus_log_sum_exp(APUS_F64, wide, &lse64, c, begin, end)
        apus_softmax(APUS_F64, wide, &p64, c, begin, end)
        apus_log_softmax(APUS_F64, wide, &logP64, c, begin, end)
      }
      for r in 0..<rows {
        #expect(abs(Double(lse[r]) - expected[r]) < 1e-6 * max(1, abs(expected[r])), "\(columns)")
        #expect(abs(lse64[r] - expected[r]) < 1e-14 * max(1, abs(expected[r])))
      }
      for i in 0..<count {
        let logarithm = wide[i] - expected[i / columns]
        let probability = exp(logarithm)
        // Rounding x - max(x) already moves a small probability.
        #expect(abs(Double(p[i]) - probability) <= (3e-7 + 8e-8 * abs(logarithm)) * probability, "\(columns) \(i)")
        #expect(abs(Double(logP[i]) - logarithm) <= 4e-7 * max(1, abs(logarithm)), "\(columns) \(i)")
        #expect(abs(p64[i] - probability) <= 1e-14 * probability)
        #expect(abs(logP64[i] - logarithm) <= 1e-14 * max(1, abs(logarithm)))
      }
      // In place, and whole: the same bits.
      var inPlace = narrow
      inPlace.withUnsafeMutableBytes { apus_softmax(APUS_F32, $0.baseAddress!, $0.baseAddress!, c, 0, 5) }
      #expect(inPlace == p)
    }
  }

  @Test func extremes() {
    func softmax(_ x: [Float]) -> [Float] {
      var p = x
      apus_softmax(APUS_F32, x, &p, Int64(x.count), 0, 1)
      return p
    }
    let pair = softmax([1000, 1001])
    #expect(abs(pair[0] - 0.268941421) < 1e-7 && abs(pair[1] - 0.731058579) < 1e-7)
    #expect(softmax([-3e38, 3e38]) == [0, 1])
    #expect(softmax([0, -.infinity]) == [1, 0])
    #expect(softmax([Float](repeating: 3e38, count: 20)).allSatisfy { abs($0 - 0.05) < 1e-8 })
    #expect(softmax([.nan, 1, 2]).allSatisfy { $0.isNaN })
    var result: [Float] = [0]
    apus_log_sum_exp(APUS_F32, [Float](arrayLiteral: -.infinity, -.infinity), &result, 2, 0, 1)
    #expect(result == [-.infinity])
    apus_log_sum_exp(APUS_F32, [Float](arrayLiteral: 1000, 1001), &result, 2, 0, 1)
    #expect(abs(result[0] - 1001.3133) < 1e-4)
    var loss: [Float] = [0]
    apus_softmax_cross_entropy(APUS_F32, [Float](arrayLiteral: 1000, 0), [Int32(1)], APUS_I32, &loss, nil, 2, 0, 1)
    #expect(loss == [1000])
    apus_softmax_cross_entropy(APUS_F32, [Float](arrayLiteral: .nan, 0), [Int32(1)], APUS_I32, &loss, nil, 2, 0, 1)
    #expect(loss[0].isNaN)
  }

  /// exp over its whole range, through a softmax over (0, -x), whose sum is close to 1 for large x.
  @Test func exponentialIsAccurate() {
    for k in 0..<8000 {
      let x = Float(k) * 0.0109
      var p: [Float] = [0, 0]
      apus_softmax(APUS_F32, [0, -x], &p, 2, 0, 1)
      let e = exp(-Double(x))
      let expected = e / (1 + e)
      #expect(abs(Double(p[1]) - expected) <= 2.5e-7 * expected, "\(x)")
    }
  }

  @Test func softmaxGradient() {
    for columns in Self.columns {
      let rows = 3
      let count = rows * columns
      let dy = logits(count, seed: 5)
      var p64 = [Double](repeating: 0, count: count)
      apus_softmax(APUS_F64, logits(count), &p64, Int64(columns), 0, 3)
      var dx64 = p64
      var dx = [Float](repeating: 0, count: count)
      apus_softmax_gradient(APUS_F64, p64, dy, &dx64, Int64(columns), 0, 3)
      apus_softmax_gradient(APUS_F32, p64.map { Float($0) }, dy.map { Float($0) }, &dx, Int64(columns), 0, 3)
      for r in 0..<rows {
        let range = r * columns..<(r + 1) * columns
        let dot = range.reduce(0) { $0 + p64[$1] * dy[$1] }
        for i in range {
          let expected = p64[i] * (dy[i] - dot)
          #expect(abs(dx64[i] - expected) <= 1e-13)
          #expect(abs(Double(dx[i]) - expected) <= 1e-5 * p64[i] + 1e-12, "\(columns) \(i)")
        }
      }
    }
  }

  @Test func crossEntropy() {
    for columns in Self.columns {
      let rows = 37
      let count = rows * columns
      let wide = logits(count).map { Double(Float($0)) }
      let narrow = wide.map { Float($0) }
      let labels = (0..<rows).map { Int32($0 * 7 % columns) }
      let longLabels = labels.map { Int64($0) }
      var loss = [Float](repeating: 0, count: rows)
      var p = [Float](repeating: 0, count: count)
      var loss64 = [Double](repeating: 0, count: rows)
      var p64 = [Double](repeating: 0, count: count)
      let c = Int64(columns)
      apus_softmax_cross_entropy(APUS_F32, narrow, labels, APUS_I32, &loss, &p, c, 0, 20)
      apus_softmax_cross_entropy(APUS_F32, narrow, labels, APUS_I32, &loss, &p, c, 20, 37)
      apus_softmax_cross_entropy(APUS_F64, wide, longLabels, APUS_I64, &loss64, &p64, c, 0, 37)
      for r in 0..<rows {
        let expected = logSumExp(wide[r * columns..<(r + 1) * columns]) - wide[r * columns + Int(labels[r])]
        #expect(abs(Double(loss[r]) - expected) <= 4e-7 * max(1, expected), "\(columns) \(r)")
        #expect(abs(loss64[r] - expected) <= 2e-14 * max(1, expected))
      }
      var alone = loss
      var softmax = p
      apus_softmax_cross_entropy(APUS_F32, narrow, longLabels, APUS_I64, &alone, nil, c, 0, 37)
      apus_softmax(APUS_F32, narrow, &softmax, c, 0, 37)
      #expect(alone == loss)
      #expect(softmax == p)

      // The gradient, with one scale and with one per row; in place.
      let scales = (0..<rows).map { Float($0) * 0.25 - 1 }
      for stride in [0, 1] {
        var dz = [Float](repeating: 0, count: count)
        apus_softmax_cross_entropy_gradient(APUS_F32, p, labels, APUS_I32, scales, Int64(stride), &dz, c, 0, 37)
        for i in 0..<count {
          let r = i / columns
          let hot: Double = i % columns == Int(labels[r]) ? 1 : 0
          let expected = (Double(p[i]) - hot) * Double(scales[r * stride])
          #expect(abs(Double(dz[i]) - expected) <= 2e-7 * abs(expected) + 1e-38)
        }
        var inPlace = p
        inPlace.withUnsafeMutableBytes {
          apus_softmax_cross_entropy_gradient(
            APUS_F32, $0.baseAddress!, labels, APUS_I32, scales, Int64(stride), $0.baseAddress!, c, 0, 37)
        }
        #expect(inPlace == dz)
      }
    }
  }

  /// Loss and gradient in one pass: the bits of the separate calls.
  private func checkBoth<T: BinaryFloatingPoint & BitwiseCopyable>(_ dtype: apus_dtype, _: T.Type) {
    for columns in Self.columns {
      let rows = 37
      var z = logits(rows * columns, seed: columns).map { T($0) }
      z[columns / 2] = -.infinity
      z[5 * columns] = .nan
      let labels = (0..<rows).map { Int64($0 * 7 % columns) }
      let scales = (0..<rows).map { T($0) / 8 - 1 }
      let c = Int64(columns)
      var loss = [T](repeating: 0, count: rows)
      apus_softmax_cross_entropy(dtype, z, labels, APUS_I64, &loss, nil, c, 0, 37)
      for stride: Int64 in [0, 1] {
        var dz = z
        dz.withUnsafeMutableBytes {
          apus_softmax(dtype, z, $0.baseAddress!, c, 0, 37)
          apus_softmax_cross_entropy_gradient(
            dtype, $0.baseAddress!, labels, APUS_I64, scales, stride, $0.baseAddress!, c, 0, 37)
        }
        for split: Int64 in [0, 1, 20] {
          var both = [T](repeating: 0, count: rows)
          var gradient = z
          gradient.withUnsafeMutableBytes { memory in
            // Into other memory, and in place.
            for (begin, end) in [(0, split), (split, 37)] {
              if split == 1 {
                apus_softmax_cross_entropy_both(
                  dtype, memory.baseAddress!, labels, APUS_I64, scales, stride, &both, memory.baseAddress!, c, begin,
                  end)
              } else {
                apus_softmax_cross_entropy_both(
                  dtype, z, labels, APUS_I64, scales, stride, &both, memory.baseAddress!, c, begin, end)
              }
            }
          }
          let areEqual = { (a: [T], b: [T]) in zip(a, b).allSatisfy { $0.isNaN ? $1.isNaN : $0 == $1 } }
          #expect(areEqual(both, loss), "\(columns) columns, split at \(split)")
          #expect(areEqual(gradient, dz), "\(columns) columns, split at \(split)")
        }
      }
    }
  }

  @Test func crossEntropyWithItsGradient() {
    checkBoth(APUS_F32, Float.self)
    checkBoth(APUS_F64, Double.self)
  }

  @Test func gradientAgreesWithFiniteDifferences() {
    let rows = 3
    let columns = 6
    let labels: [Int64] = [2, 0, 5]
    let z = logits(rows * columns).map { $0 / 4 }
    func losses(_ z: [Double]) -> ([Double], [Double]) {
      var loss = [Double](repeating: 0, count: rows)
      var p = z
      apus_softmax_cross_entropy(APUS_F64, z, labels, APUS_I64, &loss, &p, Int64(columns), 0, Int64(rows))
      return (loss, p)
    }
    let scale = [0.5, -2, 3]
    var dz = z
    apus_softmax_cross_entropy_gradient(
      APUS_F64, losses(z).1, labels, APUS_I64, scale, 1, &dz, Int64(columns), 0, Int64(rows))
    for i in z.indices {
      var above = z
      var below = z
      above[i] += 1e-5
      below[i] -= 1e-5
      let numeric = (losses(above).0[i / columns] - losses(below).0[i / columns]) / 2e-5 * scale[i / columns]
      #expect(abs(dz[i] - numeric) < 1e-9)
    }
  }
}
