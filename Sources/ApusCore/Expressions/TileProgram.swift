import CApus

/// Expressions compiled to the instructions that the tile kernels run: common parts are computed once, products and sums are fused,
/// registers are reused as soon as a value is dead.
package final class TileProgram: @unchecked Sendable {
  /// What it computes, from inputs and scalars.
  let formulas: [Expression]
  let inputCount: Int
  let compute: DType
  /// Instructions and constants; allocated once and never changed.
  let instructions: UnsafeMutablePointer<apus_instruction>
  let constants: UnsafeMutablePointer<Double>
  /// The program without its constants' address, which depends on the call's scalars.
  let header: apus_program
  let literalCount: Int
  let scalarCount: Int
  /// A rough cost in nanoseconds per element on one core.
  let cost: Double

  /// - Parameters:
  ///   - outputs: one formula for each output.
  ///   - inPlace: for each output, the input whose memory it overwrites, if any.
  convenience init(_ outputs: [Expression], inputCount: Int, scalarCount: Int, compute: DType, inPlace: [Int?]) {
    var compiler = Compiler(isFloat: compute.isFloatingPoint)
    let inputs = (0..<inputCount).map { compiler.input($0) }
    let values = outputs.map { compiler.number($0, inputs: inputs) }
    self.init(
      outputs, compiler, values, inputCount: inputCount, scalarCount: scalarCount, compute: compute, inPlace: inPlace)
  }

  /// The formulas of several operations, fused.
  convenience init(_ formula: Formula, inPlace: [Int?]) {
    var compiler = Compiler(isFloat: formula.compute.isFloatingPoint)
    let inputs = (0..<formula.inputCount).map { compiler.input($0) }
    var results: [[Int]] = []
    func value(_ source: Formula.Source) -> Int {
      switch source {
      case .input(let i): inputs[i]
      case .output(let part, let number): results[part][number]
      }
    }
    for part in formula.parts {
      let operands = part.inputs.map(value)
      compiler.beginPart()
      results.append(
        part.expressions.map { compiler.number($0, inputs: operands, firstScalar: part.firstScalar) })
      for result in results.last! { compiler.keep(result) }
    }
    self.init(
      [], compiler, (formula.outputs + formula.sums).map(value), inputCount: formula.inputCount,
      scalarCount: formula.scalars.count,
      compute: formula.compute, inPlace: inPlace)
  }

  private init(
    _ formulas: [Expression], _ compiler: Compiler, _ values: [Int], inputCount: Int, scalarCount: Int, compute: DType,
    inPlace: [Int?]
  ) {
    let code = compiler.allocate(values, inputCount: inputCount, scalarCount: scalarCount, inPlace: inPlace)
    self.formulas = formulas
    self.inputCount = inputCount
    self.compute = compute
    self.scalarCount = scalarCount
    literalCount = compiler.constants.count
    cost = compiler.cost + 0.05 * Double(inputCount + values.count)
    instructions = .allocate(capacity: max(code.instructions.count, 1))
    instructions.initialize(from: code.instructions, count: code.instructions.count)
    constants = .allocate(capacity: max(literalCount + scalarCount, 1))
    constants.initialize(repeating: 0, count: literalCount + scalarCount)
    for (i, value) in compiler.constants.enumerated() { constants[i] = value }
    header = apus_program(
      compute: compute.c, input_count: UInt8(inputCount), constant_count: UInt8(literalCount + scalarCount),
      temporary_count: UInt8(code.temporaryCount), output_count: UInt8(values.count),
      instruction_count: Int32(code.instructions.count), constants: UnsafePointer(constants),
      instructions: UnsafePointer(instructions))
  }

  /// How many instructions there are, once products and sums have been fused.
  var instructionCount: Int { Int(header.instruction_count) }

  deinit {
    instructions.deallocate()
    constants.deallocate()
  }

  /// Calls `body` with the program for these scalars.
  func withProgram<R>(_ scalars: [Double], _ body: (UnsafePointer<apus_program>) -> R) -> R {
    precondition(scalars.count == scalarCount)
    var program = header
    if scalarCount == 0 { return withUnsafePointer(to: &program, body) }
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: literalCount + scalarCount) { table in
      for i in 0..<literalCount { table[i] = constants[i] }
      for i in 0..<scalarCount { table[literalCount + i] = scalars[i] }
      program.constants = UnsafePointer(table.baseAddress!)
      return withUnsafePointer(to: &program, body)
    }
  }
}

/// Value numbering, fusion and register allocation.
private struct Compiler {
  /// A value is computed once, however often it is used.
  struct Value: Hashable {
    var kind: Expression.Kind
    var operands: [Int]
    /// The part that computes it: what another part computes is not shared, since it might be rounded differently there.
    var part: Int
  }
  /// What is emitted for a value: an opcode on other values.
  struct Step {
    var opcode: apus_opcode
    var operands: [Int]
  }

  let isFloat: Bool
  private(set) var values: [Value] = []
  private var numbers: [Value: Int] = [:]
  private(set) var constants: [Double] = []
  private var part = 0
  /// Values that were outputs of an operation: a sum must not take them over, which would save a rounding.
  private var kept: Set<Int> = []

  init(isFloat: Bool) { self.isFloat = isFloat }

  mutating func beginPart() { part += 1 }
  mutating func keep(_ value: Int) { kept.insert(value) }

  var cost: Double {
    values.reduce(0) { if case .primitive(let primitive) = $1.kind { $0 + primitive.cost } else { $0 } }
  }

  /// The value of an input.
  mutating func input(_ i: Int) -> Int { number(Value(kind: .input(i), operands: [], part: 0)) }

  /// The value of an expression of the present part, whose inputs have the values `inputs`.
  mutating func number(_ expression: Expression, inputs: [Int], firstScalar: Int = 0) -> Int {
    var results: [ObjectIdentifier: Int] = [:]
    for term in expression.topologicalOrder() {
      results[term.identity] =
        switch term.node.kind {
        case .input(let i): inputs[i]
        case .constant: number(Value(kind: term.node.kind, operands: [], part: 0))
        case .scalar(let i): number(Value(kind: .scalar(firstScalar + i), operands: [], part: 0))
        case .primitive:
          number(
            Value(kind: term.node.kind, operands: term.node.operands.map { results[$0.identity]! }, part: part))
        }
    }
    return results[expression.identity]!
  }

  private mutating func number(_ value: Value) -> Int {
    if let known = numbers[value] { return known }
    numbers[value] = values.count
    values.append(value)
    if case .constant(let constant) = value.kind { constants.append(constant) }
    return values.count - 1
  }

  /// One step for each value that is computed at all; products that a sum takes over are not.
  private func fuse(_ outputs: [Int]) -> [Int: Step] {
    var uses = [Int](repeating: 0, count: values.count)
    for value in values { for operand in value.operands { uses[operand] += 1 } }
    for output in outputs { uses[output] += 1 }
    var absorbed: Set<Int> = []
    /// The factors of `number` if it is a product that only its one user needs.
    func factors(_ number: Int) -> [Int]? {
      guard uses[number] == 1, !absorbed.contains(number), !kept.contains(number) else { return nil }
      if values[number].kind == .primitive(.multiply) { return values[number].operands }
      if values[number].kind == .primitive(.square) { return [values[number].operands[0], values[number].operands[0]] }
      return nil
    }
    func quotient(_ number: Int) -> [Int]? {
      guard isFloat, uses[number] == 1, !kept.contains(number), values[number].kind == .primitive(.divide) else {
        return nil
      }
      let (numerator, denominator) = (values[number].operands[0], values[number].operands[1])
      guard let product = factors(numerator) else { return nil }
      absorbed.insert(numerator)
      return product + [denominator]
    }
    var steps: [Int: Step] = [:]
    for (number, value) in values.enumerated() {
      guard case .primitive(let primitive) = value.kind else { continue }
      var step = Step(opcode: primitive.opcode, operands: value.operands)
      if primitive == .add {
        let (a, b) = (value.operands[0], value.operands[1])
        if isFloat, a != b, let left = factors(a), let right = factors(b) {
          step = Step(opcode: APUS_SUM_OF_PRODUCTS, operands: left + right)
          absorbed.formUnion([a, b])
        } else if let product = factors(a) {
          step = Step(opcode: APUS_MULTIPLY_ADD, operands: product + [b])
          absorbed.insert(a)
        } else if let product = factors(b) {
          step = Step(opcode: APUS_MULTIPLY_ADD, operands: product + [a])
          absorbed.insert(b)
        } else if let parts = quotient(b) {
          step = Step(opcode: APUS_ADD_QUOTIENT, operands: [a] + parts)
          absorbed.insert(b)
        } else if let parts = quotient(a) {
          step = Step(opcode: APUS_ADD_QUOTIENT, operands: [b] + parts)
          absorbed.insert(a)
        }
      } else if primitive == .subtract {
        let (a, b) = (value.operands[0], value.operands[1])
        if let product = factors(b) {
          step = Step(opcode: APUS_NEGATED_MULTIPLY_ADD, operands: product + [a])
          absorbed.insert(b)
        } else if let product = factors(a) {
          step = Step(opcode: APUS_MULTIPLY_SUBTRACT, operands: product + [b])
          absorbed.insert(a)
        }
      }
      steps[number] = step
    }
    for number in absorbed { steps[number] = nil }
    return steps
  }

  /// Instructions with registers: inputs, constants (literals, then scalars), temporaries, outputs.
  func allocate(
    _ outputs: [Int], inputCount: Int, scalarCount: Int, inPlace: [Int?]
  ) -> (instructions: [apus_instruction], temporaryCount: Int) {
    let steps = fuse(outputs)
    let order = steps.keys.sorted()
    var lastUse = [Int](repeating: -1, count: values.count)
    for number in order { for operand in steps[number]!.operands { lastUse[operand] = number } }
    /// The last step that reads each input.
    var lastRead = [Int](repeating: -1, count: inputCount)
    for (number, value) in values.enumerated() {
      if case .input(let i) = value.kind { lastRead[i] = max(lastRead[i], lastUse[number]) }
    }
    // An output that is an input unchanged ("v = old p") is copied at the very end.
    for output in outputs { if case .input(let i) = values[output].kind { lastRead[i] = .max } }

    // Temporaries are numbered from 0 here, outputs from -1 downwards, and moved to their place at the end.
    enum Register {
      case fixed(Int)
      case temporary(Int)
      case output(Int)
    }
    var registers: [Int: Register] = [:]
    var literal = 0
    for (number, value) in values.enumerated() {
      switch value.kind {
      case .input(let i): registers[number] = .fixed(i)
      case .constant:
        registers[number] = .fixed(inputCount + literal)
        literal += 1
      case .scalar(let i): registers[number] = .fixed(inputCount + constants.count + i)
      case .primitive: break
      }
    }
    var free: [Int] = []
    var temporaryCount = 0
    var emitted: [(apus_opcode, Register, [Register])] = []
    var copies: [(from: Int, to: Int)] = []
    for number in order {
      let step = steps[number]!
      let sources = step.operands.map { registers[$0]! }
      // Operands that die here free their registers first: kernels may write over what they read.
      for operand in Set(step.operands) where lastUse[operand] == number && !outputs.contains(operand) {
        if case .temporary(let t) = registers[operand]! { free.append(t) }
      }
      // An output in place may only be written after the last step that reads what it overwrites.
      let target = outputs.firstIndex(of: number)
      let isSafe = target.map { inPlace[$0] == nil || lastRead[inPlace[$0]!] <= number } ?? false
      if let target, isSafe {
        registers[number] = .output(target)
      } else {
        let t = free.popLast() ?? temporaryCount
        temporaryCount = max(temporaryCount, t + 1)
        registers[number] = .temporary(t)
      }
      emitted.append((step.opcode, registers[number]!, sources))
    }
    for (target, number) in outputs.enumerated() {
      if case .output(target)? = registers[number] { continue }
      copies.append((number, target))
    }
    // Copies of inputs go first, while these still have their old values. Where two outputs exchange inputs, by way of temporaries.
    let inputCopies = copies.filter { if case .input = values[$0.from].kind { true } else { false } }
    var sources = copies.map { registers[$0.from]! }
    for copy in inputCopies {
      guard case .input(let i) = values[copy.from].kind,
        inputCopies.contains(where: { $0.to != copy.to && inPlace[$0.to] == i })
      else { continue }
      emitted.append((APUS_COPY, .temporary(temporaryCount), [.fixed(i)]))
      sources[copies.firstIndex { $0.to == copy.to }!] = .temporary(temporaryCount)
      temporaryCount += 1
    }
    let readsInput = copies.map { copy in inputCopies.contains { $0.to == copy.to } }
    for isFirst in [true, false] {
      for (i, copy) in copies.enumerated() where readsInput[i] == isFirst {
        emitted.append((APUS_COPY, .output(copy.to), [sources[i]]))
      }
    }

    let firstTemporary = inputCount + constants.count + scalarCount
    let firstOutput = firstTemporary + temporaryCount
    precondition(firstOutput + outputs.count <= 255, "an element-wise formula needs more than 255 registers")
    func place(_ register: Register) -> UInt8 {
      switch register {
      case .fixed(let r): UInt8(r)
      case .temporary(let t): UInt8(firstTemporary + t)
      case .output(let o): UInt8(firstOutput + o)
      }
    }
    let instructions = emitted.map { opcode, destination, sources in
      var instruction = apus_instruction(opcode: opcode, destination: place(destination), source: (0, 0, 0, 0))
      withUnsafeMutableBytes(of: &instruction.source) { bytes in
        for (i, source) in sources.enumerated() { bytes[i] = place(source) }
      }
      return instruction
    }
    return (instructions, temporaryCount)
  }
}
