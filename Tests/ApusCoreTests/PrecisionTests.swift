import ApusTestSupport
import Testing

@testable import ApusCore

/// Matrix products with bfloat16 operands.
@Suite struct PrecisionTests {
  private static func numbers(_ shape: Shape, _ seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomNormal(shape, using: &random)
  }

  private static func bits(_ tensor: Tensor) -> [UInt32] { tensor.floats.map(\.bitPattern) }

  /// What products see of `x`, exactly.
  private func rounded(_ x: Tensor) -> Tensor { x.cast(to: .bfloat16).cast(to: .float64) }

  /// |a| |b|, element by element: what errors of products are relative to.
  private func magnitudes(_ a: Tensor, _ b: Tensor) -> [Double] {
    (abs(a.cast(to: .float64)) • abs(b.cast(to: .float64))).doubles
  }

  private func expect(
    _ y: Tensor, _ expected: Tensor, within tolerance: Double, of magnitudes: [Double], _ name: String
  ) {
    #expect(y.shape == expected.shape && y.dtype == .float32)
    for ((found, expected), magnitude) in zip(zip(y.doubles, expected.doubles), magnitudes)
    where !(abs(found - expected) <= tolerance * magnitude) {
      Issue.record("\(name): \(found), expected \(expected)")
      return
    }
  }

  @Test(arguments: [(200, 300, 150), (129, 257, 131), (64, 1024, 512)])
  func productsAreWithinTheErrorOfTheirOperands(m: Int, k: Int, n: Int) {
    let (a, b) = (Self.numbers([m, k], 1), Self.numbers([k, n], 2))
    let (exact, of) = (a.cast(to: .float64) • b.cast(to: .float64), magnitudes(a, b))
    let fromRounded = rounded(a) • rounded(b)
    withPrecision(.bfloat16) {
      let turnedA = a.transposed().dense.transposed()
      let turnedB = b.transposed().dense.transposed()
      for (name, c) in [
        ("plain", a • b), ("left turned", turnedA • b), ("right turned", a • turnedB), ("both", turnedA • turnedB),
        ("stepped", stack([a, a], axis: 2)[.all, .all, 1] • b), ("reversed", a.reversed(axis: 1) • b.reversed(axis: 0)),
        ("stack", (stack([a, a]) • b)[1]), ("broadcast stack", (a.broadcast(to: [2, m, k]) • stack([b, b]))[1]),
        ("linear", linear(a, weight: turnedB.transposed())),
      ] {
        // Each operand is off by at most 2⁻⁹ of itself; the sums are float32.
        expect(c, exact, within: 1.0 / 256 + 1e-5, of: of, "\(name) \(m)x\(k)x\(n)")
        expect(c, fromRounded, within: 4e-7, of: of, "\(name) of rounded operands \(m)x\(k)x\(n)")
      }
    }
  }

  @Test func linearWithBiasAndActivation() {
    let (x, w, b) = (Self.numbers([130, 200], 1) * 0.1, Self.numbers([140, 200], 2), Self.numbers([140], 3))
    let z = rounded(x) • rounded(w).transposed() + b.cast(to: .float64)
    for (epilogue, expected) in [(Epilogue.none, z), (.relu, relu(z)), (.tanh, tanh(z)), (.sigmoid, sigmoid(z))] {
      let y = withPrecision(.bfloat16) { linear(x, weight: w, bias: b, activation: epilogue) }
      expect(y, expected, within: 1e-5, of: Array(repeating: 1, count: y.count), "\(epilogue)")
    }
  }

  @Test func theScopeEndsAndNests() {
    #expect(Precision.current == .float32)
    withPrecision(.bfloat16) {
      #expect(Precision.current == .bfloat16)
      withPrecision(.float32) { #expect(Precision.current == .float32) }
      #expect(Precision.current == .bfloat16)
    }
    #expect(Precision.current == .float32 && Precision.float32.isFast)
  }

  @Test func whatDoesNotPayAndOtherTypesStay() {
    let cases: [(Shape, Shape, DType)] = [
      ([64, 64], [64, 64], .float32), ([4, 2000], [2000, 2000], .float32), ([150, 200], [200, 150], .float64),
      ([150, 200], [200, 150], .int32), ([150, 0], [0, 150], .float32),
    ]
    for (left, right, dtype) in cases {
      let (a, b) = (Self.numbers(left, 1).cast(to: dtype), Self.numbers(right, 2).cast(to: dtype))
      #expect(withPrecision(.bfloat16) { a • b }.doubles == (a • b).doubles, "\(left) \(right) \(dtype)")
    }
  }

  private static func network(_ x: [Tensor]) -> Tensor {
    let hidden = linear(x[0], weight: x[1], bias: x[2], activation: .tanh)
    return square(hidden • x[3]).mean()
  }
  private static let parameters = [
    numbers([160, 150], 1), numbers([170, 150], 2) * 0.1, numbers([170], 3), numbers([170, 140], 4) * 0.1,
  ]

  /// How far apart they are, relative to the size of the second.
  private func distance(_ a: Tensor, _ b: Tensor) -> Double {
    (square(a - b).sum() / square(b).sum()).item.squareRoot()
  }

  @Test func gradientsAreThoseOfFloat32() {
    let exact = valueWithGradient(at: Self.parameters, Self.network)
    let around = withPrecision(.bfloat16) { valueWithGradient(at: Self.parameters, Self.network) }
    let within = valueWithGradient(at: Self.parameters) { x in withPrecision(.bfloat16) { Self.network(x) } }
    #expect(around.value.item != exact.value.item)
    #expect(abs(around.value.item - exact.value.item) < 0.01 * exact.value.item)
    for ((a, b), w) in zip(zip(around.gradients, exact.gradients), within.gradients) {
      #expect(a.dtype == .float32)
      #expect(distance(a, b) < 0.01)
      // A gradient is computed as its forward pass was, whatever is asked for meanwhile.
      #expect(Self.bits(a) == Self.bits(w))
    }
  }

  @Test func secondDerivatives() {
    /// The gradient of the squared norm of the gradient.
    func curvature(_ x: [Tensor]) -> [Tensor] {
      valueWithGradient(at: x) { x in
        valueWithGradient(at: x, Self.network).gradients.reduce(Tensor(0 as Float)) { $0 + square($1).sum() }
      }.gradients
    }
    let (exact, found) = (curvature(Self.parameters), withPrecision(.bfloat16) { curvature(Self.parameters) })
    for (a, b) in zip(found, exact) { #expect(distance(a, b) < 0.03) }
  }

  @Test func programsGiveTheSameBitsAndRoundOnce() throws {
    let step = Program { x in
      let (value, gradients) = valueWithGradient(at: x, Self.network)
      return [value] + gradients
    }
    let exact = try step(Self.parameters)
    try withPrecision(.bfloat16) {
      let (value, gradients) = valueWithGradient(at: Self.parameters, Self.network)
      for _ in 0..<2 {
        let found = try step(Self.parameters)
        for (a, b) in zip(found, [value] + gradients) { #expect(Self.bits(a) == Self.bits(b)) }
      }
    }
    let again = try step(Self.parameters)
    #expect(again.map(Self.bits) == exact.map(Self.bits), "another precision is another recording")
    // x, the weights, the hidden layer, and the gradients before both products.
    let description = step.description
    let casts = description.split(separator: "\n").filter { $0.contains(" cast ") }
    #expect(casts.count == 6, "\(description)")
  }

  @Test func threadsDoNotChangeBits() async {
    await #expect(processExitsWith: .success) {
      func results(_ threads: Int) -> [[UInt32]] {
        Threads.count = threads
        return withPrecision(.bfloat16) {
          let (a, b) = (Self.numbers([300, 784], 1), Self.numbers([784, 520], 2))
          let (value, gradients) = valueWithGradient(at: Self.parameters, Self.network)
          return ([a • b, a.cast(to: .bfloat16).cast(to: .float32), value] + gradients).map(Self.bits)
        }
      }
      let alone = results(1)
      for threads in [2, 3] { #expect(results(threads) == alone, "\(threads) threads") }
    }
  }

  @Test func notANumberAndInfinityPass() {
    let (b, zeros) = (Self.numbers([150, 130], 1), Tensor.zeros([130, 150]))
    let special = concatenate([zeros[..<128], Tensor(filledWith: .nan, shape: [1, 150]), zeros[..<1] + .infinity])
    let c = withPrecision(.bfloat16) { special • abs(b) }
    #expect(c[..<128].floats.allSatisfy { $0 == 0 })
    #expect(c[128].floats.allSatisfy { $0.isNaN } && c[129].floats.allSatisfy { $0 == .infinity })
  }

  @Test func whatNoKernelTakesIsComputedInFloat32() {
    let (a, b) = (Self.numbers([20, 30], 1).cast(to: .bfloat16), Self.numbers([30, 10], 2).cast(to: .bfloat16))
    // Two operands that are repeated: oneDNN declines.
    let c = Tensor(uninitialized: [3, 20, 10], .float32, on: CPUBackend.shared)
    CPUBackend.shared.matmul(
      a.broadcast(to: [3, 20, 30]), b.broadcast(to: [3, 30, 10]), transposesB: false, bias: nil, epilogue: .none,
      into: c)
    let expected = a.cast(to: .float32) • b.cast(to: .float32)
    for i in 0..<3 { expect(c[i], expected, within: 4e-7, of: magnitudes(a, b), "matrix \(i)") }
  }

  @Test func roundsToNearestEven() throws {
    // Bits of float32, and the upper half of what they become.
    let cases: [(UInt32, UInt16)] = [
      (0x3f80_0000, 0x3f80), (0x3f80_7fff, 0x3f80), (0x3f80_8000, 0x3f80), (0x3f80_8001, 0x3f81),
      (0x3f81_8000, 0x3f82), (0xbf81_8000, 0xbf82), (0x0000_0000, 0x0000), (0x8000_0000, 0x8000),
      (0x7f80_0000, 0x7f80), (0xff80_0000, 0xff80),  // infinities
      (0x7f7f_ffff, 0x7f80), (0x7f7f_7fff, 0x7f7f),  // beyond the largest, and just not
      (0x0000_8000, 0x0000), (0x0001_8000, 0x0002), (0x007f_ffff, 0x0080),  // subnormal
    ]
    let x = Tensor((0..<5000).map { Float(bitPattern: cases[$0 % cases.count].0) })
    let expected = (0..<5000).map { UInt32(cases[$0 % cases.count].1) << 16 }
    let program = Program { [$0[0].cast(to: .bfloat16)] }
    for y in [x.cast(to: .bfloat16), try program([x])[0]] { #expect(Self.bits(y.cast(to: .float32)) == expected) }
    let signalling = Tensor([Float(bitPattern: 0x7f80_0001), .nan, -.nan])
    #expect(signalling.cast(to: .bfloat16).cast(to: .float32).floats.allSatisfy { $0.isNaN })
  }
}
