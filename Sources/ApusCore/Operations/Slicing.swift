// Rectangular parts of a tensor, and their inverse.

/// What to take along one axis.
public struct AxisSlice: Sendable, Hashable {
  /// Nil: from the first element (with a negative step, from the last).
  var start: Int?
  /// Nil: through the last element (with a negative step, the first). Otherwise not included.
  var end: Int?
  var step: Int
  /// A single position, whose axis disappears.
  var index: Int?

  /// Every element.
  public static let all = AxisSlice(start: nil, end: nil, step: 1)
  /// Every element in reverse.
  public static let reversed = AxisSlice(start: nil, end: nil, step: -1)
  /// The element at `index` (negative: from the end); the axis disappears.
  public static func index(_ index: Int) -> AxisSlice { AxisSlice(start: nil, end: nil, step: 1, index: index) }
  /// From `start` up to but not including `end`, in steps; as in Python, negative bounds count from the end and bounds beyond the axis
  /// are cut to it. `step` is not 0.
  public static func from(_ start: Int? = nil, to end: Int? = nil, by step: Int = 1) -> AxisSlice {
    AxisSlice(start: start, end: end, step: step)
  }

  init(start: Int?, end: Int?, step: Int, index: Int? = nil) {
    self.start = start
    self.end = end
    self.step = step
    self.index = index
  }

  /// First position and number of positions on an axis of `extent`; nil for an index that does not exist or a step of 0.
  func resolve(extent: Int) -> (first: Int, count: Int)? {
    if let index {
      let position = index < 0 ? index + extent : index
      return position >= 0 && position < extent ? (position, 1) : nil
    }
    guard step != 0 else { return nil }
    func clamp(_ bound: Int, _ low: Int, _ high: Int) -> Int { min(max(bound < 0 ? bound + extent : bound, low), high) }
    if step > 0 {
      let first = start.map { clamp($0, 0, extent) } ?? 0
      let last = end.map { clamp($0, 0, extent) } ?? extent
      return (first, max(0, (last - first + step - 1) / step))
    }
    let first = start.map { clamp($0, -1, extent - 1) } ?? extent - 1
    let last = end.map { clamp($0, -1, extent - 1) } ?? -1
    return (first, max(0, (first - last - step - 1) / -step))
  }
}

/// What may stand in a subscript: a position, a range, or an ``AxisSlice``.
public protocol TensorIndex { var axisSlice: AxisSlice { get } }
extension AxisSlice: TensorIndex { public var axisSlice: AxisSlice { self } }
// So that `.all`, `.reversed` and `.from(2)` can be written where any index may stand.
extension TensorIndex where Self == AxisSlice {
  public static var all: AxisSlice { AxisSlice.all }
  public static var reversed: AxisSlice { AxisSlice.reversed }
  public static func from(_ start: Int? = nil, to end: Int? = nil, by step: Int = 1) -> AxisSlice {
    AxisSlice.from(start, to: end, by: step)
  }
}
extension Int: TensorIndex { public var axisSlice: AxisSlice { .index(self) } }
extension Range<Int>: TensorIndex { public var axisSlice: AxisSlice { .from(lowerBound, to: upperBound) } }
extension ClosedRange<Int>: TensorIndex {
  // -1 is the last element: what follows it is the end, not position 0.
  public var axisSlice: AxisSlice { .from(lowerBound, to: upperBound == -1 ? nil : upperBound + 1) }
}
extension PartialRangeFrom<Int>: TensorIndex { public var axisSlice: AxisSlice { .from(lowerBound) } }
extension PartialRangeUpTo<Int>: TensorIndex { public var axisSlice: AxisSlice { .from(to: upperBound) } }
extension PartialRangeThrough<Int>: TensorIndex {
  public var axisSlice: AxisSlice { .from(to: upperBound == -1 ? nil : upperBound + 1) }
}

/// A rectangular part, without copying.
struct SliceView: ViewFunction {
  /// One for each leading axis; the others are taken whole.
  let slices: [AxisSlice]
  var name: String { "slice" }
  var detail: String {
    slices.map { slice in
      if let index = slice.index { return "\(index)" }
      let step = slice.step == 1 ? "" : ":\(slice.step)"
      return "\(slice.start.map(String.init) ?? ""):\(slice.end.map(String.init) ?? "")\(step)"
    }.joined(separator: ", ")
  }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let shape = x[0].shape
    guard slices.count <= shape.rank else {
      throw ShapeError(name, "\(slices.count) positions were given for the \(shape.rank) axes of shape \(shape)")
    }
    var result = Shape()
    for axis in 0..<shape.rank {
      guard axis < slices.count else {
        result.append(shape[axis])
        continue
      }
      guard let (_, count) = slices[axis].resolve(extent: shape[axis]) else {
        let problem = slices[axis].index.map { "position \($0) does not exist" } ?? "a step of 0 has no meaning"
        throw ShapeError(name, "\(problem) along axis \(axis) of shape \(shape)")
      }
      if slices[axis].index == nil { result.append(count) }
    }
    return TensorType(result, x[0].dtype)
  }

  func view(_ x: TensorObject, type: TensorType) -> (strides: Strides, offset: Int)? {
    var strides = Strides(repeating: 0)
    var offset = x.offset
    var target = 0
    for axis in 0..<x.shape.rank {
      let slice = axis < slices.count ? slices[axis] : .all
      let (first, count) = slice.resolve(extent: x.shape[axis])!
      if count > 0 { offset += first * x.strides[axis] }
      guard slice.index == nil else { continue }
      strides[target] = x.strides[axis] * slice.step
      target += 1
    }
    return (strides, offset)
  }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    apply(SliceInto(slices: slices, shape: x[0].shape), [dy])
  }
}

/// Zeros of `shape` with `x` at the place of a slice: the gradient of slicing.
struct SliceInto: Function {
  let slices: [AxisSlice]
  let shape: Shape
  var name: String { "sliceInto" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(shape, x[0].dtype) }
  func forward(_ x: [Tensor], into y: Tensor) {
    y.backend.fill(y, with: 0)
    y.backend.copy(x[0], into: apply(view: SliceView(slices: slices), y))
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    apply(view: SliceView(slices: slices), dy)
  }
}

extension Tensor {
  /// A part of this tensor, by position or range along each leading axis:
  /// `x[0]`, `x[1..<4, 2]`, `x[.all, .from(to: -1)]`, `x[.reversed]`. Shares memory; positions may count from the end.
  public subscript(indices: any TensorIndex...) -> Tensor {
    apply(view: SliceView(slices: indices.map(\.axisSlice)), self)
  }

  /// The part of one axis that `slice` names.
  public func sliced(_ slice: AxisSlice, axis: Int) -> Tensor {
    let resolved = self.axis(axis, "slice")
    return apply(view: SliceView(slices: Array(repeating: .all, count: resolved) + [slice]), self)
  }

  /// The elements in reverse order along `axis`.
  public func reversed(axis: Int) -> Tensor { sliced(.reversed, axis: axis) }

  /// This tensor cut along `axis` into parts of the given sizes, which add up to the extent.
  public func split(sizes: [Int], axis: Int = 0) -> [Tensor] {
    let resolved = self.axis(axis, "split")
    guard sizes.allSatisfy({ $0 >= 0 }), sizes.reduce(0, +) == shape[resolved] else {
      stop(ShapeError("split", "sizes \(sizes) do not add up to the extent \(shape[resolved]) of axis \(axis)"))
    }
    var start = 0
    return sizes.map { size in
      defer { start += size }
      return sliced(.from(start, to: start + size), axis: resolved)
    }
  }

  /// This tensor cut along `axis` into `count` parts of equal size.
  public func split(count: Int, axis: Int = 0) -> [Tensor] {
    let extent = shape[self.axis(axis, "split")]
    guard count > 0, extent % count == 0 else {
      stop(ShapeError("split", "the extent \(extent) of axis \(axis) does not divide into \(count) equal parts"))
    }
    return split(sizes: Array(repeating: extent / count, count: count), axis: axis)
  }
}
