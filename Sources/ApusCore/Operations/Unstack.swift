/// The slices of a tensor along an axis, each without it. One operation, so that their gradients are put together once.
struct Unstack: MultipleFunction {
  let axis: Int
  var name: String { "unstack" }
  var detail: String { "axis \(axis)" }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    var shape = x[0].shape
    let count = shape.remove(at: axis)
    return Array(repeating: TensorType(shape, x[0].dtype), count: count)
  }
  func forward(_ x: [Tensor], into y: [Tensor]) {
    for (i, slice) in y.enumerated() {
      slice.backend.copy(x[0].stopGradient().sliced(.index(i), axis: axis), into: slice)
    }
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func saves(output k: Int) -> Bool { false }
  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    [stack(zip(dy, y).map { $0 ?? .zeros($1.shape, dtype: $1.dtype) }, axis: axis)]
  }
}

extension Tensor {
  /// The slices along `axis`, each without that axis: what ``stack(_:axis:)`` would join to this tensor again.
  public func unstacked(axis: Int = 0) -> [Tensor] {
    let axis = self.axis(axis, "unstack")
    return shape[axis] == 0 ? [] : apply(Unstack(axis: axis), [self])
  }
}
