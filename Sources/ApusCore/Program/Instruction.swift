/// What one instruction of a program does: the calls of ``Backend``, as values.
enum Kernel: Sendable {
  case elementwise(Formula)
  case reduce(Reduction, outer: Int, count: Int, inner: Int)
  case cumulativeSum(outer: Int, count: Int, inner: Int, reversed: Bool)
  case moments(rows: Int, columns: Int)
  case rowwise(RowFunction, columns: Int)
  case softmaxGradient(columns: Int)
  case softmaxCrossEntropy
  case softmaxCrossEntropyGradient
  /// Loss and gradient together: from logits, labels and scale.
  case softmaxCrossEntropyWithGradient
  case matmul(transposesB: Bool, hasBias: Bool, epilogue: Epilogue)
  case copy
  case fill(Double)
  case gather(outer: Int, count: Int, inner: Int)
  case scatterAdd(outer: Int, count: Int, inner: Int)
  case gatherElements(outer: Int, count: Int, inner: Int)
  case scatterAddElements(outer: Int, count: Int, inner: Int)
  case argSort(outer: Int, count: Int, inner: Int, descending: Bool)
  /// Random numbers from the block `offset` on, counted from where the run begins.
  case random(Distribution, offset: UInt64)
  case routine(any Routine)
  case check(IndexBounds)
  /// Ends the run, before anything after it, if the number is not finite.
  case requireFinite

  /// Whether equal inputs always give equal outputs, and nothing else happens.
  var isPure: Bool {
    switch self {
    case .random, .check, .requireFinite: false
    default: true
    }
  }

  /// Whether this must run even if nobody reads what it writes.
  var hasEffect: Bool {
    switch self {
    case .check, .requireFinite: true
    default: false
    }
  }

  /// Whether it adds to what its output holds.
  var accumulates: Bool {
    switch self {
    case .scatterAdd, .scatterAddElements: true
    case .routine(let routine): routine.accumulates
    default: false
    }
  }

  /// Calls the backend.
  func run(on backend: any Backend, _ x: [Tensor], _ y: [Tensor], random: RandomSource?) {
    switch self {
    case .elementwise(let formula):
      backend.elementwise(
        formula.program(), scalars: Scalars(formula.values), shape: formula.shape, inputs: x, outputs: y)
    case .reduce(let kind, let outer, let count, let inner):
      backend.reduce(kind, x[0], outer: outer, count: count, inner: inner, into: y[0])
    case .cumulativeSum(let outer, let count, let inner, let reversed):
      backend.cumulativeSum(x[0], outer: outer, count: count, inner: inner, reversed: reversed, into: y[0])
    case .moments(let rows, let columns): backend.moments(x[0], rows: rows, columns: columns, into: y[0])
    case .rowwise(let function, let columns): backend.rowwise(function, x[0], columns: columns, into: y[0])
    case .softmaxGradient(let columns): backend.softmaxGradient(x[0], dy: x[1], columns: columns, into: y[0])
    case .softmaxCrossEntropy: backend.softmaxCrossEntropy(x[0], labels: x[1], into: y[0])
    case .softmaxCrossEntropyGradient:
      backend.softmaxCrossEntropyGradient(x[0], labels: x[1], scale: x[2], into: y[0])
    case .softmaxCrossEntropyWithGradient:
      backend.softmaxCrossEntropy(x[0], labels: x[1], into: y[0])
      backend.softmaxCrossEntropyGradient(x[0], labels: x[1], scale: x[2], into: y[1])
    case .matmul(let transposesB, let hasBias, let epilogue):
      backend.matmul(
        x[0], x[1], transposesB: transposesB, bias: hasBias ? x[2] : nil, epilogue: epilogue, into: y[0])
    case .copy: backend.copy(x[0], into: y[0])
    case .fill(let value): backend.fill(y[0], with: value)
    case .gather(let outer, let count, let inner):
      backend.gather(x[0], x[1], outer: outer, count: count, inner: inner, into: y[0])
    case .scatterAdd(let outer, let count, let inner):
      backend.scatterAdd(x[0], x[1], outer: outer, count: count, inner: inner, into: y[0])
    case .gatherElements(let outer, let count, let inner):
      backend.gatherElements(x[0], x[1], outer: outer, count: count, inner: inner, into: y[0])
    case .scatterAddElements(let outer, let count, let inner):
      backend.scatterAddElements(x[0], x[1], outer: outer, count: count, inner: inner, into: y[0])
    case .argSort(let outer, let count, let inner, let descending):
      backend.argSort(x[0], outer: outer, count: count, inner: inner, descending: descending, into: y[0])
    case .random(let distribution, let offset):
      guard let random else { fatalError("a run that draws random numbers needs a source of them") }
      backend.random(
        distribution, key: random.seed, stream: random.stream, counter: random.nextBlock &+ offset, into: y[0])
    case .routine(let routine): backend.run(routine, x, into: y)
    case .check(let bounds): backend.check(x[0], bounds)
    case .requireFinite: break  // the run itself looks at the number
    }
  }
}

/// A part of a buffer, seen as a tensor.
struct Operand: Hashable, Sendable {
  var buffer: Int
  let shape: Shape
  let strides: [Int]
  /// In elements.
  var offset: Int
  let dtype: DType
  let isDense: Bool

  init(_ object: TensorObject, buffer: Int) {
    self.buffer = buffer
    shape = object.shape
    strides = (0..<object.shape.rank).map { object.strides[$0] }
    offset = object.offset
    dtype = object.dtype
    isDense = object.isDense
  }

  /// A dense tensor over a whole buffer.
  init(buffer: Int, type: TensorType) {
    self.init(TensorObject(shape: type.shape, dtype: type.dtype, storage: nil), buffer: buffer)
  }

  var count: Int { shape.elementCount }
  var type: TensorType { TensorType(shape, dtype) }
  var byteCount: Int { type.byteCount }

  /// The tensor that this is in `storage`; without one, a placeholder that has the layout.
  func tensor(in storage: Storage?) -> Tensor {
    var all = Strides(repeating: 0)
    for (axis, stride) in strides.enumerated() { all[axis] = stride }
    return Tensor(
      TensorObject(shape: shape, strides: all, offset: offset, dtype: dtype, storage: storage, node: nil))
  }

  /// Whether the elements of `other` are the same, in the same order.
  func isSame(as other: Operand) -> Bool {
    buffer == other.buffer && offset == other.offset && dtype == other.dtype && count == other.count
      && (isDense && other.isDense || shape == other.shape && strides == other.strides)
  }
}

/// The phases of a training step.
public enum Phase: String, Sendable, CaseIterable { case forward, backward, update }

/// Where an instruction comes from.
struct Origin: Hashable, Sendable {
  var phase: Phase
  /// The operation's name, and what distinguishes the call.
  var operation: String
  var detail: String
  /// The layer that was running, by its place and as it was written; empty outside of layers.
  var layer: String
}

/// One kernel call of a program.
struct Instruction: Sendable {
  var kernel: Kernel
  var inputs: [Operand]
  var outputs: [Operand]
  /// The operations that it does, one unless they were fused.
  var origins: [Origin]
  /// Buffers that have to be written before it runs, though it does not read them: what is computed again waits for the gradient that
  /// needs it, or it would lie in memory all the time.
  var after: [Int] = []
  /// Which recomputation it belongs to; 0: none. What is computed again is not shared with what was computed before.
  var recomputation = 0

  var reads: [Int] { inputs.map(\.buffer) + (kernel.accumulates ? outputs.map(\.buffer) : []) + after }
  var writes: [Int] { outputs.map(\.buffer) }
}

/// Memory that instructions read and write.
struct Buffer: Sendable {
  enum Role: Sendable {
    /// The argument of this number.
    case input(Int)
    /// Elements that were there before the step, or that depend on nothing else.
    case constant(Storage)
    /// The elements of a parameter, an optimiser's memory or a running statistic: they outlive the run.
    case parameter(Parameter)
    /// Only of use within a run.
    case temporary
    /// The result of this number.
    case result(Int)
  }
  var role: Role
  var byteCount: Int

  var isTemporary: Bool { if case .temporary = role { true } else { false } }
  var constant: Storage? { if case .constant(let storage) = role { storage } else { nil } }
  var parameter: Parameter? { if case .parameter(let parameter) = role { parameter } else { nil } }
}

/// Which buffer stands for which memory. The memory is not kept alive, so that the step can overwrite what only it sees.
struct BuffersByStorage {
  private struct Entry {
    weak var storage: Storage?
    var buffer: Int
  }
  private var entries: [ObjectIdentifier: Entry] = [:]

  subscript(storage: Storage) -> Int? {
    get {
      // Another object may have lived at this address.
      guard let entry = entries[ObjectIdentifier(storage)], entry.storage === storage else { return nil }
      return entry.buffer
    }
    set { entries[ObjectIdentifier(storage)] = newValue.map { Entry(storage: storage, buffer: $0) } }
  }

  /// Lets another buffer stand for this memory.
  /// - Returns: the buffer so far.
  mutating func exchange(_ identity: ObjectIdentifier, for buffer: Int) -> Int {
    let before = entries[identity]!.buffer
    entries[identity]!.buffer = buffer
    return before
  }

  /// The buffers of memory that still is in use.
  var live: [Int] { entries.values.filter { $0.storage != nil }.map(\.buffer) }

  /// The memory that still is in use, by buffer.
  var storages: [Int: Storage] {
    var storages: [Int: Storage] = [:]
    for entry in entries.values { if let storage = entry.storage { storages[entry.buffer] = storage } }
    return storages
  }
}

/// What one run of a step did, as a list of kernel calls.
struct Recording: Sendable {
  var instructions: [Instruction]
  var buffers: [Buffer]
  var inputs: [TensorType]
  var results: [Operand]
  /// The blocks of random numbers that a run uses.
  var randomBlocks: UInt64
  /// What gives new scalars at every step, in the order of use.
  var scalarSources: [StepScalars]

  /// Adds a temporary buffer.
  mutating func makeBuffer(byteCount: Int) -> Int {
    buffers.append(Buffer(role: .temporary, byteCount: byteCount))
    return buffers.count - 1
  }
}

/// Numbers that change from step to step, such as a learning rate with its bias correction.
///
/// They are asked for once when an update runs by itself, and once at every run of a program that contains the update.
package final class StepScalars: @unchecked Sendable {
  // Only the thread that runs the step touches these; a program's runs exclude each other.
  package private(set) var values: [Double]
  private let next: () -> [Double]
  /// Whether the present numbers are those of a step that has yet to run.
  private var areAhead = false

  /// - Parameter next: gives the numbers of the next step, beginning with the one that runs now.
  package init(_ next: @escaping () -> [Double]) {
    self.next = next
    values = next()
  }

  /// Says that the step that these numbers are for is still to run.
  func keepForNextStep() { areAhead = true }

  /// Goes on to the numbers of the step that runs now.
  func advance() {
    if areAhead { areAhead = false } else { values = next() }
  }
}
