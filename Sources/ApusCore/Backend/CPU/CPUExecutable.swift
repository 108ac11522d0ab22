import CApus

extension CPUBackend {
  func makeExecutable(_ step: CompiledStep) -> any Executable { CPUExecutable(step, self) }

  /// What runs an instruction.
  fileprivate func task(_ instruction: Instruction, _ memory: MemoryPlan) -> CPUTask {
    let (inputs, outputs) = (instruction.inputs, instruction.outputs)
    let count = inputs.count + outputs.count
    func layout(_ operand: Operand) -> Tensor { operand.tensor(in: nil) }
    switch instruction.kernel {
    case .elementwise(let formula): return ElementwiseTask(formula, inputs: inputs, outputs: outputs, memory)
    case .random(let distribution, let offset): return RandomTask(distribution, offset: offset, output: outputs[0])
    case .reduce(let kind, let outer, let extent, let inner) where outputs[0].count > 0:
      if let sum = SumKernel(kind, inputs[0].dtype, outer: outer, count: extent, inner: inner) {
        return KernelTask(sum, operands: count)
      }
      if let sums = ColumnSumKernel(kind, inputs[0].dtype, outer: outer, count: extent, inner: inner) {
        return KernelTask(sums, operands: count)
      }
      return KernelTask(
        ReduceKernel(kind, inputs[0].dtype, outer: outer, count: extent, inner: inner), operands: count)
    case .matmul(let transposesB, let hasBias, let epilogue):
      let (a, b, c) = (layout(inputs[0]), layout(inputs[1]), layout(outputs[0]))
      if let kernel = kernel(a, b, transposesB: transposesB, hasBias: hasBias, epilogue: epilogue, into: c) {
        return KernelTask(kernel, operands: count)
      }
      if !transposesB, let kernel = batchedKernel(a, b, hasBias: hasBias, epilogue: epilogue, into: c) {
        return KernelTask(kernel, operands: count)
      }
      return CallTask(instruction, self)
    case .moments(let rows, let columns):
      return KernelTask(MomentsKernel(dtype: outputs[0].dtype, rows: rows, columns: columns), operands: count)
    case .rowwise(let function, let columns) where inputs[0].count > 0:
      return KernelTask(RowKernel(function, layout(inputs[0]), columns: columns), operands: count)
    case .softmaxCrossEntropy:
      return KernelTask(RowKernel(lossOf: layout(inputs[0]), labels: layout(inputs[1])), operands: count)
    case .softmaxCrossEntropyGradient, .softmaxCrossEntropyWithGradient:
      let (logits, labels, scale) = (layout(inputs[0]), layout(inputs[1]), layout(inputs[2]))
      return KernelTask(
        RowKernel(gradientOf: logits, labels: labels, scale: scale, withLoss: outputs.count == 2), operands: count)
    case .copy where inputs[0].dtype == outputs[0].dtype && inputs[0].count > 0:
      return KernelTask(CopyKernel(layout(inputs[0]), layout(outputs[0])), operands: count)
    case .copy where inputs[0].isDense && outputs[0].isDense && inputs[0].count > 0:
      return KernelTask(ConversionKernel(layout(inputs[0]), layout(outputs[0])), operands: count)
    case .routine(let routine): return task(routine, inputs, outputs)
    case .fill(let value) where outputs[0].isDense:
      return KernelTask(FillKernel(outputs[0].type, value), operands: count)
    case .gather(let outer, let extent, let inner):
      return KernelTask(
        GatherKernel(inputs[0].dtype, outer: outer, count: extent, indices: inputs[1].count, inner: inner),
        operands: count)
    case .scatterAdd(let outer, let extent, let inner):
      return KernelTask(
        ScatterAddKernel(inputs[0].dtype, outer: outer, count: extent, indices: inputs[1].count, inner: inner),
        operands: count)
    case .check(let bounds): return KernelTask(CheckKernel(bounds: bounds, count: inputs[0].count), operands: count)
    default: return CallTask(instruction, self)
    }
  }
}

/// A step on the processor: tasks in groups, each group a parallel region of the team, with one block of memory for everything
/// temporary.
private final class CPUExecutable: Executable {
  private let step: CompiledStep
  private let backend: CPUBackend
  private let tasks: [CPUTask]
  private let groups: [TaskGroup]
  private let arena: Storage
  /// The scratch memory of tasks that run alone.
  private let sharedScratch: Storage
  private let drawing: [RandomTask]
  private let stepping: [ElementwiseTask]
  /// The first group after the last number that has to be finite.
  private let firstUnguarded: Int

  /// Where the address of a buffer has to be written.
  private struct Place {
    let task: CPUTask
    let operand: Int
    let byteOffset: Int
  }
  private let places: [[Place]]
  /// The address that was last written to a buffer's places.
  private var bound: [UnsafeMutableRawPointer?]

  private let inputs: [Int]
  private let parameters: [(parameter: Parameter, buffer: Int, isWritten: Bool)]
  /// The versions of the parameters at the last run.
  private var versions: [Int]
  /// What keeps parameters' memory alive during a run.
  private var held: [Tensor] = []
  /// The results of the last run, whose memory serves again if nobody else has kept it.
  private var results: [TensorObject?]

  init(_ step: CompiledStep, _ backend: CPUBackend) {
    self.step = step
    self.backend = backend
    let recording = step.recording
    let tasks = recording.instructions.map { backend.task($0, step.memory) }
    self.tasks = tasks
    drawing = tasks.compactMap { $0 as? RandomTask }
    stepping = tasks.compactMap { $0 as? ElementwiseTask }.filter(\.isStepping)
    var places = [[Place]](repeating: [], count: recording.buffers.count)
    for (instruction, task) in zip(recording.instructions, tasks) {
      for (i, operand) in (instruction.inputs + instruction.outputs).enumerated() {
        places[operand.buffer].append(
          Place(task: task, operand: i, byteOffset: operand.offset * operand.dtype.byteCount))
      }
    }
    self.places = places
    groups = step.schedule.groups.map { TaskGroup($0.instructions, recording, tasks) }
    firstUnguarded = (groups.lastIndex(where: \.isGuarded) ?? -1) + 1
    arena = backend.allocate(step.memory.byteCount)
    let phased = tasks.compactMap { $0 as? PhasedTask }
    sharedScratch = backend.allocate(max(64, phased.map(\.sharedBytes).max() ?? 0))
    for task in phased { task.share(sharedScratch.pointer) }
    bound = Array(repeating: nil, count: recording.buffers.count)
    var inputs = [Int](repeating: -1, count: recording.inputs.count)
    for (number, buffer) in recording.buffers.enumerated() {
      if case .input(let i) = buffer.role { inputs[i] = number }
    }
    self.inputs = inputs
    parameters = step.parameters
    versions = Array(repeating: -1, count: parameters.count)
    results = Array(repeating: nil, count: recording.results.count)
    held.reserveCapacity(parameters.count)
    for (number, buffer) in recording.buffers.enumerated() {
      if let offset = step.memory.offsets[number] { bind(number, arena.pointer + offset) }
      if let constant = buffer.constant { bind(number, constant.pointer) }
    }
  }

  private func bind(_ buffer: Int, _ address: UnsafeMutableRawPointer) {
    guard bound[buffer] != address else { return }
    bound[buffer] = address
    for place in places[buffer] {
      place.task.addresses[place.operand] = address + place.byteOffset
      place.task.bind()
    }
  }

  private func prepare(_ inputs: [Tensor], _ random: RandomSource?) {
    for (i, buffer) in self.inputs.enumerated() { bind(buffer, inputs[i].object.address) }
    for (i, (parameter, buffer, isWritten)) in parameters.enumerated() {
      let (value, version) = isWritten ? (parameter.writable(), -1) : parameter.versioned
      bind(buffer, value.object.address)
      held.append(value)
      if versions[i] != version {
        versions[i] = version
        for place in places[buffer] { place.task.changed(place.operand) }
      }
    }
    for (i, operand) in step.recording.results.enumerated() {
      if results[i] == nil || !isKnownUniquelyReferenced(&results[i]!) || !results[i]!.ownsStorage() {
        results[i] = TensorObject(
          shape: operand.shape, dtype: operand.dtype, storage: backend.allocate(operand.byteCount))
      }
      bind(operand.buffer, results[i]!.address)
    }
    for task in drawing { task.prepare(random) }
  }

  /// Goes on to the next step's scalars, once nothing can end the run any more.
  private func advance() {
    for source in step.recording.scalarSources { source.advance() }
    for task in stepping { task.setScalars() }
  }

  func run(_ inputs: [Tensor], random: RandomSource?) throws(NotFiniteError) -> [Tensor] {
    try run(inputs, random) { group throws(NotFiniteError) in try group.run() }
  }

  func profile(
    _ inputs: [Tensor], random: RandomSource?, _ report: (Int, Double) -> Void
  ) throws(NotFiniteError) -> [Tensor] {
    try run(inputs, random) { group throws(NotFiniteError) in try group.run(report) }
  }

  private func run(
    _ inputs: [Tensor], _ random: RandomSource?, _ body: (TaskGroup) throws(NotFiniteError) -> Void
  ) throws(NotFiniteError) -> [Tensor] {
    prepare(inputs, random)
    defer { held.removeAll(keepingCapacity: true) }
    for (number, group) in groups.enumerated() {
      if number == firstUnguarded { advance() }
      try body(group)
    }
    return results.map { Tensor($0!) }
  }
}

/// Tasks that run side by side.
private final class TaskGroup {
  /// The tasks and their positions among all instructions.
  private let tasks: [(task: CPUTask, number: Int)]
  /// Those whose pieces are shared among the threads; `tasks` keeps them. Counting references here would make the threads wait for
  /// each other at every piece.
  private let shared: UnsafeMutableBufferPointer<Unmanaged<CPUTask>>
  private let takingTeam: [CPUTask]
  private let pieces: Int
  /// About how many nanoseconds they take on one core.
  private let cost: Double
  /// Numbers that must be finite for the run to go on.
  private let guarded: [(task: CPUTask, dtype: DType)]

  init(_ numbers: [Int], _ recording: Recording, _ all: [CPUTask]) {
    var guarded: [(CPUTask, DType)] = []
    var tasks: [(CPUTask, Int)] = []
    for number in numbers {
      if case .requireFinite = recording.instructions[number].kernel {
        guarded.append((all[number], recording.instructions[number].inputs[0].dtype))
      } else {
        tasks.append((all[number], number))
      }
    }
    self.guarded = guarded
    self.tasks = tasks
    takingTeam = tasks.map(\.0).filter(\.takesTeam)
    let sharing = tasks.map(\.0).filter { !$0.takesTeam }
    shared = .allocate(capacity: sharing.count)
    _ = shared.initialize(from: sharing.map { Unmanaged.passUnretained($0) })
    pieces = sharing.reduce(0) { $0 + $1.pieces }
    cost = sharing.reduce(0) { $0 + $1.cost }
  }

  deinit { shared.deallocate() }

  var isGuarded: Bool { !guarded.isEmpty }

  /// Runs the tasks.
  func run() throws(NotFiniteError) {
    for (task, dtype) in guarded { try Self.checkFinite(task, dtype) }
    for task in takingTeam { task.run(0) }
    if pieces > 1 && apus_parallel_pays(cost) {
      Team.run(count: pieces, grain: 1) { begin, end in
        for piece in begin..<end { run(piece) }
      }
      for task in shared { task._withUnsafeGuaranteedRef { $0.finish() } }
    } else {
      for task in shared {
        task._withUnsafeGuaranteedRef { task in
          for piece in 0..<task.pieces { task.run(piece) }
          task.finish()
        }
      }
    }
  }

  /// Runs one piece, counted over all tasks.
  private func run(_ piece: Int) {
    var piece = piece
    for task in shared {
      let count = task._withUnsafeGuaranteedRef { $0.pieces }
      if piece < count { return task._withUnsafeGuaranteedRef { $0.run(piece) } }
      piece -= count
    }
  }

  /// Runs the tasks one after the other, each with all threads.
  func run(_ report: (_ task: Int, _ nanoseconds: Double) -> Void) throws(NotFiniteError) {
    for (task, dtype) in guarded { try Self.checkFinite(task, dtype) }
    for (task, number) in tasks {
      let start = ContinuousClock.now
      if task.pieces > 1 && apus_parallel_pays(task.cost) {
        Team.run(count: task.pieces, grain: 1) { begin, end in
          for piece in begin..<end { task.run(piece) }
        }
      } else {
        for piece in 0..<task.pieces { task.run(piece) }
      }
      task.finish()
      report(number, (ContinuousClock.now - start).nanoseconds)
    }
  }

  private static func checkFinite(_ task: CPUTask, _ dtype: DType) throws(NotFiniteError) {
    var value = 0.0
    apus_convert(&value, APUS_F64, task.addresses[0], dtype.c, 1)
    guard value.isFinite else { throw NotFiniteError(value: value) }
  }
}
