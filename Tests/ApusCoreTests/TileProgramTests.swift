import Testing

@testable import ApusCore

@Suite struct TileProgramTests {
  private static let unaryPrimitives: [Primitive] = [
    .negate, .abs, .sign, .square, .relu, .sqrt, .rsqrt, .reciprocal, .exp, .expm1, .log, .log1p, .sin, .cos, .tan,
    .asin,
    .acos, .atan, .sinh, .cosh, .tanh, .erf, .sigmoid, .softplus, .floor, .ceil, .round, .trunc,
  ]

  private func numbers(_ count: Int, _ dtype: DType, seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return Tensor.randomUniform([count], in: 0.1..<0.9, dtype: dtype, using: &random)
  }

  /// Two chained instructions in one pass give the bits of two passes: registers are not overwritten while they are read.
  @Test(arguments: [DType.float32, .float64]) func chainsGiveTheBitsOfSinglePasses(dtype: DType) {
    let x = numbers(1100, dtype, seed: 1)
    let single = Self.unaryPrimitives.map { primitive in Elementwise("single") { unary(primitive, $0) }(x) }
    for (i, inner) in Self.unaryPrimitives.enumerated() {
      for outer in Self.unaryPrimitives where outer != inner || outer != .negate {
        let fused = Elementwise("fused") { unary(outer, unary(inner, $0)) }(x)
        let apart = Elementwise("apart") { unary(outer, $0) }(single[i])
        let isSame = zip(fused.doubles, apart.doubles).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
        #expect(isSame, "\(outer)(\(inner)(x))")
      }
    }
  }

  /// Special elements take another way through the kernels; their neighbours must not.
  @Test func neighboursDoNotMatter() {
    let x = numbers(64, .float32, seed: 5)
    let y = numbers(64, .float32, seed: 6)
    for special in [Float.nan, .infinity, 1e30, 0, -1] {
      let mixed = concatenate([x[..<7], Tensor([special]), x[8...]])
      for primitive in Self.unaryPrimitives {
        let operation = Elementwise("f") { unary(primitive, $0) }
        #expect(operation(mixed)[8...].floats == operation(x)[8...].floats, "\(primitive) beside \(special)")
      }
      for primitive in [Primitive.power, .atan2, .remainder] {
        let operation = Elementwise("f") { a, b in binary(primitive, a, b) }
        #expect(operation(mixed, y)[8...].floats == operation(x, y)[8...].floats, "\(primitive) beside \(special)")
        #expect(operation(y, mixed)[8...].floats == operation(y, x)[8...].floats, "\(primitive) beside \(special)")
      }
    }
  }

  @Test(arguments: [Primitive.power, .atan2, .remainder, .divide, .min, .max, .subtract, .less, .and])
  func operandsThatDieMayBeOverwritten(primitive: Primitive) {
    let (a, b) = (numbers(1100, .float32, seed: 2), numbers(1100, .float32, seed: 3))
    let (u, v) = (sin(a), exp(b))
    for (fused, apart) in [
      (
        Elementwise("f") { a, b in binary(primitive, sin(a), exp(b)) }(a, b),
        Elementwise("g") { u, v in binary(primitive, u, v) }(u, v)
      ),
      (
        Elementwise("f") { a, b in binary(primitive, exp(b), sin(a)) }(a, b),
        Elementwise("g") { u, v in binary(primitive, v, u) }(u, v)
      ),
    ] { #expect(fused.cast(to: .float64).doubles == apart.cast(to: .float64).doubles) }
  }

  /// Products, sums and quotients are fused into one instruction; the values stay.
  @Test func fusionKeepsValues() {
    let count = 1037
    let x = (0..<4).map { numbers(count, .float64, seed: UInt64($0) + 10) }
    let (a, b, c, d) = (x[0].doubles, x[1].doubles, x[2].doubles, x[3].doubles)
    typealias Formula = (Expression, Expression, Expression, Expression) -> Expression
    typealias Scalar = (Double, Double, Double, Double) -> Double
    let formulas: [(String, Formula, Scalar)] = [
      ("ab+c", { a, b, c, d in a * b + c }, { a, b, c, d in a * b + c }),
      ("c+ab", { a, b, c, d in c + a * b }, { a, b, c, d in c + a * b }),
      ("ab-c", { a, b, c, d in a * b - c }, { a, b, c, d in a * b - c }),
      ("c-ab", { a, b, c, d in c - a * b }, { a, b, c, d in c - a * b }),
      ("ab+cd", { a, b, c, d in a * b + c * d }, { a, b, c, d in a * b + c * d }),
      ("ab-cd", { a, b, c, d in a * b - c * d }, { a, b, c, d in a * b - c * d }),
      ("a+bc/d", { a, b, c, d in a + b * c / d }, { a, b, c, d in a + b * c / d }),
      ("bc/d+a", { a, b, c, d in b * c / d + a }, { a, b, c, d in b * c / d + a }),
      ("a-bc/d", { a, b, c, d in a - b * c / d }, { a, b, c, d in a - b * c / d }),
      ("aa+bb", { a, b, c, d in a * a + b * b }, { a, b, c, d in a * a + b * b }),
      ("a²+b", { a, b, c, d in square(a) + b }, { a, b, c, d in a * a + b }),
      (
        "a shared product",
        { a, b, c, d in
          let p = a * b
          return p + p * c - (p + d)
        }, { a, b, c, d in a * b + a * b * c - (a * b + d) }
      ),
      ("ab+ab", { a, b, c, d in a * b + a * b }, { a, b, c, d in 2 * a * b }),
      (
        "a(b+c)/(c+d)+ab", { a, b, c, d in a * (b + c) / (c + d) + a * b },
        { a, b, c, d in a * (b + c) / (c + d) + a * b }
      ),
      ("constants", { a, b, c, d in 2 * a + 3 * b - 0.5 * c * d }, { a, b, c, d in 2 * a + 3 * b - 0.5 * c * d }),
    ]
    for (name, formula, scalar) in formulas {
      let operation = Elementwise(name, inputs: 4) { x, _ in formula(x[0], x[1], x[2], x[3]) }
      let y = operation.call(x).doubles
      for i in 0..<count {
        let expected = scalar(a[i], b[i], c[i], d[i])
        guard abs(y[i] - expected) > 1e-14 else { continue }
        Issue.record("\(name) at \(i): \(y[i]), expected \(expected)")
        break
      }
    }
  }

  @Test func integersFuseWithWrapping() {
    let x = Tensor([Int32.max, 7, -3])
    let operation = Elementwise("f", inputs: 1) { x, _ in x[0] * x[0] + x[0] - 2 * x[0] }
    let expected = [Int32.max, 7, -3].map { $0 &* $0 &+ $0 &- 2 &* $0 }
    #expect(operation.call([x]).elements(as: Int32.self) == expected)
  }

  @Test func commonPartsAreComputedOnce() {
    let x = Expression(.input(0))
    func instructions(_ expression: Expression) -> Int {
      TileProgram([expression], inputCount: 1, scalarCount: 0, compute: .float32, inPlace: [nil]).instructionCount
    }
    #expect(instructions(exp(x)) == 1)
    #expect(instructions(sigmoid(x) + sin(sigmoid(x))) == 3)
    #expect(instructions(x * x + 1) == 1)
  }
}
