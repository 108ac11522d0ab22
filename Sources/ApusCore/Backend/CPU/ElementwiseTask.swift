import CApus

/// A task of an element-wise formula, and of sums of what it computes.
final class ElementwiseTask: CPUTask {
  private let code: TileProgram
  private let formula: Formula
  private let space: IterationSpace
  /// Inputs, then outputs: those that are only summed have no address.
  private let operands: UnsafeMutablePointer<apus_operand>
  /// Where sums go, for every output; nil where none is taken.
  private let sums: UnsafeMutablePointer<UnsafeMutableRawPointer?>
  private let (inputCount, writtenCount, sumCount): (Int, Int, Int)
  private let constants: UnsafeMutablePointer<Double>
  private let program: UnsafeMutablePointer<apus_program>
  /// What the pieces divide, elements or columns, and how many of them belong to one.
  private let (extent, grain): (Int, Int)
  /// Where columns are summed: the parts of the rows, summed one by one and then put together as `ColumnSumKernel` does.
  private let parts: RowParts
  /// The elements of one part of a sum over everything: see `SumKernel`, which gives the same bits.
  private static let sumGrain = 1 << 15

  init(_ formula: Formula, inputs: [Operand], outputs: [Operand], _ memory: MemoryPlan) {
    self.formula = formula
    (inputCount, writtenCount, sumCount) = (inputs.count, formula.outputs.count, formula.sums.count)
    let written = outputs.prefix(formula.outputs.count)
    code = formula.program(
      inPlace: written.map { output in
        inputs.firstIndex { $0.isSame(as: output) || memory.overwrites($0, output) }
      })
    let count = inputs.count + outputs.count
    operands = .allocate(capacity: count)
    operands.initialize(repeating: apus_operand(), count: count)
    for (i, operand) in (inputs + outputs).enumerated() { operands[i].dtype = operand.dtype.c }
    var space = IterationSpace(shape: formula.shape)
    let isByColumns = !formula.sums.isEmpty && formula.sum == .columns
    space.setStrides(
      of: inputs.map { $0.tensor(in: nil) }, in: UnsafeMutableBufferPointer(start: operands, count: count),
      merging: !isByColumns)
    self.space = space
    if isByColumns {
      for i in inputs.count..<count { (operands[i].strides.0, operands[i].strides.1) = (Int64(formula.shape[1]), 1) }
    }
    sums = .allocate(capacity: max(1, outputs.count))
    sums.initialize(repeating: nil, count: max(1, outputs.count))
    constants = .allocate(capacity: max(1, code.literalCount + code.scalarCount))
    constants.initialize(from: code.constants, count: code.literalCount + code.scalarCount)
    program = .allocate(capacity: 1)
    program.initialize(to: code.header)
    program.pointee.constants = UnsafePointer(constants)

    let elements = formula.shape.elementCount
    parts = isByColumns ? RowParts(rows: formula.shape[0], columns: formula.shape[1]) : RowParts(rows: 1, columns: 1)
    if formula.sums.isEmpty {
      (extent, grain) = (elements, code.grain)
    } else if isByColumns {
      // Some whole cache lines of columns, about 10 microseconds long; many of them where rows are long, since a row's next lines
      // are fetched ahead.
      extent = formula.shape[1]
      grain = max(64, min(256, extent / 4 & ~63), (code.grain / max(1, parts.rows) + 63) & ~63)
    } else {
      // One piece, as a plain reduction, or parts that are added in order.
      (extent, grain) = (elements, elements <= 2 * Self.sumGrain ? max(1, elements) : Self.sumGrain)
    }
    let pieces = (extent + grain - 1) / grain * parts.count
    let size = formula.compute.byteCount
    super.init(
      operands: count, pieces: pieces, cost: Double(elements) * (code.cost + 0.03 * Double(formula.sums.count)) + 60,
      scratchBytes: formula.sum == .all
        ? pieces * sumCount * MemoryLayout<Double>.stride : parts.count > 1 ? parts.count * sumCount * extent * size : 0
    )
    setScalars()
  }

  deinit {
    operands.deallocate()
    sums.deallocate()
    constants.deallocate()
    program.deallocate()
  }

  /// Takes over what the scalars are now.
  func setScalars() {
    for (i, scalar) in formula.scalars.enumerated() { constants[code.literalCount + i] = scalar.value }
  }

  /// Whether its scalars change from step to step.
  var isStepping: Bool { formula.isStepping }

  override func bind() {
    for i in 0..<(inputCount + writtenCount) { operands[i].data = addresses[i] }
    for i in 0..<sumCount { sums[writtenCount + i] = addresses[inputCount + writtenCount + i] }
  }

  override func run(_ piece: Int) {
    if parts.count > 1 { return runPart(piece) }
    let (begin, end) = (Int64(piece * grain), Int64(min((piece + 1) * grain, extent)))
    let outputs = operands + inputCount
    withUnsafePointer(to: space.extents) { extents in
      extents.withMemoryRebound(to: Int64.self, capacity: 8) { extents in
        if sumCount == 0 {
          apus_elementwise(program, Int32(space.rank), extents, operands, outputs, begin, end)
        } else if formula.sum == .columns {
          apus_elementwise_column_sums(
            program, operands, outputs, sums, Int64(formula.shape[0]), Int64(formula.shape[1]), begin, end)
        } else {
          runSum(piece, extents, begin, end)
        }
      }
    }
  }

  /// The column sums of some columns in one part of the rows, which `finish` puts together.
  private func runPart(_ piece: Int) {
    let ranges = pieces / parts.count
    let (part, begin) = (piece / ranges, piece % ranges * grain)
    let row = part * parts.rows
    let (columns, size) = (extent, formula.compute.byteCount)
    withUnsafeTemporaryAllocation(of: apus_operand.self, capacity: inputCount + writtenCount + sumCount) { local in
      for i in 0..<(inputCount + writtenCount + sumCount) {
        local.initializeElement(at: i, to: operands[i])
        let bytes = row * Int(operands[i].strides.0) * DType(rawValue: operands[i].dtype.rawValue)!.byteCount
        local[i].data = operands[i].data.map { $0 + bytes }
      }
      withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: writtenCount + sumCount) { table in
        for i in 0..<writtenCount { table.initializeElement(at: i, to: nil) }
        for i in 0..<sumCount {
          let sums = addresses[inputCount + writtenCount + sumCount] + (part * sumCount + i) * columns * size
          table.initializeElement(at: writtenCount + i, to: sums)
        }
        apus_elementwise_column_sums(
          program, local.baseAddress!, local.baseAddress! + inputCount, table.baseAddress!,
          Int64(min(parts.rows, formula.shape[0] - row)), Int64(columns), Int64(begin),
          Int64(min(begin + grain, columns)))
      }
    }
  }

  /// One part of sums over everything, which `finish` puts together.
  private func runSum(_ piece: Int, _ extents: UnsafePointer<Int64>, _ begin: Int64, _ end: Int64) {
    let parts = partialSums + piece * sumCount
    withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Double>?.self, capacity: writtenCount + sumCount) { table in
      for i in 0..<writtenCount { table[i] = nil }
      for i in 0..<sumCount { table[writtenCount + i] = parts + i }
      apus_elementwise_sum(
        program, Int32(space.rank), extents, operands, operands + inputCount, table.baseAddress!, begin, end)
    }
  }

  private var partialSums: UnsafeMutablePointer<Double> {
    addresses[inputCount + writtenCount + sumCount].assumingMemoryBound(to: Double.self)
  }

  override func finish() {
    if parts.count > 1 {
      let size = formula.compute.byteCount
      for i in 0..<sumCount {
        let first = addresses[inputCount + writtenCount + sumCount] + i * extent * size
        apus_add_parts(
          formula.compute.c, first, Int64(parts.count), Int64(sumCount * extent), sums[writtenCount + i]!, Int64(extent)
        )
      }
    }
    guard sumCount > 0, formula.sum == .all else { return }
    for i in 0..<sumCount {
      var total = 0.0
      for piece in 0..<pieces { total += partialSums[piece * sumCount + i] }
      apus_convert(sums[writtenCount + i]!, formula.compute.c, &total, APUS_F64, 1)
    }
  }
}
