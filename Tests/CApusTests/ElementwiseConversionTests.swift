import CApus
import Foundation
import Testing

/// The element types with a plain reference: every value is read as one of three kinds, and written from it.
private enum Value {
  case float(Double)
  case integer(Int64)
}

private let types: [(name: String, dtype: apus_dtype, size: Int)] = [
  ("f32", APUS_F32, 4), ("f64", APUS_F64, 8), ("i32", APUS_I32, 4), ("i64", APUS_I64, 8), ("u8", APUS_U8, 1),
  ("bool", APUS_BOOL, 1),
  ("bf16", APUS_BF16, 2),
]

private func read(_ bytes: [UInt8], _ dtype: apus_dtype, _ i: Int) -> Value {
  bytes.withUnsafeBytes { raw in
    switch dtype {
    case APUS_F32: .float(Double(raw.loadUnaligned(fromByteOffset: 4 * i, as: Float.self)))
    case APUS_F64: .float(raw.loadUnaligned(fromByteOffset: 8 * i, as: Double.self))
    case APUS_I32: .integer(Int64(raw.loadUnaligned(fromByteOffset: 4 * i, as: Int32.self)))
    case APUS_I64: .integer(raw.loadUnaligned(fromByteOffset: 8 * i, as: Int64.self))
    case APUS_BF16:
      .float(Double(Float(bitPattern: UInt32(raw.loadUnaligned(fromByteOffset: 2 * i, as: UInt16.self)) << 16)))
    default: .integer(Int64(raw[i]))
    }
  }
}

private func bytes<T>(_ value: T) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

private func saturating<T: FixedWidthInteger>(_ x: Double, _: T.Type) -> T {
  if x.isNaN { return 0 }
  let whole = x.rounded(.towardZero)
  if whole >= Double(T.max) + (T.bitWidth < 64 ? 1 : 0) { return .max }
  return whole < Double(T.min) ? .min : T(whole)
}

/// The bfloat16 nearest to x, ties to even: found by comparing the two neighbours exactly.
private func nearestBF16(_ magnitude: Double, isNegative: Bool, sticky: Bool) -> UInt16 {
  let sign: UInt16 = isNegative ? 0x8000 : 0
  if magnitude.isNaN { return 0x7fc0 }
  if magnitude.isInfinite { return sign | 0x7f80 }
  var low: UInt16 = 0
  var high: UInt16 = 0x7f80  // binary search for the largest value not above
  func value(_ bits: UInt16) -> Double { bits == 0x7f80 ? 0x1p128 : Double(Float(bitPattern: UInt32(bits) << 16)) }
  while high - low > 1 {
    let middle = (low + high) / 2
    if value(middle) <= magnitude { low = middle } else { high = middle }
  }
  let below = magnitude - value(low)
  let above = value(high) - magnitude
  if below < above || (below == above && !sticky && low % 2 == 0) { return sign | low }
  if magnitude >= 0x1p128 { return sign | 0x7f80 }
  return sign | high
}

private func written(_ value: Value, _ dtype: apus_dtype) -> [UInt8] {
  switch (dtype, value) {
  case (APUS_F32, .float(let x)): bytes(Float(x))
  case (APUS_F32, .integer(let x)): bytes(Float(x))
  case (APUS_F64, .float(let x)): bytes(x)
  case (APUS_F64, .integer(let x)): bytes(Double(x))
  case (APUS_I32, .float(let x)): bytes(saturating(x, Int32.self))
  case (APUS_I32, .integer(let x)): bytes(Int32(truncatingIfNeeded: x))
  case (APUS_I64, .float(let x)): bytes(saturating(x, Int64.self))
  case (APUS_I64, .integer(let x)): bytes(x)
  case (APUS_U8, .float(let x)): bytes(saturating(x, UInt8.self))
  case (APUS_U8, .integer(let x)): bytes(UInt8(truncatingIfNeeded: x))
  case (APUS_BOOL, .float(let x)): [x != 0 ? 1 : 0]
  case (APUS_BOOL, .integer(let x)): [x != 0 ? 1 : 0]
  case (_, .float(let x)): bytes(nearestBF16(abs(x), isNegative: x.sign == .minus, sticky: false))
  case (_, .integer(let x)):
    // 12 bits cannot matter for bfloat16 but as a sticky bit.
    bytes(
      nearestBF16(
        x.magnitude < 1 << 53 ? Double(x.magnitude) : Double(x.magnitude & ~0xfff), isNegative: x < 0,
        sticky: x.magnitude >= 1 << 53 && x.magnitude & 0xfff != 0))
  }
}

private func isNaN(_ value: Value) -> Bool { if case .float(let x) = value { x.isNaN } else { false } }

/// Interesting elements of every type, as bytes; a count that is no multiple of a vector.
private func samples(_ dtype: apus_dtype) -> [UInt8] {
  var numbers = RepeatableNumbers(state: UInt64(dtype.rawValue) + 1)
  var result: [UInt8] = []
  let floats: [Double] = [
    0, -0.0, 1, -1, 0.99, -0.99, 1.5, 2.5, 254.9, 255, 255.5, 256, -0.5, 2_147_483_647, 2_147_483_648, 2_147_483_520,
    -2_147_483_648, -2_147_483_904, 4e9,
    0x1p63, -0x1p63, 0x1p62, 9.3e18, -9.3e18, 1e30, -1e30, .infinity, -.infinity, .nan, 0x1.8p-140, 0x1p-1040, 3.4e38,
    3.3961775e38, 1e300,
    1.00390625, 1.01171875, 1.00390625 + 0x1p-30, 1.00390625 - 0x1p-30, 1.00390625 + 0x1p-50, 1.01171875 - 0x1p-50,
  ]
  let integers: [Int64] = [
    0, 1, -1, 127, 128, 255, 256, -128, -129, 257, 65535, 1 << 24 + 1, (1 << 24) + 1, (1 << 31) - 1, 1 << 31,
    -(1 << 31), 1 << 32, .max, .min,
    (1 << 53) + 1, (1 << 62) + (1 << 54), (1 << 62) + (1 << 54) + 1, (1 << 62) + (3 << 54), (1 << 62) + (3 << 54) - 1,
    -((1 << 62) + (1 << 54) + 1), (1 << 25) + (1 << 17), (1 << 25) + (1 << 17) + 1, (1 << 30) + (1 << 22) + 1,
  ]
  switch dtype {
  case APUS_F32:
    result =
      floats.flatMap { bytes(Float($0)) }
      + (0..<99).flatMap { _ in bytes(Float(bitPattern: UInt32.random(in: 0 ... .max, using: &numbers))) }
  case APUS_F64:
    result = floats.flatMap(bytes) + (0..<99).flatMap { _ in bytes(Double.random(in: -300...300, using: &numbers)) }
  case APUS_I32:
    result =
      integers.flatMap { bytes(Int32(truncatingIfNeeded: $0)) }
      + (0..<99).flatMap { _ in bytes(Int32.random(&numbers)) }
  case APUS_I64: result = integers.flatMap(bytes) + (0..<99).flatMap { _ in bytes(Int64.random(&numbers)) }
  case APUS_U8: result = (0..<256).map(UInt8.init)
  case APUS_BOOL: result = (0..<131).map { UInt8($0 % 3 == 0 ? 1 : 0) }
  default: result = (0..<1 << 16).flatMap { bytes(UInt16($0)) }
  }
  return result
}

extension ElementwiseTests {
  @Suite struct Conversions {
    @Test func allPairs() {
      for set in instructionSets {
        for from in types {
          let source = samples(from.dtype)
          let count = source.count / from.size
          for to in types {
            var result = [UInt8](repeating: 0xaa, count: count * to.size + 1)
            with(instructionSet: set) { apus_convert(&result, to.dtype, source, from.dtype, Int64(count)) }
            #expect(result.last == 0xaa)
            let wrong = (0..<count).first { i in
              let value = read(source, from.dtype, i)
              if isNaN(value), to.dtype == APUS_F32 || to.dtype == APUS_F64 || to.dtype == APUS_BF16 {
                return !isNaN(read(result, to.dtype, i))
              }
              return Array(result[i * to.size..<(i + 1) * to.size]) != written(value, to.dtype)
            }
            if let i = wrong {
              Issue.record(
                "\(set): \(read(source, from.dtype, i)) from \(from.name) to \(to.name) gives \(read(result, to.dtype, i))"
              )
            }
          }
        }
      }
    }

    @Test func counts() {
      let source = (0..<200).map { Float($0) - 100 }
      for set in instructionSets {
        with(instructionSet: set) {
          for count in 0...130 {
            var integers = [Int64](repeating: -7777, count: count + 1)
            apus_convert(&integers, APUS_I64, source, APUS_F32, Int64(count))
            #expect(integers.last == -7777 && (0..<count).allSatisfy { integers[$0] == Int64($0) - 100 })
          }
        }
      }
    }
  }
}
