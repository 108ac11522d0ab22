import CApus

/// The element type in which matrix products take their operands.
///
/// Parameters, activations, losses, normalisation, optimisers and files stay what they are, float32; only the operands of large
/// products are rounded to bfloat16 on their way in, and the products' sums are float32. The gradient is that of the float32 formula,
/// its products computed in the same way: rounding has no part in it.
public enum Precision: String, Sendable, Hashable, CaseIterable {
  /// Operands as they are.
  case float32
  /// Operands with 8 significant bits instead of 24, and the same range: up to twice as fast on processors that multiply them.
  case bfloat16

  /// Whether this processor is made for it. Elsewhere bfloat16 gives the same results within rounding, but slower than float32.
  public var isFast: Bool { self == .float32 || apus_has_bfloat16() }

  /// What the running code asks for.
  public static var current: Precision { apus_thread().pointee.precision == 0 ? .float32 : .bfloat16 }
}

/// Runs `body` with matrix products of float32 tensors in `precision`; their gradients, too, wherever those are asked for.
///
/// ```swift
/// let y = withPrecision(.bfloat16) { x • w }  // float32, from operands rounded to bfloat16
/// ```
public func withPrecision<R>(_ precision: Precision, _ body: () throws -> R) rethrows -> R {
  let thread = apus_thread()
  let before = thread.pointee.precision
  thread.pointee.precision = precision == .float32 ? 0 : 1
  defer { thread.pointee.precision = before }
  return try body()
}

extension Precision {
  /// The operands that `function` multiplies to fill `y`: rounded, where that pays, in the order in which they lie in memory.
  func operands(_ a: Tensor, _ b: Tensor, of function: some Function, into y: Tensor) -> (a: Tensor, b: Tensor) {
    guard self == .bfloat16, y.dtype == .float32, Self.isWorthRounding(a, b, y) else { return (a, b) }
    let rounded = (a.rounded, b.rounded)
    Recorder.current?.begin(function)  // after the casts, which are operations of their own
    return rounded
  }

  /// Whether faster multiplication makes up for rounding: it saves about 5 ns for 1,000 multiply-adds, and rounding 1,000 elements costs
  /// 65. Products of up to 128³ are left to the own kernels, which know no bfloat16 and have nothing to prepare.
  private static func isWorthRounding(_ a: Tensor, _ b: Tensor, _ y: Tensor) -> Bool {
    let work = y.count * (a.shape.last ?? 0)
    return work > 128 * 128 * 128 && work >= 16 * (a.count + b.count)
  }
}

extension Tensor {
  /// The elements in bfloat16. A transposed matrix stays one, so that a step rounds no operand twice and transposes none.
  fileprivate var rounded: Tensor {
    let x = stopGradient()
    guard !object.isDense else { return x.cast(to: .bfloat16) }
    let turned = x.swappingAxes(-1, -2)
    return turned.object.isDense ? turned.cast(to: .bfloat16).swappingAxes(-1, -2) : x.cast(to: .bfloat16)
  }
}
