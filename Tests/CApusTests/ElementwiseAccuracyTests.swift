import CApus
import Foundation
import Testing

/// A float32 function with its correctly rounded reference.
struct AccuracyCase: CustomTestStringConvertible, Sendable {
  var name: String
  var opcode: apus_opcode
  var reference: @Sendable (Double) -> Double
  var testDescription: String { name }

  init(_ name: String, _ opcode: apus_opcode, _ reference: @escaping @Sendable (Double) -> Double) {
    self.name = name
    self.opcode = opcode
    self.reference = reference
  }

  static let all: [AccuracyCase] = [
    .init("exp", APUS_EXP, { exp($0) }), .init("expm1", APUS_EXPM1, { expm1($0) }), .init("log", APUS_LOG, { log($0) }),
    .init("log1p", APUS_LOG1P, { log1p($0) }), .init("sin", APUS_SIN, { sin($0) }), .init("cos", APUS_COS, { cos($0) }),
    .init("tan", APUS_TAN, { tan($0) }), .init("asin", APUS_ASIN, { asin($0) }), .init("acos", APUS_ACOS, { acos($0) }),
    .init("atan", APUS_ATAN, { atan($0) }), .init("sinh", APUS_SINH, { sinh($0) }),
    .init("cosh", APUS_COSH, { cosh($0) }),
    .init("tanh", APUS_TANH, { tanh($0) }), .init("erf", APUS_ERF, { erf($0) }),
    .init("sigmoid", APUS_SIGMOID, { $0 >= 0 ? 1 / (1 + exp(-$0)) : exp($0) / (1 + exp($0)) }),
    .init("softplus", APUS_SOFTPLUS, { log1p(exp(-abs($0))) + ($0 < 0 ? 0 : $0) }),
    .init("sqrt", APUS_SQRT, { $0.squareRoot() }), .init("rsqrt", APUS_RSQRT, { 1 / $0.squareRoot() }),
    .init("reciprocal", APUS_RECIPROCAL, { 1 / $0 }),
  ]
}

/// The error in units in the last place of the correctly rounded result; infinite where kind or sign is wrong.
func errorInULP(_ value: Float, _ exact: Double) -> Double {
  if exact.isNaN { return value.isNaN ? 0 : .infinity }
  if value.isNaN { return .infinity }
  let rounded = Float(exact)
  if rounded == 0 || value == 0 {
    // The sign of an exact zero counts; otherwise zero is just the smallest result.
    if exact == 0 { return value == 0 && value.sign == exact.sign ? 0 : .infinity }
    return abs(Double(value) - exact) / 0x1p-149
  }
  if rounded.isInfinite, value.isInfinite { return rounded == value ? 0 : .infinity }
  // Next to the overflow threshold infinity stands for 2^128.
  let finite = value.isInfinite ? (value < 0 ? -0x1p128 : 0x1p128) : Double(value)
  let target = exact.magnitude > 0x1p128 ? (exact < 0 ? -0x1p128 : 0x1p128) : exact
  let ulp = rounded.isInfinite ? 0x1p104 : Double(rounded.ulp)
  return abs(finite - target) / ulp
}

extension ElementwiseTests {
  @Suite struct Accuracy {
    /// Measured worst cases stay below 2.8 (exhaustive within a factor of 200); the bound leaves room for other rounding of
    /// the compiler's.
    static let bound = 3.0

    static func worst(_ test: AccuracyCase, _ x: [Float]) -> (error: Double, at: Float) {
      let y = apply(test.opcode, [x])
      var worst = (error: 0.0, at: Float(0))
      for i in x.indices {
        let error = errorInULP(y[i], test.reference(Double(x[i])))
        if error > worst.error { worst = (error, x[i]) }
      }
      return worst
    }

    @Test(arguments: AccuracyCase.all) func wholeRange(test: AccuracyCase) {
      // A step through all bit patterns: every exponent, both signs, NaN.
      var x = stride(from: 0, to: 1 << 32, by: 262_147).map { Float(bitPattern: UInt32($0)) }
      // Dense where functions bend, and next to the thresholds.
      var numbers = RepeatableNumbers(state: 7)
      for limit: Float in [1e-6, 0.01, 1, 4, 20, 110, 1000, 60000] {
        x += (0..<2000).map { _ in Float.random(in: -limit...limit, using: &numbers) }
      }
      for center: Float in [
        0.25, 0.5, 0.9375, 1, 2, 4, 10, 17, 20, 87.33655, 88.02969, 88.72284, 89.41599, 103.27893, 103.97208,
        0.34657359,
        1.0397208, .pi / 4, .pi / 2, .pi, 0.70710678, 1.41421356, 32768, 1e7, .leastNormalMagnitude,
      ] {
        for offset in -20...20 {
          let near = Float(bitPattern: UInt32(Int(center.bitPattern) + offset))
          x += [near, -near]
        }
      }
      // Multiples of pi/2, where sin, cos and tan cancel most.
      for k in 1...3000 { x += [Float(Double(k) * .pi / 2), -Float(Double(k) * 17.5 * .pi)] }
      for set in instructionSets {
        let worst = with(instructionSet: set) { Self.worst(test, x) }
        #expect(worst.error <= Self.bound, "\(test.name) on \(set): \(worst.error) ULP at \(worst.at)")
      }
    }

    @Test(arguments: AccuracyCase.all) func specialValues(test: AccuracyCase) {
      let x: [Float] = [
        0, -0.0, .infinity, -.infinity, .nan, 1, -1, 0x1p-149, -0x1p-149, 0x1.8p-140, -0x1.8p-140,
        .greatestFiniteMagnitude,
        -.greatestFiniteMagnitude, .leastNormalMagnitude, 1.0000001, -1.0000001, 0.99999994, -0.99999994,
      ]
      for set in instructionSets {
        let worst = with(instructionSet: set) { Self.worst(test, x) }
        #expect(worst.error <= Self.bound, "\(test.name) on \(set): \(worst.error) ULP at \(worst.at)")
      }
    }

    /// Two-operand functions, on a grid of special values and at random.
    static func worst(_ opcode: apus_opcode, _ pairs: [(Float, Float)], _ reference: (Double, Double) -> Double)
      -> String?
    {
      let x = pairs.map(\.0)
      let y = pairs.map(\.1)
      let z = apply(opcode, [x, y])
      for i in x.indices {
        let error = errorInULP(z[i], reference(Double(x[i]), Double(y[i])))
        if error > bound { return "f(\(x[i]), \(y[i])) = \(z[i]) is off by \(error) ULP" }
      }
      return nil
    }

    static func pairs(_ range: ClosedRange<Float>) -> [(Float, Float)] {
      let special = Float.specialValues + [-2, 2, -2.5, -7, 16_777_218, 16_777_215, -0x1p100]
      var numbers = RepeatableNumbers(state: 11)
      var result = special.flatMap { x in special.map { (x, $0) } }
      for _ in 0..<20000 {
        let sign: Float = Bool.random(using: &numbers) ? 1 : -1
        let magnitude = exp2(Float.random(in: -140...127, using: &numbers))
        result.append((sign * magnitude, Float.random(in: range, using: &numbers)))
        result.append((Float.random(in: 0.5...2, using: &numbers), Float.random(in: -200...200, using: &numbers)))
        result.append((Float.random(in: -8...8, using: &numbers), Float(Int.random(in: -9...9, using: &numbers))))
      }
      return result
    }

    @Test func power() {
      let pairs = Self.pairs(-3...3)
      for set in instructionSets {
        #expect(with(instructionSet: set) { Self.worst(APUS_POWER, pairs) { pow($0, $1) } } == nil, "\(set)")
      }
    }

    @Test func arcTangentOfTwo() {
      let pairs = Self.pairs(-3...3)
      for set in instructionSets {
        #expect(with(instructionSet: set) { Self.worst(APUS_ATAN2, pairs) { atan2($0, $1) } } == nil, "\(set)")
      }
    }
  }
}
