// Several tensors into one, and padding.

/// Tensors one after the other along an axis.
struct Concatenate: Function {
  let axis: Int
  var name: String { "concatenate" }
  var detail: String { "axis \(axis)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    guard let first = x.first else { throw ShapeError(name, "there are no tensors to join") }
    var shape = first.shape
    guard axis < shape.rank else { throw ShapeError(name, "axis \(axis) does not exist in shape \(shape)") }
    for other in x.dropFirst() {
      guard other.dtype == first.dtype else {
        throw ShapeError(name, "element types \(first.dtype) and \(other.dtype) do not mix; convert one with cast(to:)")
      }
      var expected = first.shape
      if other.rank == shape.rank { expected[axis] = other.shape[axis] }
      guard other.shape == expected else {
        throw ShapeError(name, "shapes \(first.shape) and \(other.shape) differ in more than axis \(axis)")
      }
      shape[axis] += other.shape[axis]
    }
    return TensorType(shape, first.dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    var start = 0
    for part in x {
      let end = start + part.shape[axis]
      y.backend.copy(part, into: y.sliced(.from(start, to: end), axis: axis))
      start = end
    }
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    let start = x[..<i].reduce(0) { $0 + $1.shape[axis] }
    return dy.sliced(.from(start, to: start + x[i].shape[axis]), axis: axis)
  }
}

/// Tensors joined along an existing axis; the other extents are equal.
public func concatenate(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
  apply(Concatenate(axis: tensors.first?.axis(axis, "concatenate") ?? 0), tensors)
}

/// Tensors of one shape joined along a new axis.
public func stack(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
  concatenate(tensors.map { $0.expandingDimension(at: axis) }, axis: axis)
}

/// A border of one value around a tensor.
struct Pad: Function {
  let before: [Int]
  let after: [Int]
  let value: Double
  var name: String { "pad" }
  var detail: String { "before \(before), after \(after)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let shape = x[0].shape
    guard before.count == shape.rank, after.count == shape.rank, (before + after).allSatisfy({ $0 >= 0 }) else {
      throw ShapeError(name, "widths before \(before) and after \(after) do not fit the axes of shape \(shape)")
    }
    return TensorType(Shape((0..<shape.rank).map { before[$0] + shape[$0] + after[$0] }), x[0].dtype)
  }
  private func inside(_ shape: Shape) -> SliceView {
    SliceView(slices: shape.indices.map { .from(before[$0], to: before[$0] + shape[$0]) })
  }
  func forward(_ x: [Tensor], into y: Tensor) {
    y.backend.fill(y, with: value)
    y.backend.copy(x[0], into: apply(view: inside(x[0].shape), y))
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? { apply(view: inside(x[0].shape), dy) }
}

extension Tensor {
  /// This tensor with a border of `value`: `widths` gives the elements before and after, for each axis.
  public func padded(_ widths: [(before: Int, after: Int)], value: Double = 0) -> Tensor {
    apply(Pad(before: widths.map(\.before), after: widths.map(\.after), value: value), [self])
  }

  /// This tensor as often as `counts` says along each axis, aligned at the last; new leading axes for further counts.
  public func tiled(_ counts: [Int]) -> Tensor {
    guard counts.count <= Shape.maximumRank, counts.allSatisfy({ $0 >= 0 }) else {
      stop(ShapeError("tiled", "counts \(counts) do not fit the \(rank) axes of shape \(shape)"))
    }
    let leading = Array(repeating: 1, count: Swift.max(0, counts.count - rank))
    var result = reshaped(Shape(leading + Array(shape)))
    for (i, count) in counts.enumerated() where count != 1 {
      let axis = result.rank - counts.count + i
      result = result.copied(count, before: axis, merging: axis)
    }
    return result
  }

  /// Each element `count` times in a row along `axis`.
  public func repeated(_ count: Int, axis: Int) -> Tensor {
    let axis = self.axis(axis, "repeated")
    guard count >= 0 else { stop(ShapeError("repeated", "a count of \(count) is negative")) }
    return count == 1 ? self : copied(count, before: axis + 1, merging: axis)
  }

  /// `count` copies along a new axis, which is then merged with its neighbour into `axis`.
  private func copied(_ count: Int, before position: Int, merging axis: Int) -> Tensor {
    // A tensor of the highest rank has no room for the new axis: look at it as (before, extent, after).
    let (outer, extent, inner) = ApusCore.split(shape, at: axis)
    let parts = reshaped(Shape(position == axis ? [outer, 1, extent, inner] : [outer, extent, 1, inner]))
    let wide = parts.broadcast(
      to: Shape(position == axis ? [outer, count, extent, inner] : [outer, extent, count, inner]))
    var result = shape
    result[axis] = extent * count
    return wide.reshaped(result)
  }

  /// The elements of the last two axes on and below a diagonal, zeros above. Diagonal 1 is the one above the main diagonal.
  public func lowerTriangle(diagonal: Int = 0) -> Tensor { triangle("lowerTriangle") { $0 + Double(diagonal) .>= $1 } }

  /// The elements of the last two axes on and above a diagonal, zeros below. Diagonal 1 is the one above the main diagonal.
  public func upperTriangle(diagonal: Int = 0) -> Tensor { triangle("upperTriangle") { $0 + Double(diagonal) .<= $1 } }

  private func triangle(_ name: String, _ isKept: (_ row: Tensor, _ column: Tensor) -> Tensor) -> Tensor {
    guard rank >= 2 else { stop(ShapeError(name, "shape \(shape) was found; expected at least two axes")) }
    let rows = Tensor.range(0..<shape[rank - 2]).expandingDimension(at: 1)
    return `where`(
      isKept(rows, Tensor.range(0..<shape[rank - 1])), self, Tensor(filledWith: 0, shape: [], dtype: dtype))
  }
}
