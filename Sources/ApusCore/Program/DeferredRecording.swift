// While a step is recorded nothing runs: what it makes is memory to come, and the finished program is its first run. So temporaries never
// lie beside parameters one by one, and the first step takes little longer than the others. Where elements are needed earlier, they are
// computed; where somebody may see memory that the program will not write, everything runs as it was written, from there on call by call.

extension Recorder {
  /// Whether `tensor` holds elements that calls which have not run will write.
  func isToCome(_ tensor: Tensor) -> Bool {
    guard isDeferring, tensor.object.storage != nil else { return false }
    let number = operand(tensor).buffer
    switch recording.buffers[number].role {
    case .constant, .input: return false
    case .temporary, .result: return true
    case .parameter: return recording.instructions.contains { $0.writes.contains(number) }
    }
  }

  /// Runs what was written down so far, call by call, and from here on every call at once.
  func runDeferred() {
    guard isDeferring else { return }
    isDeferring = false
    let instructions = recording.instructions
    var lastUse = [Int](repeating: -1, count: recording.buffers.count)
    for (i, instruction) in instructions.enumerated() {
      for operand in instruction.inputs + instruction.outputs { lastUse[operand.buffer] = i }
    }
    let seen = buffers.storages
    // What nobody sees any more has memory from its first call to its last.
    var unseen: [Int: Storage] = [:]
    func storage(_ buffer: Int) -> Storage? {
      switch recording.buffers[buffer].role {
      case .input(let number): return inputs[number]
      case .constant(let storage): return storage
      // (A parameter that is about to change asks for this, and is locked.)
      case .parameter(let parameter): return seen[buffer] ?? parameter.stored.object.storage
      case .temporary, .result: break
      }
      let storage = seen[buffer] ?? unseen[buffer] ?? base.allocate(recording.buffers[buffer].byteCount)
      storage.back()
      if seen[buffer] == nil { unseen[buffer] = storage }
      return storage
    }
    Self.unrecorded {
      for (i, instruction) in instructions.enumerated() {
        let inputs = instruction.inputs.map { $0.tensor(in: storage($0.buffer)) }
        let outputs = instruction.outputs.map { $0.tensor(in: storage($0.buffer)) }
        instruction.kernel.run(on: base, inputs, outputs, random: random)
        for operand in instruction.inputs + instruction.outputs where lastUse[operand.buffer] == i {
          unseen[operand.buffer] = nil
        }
      }
      for storage in seen.values { storage.back() }
    }
  }

  /// The elements of `tensor` as they are now: itself, if it has them.
  func computed(_ tensor: Tensor) -> Tensor {
    guard isToCome(tensor) else { return tensor }
    guard let part = part(for: operand(tensor)) else {
      runDeferred()
      return tensor
    }
    return Self.unrecorded {
      let arguments = zip(inputs, recording.inputs).map { storage, type in
        Tensor(TensorObject(shape: type.shape, dtype: type.dtype, storage: storage))
      }
      // No number in it has to be finite.
      return try! base.makeExecutable(CompiledStep(part)).run(arguments, random: random)[0]
    }
  }

  /// The calls that `operand` depends on; nil if one of them changes more than memory of the step.
  private func part(for operand: Operand) -> Recording? {
    var part = recording
    var needed: Set<Int> = [operand.buffer]
    part.instructions = []
    for var instruction in recording.instructions.reversed() where instruction.writes.contains(where: needed.contains) {
      instruction.after = []
      guard instruction.writes.allSatisfy({ recording.buffers[$0].isTemporary }) else { return nil }
      needed.formUnion(instruction.reads)
      part.instructions.append(instruction)
    }
    part.instructions.reverse()
    let whole = Operand(buffer: part.buffers.count, type: operand.type)
    part.buffers.append(Buffer(role: .result(0), byteCount: operand.byteCount))
    part.instructions.append(
      Instruction(
        kernel: .copy, inputs: [operand], outputs: [whole],
        origins: [Origin(phase: .forward, operation: "result", detail: "0", layer: "")]))
    part.results = [whole]
    part.scalarSources = []  // it is no step
    return part
  }
}

extension Tensor {
  /// Whether no other tensor shares the object or the storage.
  mutating func isSeenByNobodyElse() -> Bool { isKnownUniquelyReferenced(&object) && object.ownsStorage() }
}
