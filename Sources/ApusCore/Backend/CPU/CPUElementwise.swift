import CApus

extension CPUBackend {
  func elementwise(_ program: TileProgram, scalars: Scalars, shape: Shape, inputs: [Tensor], outputs: [Tensor]) {
    let count = shape.elementCount
    guard count > 0 else { return }
    var space = IterationSpace(shape: shape)
    withUnsafeTemporaryAllocation(of: apus_operand.self, capacity: inputs.count + outputs.count) { operands in
      for (i, input) in inputs.enumerated() {
        operands[i].data = input.object.address
        operands[i].dtype = input.dtype.c
      }
      for (i, output) in outputs.enumerated() {
        operands[inputs.count + i].data = output.object.address
        operands[inputs.count + i].dtype = output.dtype.c
      }
      space.setStrides(of: inputs, in: operands)
      program.withProgram(scalars.values) { code in
        let run = ElementwiseRun(
          program: code, space: space, inputs: UnsafePointer(operands.baseAddress!),
          outputs: UnsafePointer(operands.baseAddress! + inputs.count))
        if count <= program.grain || !apus_parallel_pays(Double(count) * program.cost) {
          run(0, count)
        } else {
          Team.run(count: count, grain: program.grain) { begin, end in run(begin, end) }
        }
      }
    }
  }
}

extension TileProgram {
  /// Pieces of about 10 microseconds, whole tiles each.
  var grain: Int { max(2048, Int(10_000 / cost) & ~2047) }
}

/// The arguments of one kernel call.
private struct ElementwiseRun {
  let program: UnsafePointer<apus_program>
  let space: IterationSpace
  let inputs: UnsafePointer<apus_operand>
  let outputs: UnsafePointer<apus_operand>

  func callAsFunction(_ begin: Int, _ end: Int) {
    withUnsafePointer(to: space.extents) { extents in
      extents.withMemoryRebound(to: Int64.self, capacity: 8) {
        apus_elementwise(program, Int32(space.rank), $0, inputs, outputs, Int64(begin), Int64(end))
      }
    }
  }
}

/// The axes that an element-wise kernel loops over: the output's, with neighbours merged where every operand allows it.
struct IterationSpace {
  var extents: InlineArray<8, Int>
  var rank: Int

  init(shape: Shape) {
    extents = shape.extents
    rank = shape.rank
  }

  /// Writes the operands' strides, merging axes unless they are needed as they are.
  mutating func setStrides(
    of inputs: [Tensor], in operands: UnsafeMutableBufferPointer<apus_operand>, merging: Bool = true
  ) {
    // By far the most common: every operand is dense with the output's shape, or a single number. One axis is enough.
    var isFlat = true
    for input in inputs where !(input.object.isDense && hasShape(input.shape)) && input.count != 1 {
      isFlat = false
      break
    }
    if isFlat && merging {
      var count = 1
      for axis in 0..<rank { count *= extents[axis] }
      extents[0] = count
      rank = 1
      for (i, input) in inputs.enumerated() { operands[i].strides.0 = input.count == 1 && count != 1 ? 0 : 1 }
      return
    }
    for (i, input) in inputs.enumerated() {
      let strides = input.object.broadcastStrides(rank: rank)
      withUnsafeMutableBytes(of: &operands[i].strides) { bytes in
        let target = bytes.assumingMemoryBound(to: Int64.self)
        for axis in 0..<rank { target[axis] = Int64(strides[axis]) }
      }
    }
    if merging { mergeAxes(of: operands.prefix(inputs.count)) }
  }

  private func hasShape(_ shape: Shape) -> Bool {
    guard shape.rank == rank else { return false }
    for axis in 0..<rank where shape.extents[axis] != extents[axis] { return false }
    return true
  }

  private mutating func mergeAxes(of operands: Slice<UnsafeMutableBufferPointer<apus_operand>>) {
    func strides(_ i: Int) -> UnsafeMutablePointer<Int64> {
      UnsafeMutableRawPointer(operands.base.baseAddress! + i).advanced(
        by: MemoryLayout<apus_operand>.offset(of: \.strides)!
      )
      .assumingMemoryBound(to: Int64.self)
    }
    var last = 0  // the merged axis that the next one is compared with
    for axis in 1..<max(rank, 1) {
      let extent = extents[axis]
      let canMerge =
        extents[last] == 1
        || extent == 1
        || operands.indices.allSatisfy { strides($0)[last] == strides($0)[axis] * Int64(extent) }
      if canMerge {
        if extent != 1 || extents[last] == 1 {
          for i in operands.indices { strides(i)[last] = strides(i)[axis] }
        }
        extents[last] *= extent
      } else {
        last += 1
        extents[last] = extent
        for i in operands.indices { strides(i)[last] = strides(i)[axis] }
      }
    }
    rank = rank == 0 ? 0 : last + 1
  }
}

extension TensorObject {
  /// Strides over a broadcast space of `rank` axes: 0 along the axes that this tensor lacks or has only one of.
  func broadcastStrides(rank: Int) -> Strides {
    var result = Strides(repeating: 0)
    let missing = rank - shape.rank
    for axis in 0..<shape.rank where shape.extents[axis] != 1 { result[axis + missing] = strides[axis] }
    return result
  }
}
