import CApus
import Foundation
import Testing

struct RandomTests {
  func block(_ key: UInt64, _ low: UInt64, _ high: UInt64) -> [UInt32] {
    var words = [UInt32](repeating: 0, count: 4)
    apus_philox_block(key, low, high, &words)
    return words
  }

  /// The known answers of Random123 (Salmon et al.), kat_vectors, philox4x32 10.
  @Test func knownAnswers() {
    #expect(block(0, 0, 0) == [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8])
    #expect(block(.max, .max, .max) == [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD])
    #expect(
      block(0x299F_31D0_A409_3822, 0x85A3_08D3_243F_6A88, 0x0370_7344_1319_8A2E)
        == [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1])
  }

  @Test func streamOfBlocks() {
    for counter: UInt64 in [0, 12345, UInt64(UInt32.max) - 3, .max - 2] {
      var words = [UInt32](repeating: 0, count: 103)
      apus_random_bits(77, 5, counter, &words, 0, 103)
      for i in words.indices { #expect(words[i] == block(77, counter &+ UInt64(i / 4), 5)[i % 4]) }
    }
  }

  /// Elements do not depend on where a range begins and ends, and nothing outside is written.
  func checkSplits<Element: Equatable>(_ zero: Element, _ fill: (UnsafeMutablePointer<Element>, Int64, Int64) -> Void) {
    let count = 1000
    var whole = [Element](repeating: zero, count: count)
    fill(&whole, 0, Int64(count))
    for (begin, end) in [(0, 0), (5, 5), (0, 1), (3, 7), (31, 33), (32, 64), (17, 999), (500, 1000)] {
      var part = [Element](repeating: zero, count: count)
      fill(&part, Int64(begin), Int64(end))
      var expected = [Element](repeating: zero, count: count)
      expected[begin..<end] = whole[begin..<end]
      #expect(part == expected, "\(Element.self) \(begin)..<\(end)")
    }
  }

  @Test func splits() {
    checkSplits(UInt32(0)) { apus_random_bits(1, 2, 3, $0, $1, $2) }
    checkSplits(Float(9)) { apus_random_uniform(APUS_F32, 1, 2, 3, -1, 1, $0, $1, $2) }
    checkSplits(Double(9)) { apus_random_uniform(APUS_F64, 1, 2, 3, -1, 1, $0, $1, $2) }
    checkSplits(Float(99)) { apus_random_normal(APUS_F32, 1, 2, 3, 0, 1, $0, $1, $2) }
    checkSplits(Double(99)) { apus_random_normal(APUS_F64, 1, 2, 3, 0, 1, $0, $1, $2) }
    for p in [0, 0.3, 1] {
      checkSplits(Float(9)) { apus_random_bernoulli(APUS_F32, 1, 2, 3, p, $0, $1, $2) }
      checkSplits(Double(9)) { apus_random_bernoulli(APUS_F64, 1, 2, 3, p, $0, $1, $2) }
      checkSplits(Int32(9)) { apus_random_bernoulli(APUS_I32, 1, 2, 3, p, $0, $1, $2) }
      checkSplits(UInt8(9)) { apus_random_bernoulli(APUS_U8, 1, 2, 3, p, $0, $1, $2) }
    }
  }

  @Test func uniformIsUniform() {
    let count = 1 << 18
    var x = [Float](repeating: 0, count: count)
    var y = [Double](repeating: 0, count: count)
    apus_random_uniform(APUS_F32, 42, 0, 0, 0, 1, &x, 0, Int64(count))
    apus_random_uniform(APUS_F64, 42, 1, 0, 0, 1, &y, 0, Int64(count))
    for values in [x.map { Double($0) }, y] {
      #expect(values.allSatisfy { $0 >= 0 && $0 < 1 })
      let mean = values.reduce(0, +) / Double(count)
      let variance = values.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / Double(count)
      #expect(abs(mean - 0.5) < 4 * (1 / 12.0 / Double(count)).squareRoot())
      #expect(abs(variance - 1 / 12.0) < 0.001)
      var buckets = [Double](repeating: 0, count: 256)
      for value in values { buckets[Int(value * 256)] += 1 }
      let expected = Double(count) / 256
      let chiSquare = buckets.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
      #expect(chiSquare > 160 && chiSquare < 370)  // 255 degrees of freedom: four standard deviations are 90
      let correlation =
        zip(values, values.dropFirst()).reduce(0) { $0 + ($1.0 - 0.5) * ($1.1 - 0.5) } / Double(count) * 12
      #expect(abs(correlation) < 4 / Double(count).squareRoot())
    }
    #expect(abs(zip(x, y).reduce(0) { $0 + (Double($1.0) - 0.5) * ($1.1 - 0.5) } / Double(count) * 12) < 0.01)
  }

  /// Rounding low + u (high - low) to float32 would reach `high` half of the time here.
  @Test func uniformNeverReachesHigh() {
    let count = 1 << 16
    var x = [Float](repeating: 0, count: count)
    for (low, high) in [(1, Double(Float(1).nextUp)), (16_777_215, 16_777_216), (-1, 1), (1e6, 1e6 + 0.5)] {
      apus_random_uniform(APUS_F32, 3, 0, 0, low, high, &x, 0, Int64(count))
      #expect(x.allSatisfy { $0 >= Float(low) && $0 < Float(high) })
    }
    apus_random_uniform(APUS_F32, 3, 0, 0, 2.5, 2.5, &x, 0, Int64(count))
    #expect(x.allSatisfy { $0 == 2.5 })
    var y = [Double](repeating: 0, count: count)
    apus_random_uniform(APUS_F64, 3, 0, 0, 1, 1.nextUp, &y, 0, Int64(count))
    #expect(y.allSatisfy { $0 == 1 })
  }

  @Test func normalIsNormal() {
    let count = 1 << 18
    var x = [Float](repeating: 0, count: count)
    var y = [Double](repeating: 0, count: count)
    apus_random_normal(APUS_F32, 42, 0, 0, 3, 2, &x, 0, Int64(count))
    apus_random_normal(APUS_F64, 42, 1, 0, 3, 2, &y, 0, Int64(count))
    for values in [x.map { (Double($0) - 3) / 2 }, y.map { ($0 - 3) / 2 }] {
      func moment(_ power: Int) -> Double { values.reduce(0) { $0 + pow($1, Double(power)) } / Double(count) }
      let deviation = 1 / Double(count).squareRoot()
      #expect(abs(moment(1)) < 4 * deviation)
      #expect(abs(moment(2) - 1) < 4 * 2.0.squareRoot() * deviation)
      #expect(abs(moment(3)) < 4 * 15.0.squareRoot() * deviation)
      #expect(abs(moment(4) - 3) < 4 * 96.0.squareRoot() * deviation)
      // Equally probable buckets of the distribution function.
      var buckets = [Double](repeating: 0, count: 64)
      for value in values { buckets[min(63, Int(0.5 * erfc(-value / 2.0.squareRoot()) * 64))] += 1 }
      let expected = Double(count) / 64
      let chiSquare = buckets.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
      #expect(chiSquare > 25 && chiSquare < 110)  // 63 degrees of freedom
      let pairs = stride(from: 0, to: count, by: 2).reduce(0) { $0 + values[$1] * values[$1 + 1] } / Double(count / 2)
      #expect(abs(pairs) < 4 * 2.0.squareRoot() * deviation)
    }
  }

  /// float32, element by element against Box-Muller in Double.
  @Test func normalFollowsItsWords() {
    var x = [Float](repeating: 0, count: 2000)
    apus_random_normal(APUS_F32, 11, 12, 13, 0, 1, &x, 0, 2000)
    for pair in 0..<1000 {
      let words = block(11, 13 + UInt64(pair), 12)
      let u = min(1, Double(words[0]) * 0x1p-32 + Double((words[1] >> 8) + 1) * 0x1p-56)
      let r = (-2 * log(u)).squareRoot()
      let t = Double(words[2]) * 0x1p-32 * 2 * Double.pi
      #expect(abs(Double(x[2 * pair]) - r * cos(t)) < 1e-6 + 1e-7 / max(r, 0.01))
      #expect(abs(Double(x[2 * pair + 1]) - r * sin(t)) < 1e-6 + 1e-7 / max(r, 0.01))
    }
  }

  @Test func bernoulli() {
    let count = 1 << 18
    var x = [Float](repeating: 9, count: count)
    var bytes = [UInt8](repeating: 9, count: count)
    var whole = [Int32](repeating: 9, count: count)
    for p in [1e-3, 0.2, 0.5, 0.9] {
      apus_random_bernoulli(APUS_F32, 7, 0, 0, p, &x, 0, Int64(count))
      apus_random_bernoulli(APUS_BOOL, 7, 0, 0, p, &bytes, 0, Int64(count))
      apus_random_bernoulli(APUS_I32, 7, 0, 0, p, &whole, 0, Int64(count))
      #expect(x.allSatisfy { $0 == 0 || $0 == 1 })
      let mean = Double(x.reduce(0, +)) / Double(count)
      #expect(abs(mean - p) < 4 * (p * (1 - p) / Double(count)).squareRoot())
      #expect(bytes.map { Float($0) } == x && whole.map { Float($0) } == x)
    }
    for (p, expected) in [(0, 0), (-1, 0), (.nan, 0), (1, 1), (2, 1)] as [(Double, Float)] {
      apus_random_bernoulli(APUS_F32, 7, 0, 0, p, &x, 0, Int64(count))
      #expect(x.allSatisfy { $0 == expected })
    }
  }
}
