import CApus
import Foundation
import Testing

/// The suites of the element-wise kernels: one after another, because some choose the instruction set of the whole process.
@Suite(.serialized) enum ElementwiseTests {
  /// The instruction sets that this machine can run.
  static let instructionSets: [String] = ["baseline", "neon", "avx2", "avx512"].filter {
    defer { apus_testing_use_instruction_set(nil) }
    return apus_testing_use_instruction_set($0)
  }

  static func with<Result>(instructionSet: String, _ body: () throws -> Result) rethrows -> Result {
    #expect(apus_testing_use_instruction_set(instructionSet))
    defer { apus_testing_use_instruction_set(nil) }
    return try body()
  }
}

/// Numbers that repeat from run to run (SplitMix64).
struct RepeatableNumbers: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// The types that registers may have.
protocol ComputeElement: Comparable, SignedNumeric, BitwiseCopyable, SendableMetatype {
  static var dtype: apus_dtype { get }
  static var specialValues: [Self] { get }
  static func random(_ numbers: inout RepeatableNumbers) -> Self
}

extension Float: ComputeElement {
  static var dtype: apus_dtype { APUS_F32 }
  static var specialValues: [Float] {
    [
      0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, 3, -3, 7, 0x1p23, 0x1p24 + 2, -0x1p31, 0x1p64, 0x1.8p-140, -0x1p-149,
      .infinity, -.infinity, .nan, .greatestFiniteMagnitude, .leastNormalMagnitude, 8388607.5, -4194303.5,
    ]
  }
  static func random(_ numbers: inout RepeatableNumbers) -> Float { .random(in: -4...4, using: &numbers) }
}

extension Double: ComputeElement {
  static var dtype: apus_dtype { APUS_F64 }
  static var specialValues: [Double] {
    [
      0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, 3, -3, 7, 0x1p52, 0x1p53 + 2, -0x1p63, 0x1p70, 0x1p-1040, .infinity,
      -.infinity, .nan, .greatestFiniteMagnitude, 4503599627370495.5,
    ]
  }
  static func random(_ numbers: inout RepeatableNumbers) -> Double { .random(in: -4...4, using: &numbers) }
}

extension Int32: ComputeElement {
  static var dtype: apus_dtype { APUS_I32 }
  static var specialValues: [Int32] { [0, 1, -1, 2, -2, 3, -7, 10, .min, .max, .min + 1, 65536, -65537] }
  static func random(_ numbers: inout RepeatableNumbers) -> Int32 {
    Int32(truncatingIfNeeded: numbers.next()) >> Int32.random(in: 0...31, using: &numbers)
  }
}

extension Int64: ComputeElement {
  static var dtype: apus_dtype { APUS_I64 }
  static var specialValues: [Int64] { [0, 1, -1, 2, -2, 3, -7, 10, .min, .max, .min + 1, 1 << 33, -(1 << 32) - 1] }
  static func random(_ numbers: inout RepeatableNumbers) -> Int64 {
    Int64(truncatingIfNeeded: numbers.next()) >> Int64.random(in: 0...63, using: &numbers)
  }
}

/// One instruction, registers by number: inputs, constants, temporaries, outputs.
func instruction(_ opcode: apus_opcode, _ sources: [Int], to destination: Int) -> apus_instruction {
  let s = (sources + [0, 0, 0, 0]).map(UInt8.init)
  return apus_instruction(opcode: opcode, destination: UInt8(destination), source: (s[0], s[1], s[2], s[3]))
}

/// Runs a program over the whole iteration space, or over a range of it.
func execute(
  compute: apus_dtype, constants: [Double] = [], temporaries: Int = 0, instructions: [apus_instruction], extents: [Int],
  inputs: [apus_operand], outputs: [apus_operand], range: Range<Int>? = nil
) {
  let range = range ?? 0..<extents.reduce(1, *)
  constants.withUnsafeBufferPointer { constants in
    instructions.withUnsafeBufferPointer { instructions in
      var program = apus_program(
        compute: compute, input_count: UInt8(inputs.count), constant_count: UInt8(constants.count),
        temporary_count: UInt8(temporaries),
        output_count: UInt8(outputs.count), instruction_count: Int32(instructions.count),
        constants: constants.baseAddress,
        instructions: instructions.baseAddress!)
      apus_elementwise(
        &program, Int32(extents.count), extents.map(Int64.init) + [0], inputs + [apus_operand()], outputs,
        Int64(range.lowerBound),
        Int64(range.upperBound))
    }
  }
}

/// Memory at a fixed address.
final class Memory<Element: BitwiseCopyable> {
  let base: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    base = .allocate(capacity: max(count, 1))
    base.initialize(from: elements, count: count)
  }
  deinit { base.deallocate() }

  var elements: [Element] { Array(UnsafeBufferPointer(start: base, count: count)) }

  func operand(_ dtype: apus_dtype, strides: [Int] = [1], origin: Int = 0) -> apus_operand {
    var result = apus_operand()
    result.data = UnsafeMutableRawPointer(base + origin)
    result.dtype = dtype
    withUnsafeMutableBytes(of: &result.strides) { bytes in
      let all = bytes.bindMemory(to: Int64.self)
      for (axis, stride) in strides.enumerated() { all[axis] = Int64(stride) }
    }
    return result
  }
}

/// Applies one instruction to dense operands.
func apply<T: ComputeElement>(_ opcode: apus_opcode, _ operands: [[T]]) -> [T] {
  let inputs = operands.map { Memory($0) }
  let result = Memory([T](repeating: 0, count: operands[0].count))
  execute(
    compute: T.dtype, instructions: [instruction(opcode, Array(operands.indices), to: operands.count)],
    extents: [result.count],
    inputs: inputs.map { $0.operand(T.dtype) }, outputs: [result.operand(T.dtype)])
  return withExtendedLifetime(inputs) { result.elements }
}
