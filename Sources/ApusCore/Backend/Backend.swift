/// The boundary between operations and a device. Everything an operation's `forward` does goes through these calls, so that no
/// operation assumes that a buffer is host memory.
///
/// Every `into` tensor is fresh and dense; inputs have any strides unless a call says "dense".
package protocol Backend: AnyObject, Sendable {
  /// "cpu", or the accelerator's name.
  var name: String { get }

  func allocate(_ byteCount: Int) -> Storage
  func release(_ pointer: UnsafeMutableRawPointer, byteCount: Int)
  /// Host bytes to device memory, and back.
  func upload(_ bytes: UnsafeRawBufferPointer, to storage: Storage)
  func download(_ storage: Storage, byteOffset: Int, to bytes: UnsafeMutableRawBufferPointer)

  /// One pass of an element-wise program over the broadcast shape of its inputs. `outputs` are dense; one may be an input (in place).
  func elementwise(_ program: TileProgram, scalars: Scalars, shape: Shape, inputs: [Tensor], outputs: [Tensor])
  /// Reduces the middle axis of dense `x`, seen as (outer, count, inner).
  func reduce(_ reduction: Reduction, _ x: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor)
  /// The mean and the biased variance of every column of dense (rows, columns) `x`, as the two rows of `y`.
  func moments(_ x: Tensor, rows: Int, columns: Int, into y: Tensor)
  func cumulativeSum(_ x: Tensor, outer: Int, count: Int, inner: Int, reversed: Bool, into y: Tensor)
  /// Softmax-like functions over the last axis of dense `x`.
  func rowwise(_ function: RowFunction, _ x: Tensor, columns: Int, into y: Tensor)
  func softmaxGradient(_ y: Tensor, dy: Tensor, columns: Int, into dx: Tensor)
  /// Per-row loss of dense logits, and optionally the probabilities.
  func softmaxCrossEntropy(_ logits: Tensor, labels: Tensor, into loss: Tensor)
  /// dz = (softmax(z) - onehot(labels)) * scale; `scale` has one element, or one for each row.
  func softmaxCrossEntropyGradient(_ logits: Tensor, labels: Tensor, scale: Tensor, into dz: Tensor)

  /// c = epilogue(a b + bias), or with bᵀ for b, over the last two axes of `a` and `b`, whose leading axes broadcast to c's.
  /// All have one type, except that bfloat16 `a` and `b` may have a float32 `c` and bias.
  func matmul(_ a: Tensor, _ b: Tensor, transposesB: Bool, bias: Tensor?, epilogue: Epilogue, into c: Tensor)

  /// Copies between any strided arrangements of the same shape, converting the element type when they differ.
  func copy(_ x: Tensor, into y: Tensor)
  func fill(_ y: Tensor, with value: Double)
  /// y[o, i, :] = x[o, indices[i], :], for dense tensors.
  func gather(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor)
  /// y[o, indices[i], :] += x[o, i, :].
  func scatterAdd(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor)
  func gatherElements(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor)
  func scatterAddElements(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor)
  /// The smallest and largest of dense int64 indices; nil when there are none.
  func range(of indices: Tensor) -> ClosedRange<Int>?
  /// Stops unless dense int64 indices lie within the bounds; returns the smallest and largest.
  @discardableResult
  func check(_ indices: Tensor, _ bounds: IndexBounds) -> ClosedRange<Int>?
  /// Positions that sort each column of the middle axis, stably; NaN last.
  func argSort(_ x: Tensor, outer: Int, count: Int, inner: Int, descending: Bool, into y: Tensor)

  /// Runs a routine on dense tensors; "accumulating" ones add to their outputs.
  func run(_ routine: any Routine, _ inputs: [Tensor], into outputs: [Tensor])

  func random(_ distribution: Distribution, key: UInt64, stream: UInt64, counter: UInt64, into y: Tensor)
}

extension Backend {
  package func check(_ indices: Tensor, _ bounds: IndexBounds) -> ClosedRange<Int>? {
    let range = range(of: indices)
    if let range { bounds.check(range) }
    return range
  }
}

/// The numbers of an element-wise call that its formula leaves open.
package struct Scalars: ExpressibleByArrayLiteral, Sendable {
  package let values: [Double]
  /// Where they come from, if they change from step to step.
  package let source: StepScalars?

  package init(_ values: [Double], from source: StepScalars? = nil) {
    self.values = values
    self.source = source
  }
  package init(arrayLiteral elements: Double...) { self.init(elements) }
}

/// Where indices must lie, and how a wrong one is reported.
package struct IndexBounds: Hashable, Sendable {
  let range: Range<Int>
  /// The operation that refuses; what an index is called there; what it would have to lie in.
  let (operation, subject, place): (String, String, String)

  func check(_ found: ClosedRange<Int>) {
    guard found.lowerBound < range.lowerBound || found.upperBound >= range.upperBound else { return }
    let wrong = found.lowerBound < range.lowerBound ? found.lowerBound : found.upperBound
    stop(ShapeError(operation, "\(subject) \(wrong) is outside \(place)"))
  }
}

/// Reductions of one axis.
package enum Reduction: UInt8, Sendable {
  case sum = 0
  case product, min, max, sumOfSquares, argMin, argMax, any, all, mean
}

/// Functions of a whole row.
package enum RowFunction: Sendable { case softmax, logSoftmax }

/// What a matrix product does to its result while it is still in registers.
package enum Epilogue: UInt8, Sendable { case none, relu, tanh, sigmoid }

/// Distributions that a device can fill a tensor with.
package enum Distribution: Sendable {
  case uniform(low: Double, high: Double)
  case normal(mean: Double, deviation: Double)
  case bernoulli(probability: Double)
}

/// Where tensors live and operations run.
public struct Device: Sendable, Hashable, CustomStringConvertible {
  package let backend: any Backend

  /// The processor, with one team of threads for the whole process.
  public static let cpu = Device(backend: CPUBackend.shared)

  /// Where new tensors go.
  static var current: Device { Device(backend: Recorder.current ?? CPUBackend.shared) }

  public var description: String { backend.name }
  public static func == (left: Device, right: Device) -> Bool { left.backend === right.backend }
  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(backend)) }
}
