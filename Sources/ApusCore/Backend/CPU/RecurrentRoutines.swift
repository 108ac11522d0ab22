import CApus

/// All steps of a recurrence forward. Inputs and outputs are those of `RecurrentSequence`.
struct RecurrentForward: CPURoutine {
  let recurrence: Recurrence
  let isReversed, isSaving, hasBias, hasRecurrentBias, hasLengths, hasTokens: Bool

  var name: String { recurrence.name }
  var isArithmetic: Bool { true }

  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    let weight = inputs[2].shape[0] * inputs[2].shape[1]
    let rows = outputs[0].shape[0] * outputs[0].shape[1]
    return 2 * (rows * weight + inputs[0].shape.elementCount * inputs[1].shape[0])
  }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    var positions = RecurrentPositions(inputs: inputs.count, outputs: outputs.count)
    positions.x = positions.nextInput()
    positions.inputWeight = positions.nextInput()
    positions.recurrentWeight = positions.nextInput()
    positions.hidden = positions.nextInput()
    if recurrence == .lstm { positions.cell = positions.nextInput() }
    if hasBias { positions.bias = positions.nextInput() }
    if hasRecurrentBias { positions.recurrentBias = positions.nextInput() }
    if hasLengths { positions.lengths = positions.nextInput() }
    if hasTokens { positions.tokens = positions.nextInput() }
    let shape = apus_recurrence(recurrence, outputs[0], isReversed: isReversed, isSaving: isSaving, isBackward: false)
    let (x, weight) = (inputs[0].shape, inputs[1].shape)
    var product = apus_matmul()
    (product.batch, product.m, product.n, product.k) = (
      1, Int64(x.dropLast().reduce(1, *)), Int64(weight[0]), Int64(weight[1])
    )
    (product.a_row, product.a_column, product.b_row, product.b_column) = (product.k, 1, 1, product.k)
    product.has_bias = hasBias
    product.dtype = inputs[0].dtype.c
    guard let kernel = CPUBackend.shared.products.kernel(product) else {
      fatalError("\(name): there are products of \(inputs[0].dtype)")
    }
    if hasTokens { positions.rowBytes = Int(product.m * product.n) * inputs[0].dtype.byteCount }
    return RoutinePlan(
      Preparation(product: kernel, shape: shape, isBackward: false, positions: positions),
      Steps(shape: shape, positions: positions, stateCount: recurrence.stateCount))
  }

  /// The steps, after what needs none of them.
  private struct Steps: CPUKernel, @unchecked Sendable {
    let shape: apus_recurrence
    let positions: RecurrentPositions
    let stateCount: Int
    var pieces: Int { Int(shape.pieces) }
    var cost: Double { shape.cost }
    var scratchBytes: Int { shape.scratchBytes + positions.rowBytes }

    func run(_ p: Addresses, piece: Int) {
      let results = p + positions.firstOutput
      let scratch = p[positions.scratch]
      var operands = apus_recurrence_forward(
        gates: results[1 + stateCount],
        rows: positions.tokens == nil ? nil : UnsafeRawPointer(scratch + shape.scratchBytes),
        tokens: positions.tokens.map { UnsafePointer(p[$0].assumingMemoryBound(to: Int64.self)) }, packed: scratch,
        bias: positions.recurrentBias.map { UnsafeRawPointer(p[$0]) },
        hidden: p[positions.hidden], cell: positions.cell.map { UnsafeRawPointer(p[$0]) },
        lengths: positions.lengths.map { UnsafePointer(p[$0].assumingMemoryBound(to: Int64.self)) },
        outputs: results[0],
        last_hidden: results[1], last_cell: stateCount == 2 ? results[2] : nil, previous: results[2 + stateCount],
        inner: results[3 + stateCount])
      withUnsafePointer(to: shape) {
        apus_recurrence_run_forward($0, &operands, scratch + Int(shape.packed_bytes), Int64(piece))
      }
    }
  }
}

/// All steps of a recurrence backward. Inputs and outputs are those of `RecurrentGradient`.
struct RecurrentBackward: CPURoutine {
  let recurrence: Recurrence
  let isReversed, hasLengths: Bool
  /// Whether there is a gradient of h of all steps, of the last h, of the last c.
  let given: [Bool]

  var name: String { "\(recurrence.name)Gradient" }
  var isArithmetic: Bool { true }

  /// Where the gates are among the inputs.
  var gatesPosition: Int { 1 + (recurrence == .lstm ? 1 : 0) + (hasLengths ? 1 : 0) }

  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    2 * outputs[0].shape.elementCount * inputs[0].shape[1]
  }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    var positions = RecurrentPositions(inputs: inputs.count, outputs: outputs.count)
    positions.recurrentWeight = positions.nextInput()
    if recurrence == .lstm { positions.cell = positions.nextInput() }
    if hasLengths { positions.lengths = positions.nextInput() }
    positions.gates = positions.nextInput()
    positions.previous = positions.nextInput()
    positions.inner = positions.nextInput()
    positions.gradients = given.map { $0 ? positions.nextInput() : nil }
    let all = TensorType(
      [inputs[gatesPosition].shape[0], inputs[gatesPosition].shape[1], inputs[0].shape[1]], inputs[0].dtype)
    let shape = apus_recurrence(recurrence, all, isReversed: isReversed, isSaving: true, isBackward: true)
    return RoutinePlan(
      Preparation(product: nil, shape: shape, isBackward: true, positions: positions),
      Steps(shape: shape, positions: positions, recurrence: recurrence))
  }

  private struct Steps: CPUKernel, @unchecked Sendable {
    let shape: apus_recurrence
    let positions: RecurrentPositions
    let recurrence: Recurrence
    var pieces: Int { Int(shape.pieces) }
    var cost: Double { shape.cost }
    var scratchBytes: Int { shape.scratchBytes }

    func run(_ p: Addresses, piece: Int) {
      let scratch = p[positions.scratch]
      func gradient(_ i: Int) -> UnsafeRawPointer? {
        i < positions.gradients.count ? positions.gradients[i].map { UnsafeRawPointer(p[$0]) } : nil
      }
      let results = p + positions.firstOutput
      let states = results + (recurrence == .gru ? 2 : 1)
      var operands = apus_recurrence_backward(
        packed: scratch, cell: positions.cell.map { UnsafeRawPointer(p[$0]) },
        lengths: positions.lengths.map { UnsafePointer(p[$0].assumingMemoryBound(to: Int64.self)) },
        outputs: p[positions.gates], gates: p[positions.gates], previous: p[positions.previous],
        inner: p[positions.inner], d_outputs: gradient(0), d_last_hidden: gradient(1), d_last_cell: gradient(2),
        d_inputs: results[0], d_products: recurrence == .gru ? results[1] : nil, d_hidden: states[0],
        d_cell: recurrence == .lstm ? states[1] : nil)
      withUnsafePointer(to: shape) {
        apus_recurrence_run_backward($0, &operands, scratch + Int(shape.packed_bytes), Int64(piece))
      }
    }
  }
}

/// Where the operands of a routine are among its addresses.
private struct RecurrentPositions {
  let (firstOutput, scratch): (Int, Int)
  private var next = 0

  var (x, inputWeight, recurrentWeight, hidden) = (0, 0, 0, 0)
  var (cell, bias, recurrentBias, lengths, tokens): (Int?, Int?, Int?, Int?, Int?)
  /// The memory of the products of the rows that tokens name, after all other scratch memory.
  var rowBytes = 0
  var (gates, previous, inner) = (0, 0, 0)
  var gradients: [Int?] = []

  init(inputs: Int, outputs: Int) { (firstOutput, scratch) = (inputs, inputs + outputs) }

  mutating func nextInput() -> Int {
    defer { next += 1 }
    return next
  }
}

/// What the steps need and no step is needed for: the products of the input, and the recurrent weight in the order in which it is read.
private struct Preparation: CPUKernel, @unchecked Sendable {
  let product: MatmulKernel?
  let shape: apus_recurrence
  let isBackward: Bool
  let positions: RecurrentPositions
  private static let panelsOfPiece: Int64 = 4

  private var panels: Int64 { withUnsafePointer(to: shape) { apus_recurrence_panels($0, isBackward) } }
  var pieces: Int { (product?.pieces ?? 0) + Int((panels + Self.panelsOfPiece - 1) / Self.panelsOfPiece) }
  var cost: Double { (product?.cost ?? 0) + Double(shape.packed_bytes) * 0.25 }
  var scratchBytes: Int { shape.scratchBytes + positions.rowBytes }

  func run(_ p: Addresses, piece: Int) {
    let products = product?.pieces ?? 0
    if piece < products { return multiply(p, piece) }
    let begin = Int64(piece - products) * Self.panelsOfPiece
    withUnsafePointer(to: shape) {
      apus_recurrence_pack(
        $0, isBackward, p[positions.recurrentWeight], p[positions.scratch], begin,
        min(panels, begin + Self.panelsOfPiece))
    }
  }

  private func multiply(_ p: Addresses, _ piece: Int) {
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: 4) { table in
      table[0] = p[positions.x]
      table[1] = p[positions.inputWeight]
      if let bias = positions.bias { table[2] = p[bias] }
      // To where the gates' values will be, the third result from the end; or to scratch memory, for tokens to name.
      let result = positions.tokens == nil ? p[positions.scratch - 3] : p[positions.scratch] + shape.scratchBytes
      table[positions.bias == nil ? 2 : 3] = result
      product?.run(UnsafePointer(table.baseAddress!), piece: piece)
    }
  }
}

extension apus_recurrence {
  /// - Parameter all: the type of h of all steps (n, steps, units).
  fileprivate init(_ recurrence: Recurrence, _ all: TensorType, isReversed: Bool, isSaving: Bool, isBackward: Bool) {
    self.init()
    cell = unsafeBitCast(recurrence.rawValue, to: apus_cell.self)
    dtype = all.dtype.c
    reversed = isReversed
    saves = isSaving
    (batch, steps, units) = (Int64(all.shape[0]), Int64(all.shape[1]), Int64(all.shape[2]))
    apus_recurrence_make(&self, isBackward)
  }

  /// The packed weight, then the pieces' own memory.
  fileprivate var scratchBytes: Int { Int(packed_bytes + pieces * local_bytes) }
}
