// Order: positions are found by a kernel without a gradient; values follow by gathering, which has one.

/// The positions that sort an axis.
struct ArgSort: Function {
  let axis: Int
  let isDescending: Bool
  var name: String { "argSort" }
  var detail: String { "axis \(axis)" + (isDescending ? ", descending" : "") }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(x[0].shape, .int64) }
  func forward(_ x: [Tensor], into y: Tensor) {
    let (outer, count, inner) = split(x[0].shape, at: axis)
    let source = x[0].dtype == .bfloat16 ? x[0].stopGradient().cast(to: .float32) : x[0]
    y.backend.argSort(source.dense, outer: outer, count: count, inner: inner, descending: isDescending, into: y)
  }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { nil }
}

extension Tensor {
  /// The positions that sort this tensor along `axis`, as int64; equal elements keep their order, NaN comes last.
  public func argSorted(axis: Int = -1, isDescending: Bool = false) -> Tensor {
    apply(ArgSort(axis: self.axis(axis, "argSort"), isDescending: isDescending), [stopGradient()])
  }

  /// This tensor sorted along `axis`; NaN comes last.
  public func sorted(axis: Int = -1, isDescending: Bool = false) -> Tensor {
    gatheringElements(argSorted(axis: axis, isDescending: isDescending), axis: axis)
  }

  /// The `k` largest elements along `axis` in descending order, and their positions.
  public func topK(_ k: Int, axis: Int = -1) -> (values: Tensor, indices: Tensor) {
    let axis = self.axis(axis, "topK")
    guard k >= 0 && k <= shape[axis] else {
      stop(ShapeError("topK", "\(k) elements were asked for along an axis of extent \(shape[axis])"))
    }
    let indices = argSorted(axis: axis, isDescending: true).sliced(.from(0, to: k), axis: axis)
    return (gatheringElements(indices, axis: axis), indices)
  }
}
