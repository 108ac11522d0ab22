// Making tensors from Swift values, and reading them back.

extension Tensor {
  /// A tensor of the given elements in row-major order.
  /// - Precondition: `elements.count` is the shape's element count.
  public init<Element: TensorElement>(_ elements: [Element], shape: Shape) {
    guard elements.count == shape.elementCount else {
      stop(ShapeError("Tensor", "\(elements.count) elements do not fill the shape \(shape)"))
    }
    self.init(uninitialized: shape, Element.dtype)
    elements.withUnsafeBytes { backend.upload($0, to: object.storage!) }
  }

  /// A vector of the given elements.
  public init<Element: TensorElement>(_ elements: [Element]) { self.init(elements, shape: [elements.count]) }

  /// A matrix of the given rows, which all have the same length.
  public init<Element: TensorElement>(_ rows: [[Element]]) {
    let columns = rows.first?.count ?? 0
    guard rows.allSatisfy({ $0.count == columns }) else {
      stop(ShapeError("Tensor", "the rows of a matrix have different lengths: \(rows.map(\.count))"))
    }
    self.init(Array(rows.joined()), shape: [rows.count, columns])
  }

  /// A single number, of shape `[]`.
  public init<Element: TensorElement>(_ value: Element) { self.init([value], shape: []) }

  /// A tensor whose elements all are `value`, converted to `dtype`.
  public init(filledWith value: Double, shape: Shape, dtype: DType = .float32) {
    self.init(uninitialized: shape, dtype)
    backend.fill(self, with: value)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    Tensor(filledWith: 0, shape: shape, dtype: dtype)
  }

  /// A tensor of ones.
  public static func ones(_ shape: Shape, dtype: DType = .float32) -> Tensor {
    Tensor(filledWith: 1, shape: shape, dtype: dtype)
  }

  /// A matrix with ones on a diagonal, zeros elsewhere: square unless `columns` is given. Diagonal 1 is the one above the main one.
  public static func identity(_ rows: Int, columns: Int? = nil, diagonal: Int = 0, dtype: DType = .float32) -> Tensor {
    let row = Tensor.range(0..<rows).reshaped([rows, 1])
    return (row + Double(diagonal) .== Tensor.range(0..<(columns ?? rows))).cast(to: dtype)
  }

  /// The whole numbers of `range`, as int64.
  public static func range(_ range: Range<Int>) -> Tensor { Tensor(range.map(Int64.init)) }

  /// `start`, `start + step`, … up to but not including `end`.
  public static func range(from start: Double, to end: Double, by step: Double, dtype: DType = .float32) -> Tensor {
    Tensor(Array(stride(from: start, to: end, by: step))).cast(to: dtype)
  }

  /// `count` evenly spaced numbers from `start` to `end`, both included.
  public static func linearSpace(from start: Double, to end: Double, count: Int, dtype: DType = .float32) -> Tensor {
    let last = Double(Swift.max(count - 1, 1))
    let values = (0..<Swift.max(count, 0)).map { index -> Double in
      index == count - 1 && count > 1 ? end : start + (end - start) * (Double(index) / last)
    }
    return Tensor(values).cast(to: dtype)
  }

  /// Matrix with a one at each label's column, zeros elsewhere: shape (labels…, classCount).
  /// - Precondition: labels are integers from 0 to `classCount` - 1.
  public static func oneHot(_ labels: Tensor, classCount: Int, dtype: DType = .float32) -> Tensor {
    guard labels.dtype.isInteger else {
      stop(ShapeError("oneHot", "labels are \(labels.dtype); expected an integer type"))
    }
    let indices = labels.cast(to: .int64).dense
    let range = 0..<classCount
    indices.backend.check(
      indices, IndexBounds(range: range, operation: "oneHot", subject: "label", place: "\(range)"))
    return (indices.expandingDimension(at: -1) .== Tensor.range(0..<classCount)).cast(to: dtype)
  }
}

// MARK: - Reading

extension Tensor {
  /// The elements in row-major order, converted to `Element` where the types differ.
  public func elements<Element: TensorElement>(as type: Element.Type = Element.self) -> [Element] {
    let tensor = (dtype == Element.dtype ? stopGradient() : stopGradient().cast(to: Element.dtype)).dense
    return tensor.withHostBytes { bytes in
      Array(unsafeUninitializedCapacity: tensor.count) { buffer, count in
        UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes)
        count = tensor.count
      }
    }
  }

  /// The elements as Double, in row-major order.
  public var doubles: [Double] { elements(as: Double.self) }
  /// The elements as Float, in row-major order.
  public var floats: [Float] { elements(as: Float.self) }
  /// The elements as Int, in row-major order.
  public var ints: [Int] { elements(as: Int.self) }

  /// The value of a tensor with one element, of any rank.
  /// - Precondition: `count` is 1.
  public var item: Double {
    guard count == 1 else { stop(ShapeError("item", "a tensor of shape \(shape) is not a single number")) }
    return doubles[0]
  }

  /// Calls `body` with the bytes of this dense tensor, on the host.
  package func withHostBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let tensor = dense
    let byteCount = count * dtype.byteCount
    guard byteCount > 0 else { return try body(UnsafeRawBufferPointer(start: nil, count: 0)) }
    if tensor.backend === CPUBackend.shared {
      return try withExtendedLifetime(tensor) {
        try body(UnsafeRawBufferPointer(start: tensor.object.address, count: byteCount))
      }
    }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    bytes.withUnsafeMutableBytes {
      tensor.backend.download(tensor.object.storage!, byteOffset: tensor.object.offset * dtype.byteCount, to: $0)
    }
    return try bytes.withUnsafeBytes(body)
  }

  /// A tensor of `type` whose row-major bytes are `bytes`.
  package init(bytes: UnsafeRawBufferPointer, type: TensorType) {
    precondition(bytes.count == type.byteCount)
    self.init(uninitialized: type.shape, type.dtype)
    backend.upload(bytes, to: object.storage!)
  }
}

extension Tensor {
  /// A tensor of `type` on the processor, whose row-major bytes `fill` writes: for readers of files, without a copy in between.
  package init<Failure>(
    type: TensorType, fill: (UnsafeMutableRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    self.init(uninitialized: type.shape, type.dtype)
    object.storage!.back()
    try fill(UnsafeMutableRawBufferPointer(start: object.address, count: type.byteCount))
    Recorder.current?.wasFilled(object.storage!)
  }

  /// Whether this tensor has a type but no elements.
  package var isPlaceholder: Bool { object.storage == nil }
}
