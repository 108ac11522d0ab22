// Element-wise calls that read each other's results become one pass over memory.

extension Recording {
  mutating func fuse() {
    for i in instructions.indices { instructions[i].becomeElementwise() }
    var position = 0
    while position < instructions.count {
      if let other = partner(of: position), let fused = fused(other, position) {
        replace(other, position, by: fused)
        position = min(other, position)
      } else {
        position += 1
      }
    }
    fuseSums()
    fuseCrossEntropies()
    fusePairs()
    for i in instructions.indices { instructions[i].flatten() }
  }

  /// Puts `fused` where one of the two can be moved to the other.
  private mutating func replace(_ first: Int, _ second: Int, by fused: Instruction) {
    let (place, other) = canMoveDown(first, to: second) ? (second, first) : (first, second)
    instructions[place] = fused
    instructions.remove(at: other)
  }

  /// The only instruction that writes this temporary buffer.
  private func writer(of buffer: Int) -> Int? {
    guard buffers[buffer].isTemporary else { return nil }
    let writers = instructions.indices.filter { instructions[$0].writes.contains(buffer) }
    return writers.count == 1 ? writers[0] : nil
  }

  /// The latest earlier instruction whose result the one at `position` reads and that can be fused with it.
  private func partner(of position: Int) -> Int? {
    guard case .elementwise = instructions[position].kernel else { return nil }
    var best: Int?
    for input in instructions[position].inputs {
      guard let writer = writer(of: input.buffer), writer < position, writer > best ?? -1,
        instructions[writer].aligned(with: instructions[position]) != nil,
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
    guard let (x, y) = instructions[first].aligned(with: instructions[second]),
      case .elementwise(let a) = x.kernel, case .elementwise(let b) = y.kernel
    else { return nil }
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
      kernel: .elementwise(formula), inputs: inputs, outputs: outputs, origins: x.origins + y.origins,
      after: x.after + y.after, recomputation: x.recomputation)
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

// MARK: - Sums

extension Recording {
  /// The fewest columns whose sums have the same bits when they are computed together with what they sum.
  private static let fewestColumns = 16

  /// Sums over rows, or over everything, of what an element-wise call computes are computed with it.
  private mutating func fuseSums() {
    var position = 0
    while position < instructions.count {
      let sum = instructions[position]
      guard case .reduce(.sum, 1, let count, let inner) = sum.kernel, let x = sum.inputs.first,
        let first = writer(of: x.buffer), first < position,
        canMoveDown(first, to: position) || canMoveUp(position, to: first),
        let fused = fused(instructions[first], first, withSum: sum, position, count, inner)
      else {
        position += 1
        continue
      }
      replace(first, position, by: fused)
      position = first
    }
  }

  private func fused(
    _ call: Instruction, _ first: Int, withSum sum: Instruction, _ second: Int, _ count: Int, _ inner: Int
  ) -> Instruction? {
    let kind = inner > 1 ? Formula.Sum.columns : .all
    let shape: Shape = kind == .columns ? [count, inner] : [count]
    guard kind == .all || inner >= Self.fewestColumns, var call = call.reshaped(to: shape),
      case .elementwise(var formula) = call.kernel, formula.sums.isEmpty || formula.sum == kind,
      let number = call.outputs.firstIndex(where: { $0.isSame(as: sum.inputs[0]) }), number < formula.outputs.count,
      call.outputs[number].dtype == formula.compute, formula.compute.isFloatingPoint,
      sum.outputs[0].dtype == formula.compute
    else { return nil }
    formula.sum = kind
    formula.sums.append(formula.outputs[number])
    call.outputs.append(sum.outputs[0])
    if !isNeeded(call.outputs[number].buffer, besides: second) {
      formula.outputs.remove(at: number)
      call.outputs.remove(at: number)
    }
    call.kernel = .elementwise(formula)
    call.origins += sum.origins
    call.after += sum.after
    return call
  }

  /// A loss and its gradient read the same logits.
  private mutating func fuseCrossEntropies() {
    for first in instructions.indices {
      guard case .softmaxCrossEntropy = instructions[first].kernel,
        let second = instructions.indices.first(where: { i in
          guard case .softmaxCrossEntropyGradient = instructions[i].kernel else { return false }
          return i > first && instructions[i].inputs.prefix(2).elementsEqual(instructions[first].inputs)
            && canMoveUp(i, to: first)
        })
      else { continue }
      let (loss, gradient) = (instructions[first], instructions[second])
      instructions[first] = Instruction(
        kernel: .softmaxCrossEntropyWithGradient, inputs: gradient.inputs, outputs: loss.outputs + gradient.outputs,
        origins: loss.origins + gradient.origins, after: loss.after + gradient.after)
      instructions.remove(at: second)
      return fuseCrossEntropies()
    }
  }
}

// MARK: - Products

extension Recording {
  /// Two products of one row, the second of what the first gives, become a pair, where the step does not change the second weights.
  private mutating func fusePairs() {
    let written = Set(instructions.flatMap(\.writes))
    var first = 0
    while first < instructions.count {
      if let one = instructions[first].layer,
        let second = instructions.indices.first(where: { $0 > first && instructions[$0].reads.contains(hidden(first)) }
        ),
        let other = instructions[second].layer, buffers[hidden(first)].isTemporary,
        !isNeeded(hidden(first), besides: second),
        instructions[second].inputs[0].isSame(as: instructions[first].outputs[0]),
        instructions[second].reads.filter({ $0 == hidden(first) }).count == 1,
        canMoveDown(first, to: second) || canMoveUp(second, to: first)
      {
        let (x, y) = (instructions[first], instructions[second])
        let (pair, weight) = (LinearPair(first: one, second: other), y.inputs[1])
        if buffers[weight.buffer].parameter != nil, !written.contains(weight.buffer),
          LinearPairKernel(pair, x.inputs[1].shape, weight.shape) != nil
        {
          let fused = Instruction(
            kernel: .routine(pair), inputs: x.inputs + y.inputs.dropFirst(), outputs: y.outputs,
            origins: x.origins + y.origins, after: x.after + y.after, recomputation: x.recomputation)
          replace(first, second, by: fused)
        }
      }
      first += 1
    }
  }

  private func hidden(_ first: Int) -> Int { instructions[first].outputs[0].buffer }
}

extension Instruction {
  /// What kind of dense layer of one sample this is, if it is one.
  fileprivate var layer: LinearPair.Layer? {
    guard case .matmul(transposesB: true, let hasBias, let epilogue) = kernel, outputs[0].shape.first == 1,
      (inputs + outputs).allSatisfy({ $0.isDense && $0.dtype == .float32 })
    else { return nil }
    return LinearPair.Layer(hasBias: hasBias, epilogue: epilogue)
  }
}

// MARK: - Shapes

extension Instruction {
  /// Turns a cast into an element-wise call.
  fileprivate mutating func becomeElementwise() {
    if case .copy = kernel, let formula = Formula(cast: inputs[0], to: outputs[0]) { kernel = .elementwise(formula) }
  }

  /// This and another element-wise call over one shape of the same elements, computed in one type; nil if they have none.
  fileprivate func aligned(with other: Instruction) -> (Instruction, Instruction)? {
    guard case .elementwise(let a) = kernel, case .elementwise(let b) = other.kernel, a.compute == b.compute,
      a.sums.isEmpty && b.sums.isEmpty
    else { return nil }
    if let same = reshaped(to: b.shape) { return (same, other) }
    return other.reshaped(to: a.shape).map { (self, $0) }
  }

  /// The same element-wise call over another shape; nil if an operand does not allow it.
  fileprivate func reshaped(to shape: Shape) -> Instruction? {
    guard case .elementwise(var formula) = kernel else { return nil }
    if formula.shape == shape { return self }
    let count = formula.shape.elementCount
    let reshapedInputs = inputs.compactMap { $0.reshaped(from: formula.shape, to: shape) }
    guard formula.sums.isEmpty, shape.elementCount == count, reshapedInputs.count == inputs.count,
      outputs.allSatisfy({ $0.isDense && $0.count == count })
    else { return nil }
    var result = self
    result.inputs = reshapedInputs
    result.outputs = outputs.map { $0.reshaped(to: shape) }
    formula.shape = shape
    result.kernel = .elementwise(formula)
    return result
  }

  /// Turns a call on dense operands into one on vectors.
  fileprivate mutating func flatten() {
    guard case .elementwise(let formula) = kernel, let flat = reshaped(to: [formula.shape.elementCount]) else { return }
    self = flat
  }
}

extension Operand {
  /// Whether this is one number, however often it is seen.
  fileprivate var isSingle: Bool { zip(shape, strides).allSatisfy { $0 == 1 || $1 == 0 } && count > 0 }

  /// This operand of a call over `old` as one of the same call over `new`: a number, an operand that lies dense, or one that is the
  /// same for all rows where only the axes before the last become others. Nil for any other.
  fileprivate func reshaped(from old: Shape, to new: Shape) -> Operand? {
    if isSingle { return reshaped(to: []) }
    if isDense && shape == old { return reshaped(to: new) }
    guard let columns = old.last, columns == new.last, shape.last == columns,
      (0..<shape.rank - 1).allSatisfy({ shape[$0] == 1 || strides[$0] == 0 })
    else { return nil }
    var all = Strides(repeating: 0)
    all[0] = strides[shape.rank - 1]
    return Operand(
      TensorObject(shape: [columns], strides: all, offset: offset, dtype: dtype, storage: nil, node: nil),
      buffer: buffer)
  }

  fileprivate func reshaped(to shape: Shape) -> Operand {
    var result = Operand(buffer: buffer, type: TensorType(shape, dtype))
    result.offset = offset
    return result
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
