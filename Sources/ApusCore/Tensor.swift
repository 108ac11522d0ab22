import CApus

/// A multi-dimensional array of numbers, and a place in a computation graph.
///
/// A tensor is a value: operations return new tensors and never change one. Views (`reshaped`, `transposed`, slices) share the
/// memory of the tensor they look into. The element type is fixed by ``dtype``; operations refuse to mix types silently.
///
/// Inside `valueWithGradient`, a tensor that depends on something trainable also remembers the operation it came from.
public struct Tensor: Sendable {
  package var object: TensorObject

  package init(_ object: TensorObject) { self.object = object }

  /// The extents of the axes.
  public var shape: Shape { object.shape }
  /// The type of the elements.
  public var dtype: DType { object.dtype }
  /// The number of axes.
  public var rank: Int { object.shape.rank }
  /// The number of elements.
  public var count: Int { object.shape.elementCount }
  /// Where the elements live.
  public var device: Device { Device(backend: object.storage?.backend ?? CPUBackend.shared) }
  /// Shape and element type.
  public var type: TensorType { TensorType(shape, dtype) }

  /// Whether a gradient is being tracked through this tensor.
  public var isTracked: Bool { object.node != nil }

  package var node: Node? { object.node }
  package var backend: any Backend { object.backend }
}

/// What a tensor refers to: the layout of its elements in a storage, and the node that made it.
package final class TensorObject: @unchecked Sendable {
  package let shape: Shape
  let strides: Strides
  /// The position of the first element in the storage, in elements.
  let offset: Int
  package let dtype: DType
  /// Whether the elements lie row-major without gaps.
  package let isDense: Bool
  /// Nil for a placeholder, which has a type but no elements.
  ///
  /// This and `node` are set once, before anybody else can see the object: there is nothing for run-time exclusivity checks to find,
  /// and they took a tenth of a small training step.
  @exclusivity(unchecked) package private(set) var storage: Storage?
  /// What the tensor was made by, if that is tracked.
  @exclusivity(unchecked) package private(set) var node: Node?

  /// Whether nobody else refers to the storage. (`storage` is a variable for the sake of this test alone.)
  func ownsStorage() -> Bool { isKnownUniquelyReferenced(&storage) }

  /// A dense tensor over the whole of `storage`.
  init(shape: Shape, dtype: DType, storage: Storage?, node: Node? = nil) {
    self.shape = shape
    self.strides = shape.denseStrides
    self.offset = 0
    self.dtype = dtype
    self.isDense = true
    self.storage = storage
    self.node = node
  }

  /// A view into `storage`.
  init(shape: Shape, strides: Strides, offset: Int, dtype: DType, storage: Storage?, node: Node?) {
    self.shape = shape
    self.strides = strides
    self.offset = offset
    self.dtype = dtype
    self.isDense = Self.isDense(shape, strides)
    self.storage = storage
    self.node = node
  }

  /// The same elements, attached to another node (or to none).
  init(_ other: TensorObject, node: Node?) {
    shape = other.shape
    strides = other.strides
    offset = other.offset
    dtype = other.dtype
    isDense = other.isDense
    storage = other.storage
    self.node = node
  }

  /// Says where this fresh object comes from, before anybody else can see it.
  func attach(_ node: Node) { self.node = node }

  private static func isDense(_ shape: Shape, _ strides: Strides) -> Bool {
    var step = 1
    for axis in stride(from: shape.rank - 1, through: 0, by: -1) {
      if shape.extents[axis] != 1 && strides[axis] != step { return false }
      step *= shape.extents[axis]
    }
    return true
  }

  /// Where operations on this tensor go: to its device, by way of a recorder if one is at work.
  package var backend: any Backend { Recorder.current ?? storage?.backend ?? CPUBackend.shared }

  /// The address of the first element. Only kernels may use it, on the device that the storage belongs to.
  var address: UnsafeMutableRawPointer {
    guard let storage else { fatalError("a placeholder tensor has no elements") }
    return storage.pointer + offset * dtype.byteCount
  }
}

extension Tensor {
  /// A tensor of undefined elements, to be filled by a kernel.
  package init(uninitialized shape: Shape, _ dtype: DType, on backend: any Backend = Device.current.backend) {
    self.init(
      TensorObject(shape: shape, dtype: dtype, storage: backend.allocate(shape.elementCount * dtype.byteCount)))
  }

  /// A tensor with a type but no elements, for running shape rules without data.
  package init(placeholder type: TensorType, node: Node? = nil) {
    self.init(TensorObject(shape: type.shape, dtype: type.dtype, storage: nil, node: node))
  }

  /// The same elements, row-major without gaps: this very tensor when it is dense already.
  package var dense: Tensor {
    if object.isDense { return self }
    let result = Tensor(uninitialized: shape, dtype, on: backend)
    backend.copy(self, into: result)
    return result
  }

  /// The same elements, not tracked: for kernels and for results that no gradient flows through.
  public func stopGradient() -> Tensor {
    object.node == nil ? self : Tensor(TensorObject(object, node: nil))
  }
}

// MARK: - Memory

extension Tensor {
  /// Bytes in live tensors and in the pool, on the processor.
  public static var memoryUse: MemoryUse { HostPool.shared.use }
  /// Gives memory that is kept for reuse back to the system.
  public static func trimMemory() { HostPool.shared.trim() }
}

/// The number of threads that operations run on: all cores unless set.
public enum Threads {
  /// 1 or more; setting 0 restores the number of cores.
  public static var count: Int {
    get { Int(apus_threads()) }
    set { apus_set_threads(Int32(clamping: max(0, newValue))) }
  }
}
