/// Another element type.
struct Cast: Function {
  let dtype: DType
  var name: String { "cast" }
  var detail: String { "\(dtype)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(x[0].shape, dtype) }
  func forward(_ x: [Tensor], into y: Tensor) { y.backend.copy(x[0], into: y) }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { dy.cast(to: x[0].dtype) }
}

extension Tensor {
  /// The elements converted to another type: floating point to integer truncates toward zero (beyond the range: to its end; NaN: 0),
  /// integers wrap, anything but 0 is true. The gradient passes between floating-point types.
  public func cast(to dtype: DType) -> Tensor { dtype == self.dtype ? self : apply(Cast(dtype: dtype), [self]) }
}
