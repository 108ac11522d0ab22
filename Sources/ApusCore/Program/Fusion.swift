// Element-wise calls that read each other's results become one pass over memory.

extension Recording {
  mutating func fuse() {
    for i in instructions.indices { instructions[i].normalize() }
    var position = 0
    while position < instructions.count {
      if let other = partner(of: position), let fused = fused(other, position) {
        let place = canMoveDown(other, to: position) ? position : other
        instructions[place] = fused
        instructions.remove(at: place == position ? other : position)
        position = min(other, position)
      } else {
        position += 1
      }
    }
  }

  /// The latest earlier instruction whose result the one at `position` reads and that can be fused with it.
  private func partner(of position: Int) -> Int? {
    guard case .elementwise(let formula) = instructions[position].kernel else { return nil }
    var best: Int?
    for input in instructions[position].inputs where buffers[input.buffer].isTemporary {
      let writers = instructions.indices.filter { instructions[$0].writes.contains(input.buffer) }
      guard writers.count == 1, let writer = writers.first, writer < position, writer > best ?? -1,
        case .elementwise(let earlier) = instructions[writer].kernel,
        earlier.compute == formula.compute, earlier.shape == formula.shape,
        canMoveDown(writer, to: position) || canMoveUp(position, to: writer)
      else { continue }
      best = writer
    }
    return best
  }

  /// Whether the instruction at `from` may run just before the later one at `to`.
  private func canMoveDown(_ from: Int, to: Int) -> Bool {
    let (reads, writes) = (instructions[from].reads, instructions[from].writes)
    return instructions[(from + 1)..<to].allSatisfy { other in
      !other.reads.contains { writes.contains($0) }
        && !other.writes.contains { writes.contains($0) || reads.contains($0) }
        && !(other.kernel.hasEffect && writesState(from))
    }
  }

  /// Whether the instruction at `from` may run just after the earlier one at `to`.
  private func canMoveUp(_ from: Int, to: Int) -> Bool {
    let (reads, writes) = (instructions[from].reads, instructions[from].writes)
    return instructions[(to + 1)..<from].allSatisfy { other in
      !other.writes.contains { reads.contains($0) || writes.contains($0) }
        && !other.reads.contains { writes.contains($0) }
        && !(other.kernel.hasEffect && writesState(from))
    }
  }

  private func writesState(_ i: Int) -> Bool {
    instructions[i].writes.contains { buffers[$0].parameter != nil }
  }

  private static let mostOperands = 16
  private static let mostParts = 24

  /// Both as one: the earlier one's results that only the later one reads stay in registers.
  private func fused(_ first: Int, _ second: Int) -> Instruction? {
    guard case .elementwise(let a) = instructions[first].kernel, case .elementwise(let b) = instructions[second].kernel
    else { return nil }
    let (x, y) = (instructions[first], instructions[second])
    guard a.parts.count + b.parts.count <= Self.mostParts else { return nil }
    // Where the later one finds the earlier one's results.
    var inputs = x.inputs
    var sources: [Formula.Source] = []
    for input in y.inputs {
      if let number = x.outputs.firstIndex(where: { $0.buffer == input.buffer }) {
        // In registers only what memory would hold as exactly.
        let output = x.outputs[number]
        guard output.isSame(as: input),
          output.dtype == a.compute || output.dtype == .bool && a.isPredicate(output: number)
        else { return nil }
        sources.append(a.outputs[number])
      } else if let known = inputs.firstIndex(of: input) {
        sources.append(.input(known))
      } else {
        sources.append(.input(inputs.count))
        inputs.append(input)
      }
    }
    var formula = a
    formula.append(b, inputs: sources, inputCount: inputs.count)
    var outputs: [Operand] = []
    formula.outputs = []
    for (number, output) in x.outputs.enumerated() where isNeeded(output.buffer, besides: second) {
      outputs.append(output)
      formula.outputs.append(a.outputs[number])
    }
    for (number, output) in y.outputs.enumerated() {
      outputs.append(output)
      formula.outputs.append(b.outputs[number].shifted(by: a.parts.count, inputs: sources))
    }
    guard inputs.count + outputs.count <= Self.mostOperands, Set(outputs.map(\.buffer)).count == outputs.count,
      // What is overwritten must be read element by element.
      outputs.allSatisfy({ output in inputs.allSatisfy { $0.buffer != output.buffer || $0.isSame(as: output) } })
    else { return nil }
    return Instruction(
      kernel: .elementwise(formula), inputs: inputs, outputs: outputs, origins: x.origins + y.origins)
  }

  private func isNeeded(_ buffer: Int, besides reader: Int) -> Bool {
    !buffers[buffer].isTemporary
      || instructions.indices.contains { $0 != reader && instructions[$0].reads.contains(buffer) }
  }
}

extension Formula.Source {
  /// This source of a formula whose parts now come after `parts` others, with other inputs.
  fileprivate func shifted(by parts: Int, inputs: [Formula.Source]) -> Formula.Source {
    switch self {
    case .input(let i): inputs[i]
    case .output(let part, let number): .output(part: part + parts, number: number)
    }
  }
}

extension Formula {
  /// Adds the parts of `other`, whose inputs are at `sources`.
  fileprivate mutating func append(_ other: Formula, inputs sources: [Source], inputCount: Int) {
    let first = parts.count
    for var part in other.parts {
      part.inputs = part.inputs.map { $0.shifted(by: first, inputs: sources) }
      part.firstScalar += scalars.count
      parts.append(part)
    }
    scalars += other.scalars
    self.inputCount = inputCount
  }
}

extension Instruction {
  /// Turns an element-wise call on dense operands into one on vectors, and a cast into an element-wise call.
  fileprivate mutating func normalize() {
    if case .copy = kernel, let formula = Formula(cast: inputs[0], to: outputs[0]) { kernel = .elementwise(formula) }
    guard case .elementwise(var formula) = kernel else { return }
    let count = formula.shape.elementCount
    guard inputs.allSatisfy({ $0.isSingle || $0.isDense && $0.shape == formula.shape }),
      outputs.allSatisfy({ $0.isDense && $0.count == count })
    else { return }
    inputs = inputs.map { $0.flattened(to: $0.isSingle ? 1 : count) }
    outputs = outputs.map { $0.flattened(to: count) }
    formula.shape = [count]
    kernel = .elementwise(formula)
  }
}

extension Operand {
  /// Whether this is one number, however often it is seen.
  fileprivate var isSingle: Bool { zip(shape, strides).allSatisfy { $0 == 1 || $1 == 0 } && count > 0 }

  fileprivate func flattened(to count: Int) -> Operand {
    var flat = Operand(buffer: buffer, type: TensorType(count == 1 ? [] : [count], dtype))
    flat.offset = offset
    return flat
  }
}

extension Formula {
  /// A conversion between dense tensors of different types, one of them real.
  fileprivate init?(cast x: Operand, to y: Operand) {
    guard x.isDense, y.isDense, x.dtype != y.dtype, x.shape == y.shape,
      let compute = [x.dtype, y.dtype].map(\.compute).first(where: \.isFloatingPoint),
      x.dtype.compute != .float64 || y.dtype.compute != .float32,
      y.dtype.compute != .float64 || x.dtype.compute != .float32
    else { return nil }
    parts = [Part(expressions: [Expression(.input(0))], inputs: [.input(0)], firstScalar: 0)]
    outputs = [.output(part: 0, number: 0)]
    inputCount = 1
    scalars = []
    self.compute = compute
    shape = x.shape
  }
}
