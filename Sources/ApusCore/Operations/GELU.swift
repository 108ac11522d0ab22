import CApus

/// x Φ(x) and its slope Φ(x) + x φ(x), which share their one exponential: what the gradient needs is there before it is asked for, and the
/// gradient is a product. float32 alone; for other types the activation's formula serves.
struct GELU: MultipleFunction {
  var name: String { "gelu" }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] { [x[0].type, x[0].type] }
  func forward(_ x: [Tensor], into y: [Tensor]) { y[0].backend.run(GELURoutine(), [x[0].dense], into: y) }
  func saves(output k: Int) -> Bool { k == 1 }

  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    // The slope is a result like the other, with a slope of its own: this is where second derivatives come from.
    let first = dy[0].map { $0 * y[1] }
    guard let second = dy[1].map({ Self.curvature($0, x[0]) }) else { return [first] }
    return [first.map { $0 + second } ?? second]
  }

  /// dy φ(x) (2 − x²).
  private static let curvature = Elementwise("geluCurvature") { (dy: Expression, x: Expression) in
    let density = Expression(1 / (2 * Double.pi).squareRoot()) * exp(-0.5 * (x * x))
    return dy * density * (2 - x * x)
  }

  /// x Φ(x); nil where the formula has to serve.
  static func value(_ x: Tensor) -> Tensor? {
    guard x.dtype == .float32 else { return nil }
    if isRecording(x) { return apply(GELU(), [x])[0] }
    let y = Tensor(uninitialized: x.shape, .float32, on: x.backend)
    Recorder.current?.begin(ElementwiseCall(kernel: Elementwise.gelu, scalars: []))
    y.backend.run(GELURoutine(), [x.dense], into: [y])
    return y
  }
}

extension Elementwise {
  static let gelu = Elementwise("gelu") { (x: Expression) in
    let half = 0.5 * x
    return half * (1 + ApusCore.erf(Expression(0.5.squareRoot()) * x))
  }
}

/// x to x Φ(x), and to the slope if there is a second result.
private struct GELURoutine: CPURoutine {
  var name: String { "gelu" }
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 10 * inputs[0].shape.elementCount }
  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    RoutinePlan(Kernel(count: inputs[0].shape.elementCount, hasSlope: outputs.count == 2))
  }

  private struct Kernel: CPUKernel {
    let count: Int
    let hasSlope: Bool
    static let step = 1 << 13
    var pieces: Int { (count + Self.step - 1) / Self.step }
    var cost: Double { 0.35 * Double(count) }

    func run(_ p: Addresses, piece: Int) {
      func floats(_ i: Int) -> UnsafeMutablePointer<Float> {
        p[i].assumingMemoryBound(to: Float.self) + piece * Self.step
      }
      apus_gelu(floats(0), floats(1), hasSlope ? floats(2) : nil, Int64(min(Self.step, count - piece * Self.step)))
    }
  }
}
