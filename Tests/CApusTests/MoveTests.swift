import CApus
import Testing

struct MoveTests {
  /// Copies bytes of `size`-byte elements and compares with a walk over all indices.
  func check(size: Int, extents: [Int], source: [Int], destination: [Int], split: Int? = nil) {
    func span(_ strides: [Int]) -> (low: Int, count: Int) {
      let reach = zip(extents, strides).map { ($0 - 1) * $1 }
      let low = reach.filter { $0 < 0 }.reduce(0, +)
      let high = reach.filter { $0 > 0 }.reduce(0, +)
      return (-low, high - low + 1)
    }
    let isEmpty = extents.contains(0)
    let from = isEmpty ? (low: 0, count: 1) : span(source)
    let to = isEmpty ? (low: 0, count: 1) : span(destination)
    let input = (0..<from.count * size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var output = [UInt8](repeating: 0xEE, count: to.count * size)
    var expected = output
    var index = [Int](repeating: 0, count: extents.count)
    for _ in 0..<extents.reduce(1, *) {
      let s = zip(index, source).map { $0 * $1 }.reduce(from.low, +)
      let d = zip(index, destination).map { $0 * $1 }.reduce(to.low, +)
      for byte in 0..<size { expected[d * size + byte] = input[s * size + byte] }
      for axis in extents.indices.reversed() {
        index[axis] += 1
        if index[axis] < extents[axis] { break }
        index[axis] = 0
      }
    }
    let first = Int64(extents.first ?? 1)
    let middle = Int64(split ?? 0)
    input.withUnsafeBytes { inBytes in
      output.withUnsafeMutableBytes { outBytes in
        for (begin, end) in [(0, middle), (middle, first)] {
          apus_copy_strided(
            Int64(size), Int32(extents.count), extents.map { Int64($0) }, inBytes.baseAddress! + from.low * size,
            source.map { Int64($0) }, outBytes.baseAddress! + to.low * size, destination.map { Int64($0) }, begin, end)
        }
      }
    }
    #expect(output == expected, "size \(size) extents \(extents) source \(source) destination \(destination)")
  }

  func rowMajor(_ extents: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: extents.count)
    for axis in extents.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * extents[axis + 1] }
    return strides
  }

  @Test(arguments: [1, 2, 4, 8]) func copies(size: Int) {
    check(size: size, extents: [], source: [], destination: [])
    check(size: size, extents: [1], source: [1], destination: [1])
    check(size: size, extents: [0], source: [1], destination: [1])
    check(size: size, extents: [5, 0], source: [1, 1], destination: [1, 1])
    check(size: size, extents: [1000], source: [1], destination: [1], split: 300)
    check(size: size, extents: [100], source: [-1], destination: [1], split: 30)
    check(size: size, extents: [100], source: [1], destination: [-1], split: 30)
    check(size: size, extents: [100], source: [-2], destination: [-3])
    check(size: size, extents: [100], source: [0], destination: [1], split: 50)
    check(size: size, extents: [20, 30], source: [0, 1], destination: [30, 1])
    check(size: size, extents: [20, 30], source: [1, 0], destination: [30, 1], split: 7)
    check(size: size, extents: [20, 30], source: [40, 1], destination: [35, 1], split: 7)
    check(size: size, extents: [20, 30], source: [60, 2], destination: [30, 1])
    check(size: size, extents: [4, 3, 5], source: [15, -5, 1], destination: [15, 5, 1])
  }

  @Test(arguments: [1, 2, 4, 8]) func transposes(size: Int) {
    for (rows, columns) in [(1, 9), (2, 4), (8, 8), (15, 17), (16, 16), (16, 40), (33, 70), (128, 10), (100, 200)] {
      check(size: size, extents: [rows, columns], source: [1, rows], destination: [columns, 1], split: rows / 3)
      check(size: size, extents: [rows, columns], source: [1, rows + 3], destination: [columns + 5, 1])
      check(size: size, extents: [rows, columns], source: [columns, 1], destination: [1, rows], split: rows / 2)
    }
  }

  /// Every permutation of four axes.
  @Test(arguments: [1, 4, 8]) func permutations(size: Int) {
    let stored = [3, 18, 4, 17]
    let strides = rowMajor(stored)
    for a in 0..<4 {
      for b in 0..<4 where b != a {
        for c in 0..<4 where c != a && c != b {
          let order = [a, b, c, 6 - a - b - c]
          let extents = order.map { stored[$0] }
          check(
            size: size, extents: extents, source: order.map { strides[$0] }, destination: rowMajor(extents), split: 1)
        }
      }
    }
  }

  @Test func eightAxes() {
    let stored = [2, 3, 2, 1, 2, 3, 2, 2]
    let strides = rowMajor(stored)
    let order = [7, 2, 5, 0, 3, 6, 1, 4]
    let extents = order.map { stored[$0] }
    check(size: 4, extents: extents, source: order.map { strides[$0] }, destination: rowMajor(extents), split: 1)
  }

  @Test func fill() {
    for count in [0, 1, 3, 17, 1000] {
      var bytes = [UInt8](repeating: 1, count: count + 1)
      var halves = [UInt16](repeating: 1, count: count + 1)
      var floats = [Float](repeating: 1, count: count + 1)
      var doubles = [Double](repeating: 1, count: count + 1)
      apus_fill(1, &bytes, [UInt8(200)], Int64(count))
      apus_fill(2, &halves, [UInt16(51234)], Int64(count))
      apus_fill(4, &floats, [Float(-2.5)], Int64(count))
      apus_fill(8, &doubles, [Double(1e100)], Int64(count))
      #expect(bytes == [UInt8](repeating: 200, count: count) + [1])
      #expect(halves == [UInt16](repeating: 51234, count: count) + [1])
      #expect(floats == [Float](repeating: -2.5, count: count) + [1])
      #expect(doubles == [Double](repeating: 1e100, count: count) + [1])
      apus_fill(4, &floats, [Float(0)], Int64(count))
      #expect(floats == [Float](repeating: 0, count: count) + [1])
    }
  }

  @Test func gatherAndScatter() {
    for (outer, count, picked, inner) in [
      (1, 5, 3, 1), (2, 7, 11, 1), (2, 7, 4, 2), (3, 4, 6, 16), (2, 5, 9, 37), (1, 3, 0, 4),
    ] {
      let indices = (0..<picked).map { Int64($0 * 5 % count) }
      let source = (0..<outer * count * inner).map { Float($0) }
      var result = [Float](repeating: -1, count: outer * picked * inner + 1)
      var expected = result
      for o in 0..<outer {
        for i in 0..<picked {
          for j in 0..<inner {
            expected[(o * picked + i) * inner + j] = source[(o * count + Int(indices[i])) * inner + j]
          }
        }
      }
      apus_gather_axis(4, source, indices, &result, Int64(outer), Int64(count), Int64(picked), Int64(inner))
      #expect(result == expected)
      let bytes = source.map { UInt8(truncatingIfNeeded: Int($0)) }
      var byteResult = [UInt8](repeating: 9, count: result.count)
      apus_gather_axis(1, bytes, indices, &byteResult, Int64(outer), Int64(count), Int64(picked), Int64(inner))
      #expect(byteResult.dropLast() == expected.dropLast().map { UInt8(truncatingIfNeeded: Int($0)) }[...])

      var sums = [Float](repeating: 1, count: source.count)
      var sumsExpected = sums
      var integers = [Int64](repeating: 1, count: source.count)
      for o in 0..<outer {
        for i in 0..<picked {
          for j in 0..<inner {
            sumsExpected[(o * count + Int(indices[i])) * inner + j] += expected[(o * picked + i) * inner + j]
          }
        }
      }
      apus_scatter_add_axis(APUS_F32, expected, indices, &sums, Int64(outer), Int64(count), Int64(picked), Int64(inner))
      apus_scatter_add_axis(
        APUS_I64, expected.map { Int64($0) }, indices, &integers, Int64(outer), Int64(count), Int64(picked),
        Int64(inner))
      #expect(sums == sumsExpected)
      #expect(integers == sumsExpected.map { Int64($0) })
    }
  }

  @Test func gatherAndScatterElements() {
    for (outer, count, picked, inner) in [(1, 5, 3, 1), (2, 7, 11, 3), (3, 4, 1, 10)] {
      let indices = (0..<outer * picked * inner).map { Int64($0 * 7 % count) }
      let source = (0..<outer * count * inner).map { Double($0) }
      var result = [Double](repeating: -1, count: indices.count)
      var sums = [Double](repeating: 0, count: source.count)
      var expected = result
      var sumsExpected = sums
      for o in 0..<outer {
        for i in 0..<picked {
          for j in 0..<inner {
            let at = (o * picked + i) * inner + j
            let place = (o * count + Int(indices[at])) * inner + j
            expected[at] = source[place]
            sumsExpected[place] += source[place]
          }
        }
      }
      apus_gather_elements(8, source, indices, &result, Int64(outer), Int64(count), Int64(picked), Int64(inner))
      #expect(result == expected)
      apus_scatter_add_elements(
        APUS_F64, result, indices, &sums, Int64(outer), Int64(count), Int64(picked), Int64(inner))
      #expect(sums == sumsExpected)
      var whole = [Int32](repeating: 0, count: source.count)
      apus_scatter_add_elements(
        APUS_I32, result.map { Int32($0) }, indices, &whole, Int64(outer), Int64(count), Int64(picked), Int64(inner))
      #expect(whole == sumsExpected.map { Int32($0) })
    }
  }

  @Test func indexRange() {
    for count in [1, 7, 8, 9, 100] {
      let indices = (0..<count).map { Int64(($0 * 37 + 11) % 101 - 50) }
      var low: Int64 = 0
      var high: Int64 = 0
      apus_index_range(indices, Int64(count), &low, &high)
      #expect(low == indices.min() && high == indices.max())
    }
  }
}
