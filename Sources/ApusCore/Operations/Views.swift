// Operations that look differently at the same elements.

/// The same elements in row-major order under another shape.
struct Reshape: ViewFunction {
  let shape: Shape
  var name: String { "reshape" }
  var detail: String { shape.description }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    guard shape.elementCount == x[0].count else {
      throw ShapeError(name, "shape \(x[0].shape) has \(x[0].count) elements; \(shape) has \(shape.elementCount)")
    }
    return TensorType(shape, x[0].dtype)
  }
  func view(_ x: TensorObject, type: TensorType) -> (strides: Strides, offset: Int)? {
    x.isDense ? (shape.denseStrides, x.offset) : nil
  }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { dy.reshaped(x[0].shape) }
}

/// The axes in another order.
struct Transpose: ViewFunction {
  /// Axis j of the result is axis `order[j]` of the input.
  let order: AxisOrder
  let rank: Int
  var name: String { "transpose" }
  var detail: String { "\((0..<rank).map { order[$0] })" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    var shape = x[0].shape
    var seen = AxisSet(all: 0)
    for position in 0..<rank {
      if order[position] < shape.rank { shape[position] = x[0].shape[order[position]] }
      seen.insert(order[position] & 7)
    }
    guard rank == shape.rank, seen == AxisSet(all: rank) else {
      throw ShapeError(name, "\(detail) is not an order of the \(shape.rank) axes of shape \(x[0].shape)")
    }
    return TensorType(shape, x[0].dtype)
  }
  func view(_ x: TensorObject, type: TensorType) -> (strides: Strides, offset: Int)? {
    var strides = Strides(repeating: 0)
    for position in 0..<rank { strides[position] = x.strides[order[position]] }
    return (strides, x.offset)
  }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    var inverse = order
    for position in 0..<rank { inverse[order[position]] = position }
    return apply(view: Transpose(order: inverse, rank: rank), dy)
  }
}

/// The elements repeated along axes of extent 1 and along new leading axes.
struct Broadcast: ViewFunction {
  let shape: Shape
  var name: String { "broadcast" }
  var detail: String { shape.description }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    guard x[0].shape.broadcast(with: shape) == shape else {
      throw ShapeError(name, "shape \(x[0].shape) does not broadcast to \(shape)")
    }
    return TensorType(shape, x[0].dtype)
  }
  func view(_ x: TensorObject, type: TensorType) -> (strides: Strides, offset: Int)? {
    (x.broadcastStrides(rank: shape.rank), x.offset)
  }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { dy.summed(to: x[0].shape) }
}

extension Tensor {
  /// The same elements in row-major order under another shape; one extent may be -1 and is then worked out.
  public func reshaped(_ extents: [Int]) -> Tensor {
    guard let open = extents.firstIndex(of: -1) else { return reshaped(Shape(extents)) }
    let known = extents.enumerated().reduce(1) { $1.offset == open ? $0 : $0 * $1.element }
    guard known > 0, count % known == 0 else {
      stop(ShapeError("reshape", "shape \(shape) has \(count) elements, which do not divide into \(extents)"))
    }
    var complete = extents
    complete[open] = count / known
    return reshaped(Shape(complete))
  }

  package func reshaped(_ shape: Shape) -> Tensor {
    shape == self.shape ? self : apply(view: Reshape(shape: shape), self)
  }

  /// All elements along one axis.
  public func flattened() -> Tensor { reshaped(Shape([count])) }

  /// The axes reversed; the transpose of a matrix.
  public func transposed() -> Tensor {
    apply(view: Transpose(order: AxisOrder((0..<rank).reversed()), rank: rank), self)
  }

  /// The axes in another order: axis j of the result is axis `order[j]` of this tensor. Negative axes count from the end.
  public func transposed(_ order: [Int]) -> Tensor {
    let resolved = order.map { shape.resolve(axis: $0) }
    guard resolved.count == rank, Set(resolved).count == rank, !resolved.contains(nil) else {
      stop(ShapeError("transpose", "\(order) is not an order of the \(rank) axes of shape \(shape)"))
    }
    return apply(view: Transpose(order: AxisOrder(resolved.map { $0! }), rank: rank), self)
  }

  /// The axes `a` and `b` exchanged.
  public func swappingAxes(_ a: Int, _ b: Int) -> Tensor {
    let order = AxisOrder(rank: rank, swapping: axis(a, "swapAxes"), axis(b, "swapAxes"))
    return apply(view: Transpose(order: order, rank: rank), self)
  }

  /// This tensor repeated along axes of extent 1, and along new leading axes, to fill `shape`. Uses no memory.
  public func broadcast(to shape: Shape) -> Tensor {
    shape == self.shape ? self : apply(view: Broadcast(shape: shape), self)
  }

  /// A new axis of extent 1 at `axis`; negative positions count from the end of the result.
  public func expandingDimension(at axis: Int) -> Tensor {
    let position = axis < 0 ? axis + rank + 1 : axis
    guard position >= 0 && position <= rank else {
      stop(ShapeError("expandingDimension", "position \(axis) is outside the \(rank) axes of shape \(shape)"))
    }
    var extents = shape
    extents.insert(1, at: position)
    return reshaped(extents)
  }

  /// Without the axis `axis`, which has extent 1; without every such axis if none is named.
  public func squeezed(_ axis: Int? = nil) -> Tensor {
    guard let axis else { return reshaped(Shape(shape.filter { $0 != 1 })) }
    let resolved = self.axis(axis, "squeezed")
    guard shape[resolved] == 1 else {
      stop(ShapeError("squeezed", "axis \(axis) of shape \(shape) has extent \(shape[resolved]); expected 1"))
    }
    var extents = shape
    extents.remove(at: resolved)
    return reshaped(extents)
  }

  /// The sum over the axes along which `shape` was broadcast to this tensor's: what a broadcast operand's gradient is.
  func summed(to shape: Shape) -> Tensor {
    if shape == self.shape { return self }
    let missing = rank - shape.rank
    var axes = AxisSet(all: missing)
    for axis in missing..<rank where shape[axis - missing] == 1 && self.shape[axis] != 1 { axes.insert(axis) }
    return apply(Reduce(kind: .sum, axes: axes, keepsAxes: false), [self]).reshaped(shape)
  }

  /// The axis counted from the front, for an axis that may count from the end.
  func axis(_ axis: Int, _ operation: @autoclosure () -> String) -> Int {
    guard let resolved = shape.resolve(axis: axis) else {
      stop(ShapeError(operation(), "axis \(axis) does not exist in shape \(shape)"))
    }
    return resolved
  }
}
