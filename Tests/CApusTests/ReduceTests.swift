import CApus
import Testing

/// What the reductions need of an element type, and how the reference sees it. The computing types have their `dtype` from
/// ElementwiseSupport.swift.
protocol ReduceElement: Comparable, Sendable {
  static var dtype: apus_dtype { get }
  static var epsilon: Double { get }
  /// Not an initialiser: in the whole module, `Int64.init` as a function could then mean this one.
  static func sample(_ i: Int) -> Self
  var asDouble: Double { get }
}

extension Float: ReduceElement {
  static var epsilon: Double { 8e-8 }
  static func sample(_ i: Int) -> Float { Float((i &* 7919) % 2003 - 1000) / 250 }
  var asDouble: Double { Double(self) }
}
extension Double: ReduceElement {
  static var epsilon: Double { 4e-15 }  // the reference, one sum after the other, is less accurate than the kernel
  static func sample(_ i: Int) -> Double { Double((i &* 7919) % 2003 - 1000) / 250 }
  var asDouble: Double { self }
}
extension Int32: ReduceElement {
  static var epsilon: Double { 0 }
  static func sample(_ i: Int) -> Int32 { Int32((i &* 7919) % 2003 - 1000) }
  var asDouble: Double { Double(self) }
}
extension Int64: ReduceElement {
  static var epsilon: Double { 0 }
  static func sample(_ i: Int) -> Int64 { Int64((i &* 7919) % 2003 - 1000) }
  var asDouble: Double { Double(self) }
}
extension UInt8: ReduceElement {
  static var dtype: apus_dtype { APUS_U8 }
  static var epsilon: Double { 0 }
  static func sample(_ i: Int) -> UInt8 { UInt8((i &* 7919) % 251) }
  var asDouble: Double { Double(self) }
}

func reduce<Element, Result>(
  _ reduction: apus_reduction, _ dtype: apus_dtype, _ source: [Element], to zero: Result, count: Int, inner: Int,
  outer: Int,
  splitAt split: Int? = nil
) -> [Result] {
  var result = [Result](repeating: zero, count: outer * inner)
  // An empty array may have no base address.
  source.withUnsafeBytes { bytes in
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 64) { spare in
      let base = bytes.baseAddress ?? UnsafeRawPointer(spare.baseAddress!)
      result.withUnsafeMutableBytes { out in
        let middle = split ?? outer
        apus_reduce(reduction, dtype, base, out.baseAddress!, Int64(count), Int64(inner), 0, Int64(middle))
        apus_reduce(reduction, dtype, base, out.baseAddress!, Int64(count), Int64(inner), Int64(middle), Int64(outer))
      }
    }
  }
  return result
}

struct ReduceTests {
  static let counts = [0, 1, 2, 15, 16, 17, 63, 64, 400, 1000, 4097, 100_003]
  static let inners = [1, 2, 3, 4, 5, 17, 64, 100, 512]

  static var shapes: [(outer: Int, count: Int, inner: Int)] {
    counts.flatMap { count in
      inners.compactMap { inner in count * inner <= 600_000 ? (count * inner < 20_000 ? 3 : 1, count, inner) : nil }
    } + [(2, 9, 4096 + 5), (1, 600, 1030), (5, 3, 1025)]
  }

  func check<E: ReduceElement>(_ type: E.Type, zero: E, arithmetic: Bool) {
    for (outer, count, inner) in Self.shapes {
      let source = (0..<outer * count * inner).map { E.sample($0) }
      let shape = "\(E.self) (\(outer), \(count), \(inner))"
      var sums = [Double](repeating: 0, count: outer * inner)
      var sizes = sums
      var squares = sums
      var smallest = [E?](repeating: nil, count: outer * inner)
      var largest = smallest
      var smallestAt = [Int64](repeating: 0, count: outer * inner)
      var largestAt = smallestAt
      var any = [Bool](repeating: false, count: outer * inner)
      var all = [Bool](repeating: true, count: outer * inner)
      for o in 0..<outer {
        for i in 0..<count {
          for j in 0..<inner {
            let x = source[(o * count + i) * inner + j]
            let at = o * inner + j
            sums[at] += x.asDouble
            sizes[at] += abs(x.asDouble)
            squares[at] += x.asDouble * x.asDouble
            if smallest[at].map({ x < $0 }) ?? true { (smallest[at], smallestAt[at]) = (x, Int64(i)) }
            if largest[at].map({ x > $0 }) ?? true { (largest[at], largestAt[at]) = (x, Int64(i)) }
            any[at] = any[at] || x != zero
            all[at] = all[at] && x != zero
          }
        }
      }
      let split = outer > 1 ? 1 : nil
      if arithmetic {
        let sum = reduce(APUS_REDUCE_SUM, E.dtype, source, to: zero, count: count, inner: inner, outer: outer)
        #expect(
          zip(sum, zip(sums, sizes)).allSatisfy { abs($0.asDouble - $1.0) <= 4 * E.epsilon * $1.1 }, "sum \(shape)")
        let again = reduce(
          APUS_REDUCE_SUM, E.dtype, source, to: zero, count: count, inner: inner, outer: outer, splitAt: split)
        #expect(sum == again, "split sum \(shape)")
        let square = reduce(
          APUS_REDUCE_SUM_OF_SQUARES, E.dtype, source, to: zero, count: count, inner: inner, outer: outer)
        if E.epsilon > 0 || count < 2000 {
          #expect(zip(square, squares).allSatisfy { abs($0.asDouble - $1) <= 4 * E.epsilon * $1 }, "squares \(shape)")
        }
      }
      let anyResult = reduce(APUS_REDUCE_ANY, E.dtype, source, to: false, count: count, inner: inner, outer: outer)
      #expect(anyResult == any, "any \(shape)")
      let allResult = reduce(
        APUS_REDUCE_ALL, E.dtype, source, to: true, count: count, inner: inner, outer: outer, splitAt: split)
      #expect(allResult == all, "all \(shape)")
      if count > 0 {
        let min = reduce(APUS_REDUCE_MIN, E.dtype, source, to: zero, count: count, inner: inner, outer: outer)
        let max = reduce(
          APUS_REDUCE_MAX, E.dtype, source, to: zero, count: count, inner: inner, outer: outer, splitAt: split)
        let argMin = reduce(
          APUS_REDUCE_ARG_MIN, E.dtype, source, to: Int64(-1), count: count, inner: inner, outer: outer)
        let argMax = reduce(
          APUS_REDUCE_ARG_MAX, E.dtype, source, to: Int64(-1), count: count, inner: inner, outer: outer, splitAt: split)
        #expect(min == smallest.map { $0! }, "min \(shape)")
        #expect(max == largest.map { $0! }, "max \(shape)")
        #expect(argMin == smallestAt, "argmin \(shape)")
        #expect(argMax == largestAt, "argmax \(shape)")
      }
    }
  }

  @Test func float32() { check(Float.self, zero: 0, arithmetic: true) }
  @Test func float64() { check(Double.self, zero: 0, arithmetic: true) }
  @Test func int32() { check(Int32.self, zero: 0, arithmetic: true) }
  @Test func int64() { check(Int64.self, zero: 0, arithmetic: true) }
  @Test func uint8() { check(UInt8.self, zero: 0, arithmetic: false) }

  @Test func product() {
    for (count, inner) in [(0, 1), (0, 3), (1, 1), (17, 1), (100, 1), (40, 3), (10, 17), (33, 64)] {
      let floats = (0..<2 * count * inner).map { 1 + Float($0 % 7 - 3) / 10 }
      let integers = (0..<2 * count * inner).map { Int32(truncatingIfNeeded: $0 &* 2 &+ 1) }
      var expected = [Double](repeating: 1, count: 2 * inner)
      var wrapped = [Int32](repeating: 1, count: 2 * inner)
      for o in 0..<2 {
        for i in 0..<count {
          for j in 0..<inner {
            expected[o * inner + j] *= Double(floats[(o * count + i) * inner + j])
            wrapped[o * inner + j] = wrapped[o * inner + j] &* integers[(o * count + i) * inner + j]
          }
        }
      }
      let result = reduce(APUS_REDUCE_PRODUCT, APUS_F32, floats, to: Float(0), count: count, inner: inner, outer: 2)
      #expect(zip(result, expected).allSatisfy { abs(Double($0) - $1) <= 1e-7 * abs($1) })
      #expect(
        reduce(APUS_REDUCE_PRODUCT, APUS_I32, integers, to: Int32(0), count: count, inner: inner, outer: 2) == wrapped)
    }
  }

  @Test func integerSumsWrap() {
    let large = [Int32](repeating: .max, count: 100)
    let expected = (0..<100).reduce(Int32(0)) { sum, _ in sum &+ .max }
    #expect(reduce(APUS_REDUCE_SUM, APUS_I32, large, to: Int32(0), count: 100, inner: 1, outer: 1) == [expected])
    let huge = [Int64](repeating: .min, count: 33)
    #expect(reduce(APUS_REDUCE_SUM, APUS_I64, huge, to: Int64(0), count: 33, inner: 1, outer: 1) == [.min])
  }

  @Test func longSumsStayAccurate() {
    let count = 1 << 22
    let source = [Float](repeating: 0.1, count: count)
    let expected = Double(Float(0.1)) * Double(count)
    for inner in [1, 2, 4, 1024] {
      let sums = reduce(APUS_REDUCE_SUM, APUS_F32, source, to: Float(0), count: count / inner, inner: inner, outer: 1)
      #expect(sums.allSatisfy { abs(Double($0) * Double(inner) - expected) <= 3e-7 * expected }, "\(inner): \(sums[0])")
    }
    let chunk = source.withUnsafeBytes { apus_sum_chunk(APUS_F32, false, $0.baseAddress!, Int64(count)) }
    #expect(abs(chunk - expected) <= 1e-6 * expected)
  }

  @Test func notANumber() {
    for count in [1, 3, 16, 17, 64, 100, 5000, 9000] {
      for inner in [1, 3, 17, 64] {
        for place in Set([0, count / 2, count - 1]) {
          var source = (0..<count * inner).map { Float($0 % 97) }
          for j in 0..<inner { source[place * inner + j] = .nan }
          if place < count - 1 { source[(count - 1) * inner] = .nan }  // a second one does not move the position
          for reduction in [APUS_REDUCE_MIN, APUS_REDUCE_MAX, APUS_REDUCE_SUM] {
            let result = reduce(reduction, APUS_F32, source, to: Float(0), count: count, inner: inner, outer: 1)
            #expect(result.allSatisfy { $0.isNaN }, "\(reduction) \(count) \(inner) \(place)")
          }
          for reduction in [APUS_REDUCE_ARG_MIN, APUS_REDUCE_ARG_MAX] {
            let result = reduce(reduction, APUS_F32, source, to: Int64(-1), count: count, inner: inner, outer: 1)
            #expect(result == [Int64](repeating: Int64(place), count: inner), "\(reduction) \(count) \(inner) \(place)")
          }
          #expect(reduce(APUS_REDUCE_ANY, APUS_F32, [Float.nan], to: false, count: 1, inner: 1, outer: 1) == [true])
        }
      }
    }
  }

  @Test func infinities() {
    let source = [Float](repeating: -.infinity, count: 40)
    #expect(reduce(APUS_REDUCE_MAX, APUS_F32, source, to: Float(0), count: 40, inner: 1, outer: 1) == [-.infinity])
    #expect(reduce(APUS_REDUCE_ARG_MAX, APUS_F32, source, to: Int64(-1), count: 40, inner: 1, outer: 1) == [0])
    #expect(reduce(APUS_REDUCE_SUM, APUS_F32, source, to: Float(0), count: 40, inner: 1, outer: 1) == [-.infinity])
  }

  @Test func tiesGoToTheFirst() {
    for count in [2, 20, 40, 5000] {
      for inner in [1, 5, 20] {
        var source = [Double](repeating: 1, count: count * inner)
        for j in 0..<inner {
          source[(count - 1) * inner + j] = 2
          source[count / 2 * inner + j] = 2
        }
        let result = reduce(APUS_REDUCE_ARG_MAX, APUS_F64, source, to: Int64(-1), count: count, inner: inner, outer: 1)
        #expect(result == [Int64](repeating: Int64(count / 2), count: inner))
      }
    }
  }

  @Test func sumChunks() {
    for count in [0, 1, 7, 8, 9, 100, 5000] {
      func check<E: ReduceElement>(_: E.Type) {
        let source = (0..<count).map { E.sample($0) } + [E.sample(0)]
        let sum = source.dropLast().reduce(0) { $0 + $1.asDouble }
        let squares = source.dropLast().reduce(0) { $0 + $1.asDouble * $1.asDouble }
        source.withUnsafeBytes { bytes in
          #expect(
            abs(apus_sum_chunk(E.dtype, false, bytes.baseAddress!, Int64(count)) - sum) <= 4 * E.epsilon * squares)
          #expect(
            abs(apus_sum_chunk(E.dtype, true, bytes.baseAddress!, Int64(count)) - squares) <= 4 * E.epsilon * squares)
        }
      }
      check(Float.self)
      check(Double.self)
      check(Int32.self)
      check(Int64.self)
      check(UInt8.self)
    }
  }

  @Test(arguments: [false, true]) func cumulativeSum(reverse: Bool) {
    for (outer, count, inner) in [(2, 1, 1), (3, 5, 1), (2, 100, 1), (2, 7, 3), (1, 50, 300), (2, 0, 4)] {
      let floats = (0..<outer * count * inner).map { Float.sample($0) }
      let integers = (0..<outer * count * inner).map { Int64.sample($0) }
      var expected = [Double](repeating: 0, count: floats.count)
      var whole = [Int64](repeating: 0, count: floats.count)
      for o in 0..<outer {
        for j in 0..<inner {
          var sum = 0.0
          var total: Int64 = 0
          for k in 0..<count {
            let at = (o * count + (reverse ? count - 1 - k : k)) * inner + j
            sum += Double(floats[at])
            total += integers[at]
            expected[at] = sum
            whole[at] = total
          }
        }
      }
      var result = [Float](repeating: 0, count: floats.count + 1)
      var integerResult = [Int64](repeating: 0, count: floats.count + 1)
      apus_cumulative_sum(APUS_F32, floats + [0], &result, Int64(count), Int64(inner), reverse, 0, Int64(outer))
      apus_cumulative_sum(
        APUS_I64, integers + [0], &integerResult, Int64(count), Int64(inner), reverse, 0, Int64(outer))
      #expect(zip(result, expected).allSatisfy { $0 == Float($1) })
      #expect(Array(integerResult.dropLast()) == whole)
    }
  }
}
