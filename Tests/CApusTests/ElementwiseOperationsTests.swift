import CApus
import Foundation
import Testing

/// What an instruction may yield: usually one value, two where a multiplication and an addition may or may not be fused.
typealias FloatReference<T> = ([T]) -> [T]

private func truth<T: Numeric>(_ condition: Bool) -> [T] { [condition ? 1 : 0] }

private func floatReferences<T: BinaryFloatingPoint & ComputeElement>(_: T.Type) -> [(
  apus_opcode, Int, FloatReference<T>
)] {
  func pythonRemainder(_ a: T, _ b: T) -> T {
    let r = a.truncatingRemainder(dividingBy: b)
    if r == 0 { return b.sign == .minus ? -0.0 : 0 }
    return (r < 0) != (b < 0) ? r + b : r
  }
  return [
    (APUS_COPY, 1, { [$0[0]] }), (APUS_NEGATE, 1, { [-$0[0]] }), (APUS_ABS, 1, { [$0[0].magnitude] }),
    (APUS_SIGN, 1, { $0[0].isNaN ? [.nan] : $0[0] > 0 ? [1] : $0[0] < 0 ? [-1] : [0] }),
    (APUS_SQUARE, 1, { [$0[0] * $0[0]] }),
    (APUS_NOT, 1, { truth($0[0] == 0) }), (APUS_RELU, 1, { $0[0] <= 0 ? [0] : [$0[0]] }),
    (APUS_SQRT, 1, { [$0[0].squareRoot()] }), (APUS_RSQRT, 1, { [1 / $0[0].squareRoot()] }),
    (APUS_RECIPROCAL, 1, { [1 / $0[0]] }),
    (APUS_FLOOR, 1, { [$0[0].rounded(.down)] }), (APUS_CEIL, 1, { [$0[0].rounded(.up)] }),
    (APUS_ROUND, 1, { [$0[0].rounded(.toNearestOrEven)] }), (APUS_TRUNC, 1, { [$0[0].rounded(.towardZero)] }),
    (APUS_IS_NAN, 1, { truth($0[0].isNaN) }), (APUS_IS_INF, 1, { truth($0[0].isInfinite) }),
    (APUS_IS_FINITE, 1, { truth($0[0].isFinite) }),
    (APUS_ADD, 2, { [$0[0] + $0[1]] }), (APUS_SUBTRACT, 2, { [$0[0] - $0[1]] }),
    (APUS_MULTIPLY, 2, { [$0[0] * $0[1]] }),
    (APUS_DIVIDE, 2, { [$0[0] / $0[1]] }), (APUS_REMAINDER, 2, { [pythonRemainder($0[0], $0[1])] }),
    (APUS_MIN, 2, { $0[0].isNaN || $0[1].isNaN ? [.nan] : $0[0] == $0[1] ? [$0[0], $0[1]] : [min($0[0], $0[1])] }),
    (APUS_MAX, 2, { $0[0].isNaN || $0[1].isNaN ? [.nan] : $0[0] == $0[1] ? [$0[0], $0[1]] : [max($0[0], $0[1])] }),
    (APUS_EQUAL, 2, { truth($0[0] == $0[1]) }), (APUS_NOT_EQUAL, 2, { truth($0[0] != $0[1]) }),
    (APUS_LESS, 2, { truth($0[0] < $0[1]) }), (APUS_LESS_EQUAL, 2, { truth($0[0] <= $0[1]) }),
    (APUS_GREATER, 2, { truth($0[0] > $0[1]) }), (APUS_GREATER_EQUAL, 2, { truth($0[0] >= $0[1]) }),
    (APUS_AND, 2, { truth($0[0] != 0 && $0[1] != 0) }), (APUS_OR, 2, { truth($0[0] != 0 || $0[1] != 0) }),
    (APUS_XOR, 2, { truth(($0[0] != 0) != ($0[1] != 0)) }),
    (APUS_SELECT, 3, { $0[0] != 0 ? [$0[1]] : [$0[2]] }),
    (APUS_MULTIPLY_ADD, 3, { [$0[0] * $0[1] + $0[2], $0[2].addingProduct($0[0], $0[1])] }),
    (APUS_MULTIPLY_SUBTRACT, 3, { [$0[0] * $0[1] - $0[2], (-$0[2]).addingProduct($0[0], $0[1])] }),
    (APUS_NEGATED_MULTIPLY_ADD, 3, { [$0[2] - $0[0] * $0[1], $0[2].addingProduct(-$0[0], $0[1])] }),
    (APUS_SUM_OF_PRODUCTS, 4, { [$0[0] * $0[1] + $0[2] * $0[3], ($0[2] * $0[3]).addingProduct($0[0], $0[1])] }),
    (APUS_ADD_QUOTIENT, 4, { [$0[0] + $0[1] * $0[2] / $0[3]] }),
    (
      APUS_ADD_SQUARE, 4,
      { x in
        let square = x[2] * (x[3] * x[3])
        return [x[0] * x[1] + square, square.addingProduct(x[0], x[1])]
      }
    ),
    (APUS_ADD_TO_ROOT, 3, { [($0[0] * $0[1]).squareRoot() + $0[2]] }),
  ]
}

private func integerReferences<T: FixedWidthInteger & ComputeElement>(_: T.Type) -> [(apus_opcode, Int, ([T]) -> T)] {
  func divide(_ a: T, _ b: T) -> T { b == 0 ? 0 : a.dividedReportingOverflow(by: b).partialValue }
  func remainder(_ a: T, _ b: T) -> T {
    if b == 0 || b == -1 { return 0 }
    let r = a % b
    return r != 0 && (r < 0) != (b < 0) ? r + b : r
  }
  return [
    (APUS_COPY, 1, { $0[0] }), (APUS_NEGATE, 1, { 0 &- $0[0] }), (APUS_ABS, 1, { $0[0] < 0 ? 0 &- $0[0] : $0[0] }),
    (APUS_SIGN, 1, { $0[0].signum() }), (APUS_SQUARE, 1, { $0[0] &* $0[0] }), (APUS_NOT, 1, { $0[0] == 0 ? 1 : 0 }),
    (APUS_RELU, 1, { max($0[0], 0) }),
    (APUS_ADD, 2, { $0[0] &+ $0[1] }), (APUS_SUBTRACT, 2, { $0[0] &- $0[1] }), (APUS_MULTIPLY, 2, { $0[0] &* $0[1] }),
    (APUS_DIVIDE, 2, { divide($0[0], $0[1]) }), (APUS_REMAINDER, 2, { remainder($0[0], $0[1]) }),
    (APUS_MIN, 2, { min($0[0], $0[1]) }), (APUS_MAX, 2, { max($0[0], $0[1]) }),
    (APUS_EQUAL, 2, { $0[0] == $0[1] ? 1 : 0 }), (APUS_NOT_EQUAL, 2, { $0[0] != $0[1] ? 1 : 0 }),
    (APUS_LESS, 2, { $0[0] < $0[1] ? 1 : 0 }), (APUS_LESS_EQUAL, 2, { $0[0] <= $0[1] ? 1 : 0 }),
    (APUS_GREATER, 2, { $0[0] > $0[1] ? 1 : 0 }), (APUS_GREATER_EQUAL, 2, { $0[0] >= $0[1] ? 1 : 0 }),
    (APUS_AND, 2, { $0[0] != 0 && $0[1] != 0 ? 1 : 0 }), (APUS_OR, 2, { $0[0] != 0 || $0[1] != 0 ? 1 : 0 }),
    (APUS_XOR, 2, { ($0[0] != 0) != ($0[1] != 0) ? 1 : 0 }),
    (APUS_SELECT, 3, { $0[0] != 0 ? $0[1] : $0[2] }), (APUS_MULTIPLY_ADD, 3, { $0[0] &* $0[1] &+ $0[2] }),
    (APUS_MULTIPLY_SUBTRACT, 3, { $0[0] &* $0[1] &- $0[2] }),
    (APUS_NEGATED_MULTIPLY_ADD, 3, { $0[2] &- $0[0] &* $0[1] }),
  ]
}

/// All combinations of special values for two operands, random choices for more, and random values; not a multiple of any vector.
private func operands<T: ComputeElement>(_ count: Int) -> [[T]] {
  var numbers = RepeatableNumbers(state: UInt64(count))
  let special = T.specialValues
  var rows: [[T]] = special.flatMap { a in special.map { b in [a, b] } }.map { pair in
    (0..<count).map { $0 < 2 ? pair[$0] : special.randomElement(using: &numbers)! }
  }
  rows += (0..<501).map { _ in (0..<count).map { _ in T.random(&numbers) } }
  return (0..<count).map { k in rows.map { $0[k] } }
}

/// Equal, the sign of zero included; any NaN is a NaN.
private func same<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> Bool { a.isNaN ? b.isNaN : a == b && a.sign == b.sign }

extension ElementwiseTests {
  @Suite struct Operations {
    private func checkFloats<T: BinaryFloatingPoint & ComputeElement>(_ type: T.Type) {
      for set in instructionSets {
        for (opcode, count, reference) in floatReferences(type) {
          let columns: [[T]] = operands(count)
          let result = with(instructionSet: set) { apply(opcode, columns) }
          let wrong = result.indices.first { i in
            let expected = reference(columns.map { $0[i] })
            return !expected.contains { same($0, result[i]) }
          }
          if let i = wrong {
            Issue.record(
              "\(set), \(type), opcode \(opcode.rawValue) of \(columns.map { $0[i] }): \(result[i]), not \(reference(columns.map { $0[i] }))"
            )
          }
        }
      }
    }

    private func checkIntegers<T: FixedWidthInteger & ComputeElement>(_ type: T.Type) {
      for set in instructionSets {
        for (opcode, count, reference) in integerReferences(type) {
          let columns: [[T]] = operands(count)
          let result = with(instructionSet: set) { apply(opcode, columns) }
          if let i = result.indices.first(where: { i in result[i] != reference(columns.map { $0[i] }) }) {
            Issue.record("\(set), \(type), opcode \(opcode.rawValue) of \(columns.map { $0[i] }): \(result[i])")
          }
        }
      }
    }

    @Test func float32() { checkFloats(Float.self) }
    @Test func float64() { checkFloats(Double.self) }
    @Test func int32() { checkIntegers(Int32.self) }
    @Test func int64() { checkIntegers(Int64.self) }

    /// float64 functions are the C library's: nearly equal to the reference everywhere.
    @Test func functionsOfFloat64() {
      var numbers = RepeatableNumbers(state: 3)
      let x = Double.specialValues + (0..<777).map { _ in Double.random(in: -30...30, using: &numbers) }
      for test in AccuracyCase.all {
        let y = apply(test.opcode, [x])
        for i in x.indices {
          let expected = test.reference(x[i])
          let close = same(y[i], expected) || abs(y[i] - expected) <= 4 * expected.ulp
          #expect(close, "\(test.name)(\(x[i])) = \(y[i]), not \(expected)")
        }
      }
      let a = Double.specialValues.flatMap { x in Double.specialValues.map { _ in x } }
      let b = Double.specialValues.flatMap { _ in Double.specialValues }
      let power = apply(APUS_POWER, [a, b])
      let angle = apply(APUS_ATAN2, [a, b])
      for i in a.indices {
        #expect(same(power[i], pow(a[i], b[i])) && same(angle[i], atan2(a[i], b[i])))
      }
    }

    /// Every operand of every arity may be a scalar, and a register may be source and destination at once.
    @Test func scalarOperandsAndReuse() {
      for set in instructionSets {
        with(instructionSet: set) {
          for count in [1, 5, 16, 63, 64, 100, 1024, 1500] {
            for scalars in 0..<16 {
              let values = (0..<4).map { (k: Int) -> Memory<Float> in
                Memory((0..<count).map { (i: Int) -> Float in Float(i * (k + 3) % 13 + k + 1) })
              }
              let output = Memory([Float](repeating: 0, count: count))
              execute(
                compute: APUS_F32, constants: [2], temporaries: 1,
                instructions: [
                  instruction(APUS_SUM_OF_PRODUCTS, [0, 1, 2, 3], to: 5), instruction(APUS_ADD, [5, 4], to: 5),
                  instruction(APUS_MULTIPLY_ADD, [5, 4, 5], to: 5),
                  instruction(APUS_ADD_QUOTIENT, [5, 4, 5, 4], to: 6),
                  instruction(APUS_NEGATE, [6], to: 6), instruction(APUS_EXP, [2], to: 5),
                  instruction(APUS_LOG, [5], to: 5),
                  instruction(APUS_ROUND, [5], to: 5), instruction(APUS_SUBTRACT, [6, 5], to: 6),
                ], extents: [count],
                inputs: values.enumerated().map { $1.operand(APUS_F32, strides: [scalars >> $0 & 1 == 1 ? 0 : 1]) },
                outputs: [output.operand(APUS_F32)])
              let result = output.elements
              let v = { (k: Int, i: Int) in values[k].base[scalars >> k & 1 == 1 ? 0 : i] }
              let right = (0..<count).allSatisfy { i in
                let t: Float = v(0, i) * v(1, i) + v(2, i) * v(3, i) + 2
                return result[i] == -6 * t - v(2, i)
              }
              #expect(right, "\(set), \(count) elements, scalars \(scalars)")
            }
          }
        }
      }
    }
  }
}
