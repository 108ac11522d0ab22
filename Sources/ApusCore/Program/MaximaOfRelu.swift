// A relu whose result only goes through a max-pooling, as after most convolutions.

extension Recording {
  /// Takes the relu's gradient of the maxima instead of all elements: select(x > 0, poolingGradient(dy), 0) becomes
  /// poolingGradient(select(y > 0, dy, 0)), on a quarter of the elements for windows of 2 x 2.
  ///
  /// The bits are the same: an element that is nobody's maximum gets 0 either way; one that is has the value of that maximum, so both
  /// conditions agree for each of its windows, and their shares are added up in the same order.
  mutating func selectMaxima() {
    let writes = writeCounts
    for position in instructions.indices {
      guard let (pooling, gradient) = maxima(selectedAt: position, writes) else { continue }
      let (relu, spread) = (instructions[position], instructions[gradient])
      guard case .elementwise(var formula) = relu.kernel else { continue }
      let (dy, y) = (spread.inputs[0], instructions[pooling].outputs[0])
      let selected = Operand(buffer: makeBuffer(byteCount: dy.byteCount), type: dy.type)
      formula.shape = dy.shape
      instructions[gradient] = Instruction(
        kernel: .elementwise(formula), inputs: [dy, y], outputs: [selected], origins: relu.origins)
      instructions[position] = Instruction(
        kernel: spread.kernel, inputs: [selected, spread.inputs[1]], outputs: relu.outputs, origins: spread.origins)
    }
  }

  /// Where the pooling and its gradient are that the relu's gradient at `position` follows; nil if there are none.
  private func maxima(selectedAt position: Int, _ writes: [Int]) -> (pooling: Int, gradient: Int)? {
    let relu = instructions[position]
    guard case .elementwise(let formula) = relu.kernel, formula.isReluGradient, relu.isOrdinary,
      let dx = relu.inputs.first, let x = relu.inputs.last, let dz = relu.outputs.first, dz.isDense, dz.type == dx.type,
      buffers[dx.buffer].isTemporary, writes[dx.buffer] == 1, writes[dz.buffer] == 1,
      let gradient = instructions[..<position].firstIndex(where: { $0.writes.contains(dx.buffer) }),
      let spread = instructions[gradient].pooling(.maxGradient), instructions[gradient].isOrdinary,
      instructions[gradient].outputs[0].isSame(as: dx),
      instructions.indices.allSatisfy({ $0 == position || !instructions[$0].reads.contains(dx.buffer) }),
      let pooling = instructions[..<gradient].firstIndex(where: {
        $0.outputs.count == 2 && $0.outputs[1].isSame(as: instructions[gradient].inputs[1])
      }),
      instructions[pooling].pooling(.max)?.windows == spread.windows, instructions[pooling].inputs[0].isSame(as: x)
    else { return nil }
    let (dy, y) = (instructions[gradient].inputs[0], instructions[pooling].outputs[0])
    guard dy.isDense, y.isDense, dy.type == y.type,
      ([x, dy] + instructions[pooling].outputs).allSatisfy({ writes[$0.buffer] == 1 })
    else { return nil }
    return (pooling, gradient)
  }
}

extension Instruction {
  /// Whether it is no part of what is computed again.
  fileprivate var isOrdinary: Bool { after.isEmpty && recomputation == 0 }

  fileprivate func pooling(_ kind: PoolingRoutine.Kind) -> PoolingRoutine? {
    guard case .routine(let routine) = kernel, let pooling = routine as? PoolingRoutine, pooling.kind == kind else {
      return nil
    }
    return pooling
  }
}

extension Formula {
  fileprivate var isReluGradient: Bool {
    parts.count == 1 && sums.isEmpty && inputCount == 2 && parts[0].inputs == [.input(0), .input(1)]
      && parts[0].expressions.map(\.identity) == [Epilogue.reluGradient.formula.identity]
  }
}
