// Picking elements by index, and adding them back: each is the other's gradient.

/// Checks that int64 `indices` lie within 0..<count (negative ones count from the end) and returns them dense and not negative.
private func checked(_ indices: Tensor, count: Int, _ operation: String) -> Tensor {
  guard indices.dtype.isInteger else {
    stop(ShapeError(operation, "indices are \(indices.dtype); expected an integer type"))
  }
  let dense = indices.stopGradient().cast(to: .int64).dense
  let place = "an axis of extent \(count)"
  let found = dense.backend.check(
    dense, IndexBounds(range: -count..<count, operation: operation, subject: "index", place: place))
  // A program that is being recorded will see other indices.
  let hasNegative = Recorder.current != nil || (found?.lowerBound ?? 0) < 0
  return hasNegative ? `where`(dense .< 0, dense + Double(count), dense) : dense
}

/// (outer, count, inner): the extents before, at and after an axis.
func split(_ shape: Shape, at axis: Int) -> (outer: Int, count: Int, inner: Int) {
  let outer = shape[..<axis].reduce(1, *)
  let inner = shape[(axis + 1)...].reduce(1, *)
  return (outer, shape[axis], inner)
}

/// Slices of `x[0]` along an axis, in the order of the indices `x[1]`.
struct Gather: Function {
  let axis: Int
  var name: String { "gather" }
  var detail: String { "axis \(axis)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    var shape = Shape(x[0].shape[..<axis])
    for extent in x[1].shape { shape.append(extent) }
    for extent in x[0].shape[(axis + 1)...] { shape.append(extent) }
    return TensorType(shape, x[0].dtype)
  }
  func forward(_ x: [Tensor], into y: Tensor) {
    let (outer, count, inner) = split(x[0].shape, at: axis)
    y.backend.gather(x[0].dense, x[1], outer: outer, count: count, inner: inner, into: y)
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 1 }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(ScatterAdd(axis: axis, shape: x[0].shape), [dy, x[1]]) : nil
  }
}

/// Calls `add` with dense `x` and zeros to add to, in a type that the kernels add in.
private func addingInto(_ y: Tensor, _ x: Tensor, _ add: (Tensor, Tensor, any Backend) -> Void) {
  let wide: DType =
    switch y.dtype {
    case .bfloat16: .float32
    case .uint8, .bool: .int32
    default: y.dtype
    }
  let sums = wide == y.dtype ? y : Tensor(uninitialized: y.shape, wide, on: y.backend)
  y.backend.fill(sums, with: 0)
  add(x.stopGradient().cast(to: wide).dense, sums, y.backend)
  if wide != y.dtype { y.backend.copy(sums, into: y) }
}

/// Zeros of `shape` to which slices of `x[0]` are added along an axis, at the indices `x[1]`.
struct ScatterAdd: Function {
  let axis: Int
  let shape: Shape
  var name: String { "scatterAdd" }
  var detail: String { "axis \(axis)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(shape, x[0].dtype) }
  func forward(_ x: [Tensor], into y: Tensor) {
    let (outer, count, inner) = split(shape, at: axis)
    addingInto(y, x[0]) { $2.scatterAdd($0, x[1], outer: outer, count: count, inner: inner, into: $1) }
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 1 }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(Gather(axis: axis), [dy, x[1]]) : nil
  }
}

/// For every position along an axis, the element of `x[0]` that `x[1]` names there (NumPy's take_along_axis).
struct GatherElements: Function {
  let axis: Int
  var name: String { "gatherElements" }
  var detail: String { "axis \(axis)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    var expected = x[0].shape
    if x[1].rank == expected.rank { expected[axis] = x[1].shape[axis] }
    guard x[1].shape == expected else {
      throw ShapeError(name, "indices of shape \(x[1].shape) do not fit shape \(x[0].shape) along axis \(axis)")
    }
    return TensorType(x[1].shape, x[0].dtype)
  }
  func forward(_ x: [Tensor], into y: Tensor) {
    let (outer, count, inner) = split(x[0].shape, at: axis)
    y.backend.gatherElements(x[0].dense, x[1], outer: outer, count: count, inner: inner, into: y)
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 1 }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(ScatterAddElements(axis: axis, shape: x[0].shape), [dy, x[1]]) : nil
  }
}

/// Zeros of `shape` to which the elements of `x[0]` are added at the positions `x[1]` along an axis.
struct ScatterAddElements: Function {
  let axis: Int
  let shape: Shape
  var name: String { "scatterAddElements" }
  var detail: String { "axis \(axis)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(shape, x[0].dtype) }
  func forward(_ x: [Tensor], into y: Tensor) {
    let (outer, count, inner) = split(shape, at: axis)
    addingInto(y, x[0]) { $2.scatterAddElements($0, x[1], outer: outer, count: count, inner: inner, into: $1) }
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 1 }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(GatherElements(axis: axis), [dy, x[1]]) : nil
  }
}

/// The rows of `table` (count, features) that `tokens` (integers 0..<count of any shape) name: of shape (tokens…, features).
package func embedding(_ tokens: Tensor, table: Tensor) -> Tensor {
  apply(Gather(axis: 0), [table, checkedTokens(tokens, table: table)])
}

/// Checks that `tokens` name rows of `table`, and returns them as dense int64.
func checkedTokens(_ tokens: Tensor, table: Tensor) -> Tensor {
  guard tokens.dtype.isInteger, table.rank == 2 else {
    stop(
      ShapeError(
        "embedding",
        "tokens of type \(tokens.type) and a table of shape \(table.shape) were found; expected integers and a matrix"))
  }
  let indices = tokens.stopGradient().cast(to: .int64).dense
  let place = "the \(table.shape[0]) rows of the table"
  indices.backend.check(
    indices, IndexBounds(range: 0..<table.shape[0], operation: "embedding", subject: "token", place: place))
  return indices
}

extension Tensor {
  /// The slices along `axis` that `indices` (integers of any shape; negative ones count from the end) name, in that order. The shape of
  /// `indices` takes the place of the axis.
  public func gathering(_ indices: Tensor, axis: Int = 0) -> Tensor {
    let axis = self.axis(axis, "gather")
    return apply(Gather(axis: axis), [self, checked(indices, count: shape[axis], "gather")])
  }

  /// The elements that `indices` name along `axis`, position by position: `indices` has this tensor's shape, but for `axis`.
  public func gatheringElements(_ indices: Tensor, axis: Int) -> Tensor {
    let axis = self.axis(axis, "gatherElements")
    return apply(GatherElements(axis: axis), [self, checked(indices, count: shape[axis], "gatherElements")])
  }

  /// This tensor with the slices of `source` added along `axis` at `indices`, a vector; an index may occur several times.
  public func addingSlices(_ source: Tensor, at indices: Tensor, axis: Int = 0) -> Tensor {
    let axis = self.axis(axis, "scatterAdd")
    var expected = shape
    expected[axis] = indices.count
    guard indices.rank == 1, source.type == TensorType(expected, dtype) else {
      stop(
        ShapeError(
          "scatterAdd",
          "a source of type \(source.type) was found; expected \(TensorType(expected, dtype)) for \(indices.count) indices"
        ))
    }
    return self
      + apply(ScatterAdd(axis: axis, shape: shape), [source, checked(indices, count: shape[axis], "scatterAdd")])
  }

  /// This tensor with `value` where `mask` is true.
  public func replacing(where mask: Tensor, with value: Double) -> Tensor {
    `where`(mask, Tensor(filledWith: value, shape: [], dtype: dtype), self)
  }

  /// The elements at which `mask`, of this tensor's shape, is true, as a vector.
  public func selecting(where mask: Tensor) -> Tensor {
    guard mask.dtype == .bool, mask.shape == shape else {
      stop(ShapeError("selecting", "a mask of type \(mask.type) does not fit shape \(shape); expected bool\(shape)"))
    }
    let positions = mask.elements(as: Bool.self).enumerated().filter(\.element).map { Int64($0.offset) }
    return flattened().gathering(Tensor(positions))
  }
}
