// What makes a recording shorter without changing any result: what nobody reads is not computed, what is the same is computed once,
// and what is only copied to its place is computed there.

extension Recording {
  mutating func simplify() {
    removeUnread()
    shareEqual()
    writeInPlace()
    removeUnread()
  }

  /// How often each buffer is written.
  var writeCounts: [Int] {
    var counts = [Int](repeating: 0, count: buffers.count)
    for instruction in instructions { for buffer in instruction.writes { counts[buffer] += 1 } }
    return counts
  }

  /// Removes instructions that only write what nobody reads.
  mutating func removeUnread() {
    var isRead = buffers.map { !$0.isTemporary }
    var kept: [Instruction] = []
    for instruction in instructions.reversed() {
      guard instruction.kernel.hasEffect || instruction.writes.contains(where: { isRead[$0] }) else { continue }
      for buffer in instruction.reads { isRead[buffer] = true }
      kept.append(instruction)
    }
    instructions = kept.reversed()
  }

  /// Lets go of the constants that no instruction reads any more.
  mutating func dropUnused() {
    let used = Set(instructions.flatMap(\.reads))
    for number in buffers.indices where buffers[number].constant != nil && !used.contains(number) {
      buffers[number].role = .temporary
    }
  }

  /// Replaces a call whose result is already there.
  private mutating func shareEqual() {
    let writes = writeCounts
    var known: [String: Operand] = [:]
    var replaced: [Int: Int] = [:]
    /// How often a buffer has been written so far: equal operands are equal only if nothing was written in between.
    var versions = [Int](repeating: 0, count: buffers.count)
    var kept: [Instruction] = []
    for var instruction in instructions {
      for i in instruction.inputs.indices {
        if let other = replaced[instruction.inputs[i].buffer] { instruction.inputs[i].buffer = other }
      }
      instruction.after = instruction.after.map { replaced[$0] ?? $0 }
      if let key = instruction.key(versions), let output = instruction.outputs.first, writes[output.buffer] == 1,
        buffers[output.buffer].isTemporary, output.isDense, output.byteCount == buffers[output.buffer].byteCount
      {
        if let other = known[key] {
          replaced[output.buffer] = other.buffer
          continue
        }
        known[key] = output
      }
      for buffer in instruction.writes { versions[buffer] += 1 }
      kept.append(instruction)
    }
    instructions = kept
  }

  /// Computes what is copied as a whole where the copy would go: results, and new values of parameters.
  private mutating func writeInPlace() {
    var position = 0
    while position < instructions.count {
      let copy = instructions[position]
      guard case .copy = copy.kernel, canMove(copy, at: position) else {
        position += 1
        continue
      }
      let (from, to) = (copy.inputs[0].buffer, copy.outputs[0].buffer)
      instructions.remove(at: position)
      for i in instructions.indices {
        for j in instructions[i].inputs.indices where instructions[i].inputs[j].buffer == from {
          instructions[i].inputs[j].buffer = to
        }
        for j in instructions[i].outputs.indices where instructions[i].outputs[j].buffer == from {
          instructions[i].outputs[j].buffer = to
        }
        instructions[i].after = instructions[i].after.map { $0 == from ? to : $0 }
      }
    }
  }

  private func canMove(_ copy: Instruction, at position: Int) -> Bool {
    let (x, y) = (copy.inputs[0], copy.outputs[0])
    guard buffers[x.buffer].isTemporary, x.dtype == y.dtype, x.isDense, y.isDense, x.offset == 0, y.offset == 0,
      x.byteCount == buffers[x.buffer].byteCount, y.byteCount == buffers[y.buffer].byteCount,
      let first = instructions.firstIndex(where: { $0.writes.contains(x.buffer) }), first < position
    else { return false }
    // Nothing may write to either afterwards.
    for later in instructions[(position + 1)...]
    where later.writes.contains(where: { $0 == x.buffer || $0 == y.buffer }) {
      return false
    }
    // What the target held before must not be needed any more when it is first written.
    for (i, instruction) in instructions[first..<position].enumerated() {
      if instruction.writes.contains(y.buffer) { return false }
      guard instruction.reads.contains(y.buffer) else { continue }
      guard i == 0, case .elementwise = instruction.kernel,
        instruction.inputs.allSatisfy({ $0.buffer != y.buffer || $0.isDense && $0.count == x.count })
      else { return false }
    }
    return true
  }
}

extension Instruction {
  /// A text that is equal for calls that compute the same; nil if there is none.
  fileprivate func key(_ versions: [Int]) -> String? {
    guard kernel.isPure, !kernel.accumulates, outputs.count == 1,
      !inputs.contains(where: { $0.buffer == outputs[0].buffer })
    else { return nil }
    let operands = inputs.map { "\($0)@\(versions[$0.buffer])" }.joined(separator: " ") + " \(recomputation)"
    switch kernel {
    case .elementwise(let formula):
      guard formula.parts.count == 1, !formula.isStepping else { return nil }
      let expressions = formula.parts[0].expressions.map { "\(UInt(bitPattern: $0.identity))" }
      return "elementwise \(expressions) \(formula.values) \(formula.shape) \(outputs[0].type) \(operands)"
    default: return "\(kernel) \(outputs[0].type) \(operands)"
    }
  }
}
