// Sums, extremes and what is made of them.

/// One reduction over a set of axes.
struct Reduce: Function {
  let kind: Reduction
  let axes: AxisSet
  let keepsAxes: Bool

  var name: String { "\(kind)" }
  var detail: String { "axes \(axes.axes)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    var shape = x[0].shape
    if kind == .min || kind == .max || kind == .argMin || kind == .argMax, reducedCount(shape) == 0 {
      throw ShapeError(name, "shape \(x[0].shape) has no elements to compare along axes \(axes.axes)")
    }
    let isLogical = kind == .any || kind == .all
    if !isLogical && x[0].dtype == .bool {
      throw ShapeError(name, "a bool tensor was found; convert it with cast(to:)")
    }
    for axis in stride(from: shape.rank - 1, through: 0, by: -1) where axes.contains(axis) {
      if keepsAxes { shape[axis] = 1 } else { shape.remove(at: axis) }
    }
    switch kind {
    case .argMin, .argMax: return TensorType(shape, .int64)
    case .any, .all: return TensorType(shape, .bool)
    case .sum, .product, .sumOfSquares: return TensorType(shape, x[0].dtype == .uint8 ? .int64 : x[0].dtype)
    case .mean:
      guard x[0].dtype.isFloatingPoint else {
        throw ShapeError(name, "a \(x[0].dtype) tensor was found; expected floating point (convert with cast(to:))")
      }
      return TensorType(shape, x[0].dtype)
    case .min, .max: return TensorType(shape, x[0].dtype)
    }
  }

  /// How many elements go into one of the result.
  private func reducedCount(_ shape: Shape) -> Int {
    var count = 1
    for axis in 0..<shape.rank where axes.contains(axis) { count *= shape[axis] }
    return count
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    // The reduced axes are brought next to each other, if need be by a copy: then they are one middle axis.
    var source = x[0]
    var first = axes.first
    if !axes.isContiguous {
      let kept = (0..<source.rank).filter { !axes.contains($0) }
      source = source.stopGradient().transposed(kept + axes.axes)
      first = kept.count
    }
    switch kind {
    case .sum, .product, .sumOfSquares, .mean: source = source.cast(to: y.dtype == .bfloat16 ? .float32 : y.dtype)
    default: if source.dtype == .bfloat16 { source = source.cast(to: .float32) }
    }
    source = source.dense
    var (outer, count, inner) = (1, 1, 1)
    for axis in 0..<first { outer *= source.shape[axis] }
    for axis in first..<(first + axes.count) { count *= source.shape[axis] }
    for axis in (first + axes.count)..<source.rank { inner *= source.shape[axis] }
    let backend = y.backend
    let result = y.dtype == .bfloat16 ? Tensor(uninitialized: y.shape, .float32, on: backend) : y
    backend.reduce(kind == .mean ? .sum : kind, source, outer: outer, count: count, inner: inner, into: result)
    if kind == .mean {
      // In place: the divisions are as many as results.
      backend.elementwise(
        Elementwise.divideByScalar.program(result.dtype), scalars: [Double(count)], shape: result.shape,
        inputs: [result], outputs: [result])
    }
    if y.dtype == .bfloat16 { backend.copy(result, into: y) }
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { kind != .sum && kind != .mean }
  var savesOutput: Bool { kind == .min || kind == .max }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    let dy = keepingAxes(dy, of: x[0].shape)
    switch kind {
    case .sum: return dy.broadcast(to: x[0].shape)
    case .mean: return (dy / Double(reducedCount(x[0].shape))).broadcast(to: x[0].shape)
    case .sumOfSquares: return dy * 2 * x[0]
    case .min, .max:
      // Tied extremes share the gradient.
      let isExtreme = (x[0] .== keepingAxes(y, of: x[0].shape)).cast(to: x[0].dtype)
      return isExtreme * (dy / isExtreme.sum(axes: axes.axes, keepsAxes: true))
    case .product: return dy * productOfOthers(x[0])
    case .argMin, .argMax, .any, .all: return nil
    }
  }

  private func keepingAxes(_ reduced: Tensor, of shape: Shape) -> Tensor {
    if keepsAxes { return reduced }
    var kept = shape
    for axis in 0..<shape.rank where axes.contains(axis) { kept[axis] = 1 }
    return reduced.reshaped(kept)
  }

  /// For each element the product of all others, right also where some are 0.
  private func productOfOthers(_ x: Tensor) -> Tensor {
    let isZero = x .== 0
    let zeros = isZero.cast(to: x.dtype).sum(axes: axes.axes, keepsAxes: true)
    let others = x.replacing(where: isZero, with: 1).product(axes: axes.axes, keepsAxes: true)
    let nonZero = x.replacing(where: isZero, with: 1)
    let none = Tensor(filledWith: 0, shape: [], dtype: x.dtype)
    // No zero: product / x. One zero: only that element's gradient is not 0. More: all are 0.
    return `where`(
      isZero, `where`(zeros .== 1, others, none), `where`(zeros .== 0, others / nonZero, none))
  }
}

extension Tensor {
  private func reduced(_ kind: Reduction, _ axes: [Int]?, _ keepsAxes: Bool) -> Tensor {
    var set = AxisSet(all: axes == nil ? rank : 0)
    for axis in axes ?? [] {
      let resolved = self.axis(axis, "\(kind)")
      guard !set.contains(resolved) else {
        stop(ShapeError("\(kind)", "axes \(axes ?? []) name an axis of shape \(shape) twice"))
      }
      set.insert(resolved)
    }
    return apply(Reduce(kind: kind, axes: set, keepsAxes: keepsAxes), [self])
  }

  /// The sum over `axes` (all if nil); a reduced axis disappears, or stays with extent 1. uint8 sums to int64; int32
  /// stays int32, and wraps.
  public func sum(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor {
    if let axes, axes.isEmpty { return self }
    return reduced(.sum, axes, keepsAxes)
  }

  /// The product over `axes` (all if nil). Its gradient is right where elements are 0; second derivatives there are not.
  public func product(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor { reduced(.product, axes, keepsAxes) }

  /// The sum of all squares, without a tensor of them in between.
  package func sumOfSquares() -> Tensor { requiringFloat("sumOfSquares").reduced(.sumOfSquares, nil, false) }

  /// The arithmetic mean over `axes` (all if nil); NaN of no elements.
  public func mean(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor {
    if let axes, axes.isEmpty { return self }
    return reduced(.mean, axes, keepsAxes)
  }

  /// The largest element over `axes` (all if nil); NaN if there is one. Tied elements share the gradient.
  public func max(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor { reduced(.max, axes, keepsAxes) }
  /// The smallest element over `axes` (all if nil); NaN if there is one. Tied elements share the gradient.
  public func min(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor { reduced(.min, axes, keepsAxes) }

  /// The variance over `axes` (all if nil): the mean squared distance from the mean, or with `isSample` the sum divided by n - 1.
  public func variance(axes: [Int]? = nil, isSample: Bool = false, keepsAxes: Bool = false) -> Tensor {
    let centred = self - mean(axes: axes, keepsAxes: true)
    let count = Double(elementCount(of: axes))
    return centred.reduced(.sumOfSquares, axes, keepsAxes) / (isSample ? count - 1 : count)
  }

  /// The square root of the variance. Its gradient is NaN where the deviation is 0.
  public func standardDeviation(axes: [Int]? = nil, isSample: Bool = false, keepsAxes: Bool = false) -> Tensor {
    sqrt(variance(axes: axes, isSample: isSample, keepsAxes: keepsAxes))
  }

  /// ln of the sum of e^x over `axes` (all if nil), without overflow.
  public func logSumExp(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor {
    if elementCount(of: axes) == 0 {
      return log(requiringFloat("logSumExp").sum(axes: axes, keepsAxes: keepsAxes))  // the logarithm of an empty sum
    }
    let largest = requiringFloat("logSumExp").stopGradient().max(axes: axes, keepsAxes: true)
    // An infinite maximum would give infinity - infinity.
    let shift = `where`(isFinite(largest), largest, Tensor(filledWith: 0, shape: [], dtype: dtype))
    let sum = log(exp(self - shift).sum(axes: axes, keepsAxes: true)) + shift
    return keepsAxes ? sum : sum.reshaped(reducedShape(axes))
  }

  /// The position of the largest element along `axis`, the first of equals, as int64.
  public func argMax(axis: Int) -> Tensor { reduced(.argMax, [axis], false) }
  /// The position of the smallest element along `axis`, the first of equals, as int64.
  public func argMin(axis: Int) -> Tensor { reduced(.argMin, [axis], false) }
  /// The position of the largest element in row-major order.
  public func argMax() -> Tensor { flattened().argMax(axis: 0) }
  /// The position of the smallest element in row-major order.
  public func argMin() -> Tensor { flattened().argMin(axis: 0) }

  /// Whether any element over `axes` (all if nil) is not 0.
  public func any(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor { (self .!= 0).reduced(.any, axes, keepsAxes) }
  /// Whether all elements over `axes` (all if nil) are not 0.
  public func all(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor { (self .!= 0).reduced(.all, axes, keepsAxes) }

  /// The square root whose derivative at 0 is 0: the norm has no slope there, and one that is not finite would spoil everything.
  private static let root = Elementwise("norm", { x in sqrt(x) }, derivative: { _, y in select(y > 0, 0.5 / y, 0) })

  /// The Euclidean (for matrices: Frobenius) norm over `axes` (all if nil); its gradient at 0 is 0.
  public func norm(axes: [Int]? = nil, keepsAxes: Bool = false) -> Tensor {
    Self.root(requiringFloat("norm").reduced(.sumOfSquares, axes, keepsAxes))
  }

  private func elementCount(of axes: [Int]?) -> Int {
    axes.map { $0.reduce(1) { $0 * shape[axis($1, "mean")] } } ?? count
  }

  private func reducedShape(_ axes: [Int]?) -> Shape {
    guard let axes else { return [] }
    let gone = axes.map { axis($0, "reduce") }
    return Shape((0..<rank).filter { !gone.contains($0) }.map { shape[$0] })
  }

  func requiringFloat(_ operation: String) -> Tensor {
    guard dtype.isFloatingPoint else {
      stop(ShapeError(operation, "a \(dtype) tensor was found; expected floating point (convert with cast(to:))"))
    }
    return self
  }
}

/// Running sums along one axis.
struct CumulativeSum: Function {
  let axis: Int
  let isReversed: Bool
  var name: String { "cumulativeSum" }
  var detail: String { "axis \(axis)" + (isReversed ? ", reversed" : "") }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    guard x[0].dtype != .bool && x[0].dtype != .bfloat16 && x[0].dtype != .uint8 else {
      throw ShapeError(name, "a \(x[0].dtype) tensor was found; convert it with cast(to:)")
    }
    return x[0].type
  }
  func forward(_ x: [Tensor], into y: Tensor) {
    let (outer, count, inner) = split(x[0].shape, at: axis)
    y.backend.cumulativeSum(x[0].dense, outer: outer, count: count, inner: inner, reversed: isReversed, into: y)
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    apply(CumulativeSum(axis: axis, isReversed: !isReversed), [dy])
  }
}

extension Tensor {
  /// The running sum along `axis`; reversed, each element is the sum from there to the end.
  public func cumulativeSum(axis: Int, isReversed: Bool = false) -> Tensor {
    apply(CumulativeSum(axis: self.axis(axis, "cumulativeSum"), isReversed: isReversed), [self])
  }
}
