import Testing

@testable import ApusCore

@Suite struct DTypeTests {
  @Test func sizesMatchTheSwiftTypes() {
    #expect(DType.float32.byteCount == MemoryLayout<Float>.size)
    #expect(DType.int64.byteCount == MemoryLayout<Int>.size)
    #expect(DType.bfloat16.byteCount == MemoryLayout<BFloat16>.size)
    #expect(DType.bool.byteCount == MemoryLayout<Bool>.size)
    #expect(DType.allCases.filter(\.isFloatingPoint) == [.float32, .float64, .bfloat16])
    #expect(DType.allCases.filter(\.isInteger) == [.int32, .int64, .uint8])
  }

  @Test func bfloat16RoundsToNearestEven() {
    #expect(BFloat16(1).bitPattern == 0x3f80)
    #expect(BFloat16(Float(bitPattern: 0x3f80_8000)).bitPattern == 0x3f80)  // a tie: down to even
    #expect(BFloat16(Float(bitPattern: 0x3f81_8000)).bitPattern == 0x3f82)  // a tie: up to even
    #expect(BFloat16(Float(bitPattern: 0x3f80_8001)).bitPattern == 0x3f81)
    #expect(BFloat16(-0.0).bitPattern == 0x8000)
  }

  @Test func bfloat16KeepsSpecialValues() {
    #expect(BFloat16(.infinity).float == .infinity)
    #expect(BFloat16(.greatestFiniteMagnitude).float == .infinity)
    #expect(BFloat16(.nan).float.isNaN)
    // A NaN whose payload lies in the lower half only must not become an infinity.
    #expect(BFloat16(Float(bitPattern: 0x7f80_0001)).float.isNaN)
    #expect(BFloat16(Float(bitPattern: 0xff80_0001)).float.isNaN)
  }

  @Test func kernelAndSwiftAgreeOnBFloat16() {
    let values = (0..<4096).map { Float(bitPattern: UInt32($0) &* 1_048_583 &+ 77) }
    let kernel = Tensor(values).cast(to: .bfloat16).elements(as: BFloat16.self)
    for (value, rounded) in zip(values, kernel) {
      let expected = BFloat16(value)
      if value.isNaN { #expect(rounded.float.isNaN) } else { #expect(rounded == expected, "\(value)") }
    }
  }

  @Test func arithmeticOnBFloat16RoundsOnce() {
    let x = Tensor([1.0078125 as Float, 3, -2]).cast(to: .bfloat16)
    let y = x * x + x
    #expect(y.dtype == .bfloat16)
    let expected = [1.0078125 as Float, 3, -2].map { BFloat16(BFloat16($0 * $0).float + $0) }
    #expect(y.elements(as: BFloat16.self) == expected)
    #expect(x.sum().elements(as: BFloat16.self) == [BFloat16(2.0078125)])
  }
}
