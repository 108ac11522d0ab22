// Pooling: one number for each window of an image and each of its channels (n, spatial…, channels).

extension PoolingWindows {
  /// The shape rule of all poolings.
  fileprivate func pooledType(_ name: String, _ x: Tensor) throws(ShapeError) -> TensorType {
    guard x.rank == rank + 2 else {
      throw ShapeError(name, "an input of shape \(x.shape) was found; expected (n, \(rank) spatial axes, channels)")
    }
    guard x.dtype == .float32 || x.dtype == .float64 else {
      throw ShapeError(name, "a \(x.dtype) tensor was found; expected floating point (convert with cast(to:))")
    }
    return TensorType(try pooled(x.shape, name), x.dtype)
  }

  /// The type of the positions of maxima: the numbers of elements in their windows.
  fileprivate func positionType(_ x: Tensor) -> DType {
    // The shape rule has counted them before.
    taps(in: SlidingWindow.aligned(x.spatialExtents))! <= 256 ? .uint8 : .int32
  }
}

/// The largest element of each window of `x[0]`, NaN where there is one, and its position in the window: the first of equals.
struct MaxPooling: MultipleFunction {
  let windows: PoolingWindows
  var name: String { "maxPooling" }
  var detail: String { windows.detail }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    let type = try windows.pooledType(name, x[0])
    return [type, TensorType(type.shape, windows.positionType(x[0]))]
  }
  func forward(_ x: [Tensor], into y: [Tensor]) {
    guard y[0].count > 0 else { return }
    y[0].backend.run(PoolingRoutine(kind: .max, windows: windows), [x[0].dense], into: y)
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func saves(output k: Int) -> Bool { k == 1 }
  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    [dy[0].map { apply(MaxPoolingGradient(windows: windows, input: x[0].shape), [$0, y[1]]) }]
  }
}

/// The largest element of each window, where nobody asks for a gradient.
struct LargestOfWindows: Function {
  let windows: PoolingWindows
  var name: String { "maxPooling" }
  var detail: String { windows.detail }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { try windows.pooledType(name, x[0]) }
  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    y.backend.run(PoolingRoutine(kind: .max, windows: windows), [x[0].dense], into: [y])
  }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    fatalError("\(name): a gradient needs the positions of the maxima")
  }
}

/// Every element gets `x[0]` dy of the windows whose largest it is, by their positions `x[1]`.
struct MaxPoolingGradient: Function {
  let windows: PoolingWindows
  let input: Shape
  var name: String { "maxPoolingGradient" }
  var detail: String { windows.detail }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(input, x[0].dtype) }
  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    y.backend.run(PoolingRoutine(kind: .maxGradient, windows: windows), [x[0].dense, x[1].dense], into: [y])
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 1 }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(MaxPoolingPick(windows: windows), [dy, x[1]]) : nil
  }
}

/// The elements of `x[0]` at the positions `x[1]` of their windows.
struct MaxPoolingPick: Function {
  let windows: PoolingWindows
  var name: String { "maxPoolingPick" }
  var detail: String { windows.detail }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(x[1].shape, x[0].dtype) }
  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    y.backend.run(PoolingRoutine(kind: .pick, windows: windows), [x[0].dense, x[1].dense], into: [y])
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j == 1 }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(MaxPoolingGradient(windows: windows, input: x[0].shape), [dy, x[1]]) : nil
  }
}

/// The mean of each window of `x[0]`.
struct AveragePooling: Function {
  let windows: PoolingWindows
  var name: String { "averagePooling" }
  var detail: String { windows.detail }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { try windows.pooledType(name, x[0]) }
  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    y.backend.run(PoolingRoutine(kind: .average, windows: windows), [x[0].dense], into: [y])
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    apply(AveragePoolingGradient(windows: windows, input: x[0].shape), [dy])
  }
}

/// Every element gets its share of `x[0]` dy of the windows that hold it.
struct AveragePoolingGradient: Function {
  let windows: PoolingWindows
  let input: Shape
  var name: String { "averagePoolingGradient" }
  var detail: String { windows.detail }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { TensorType(input, x[0].dtype) }
  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    y.backend.run(PoolingRoutine(kind: .averageGradient, windows: windows), [x[0].dense], into: [y])
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    apply(AveragePooling(windows: windows), [dy])
  }
}

// MARK: - For users

extension Tensor {
  /// The largest element of each window of images (n, height, width, channels), signals or volumes; NaN where a window holds one. Of equal
  /// elements the first gets the gradient.
  ///
  /// Every window must hold an element: one that only sees padding, also between the others where the dilation is wider than the image, is
  /// refused. (PyTorch gives -∞ there.)
  /// - Parameters:
  ///   - kernel: the extents of the windows.
  ///   - stride: the distance between windows; if nil, the kernel's extents.
  ///   - padding: what surrounds the image; no maximum is found there.
  ///   - roundsUp: whether a last window that goes beyond the image counts, as long as it begins inside (PyTorch's ceil_mode).
  public func maxPooled(
    _ kernel: PerAxis, stride: PerAxis? = nil, dilation: PerAxis = 1, padding: Padding = .valid, roundsUp: Bool = false
  ) -> Tensor {
    let window = poolingWindow(kernel, stride, dilation, padding, "maxPooling")
    return maxPooled(over: .sliding(window, roundsUp: roundsUp, countsPadding: false))
  }

  /// The mean of each window of images (n, height, width, channels), signals or volumes.
  /// - Parameters:
  ///   - kernel: the extents of the windows.
  ///   - stride: the distance between windows; if nil, the kernel's extents.
  ///   - padding: the zeros that surround the image.
  ///   - roundsUp: whether a last window that goes beyond the padding counts, as long as it begins before it (PyTorch's ceil_mode).
  ///   - countsPadding: whether the zeros of the padding count (PyTorch's count_include_pad).
  public func averagePooled(
    _ kernel: PerAxis, stride: PerAxis? = nil, padding: Padding = .valid, roundsUp: Bool = false,
    countsPadding: Bool = true
  ) -> Tensor {
    let window = poolingWindow(kernel, stride, 1, padding, "averagePooling")
    return averagePooled(over: .sliding(window, roundsUp: roundsUp, countsPadding: countsPadding))
  }

  /// The largest elements of so many windows along each spatial axis, which together cover the image (PyTorch's adaptive pooling).
  public func maxPooled(to extents: PerAxis) -> Tensor { maxPooled(over: adaptive(extents, "maxPooling")) }

  /// The means of so many windows along each spatial axis, which together cover the image (PyTorch's adaptive pooling).
  public func averagePooled(to extents: PerAxis) -> Tensor { averagePooled(over: adaptive(extents, "averagePooling")) }

  private func maxPooled(over windows: PoolingWindows) -> Tensor {
    if dtype == .bfloat16 { return cast(to: .float32).maxPooled(over: windows).cast(to: .bfloat16) }
    return isRecording(self)
      ? apply(MaxPooling(windows: windows), [self])[0] : apply(LargestOfWindows(windows: windows), [self])
  }

  private func averagePooled(over windows: PoolingWindows) -> Tensor {
    if dtype == .bfloat16 { return cast(to: .float32).averagePooled(over: windows).cast(to: .bfloat16) }
    return apply(AveragePooling(windows: windows), [self])
  }

  private func poolingWindow(
    _ kernel: PerAxis, _ stride: PerAxis?, _ dilation: PerAxis, _ padding: Padding, _ name: String
  ) -> SlidingWindow {
    do throws(ShapeError) {
      return try .pooling(
        kernel, stride: stride, dilation: dilation, padding: padding, input: spatialExtents, operation: name)
    } catch { stop(error) }
  }

  private func adaptive(_ extents: PerAxis, _ name: String) -> PoolingWindows {
    let rank = rank - 2
    guard (1...3).contains(rank), let all = extents(rank: rank), all.allSatisfy({ $0 > 0 }) else {
      stop(
        ShapeError(
          name,
          "an input of shape \(shape) and \(extents) windows were found; expected (n, 1 to 3 spatial axes, channels) and positive numbers"
        ))
    }
    return .adaptive(SlidingWindow.aligned(all), rank: rank)
  }
}

extension SlidingWindow {
  /// The window of a pooling over an image with these spatial extents.
  package static func pooling(
    _ kernel: PerAxis, stride: PerAxis?, dilation: PerAxis, padding: Padding, input: [Int], operation: String
  ) throws(ShapeError) -> SlidingWindow {
    guard let extents = kernel(rank: input.count) else {
      throw ShapeError(
        operation,
        "a kernel of \(kernel) was found; expected one number, or one for each of the \(input.count) spatial axes")
    }
    return try SlidingWindow(
      extents, stride: stride ?? kernel, dilation: dilation, padding: padding, input: input, operation: operation)
  }
}
