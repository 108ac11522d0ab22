import CApus

/// A convolution or one of its gradients, on images that lie channels last: from x, w and perhaps a bias; from dy and w; from x and dy.
struct ConvolutionRoutine: CPURoutine {
  enum Kind: UInt8 { case forward, inputGradient, weightGradient }
  let kind: Kind
  let window: SlidingWindow
  let groups: Int
  var hasBias = false
  var hasRelu = false

  var name: String { "convolution" }
  var isArithmetic: Bool { true }

  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    let c = shape(inputs, outputs)
    let positions = c.output.0 * c.output.1 * c.output.2
    let filter = c.kernel.0 * c.kernel.1 * c.kernel.2 * (c.in_channels / c.groups)
    return 2 * Int(c.batch * positions * c.out_channels * filter)
  }

  /// The whole convolution, from the types of what there is of x, w and y.
  private func shape(_ inputs: [TensorType], _ outputs: [TensorType]) -> apus_convolution {
    let (x, y) =
      switch kind {
      case .forward: (inputs[0], outputs[0])
      case .inputGradient: (outputs[0], inputs[0])
      case .weightGradient: (inputs[0], inputs[1])
      }
    func numbers(_ extents: SIMD3<Int>) -> (Int64, Int64, Int64) {
      (Int64(extents[0]), Int64(extents[1]), Int64(extents[2]))
    }
    func spatial(_ type: TensorType) -> (Int64, Int64, Int64) {
      numbers(SlidingWindow.aligned(type.shape.dropFirst().dropLast()))
    }
    return apus_convolution(
      dtype: x.dtype.c, batch: Int64(x.shape[0]), groups: Int64(groups), in_channels: Int64(x.shape.last!),
      out_channels: Int64(y.shape.last!), input: spatial(x), output: spatial(y), kernel: numbers(window.kernel),
      stride: numbers(window.stride), dilation: numbers(window.dilation), before: numbers(window.before))
  }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    plan(inputs, outputs, by: nil)!
  }

  /// - Parameter route: the way to go; if nil, the best.
  /// - Returns: nil where that way cannot compute this shape.
  func plan(_ inputs: [TensorType], _ outputs: [TensorType], by route: apus_convolution_route_kind?) -> RoutinePlan? {
    var shape = shape(inputs, outputs)
    let kind = unsafeBitCast(kind.rawValue, to: apus_convolution_kind.self)
    func made(_ route: apus_convolution_route_kind) -> OpaquePointer? {
      apus_convolution_plan_make(&shape, kind, hasBias, hasRelu, route)
    }
    let best = route ?? apus_convolution_route(&shape, kind)
    // The own kernels can do what others decline.
    guard let pointer = made(best) ?? (route == nil ? made(APUS_CONVOLUTION_OWN) : nil) else {
      guard route == nil else { return nil }
      fatalError("convolution: out of memory")
    }
    let plan = ConvolutionPlan(pointer)
    return RoutinePlan((0..<apus_convolution_plan_phases(pointer)).map { ConvolutionPhase(plan, $0) })
  }
}

/// Owns a plan for as long as somebody may run it.
private final class ConvolutionPlan {
  let pointer: OpaquePointer
  init(_ pointer: OpaquePointer) { self.pointer = pointer }
  deinit { apus_convolution_plan_destroy(pointer) }
}

private struct ConvolutionPhase: CPUKernel {
  private let plan: ConvolutionPlan
  private let pointer: OpaquePointer
  private let number: Int32
  let pieces: Int
  let cost: Double
  let scratchBytes: Int

  init(_ plan: ConvolutionPlan, _ number: Int32) {
    self.plan = plan
    pointer = plan.pointer
    self.number = number
    let phase = apus_convolution_plan_phase(pointer, number)
    pieces = Int(phase.pieces)
    cost = phase.cost
    scratchBytes = Int(apus_convolution_plan_scratch(pointer))
  }

  func run(_ addresses: Addresses, piece: Int) {
    apus_convolution_plan_run(pointer, number, addresses, Int64(piece))
  }
}
