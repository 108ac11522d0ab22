import CApus

extension Program {
  /// Measures where the time of a step goes, on inputs that are always the same; see ``profile(over:)``.
  public func profile(_ inputs: [Tensor], runs: Int = 20) throws -> ProgramProfile {
    try profile(over: Array(repeating: inputs, count: max(1, runs)))
  }

  /// Measures where the time of a step goes.
  ///
  /// The step runs once to be recorded, then on each batch as always, and once more on each, one instruction after the other with
  /// all threads: a step that trains does train, 2 × `batches.count` + 1 times. Last, it is measured what the machine can do. A step
  /// that runs operation by operation gives the reason and the time of the whole step.
  /// - Parameter batches: inputs of the same types, at least one.
  /// - Throws: what running the step throws.
  public func profile(over batches: [[Tensor]]) throws -> ProgramProfile {
    guard let first = batches.first else { fatalError("Program.profile: there are no inputs") }
    let peakMemory = Int(apus_peak_memory())
    _ = try self(first)
    let clock = ContinuousClock()
    let times = try batches.map { inputs in try clock.measure { _ = try self(inputs) }.nanoseconds }
    let signature = Signature(first)
    var (steps, rows, arena, reason): ([ProgramProfile.Step], [ProgramProfile.Row], Int, String?) = ([], [], 0, nil)
    switch kind(of: signature, first) {
    case .eager(let why): reason = why.reason
    case .recorded(let step, let executable):
      steps = try run(batches, on: executable)
      rows = step.rows(steps)
      arena = step.memory.byteCount
      self.times[signature] = rows.map(\.nanoseconds)
    }
    return ProgramProfile(
      name: title(of: signature), reasonForNoRows: reason, rows: rows, steps: steps, stepNanoseconds: median(times),
      arenaBytes: arena, peakMemory: peakMemory, machine: .measure())
  }

  /// How calls with such inputs run.
  private func kind(of signature: Signature, _ inputs: [Tensor]) -> Version.Kind {
    if isEager { return .eager(NotRecorded(reason: "that was asked for")) }
    if Self.isPartOfMore(inputs) {
      return .eager(NotRecorded(reason: "it is a part of a larger recording or gradient"))
    }
    return versions[signature]!.kind
  }

  /// Runs the step once for each batch, one instruction at a time.
  private func run(_ batches: [[Tensor]], on profiled: any Executable) throws -> [ProgramProfile.Step] {
    let begin = ContinuousClock.now
    func now() -> Double { (ContinuousClock.now - begin).nanoseconds }
    return try batches.map { inputs in
      var events: [ProgramProfile.Step.Event] = []
      let start = now()
      _ = try run(inputs) { executable, inputs, random in
        guard executable === profiled else { fatalError("Program.profile: the inputs are not all of the same types") }
        return try executable.profile(inputs, random: random) { instruction, duration in
          events.append(ProgramProfile.Step.Event(row: instruction, start: now() - duration, duration: duration))
        }
      }
      return ProgramProfile.Step(start: start, duration: now() - start, events: events)
    }
  }
}

extension CompiledStep {
  /// What the instructions are, and how long they took.
  fileprivate func rows(_ steps: [ProgramProfile.Step]) -> [ProgramProfile.Row] {
    var times = [[Double]](repeating: [], count: recording.instructions.count)
    let layers = self.layers
    for step in steps { for event in step.events { times[event.row].append(event.duration) } }
    return recording.instructions.indices.map { i in
      let instruction = recording.instructions[i]
      return ProgramProfile.Row(
        phase: instruction.origins[0].phase, layer: layers[i], operation: instruction.name,
        results: instruction.outputs.map(\.type), nanoseconds: median(times[i]), bytes: instruction.bytes,
        flops: instruction.flops, isArithmetic: instruction.isArithmetic)
    }
  }

  /// The layer of each instruction: where it comes from, or else where the parameter belongs that it changes.
  private var layers: [String] {
    let instructions = recording.instructions
    var owners: [Int: String] = [:]
    for instruction in instructions where !instruction.origins[0].layer.isEmpty {
      for buffer in instruction.reads where owners[buffer] == nil && recording.buffers[buffer].parameter != nil {
        owners[buffer] = instruction.origins[0].layer
      }
    }
    return instructions.map { instruction in
      let layer = instruction.origins[0].layer
      return layer.isEmpty ? instruction.writes.lazy.compactMap { owners[$0] }.first ?? "" : layer
    }
  }
}

/// The middle of `values`; 0 without any.
private func median(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.sorted()[values.count / 2] }

extension Duration {
  var nanoseconds: Double { Double(components.seconds) * 1e9 + Double(components.attoseconds) * 1e-9 }
}
