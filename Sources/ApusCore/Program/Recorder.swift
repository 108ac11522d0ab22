import CApus

/// A backend that writes every kernel call down, and runs it on another one when it has to.
///
/// What a step does is recorded at the boundary between operations and device: views are strides by then, shapes are settled, and every
/// call says which memory it reads and writes. A call that only depends on what was there before the step is not written down: its
/// result is a constant. Memory of a ``Parameter`` is known as such, and may be written.
package final class Recorder: Backend, @unchecked Sendable {
  // One thread records; the class is Sendable only because every backend is.
  let base: CPUBackend
  var recording: Recording
  private(set) var buffers = BuffersByStorage()
  /// Whether calls are only written down: see DeferredRecording.swift.
  var isDeferring = true
  /// The memory of the arguments.
  private(set) var inputs: [Storage] = []
  /// Memory that was made by the step, to see in the end what outlives it.
  private var made: Set<Int> = []
  /// Where random numbers come from while recording.
  let random: RandomSource?
  private var origin = Origin(phase: .forward, operation: "", detail: "", layer: "")
  private var layers = LayerNames()
  /// What is being computed again waits for these, and belongs together.
  private var (waitsFor, recomputation, recomputations): ([Int], Int, Int) = ([], 0, 0)
  /// Why the step cannot be recorded.
  private(set) var failure: String?

  /// Results of calls on constants are kept up to this size; larger ones are computed at every run.
  private static let largestConstant = 1 << 20

  init(base: CPUBackend, random: RandomSource?) {
    self.base = base
    self.random = random
    recording = Recording(
      instructions: [], buffers: [], inputs: [], results: [], randomBlocks: 0, scalarSources: [])
  }

  /// The recorder at work on this thread.
  package static var current: Recorder? {
    guard let pointer = apus_thread().pointee.recorder else { return nil }
    return Unmanaged<Recorder>.fromOpaque(pointer).takeUnretainedValue()
  }

  package var name: String { base.name }

  // MARK: The step from outside

  /// Runs `body` on stand-ins for `inputs`, which must be dense.
  /// - Returns: its results, if they had to be computed; and what it did, or why that cannot be repeated.
  static func record(
    _ inputs: [Tensor], on base: CPUBackend, random: RandomSource?, _ body: ([Tensor]) throws -> [Tensor]
  ) throws -> (results: [Tensor]?, recording: Result<Recording, NotRecorded>) {
    let recorder = Recorder(base: base, random: random)
    let standIns = inputs.enumerated().map { recorder.standIn(for: $1, number: $0) }
    var results: [Tensor]
    do { results = try recorder.whileCurrent { try body(standIns) } } catch {
      recorder.runDeferred()  // what it did until then is done
      throw error
    }
    let recording = recorder.finish(&results)
    return (recorder.isDeferring ? nil : results, recording)
  }

  private func whileCurrent<R>(_ body: () throws -> R) rethrows -> R {
    let thread = apus_thread()
    let before = thread.pointee.recorder
    thread.pointee.recorder = Unmanaged.passUnretained(self).toOpaque()
    defer { thread.pointee.recorder = before }
    return try withExtendedLifetime(self, body)
  }

  /// Runs `body` without writing down what it does.
  static func unrecorded<R>(_ body: () throws -> R) rethrows -> R {
    let thread = apus_thread()
    let before = thread.pointee.recorder
    thread.pointee.recorder = nil
    defer { thread.pointee.recorder = before }
    return try body()
  }

  /// The same elements under an identity of their own: two arguments may be one tensor now, but not at the next run.
  private func standIn(for input: Tensor, number: Int) -> Tensor {
    guard let storage = input.object.storage else { return input }
    recording.inputs.append(input.type)
    let part = Storage(
      pointer: input.object.address, byteCount: input.type.byteCount, backend: storage.backend, of: storage)
    buffers[part] = add(.input(number), byteCount: part.byteCount)
    inputs.append(part)
    return Tensor(TensorObject(shape: input.shape, dtype: input.dtype, storage: part))
  }

  func add(_ role: Buffer.Role, byteCount: Int) -> Int {
    recording.buffers.append(Buffer(role: role, byteCount: byteCount))
    return recording.buffers.count - 1
  }

  private func finish(_ results: inout [Tensor]) -> Result<Recording, NotRecorded> {
    for result in results where result.isTracked { fail("a result is being differentiated by the caller") }
    let kept = Set(results.map { operand($0).buffer })
    for number in buffers.live where made.contains(number) && recording.buffers[number].isTemporary {
      if !kept.contains(number) { fail("memory that it computed outlives it, other than as a result") }
    }
    guard failure == nil else { return .failure(NotRecorded(reason: failure!)) }
    // Somebody else may look at a result.
    for i in results.indices where isToCome(results[i]) && !results[i].isSeenByNobodyElse() { runDeferred() }
    if isDeferring { for source in recording.scalarSources { source.keepForNextStep() } }
    for (number, result) in results.enumerated() {
      let operand = self.operand(result)
      // A result is memory of its own, which the caller may keep.
      let whole = Operand(buffer: add(.result(number), byteCount: operand.byteCount), type: operand.type)
      recording.instructions.append(
        Instruction(
          kernel: .copy, inputs: [operand], outputs: [whole],
          origins: [Origin(phase: .forward, operation: "result", detail: "\(number)", layer: "")]))
      recording.results.append(whole)
    }
    return .success(recording)
  }

  /// Says why the step cannot be recorded; the first reason counts.
  package func fail(_ reason: String) {
    guard failure == nil else { return }
    runDeferred()
    failure = reason
  }

  // MARK: Where calls come from

  /// The operation that runs from here on.
  func begin(_ function: some Function) {
    origin.operation = function.name
    origin.detail = function.detail
  }

  /// A layer begins to run; `parts` are those inside it.
  func enter(_ layer: any RunningLayer, parts: [(name: String, layer: any RunningLayer)]) {
    layers.place(layer, parts: parts)
  }

  /// The gradient of what `layer` did is computed from here on.
  func pullBack(through layer: (any RunningLayer)?) { origin.layer = layers.name(of: layer) }

  /// Runs `body` as a phase of the step.
  package static func during<R>(_ phase: Phase, _ body: () throws -> R) rethrows -> R {
    guard let recorder = current else { return try body() }
    let before = recorder.origin
    recorder.origin = Origin(phase: phase, operation: "\(phase)", detail: "", layer: "")
    defer { recorder.origin = before }
    return try body()
  }

  /// Runs `body`, which computes once more what was computed before, because the gradient `dy` needs it: not earlier, therefore, than
  /// there is `dy`.
  package static func recomputing<R>(for dy: Tensor, _ body: () throws -> R) rethrows -> R {
    guard let recorder = current else { return try body() }
    let before = (recorder.waitsFor, recorder.recomputation)
    recorder.recomputations += 1
    let buffer = recorder.operand(dy).buffer
    (recorder.waitsFor, recorder.recomputation) = (before.0 + [buffer], recorder.recomputations)
    defer { (recorder.waitsFor, recorder.recomputation) = before }
    return try body()
  }

  // MARK: Calls

  func operand(_ tensor: Tensor) -> Operand {
    guard let storage = tensor.object.storage else { return Operand(tensor.object, buffer: -1) }
    let number = buffers[storage] ?? add(.constant(storage), byteCount: storage.byteCount)
    buffers[storage] = number
    return Operand(tensor.object, buffer: number)
  }

  /// - Parameter name: what it is called, where the operation at work says too little.
  private func perform(_ kernel: Kernel, _ x: [Tensor], _ y: [Tensor], as name: String? = nil) {
    guard failure == nil else { return Self.unrecorded { kernel.run(on: base, x, y, random: random) } }
    if origin.phase == .forward { origin.layer = layers.name(of: LayerFrame.current?.layer) }
    let inputs = x.map(operand)
    let isConstant = inputs.allSatisfy { recording.buffers[$0.buffer].constant != nil }
    let size = y.reduce(0) { $0 + $1.type.byteCount }
    if kernel.isPure && isConstant && size <= Self.largestConstant, y.allSatisfy(canBecomeConstant) {
      for tensor in y { tensor.object.storage?.back() }
      Self.unrecorded { kernel.run(on: base, x, y, random: random) }
      for tensor in y { recording.buffers[operand(tensor).buffer].role = .constant(tensor.object.storage!) }
      return
    }
    for tensor in y { makeWritable(tensor) }
    var origin = origin
    if let name { (origin.operation, origin.detail) = (name, "") }
    recording.instructions.append(
      Instruction(
        kernel: kernel, inputs: inputs, outputs: y.map(operand), origins: [origin], after: waitsFor,
        recomputation: recomputation))
    if !isDeferring { Self.unrecorded { kernel.run(on: base, x, y, random: random) } }
  }

  /// Whether all that was ever written to this memory is known when the step begins.
  private func canBecomeConstant(_ tensor: Tensor) -> Bool {
    let number = operand(tensor).buffer
    switch recording.buffers[number].role {
    case .constant: return true
    case .temporary: return !recording.instructions.contains { $0.writes.contains(number) }
    default: return false
    }
  }

  /// A constant that is about to be written to is a constant no more: from here on its memory starts as a copy.
  private func makeWritable(_ tensor: Tensor) {
    guard let storage = tensor.object.storage, let number = buffers[storage],
      recording.buffers[number].constant != nil
    else { return }
    let bytes = TensorType([storage.byteCount], .uint8)
    let original = Storage(
      pointer: storage.pointer, byteCount: storage.byteCount, backend: storage.backend, of: storage)
    let snapshot = Self.unrecorded { () -> Tensor in
      let copy = Tensor(uninitialized: bytes.shape, .uint8, on: base)
      base.copy(Tensor(TensorObject(shape: bytes.shape, dtype: .uint8, storage: original)), into: copy)
      return copy
    }
    recording.buffers[number].role = .constant(snapshot.object.storage!)
    let fresh = add(.temporary, byteCount: storage.byteCount)
    buffers[storage] = fresh
    recording.instructions.append(
      Instruction(
        kernel: .copy, inputs: [Operand(buffer: number, type: bytes)], outputs: [Operand(buffer: fresh, type: bytes)],
        origins: [origin]))
  }

  // MARK: Parameters

  /// Says that `tensor` is what `parameter` holds.
  func note(_ parameter: Parameter, holds tensor: Tensor) {
    guard failure == nil, let storage = tensor.object.storage else { return }
    if let number = buffers[storage] {
      // A constant so far, when it was seen by another way before.
      if recording.buffers[number].parameter !== parameter { recording.buffers[number].role = .parameter(parameter) }
    } else {
      buffers[storage] = add(.parameter(parameter), byteCount: storage.byteCount)
    }
  }

  /// Says that `parameter` is about to change `value`, which is what it holds.
  func note(_ parameter: Parameter, makesUnique value: inout Tensor) {
    let old = value.object.storage.map(ObjectIdentifier.init)
    note(parameter, holds: value)
    if isDeferring && !value.isUnique() && isToCome(value) { runDeferred() }
    Self.unrecorded { value.makeUnique() }
    guard failure == nil, let old, let new = value.object.storage, ObjectIdentifier(new) != old else { return }
    // Somebody else can see the old elements. Later runs change the parameter's own memory; who looks at the old gets a copy.
    let copy = add(.temporary, byteCount: value.type.byteCount)
    let number = buffers.exchange(old, for: copy)
    buffers[new] = number
    recording.instructions.append(
      Instruction(
        kernel: .copy, inputs: [Operand(buffer: number, type: value.type)],
        outputs: [Operand(buffer: copy, type: value.type)], origins: [origin]))
  }

  /// Elements for a new parameter: they are there before the next run. A copy, unless the step has only just made them.
  func elementsForNewParameter(_ tensor: Tensor) -> Tensor {
    let number = operand(tensor).buffer
    if failure == nil, made.contains(number), recording.buffers[number].constant != nil,
      !recording.instructions.contains(where: { $0.reads.contains(number) })
    {
      return tensor
    }
    let elements = computed(tensor)
    if elements.object !== tensor.object { return elements }
    return Self.unrecorded {
      let copy = Tensor(uninitialized: tensor.shape, tensor.dtype, on: base)
      base.copy(tensor, into: copy)
      return copy
    }
  }

  /// Notes that the run must end here if the number is not finite.
  func requireFinite(_ value: Tensor) {
    guard failure == nil else { return }
    recording.instructions.append(
      Instruction(
        kernel: .requireFinite, inputs: [operand(value)], outputs: [],
        origins: [Origin(phase: origin.phase, operation: "requireFinite", detail: "", layer: "")]))
  }

  // MARK: Backend

  package func allocate(_ byteCount: Int) -> Storage {
    let storage =
      isDeferring ? Storage(unbacked: byteCount, backend: base) : Self.unrecorded { base.allocate(byteCount) }
    let number = add(.temporary, byteCount: byteCount)
    buffers[storage] = number
    made.insert(number)
    return storage
  }

  package func release(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    base.release(pointer, byteCount: byteCount)
  }

  package func upload(_ bytes: UnsafeRawBufferPointer, to storage: Storage) {
    storage.back()
    base.upload(bytes, to: storage)
    wasFilled(storage)
  }

  /// Says that the host has written to fresh memory.
  func wasFilled(_ storage: Storage) {
    if let number = buffers[storage] { recording.buffers[number].role = .constant(storage) }
  }

  package func download(_ storage: Storage, byteOffset: Int, to bytes: UnsafeMutableRawBufferPointer) {
    if let number = buffers[storage], recording.buffers[number].constant == nil {
      fail("it reads numbers that will be others at the next run (after \(origin.operation))")
    }
    base.download(storage, byteOffset: byteOffset, to: bytes)
  }

  package func range(of indices: Tensor) -> ClosedRange<Int>? {
    let elements = computed(indices)
    return Self.unrecorded { base.range(of: elements) }
  }
  package func check(_ indices: Tensor, _ bounds: IndexBounds) -> ClosedRange<Int>? {
    perform(.check(bounds), [indices], [], as: "check")
    let found = range(of: indices)
    if isDeferring, let found { bounds.check(found) }
    return found
  }

  package func elementwise(
    _ program: TileProgram, scalars: Scalars, shape: Shape, inputs: [Tensor], outputs: [Tensor]
  ) {
    if let source = scalars.source, !recording.scalarSources.contains(where: { $0 === source }) {
      recording.scalarSources.append(source)
    }
    perform(.elementwise(Formula(program, scalars: scalars, shape: shape)), inputs, outputs)
  }

  package func reduce(_ kind: Reduction, _ x: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    perform(.reduce(kind, outer: outer, count: count, inner: inner), [x], [y])
  }
  package func cumulativeSum(_ x: Tensor, outer: Int, count: Int, inner: Int, reversed: Bool, into y: Tensor) {
    perform(.cumulativeSum(outer: outer, count: count, inner: inner, reversed: reversed), [x], [y])
  }
  package func moments(_ x: Tensor, rows: Int, columns: Int, into y: Tensor) {
    perform(.moments(rows: rows, columns: columns), [x], [y])
  }
  package func rowwise(_ function: RowFunction, _ x: Tensor, columns: Int, into y: Tensor) {
    perform(.rowwise(function, columns: columns), [x], [y])
  }
  package func softmaxGradient(_ y: Tensor, dy: Tensor, columns: Int, into dx: Tensor) {
    perform(.softmaxGradient(columns: columns), [y, dy], [dx])
  }
  package func softmaxCrossEntropy(_ logits: Tensor, labels: Tensor, into loss: Tensor) {
    perform(.softmaxCrossEntropy, [logits, labels], [loss])
  }
  package func softmaxCrossEntropyGradient(_ logits: Tensor, labels: Tensor, scale: Tensor, into dz: Tensor) {
    perform(.softmaxCrossEntropyGradient, [logits, labels, scale], [dz])
  }
  package func matmul(
    _ a: Tensor, _ b: Tensor, transposesB: Bool, bias: Tensor?, epilogue: Epilogue, into c: Tensor
  ) {
    let kernel = Kernel.matmul(transposesB: transposesB, hasBias: bias != nil, epilogue: epilogue)
    perform(kernel, bias.map { [a, b, $0] } ?? [a, b], [c])
  }
  package func copy(_ x: Tensor, into y: Tensor) { perform(.copy, [x], [y]) }
  package func fill(_ y: Tensor, with value: Double) { perform(.fill(value), [], [y]) }
  package func gather(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    perform(.gather(outer: outer, count: count, inner: inner), [x, indices], [y])
  }
  package func scatterAdd(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    perform(.scatterAdd(outer: outer, count: count, inner: inner), [x, indices], [y])
  }
  package func gatherElements(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    perform(.gatherElements(outer: outer, count: count, inner: inner), [x, indices], [y])
  }
  package func scatterAddElements(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    perform(.scatterAddElements(outer: outer, count: count, inner: inner), [x, indices], [y])
  }
  package func argSort(_ x: Tensor, outer: Int, count: Int, inner: Int, descending: Bool, into y: Tensor) {
    perform(.argSort(outer: outer, count: count, inner: inner, descending: descending), [x], [y])
  }

  package func run(_ routine: any Routine, _ inputs: [Tensor], into outputs: [Tensor]) {
    // A gradient's routine is no operation of its own.
    perform(.routine(routine), inputs, outputs, as: routine.name == origin.operation ? nil : routine.name)
  }

  package func random(_ distribution: Distribution, key: UInt64, stream: UInt64, counter: UInt64, into y: Tensor) {
    guard failure == nil, let random, random.seed == key, random.stream == stream, counter >= random.nextBlock else {
      fail("it draws random numbers that are not from the withTraining around the call")
      return Self.unrecorded { base.random(distribution, key: key, stream: stream, counter: counter, into: y) }
    }
    let offset = counter - random.nextBlock
    let blocks = distribution.blocks(y.dtype, count: y.count)
    recording.randomBlocks = max(recording.randomBlocks, offset + blocks)
    perform(.random(distribution, offset: offset), [], [y], as: "random")
  }
}

/// Why a step runs operation by operation: what it does cannot be repeated as a list of kernel calls.
struct NotRecorded: Error, Sendable, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}
