import Testing

@testable import ApusCore

@Suite struct ElementwiseTests {
  private let swish = Elementwise("swish") { x in x * ApusCore.sigmoid(x) }

  @Test func aUserOperationHasValueAndDerivatives() {
    let x = Tensor([-2, -0.5, 0, 0.7, 3] as [Double])
    for (x, y) in zip(x.doubles, swish(x).doubles) { #expect(abs(y - x * Self.sigmoid(x)) < 1e-15) }
    let slopes = gradient(at: x) { swish($0).sum() }.doubles
    let curvatures = gradient(at: x) { x in gradient(at: x) { swish($0).sum() }.sum() }.doubles
    for (i, x) in x.doubles.enumerated() {
      let s = Self.sigmoid(x)
      let slope = s + x * s * (1 - s)
      #expect(abs(slopes[i] - slope) < 1e-15)
      let curvature = s * (1 - s) * (2 + x * (1 - 2 * s))
      #expect(abs(curvatures[i] - curvature) < 1e-15)
    }
    let third = checkGradients(
      of: { x in gradient(at: x[0]) { x in gradient(at: x) { swish($0).sum() }.sum() } }, at: [x])
    #expect(third.isPassed, "\(third)")
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + ApusCore.exp(Tensor(-x)).item) }

  @Test func aGivenDerivativeIsUsed() {
    let wrong = Elementwise("wrong", { x in x * x }, derivative: { x, y in y + 1 })
    #expect(gradient(at: Tensor(3 as Double)) { wrong($0) }.item == 10)
    #expect(wrong.formattedDerivative(inputs: ["x"]) == "y + 1")
  }

  @Test func severalInputsBroadcast() {
    let hypotenuse = Elementwise("hypotenuse") { a, b in sqrt(a * a + b * b) }
    let a = Tensor([[3], [5]] as [[Double]])
    let b = Tensor([4, 12] as [Double])
    let y = hypotenuse(a, b)
    #expect(y.shape == [2, 2])
    #expect(y.doubles[0] == 5 && y.doubles[3] == 13)
    let report = checkSecondGradients(of: { hypotenuse($0[0], $0[1]) }, at: [a, b])
    #expect(report.isPassed, "\(report)")
    let blend = Elementwise("blend") { a, b, t in a + (b - a) * t }
    #expect(blend(Tensor(1 as Float), Tensor(3 as Float), Tensor(0.25 as Float)).item == 1.5)
  }

  @Test func gradientsSaveOnlyWhatTheyRead() throws {
    let x = Tensor([1, 2] as [Float])
    _ = valueWithGradient(at: [x, x]) { x in
      let sum = x[0] + x[1]
      #expect(sum.node!.inputs.allSatisfy { $0.object.storage == nil })
      #expect(sum.node!.savedOutput == nil)
      let power = exp(x[0])
      #expect(power.node!.inputs[0].object.storage == nil)
      #expect(power.node!.savedOutput === power.object.storage)
      let product = x[0] * Tensor([3, 4] as [Float])
      #expect(product.node!.inputs[0].object.storage == nil)  // d/dx0 reads the constant only
      #expect(product.node!.inputs[1].object.storage != nil)
      return (sum + power + product).sum()
    }
  }

  @Test func typesAreNotMixed() {
    let call = ElementwiseCall(kernel: .add, scalars: [])
    #expect {
      try call.outputType([Tensor([1] as [Float]), Tensor([1] as [Double])])
    } throws: {
      "\($0)" == "add: element types float32 and float64 do not mix; convert one with cast(to:)"
    }
    #expect {
      try ElementwiseCall(kernel: .addScalar, scalars: [0.5]).outputType([Tensor([1] as [Int32])])
    } throws: {
      "\($0)" == "add: 0.5 is not a whole number, but the tensor is int32 (convert it with cast(to:))"
    }
    #expect {
      try ElementwiseCall(kernel: .exp, scalars: []).outputType([Tensor([1] as [Int32])])
    } throws: {
      "\($0)" == "exp: a int32 tensor was found; expected floating point (convert with cast(to:))"
    }
    #expect {
      try call.outputType([Tensor.zeros([2, 3]), Tensor.zeros([4])])
    } throws: {
      "\($0)" == "add: shapes (2, 3) and (4,) do not broadcast to a common shape"
    }
  }
}
