/// A recurrence over whole sequences as one operation: the input's products at once, then step after step in one kernel.
///
/// Inputs: x, its weight, the recurrent weight, h and c before the first step, then bias, recurrent bias, lengths and tokens where
/// there are any.
/// Results: h of all steps, the last h and c; and for the gradient alone the gates, h before each step, and c (GRU: the recurrent part
/// of n) of each step.
struct RecurrentSequence: MultipleFunction {
  let recurrence: Recurrence
  let isReversed: Bool
  let hasBias, hasRecurrentBias, hasLengths, hasTokens: Bool
  /// Whether there will be a gradient.
  let isSaving: Bool

  var name: String { recurrence.name }
  var detail: String { isReversed ? "reversed" : "" }

  init(_ recurrence: Recurrence, _ operands: RecurrentOperands, isReversed: Bool) {
    self.recurrence = recurrence
    self.isReversed = isReversed
    hasBias = operands.bias != nil
    hasRecurrentBias = operands.recurrentBias != nil
    hasLengths = operands.lengths != nil
    hasTokens = operands.tokens != nil
    isSaving = isRecording(
      [operands.x, operands.inputWeight, operands.recurrentWeight] + operands.state
        + [operands.bias, operands.recurrentBias].compactMap(\.self))
  }

  func inputs(_ operands: RecurrentOperands) -> [Tensor] {
    [operands.x, operands.inputWeight, operands.recurrentWeight] + operands.state
      + [operands.bias, operands.recurrentBias, operands.lengths, operands.tokens].compactMap(\.self)
  }

  /// The inputs by name.
  func operands(_ x: [Tensor]) -> RecurrentOperands {
    let states = 3 + recurrence.stateCount
    return RecurrentOperands(
      x: x[0], inputWeight: x[1], recurrentWeight: x[2], bias: biasPosition.map { x[$0] },
      recurrentBias: recurrentBiasPosition.map { x[$0] }, state: Array(x[3..<states]),
      lengths: hasLengths ? x[lengthsPosition] : nil, tokens: hasTokens ? x.last : nil)
  }

  private var biasPosition: Int? { hasBias ? 3 + recurrence.stateCount : nil }
  private var lengthsPosition: Int {
    3 + recurrence.stateCount + (hasBias ? 1 : 0) + (hasRecurrentBias ? 1 : 0)
  }
  private var recurrentBiasPosition: Int? {
    hasRecurrentBias ? 3 + recurrence.stateCount + (hasBias ? 1 : 0) : nil
  }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    let o = operands(x)
    let (input, weight) = (o.sequences, o.recurrentWeight.shape)
    guard input.rank == 2, o.inputWeight.rank == 2, o.x.shape.last == o.inputWeight.shape[1] else {
      throw ShapeError(
        name,
        "an input of shape \(o.x.shape) does not fit a weight of shape \(o.inputWeight.shape): expected (sequences, steps, "
          + "\(o.inputWeight.rank == 2 ? "\(o.inputWeight.shape[1])" : "inputs"))")
    }
    guard weight.rank == 2, weight[0] == recurrence.gateCount * weight[1], o.inputWeight.shape[0] == weight[0] else {
      throw ShapeError(
        name,
        "weights of shapes \(o.inputWeight.shape) and \(weight) were found; expected \(recurrence.gateCount) rows for each unit"
      )
    }
    let units = weight[1]
    for state in o.state where state.shape != [input[0], units] {
      throw ShapeError(
        name,
        "a state of shape \(state.shape) was found; expected (\(input[0]), \(units)) for \(input[0]) sequences")
    }
    if let bias = o.bias, bias.shape != [weight[0]] {
      throw ShapeError(name, "a bias of shape \(bias.shape) was found; expected (\(weight[0]))")
    }
    if let bias = o.recurrentBias, bias.shape != [units] {
      throw ShapeError(name, "a recurrent bias of shape \(bias.shape) was found; expected (\(units))")
    }
    let dtype = o.x.dtype
    guard dtype == .float32 || dtype == .float64,
      x.prefix(lengthsPosition).allSatisfy({ $0.dtype == dtype })
    else {
      throw ShapeError(
        name,
        "element types \(x.map(\.dtype)) were found; expected float32 or float64 throughout (convert with cast(to:))")
    }
    let all = TensorType([input[0], input[1], units], dtype)
    let state = TensorType([input[0], units], dtype)
    let gates = TensorType([input[0], input[1], weight[0]], dtype)
    let none = TensorType([0], dtype)
    let hasInner = recurrence == .lstm || recurrence == .gru
    // The gates' values take the place of z, if z is there.
    return [all] + Array(repeating: state, count: recurrence.stateCount)
      + [!hasTokens || isSaving && hasInner ? gates : none, isSaving ? all : none, isSaving && hasInner ? all : none]
  }

  func forward(_ x: [Tensor], into y: [Tensor]) {
    y[0].backend.run(
      RecurrentForward(
        recurrence: recurrence, isReversed: isReversed, isSaving: isSaving, hasBias: hasBias,
        hasRecurrentBias: hasRecurrentBias, hasLengths: hasLengths, hasTokens: hasTokens),
      x.map(\.dense), into: y)
  }

  /// A plain gradient reads neither bias nor h before the first step, which is among the saved. One that has a gradient itself reads all.
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool {
    if GradientScope.current?.parent != nil { return true }
    switch j {
    case 0: return needed(1)
    case 1: return needed(0)
    case 2: return true
    case 3: return false
    default: return j != biasPosition && j != recurrentBiasPosition
    }
  }
  /// The last state is not read. Of a single gate the value after activation is h itself.
  func saves(output k: Int) -> Bool { k == valuesPosition || k > 1 + recurrence.stateCount }
  private var valuesPosition: Int { recurrence.gateCount == 1 ? 0 : 1 + recurrence.stateCount }

  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    if isRecording(x + dy.compactMap(\.self)) { return differentiableGradients(dy, x, isNeeded) }
    let states = recurrence.stateCount
    let dz = apply(
      RecurrentGradient(self, given: (0...states).map { dy[$0] != nil }),
      [x[2]] + x[4..<(3 + states)] + (hasLengths ? [x[lengthsPosition]] : []) + [y[valuesPosition]] + y[(2 + states)...]
        + dy.prefix(1 + states).compactMap(\.self))
    let first = recurrence == .gru ? 2 : 1
    // What W h gets: for a GRU not the same as what z gets.
    let products = dz[first - 1].rows
    let inputs =
      hasTokens
      ? apply(ScatterAdd(axis: 0, shape: [x[0].shape[0], dz[0].shape[2]]), [dz[0].rows, x[x.count - 1].flattened()])
      : dz[0].rows
    let units = x[2].shape[1]
    return withPrecision(.float32) {
      x.indices.map { i in
        guard isNeeded(i) else { return nil }
        switch i {
        case 0: return (inputs • x[1]).reshaped(x[0].shape)
        case 1: return inputs.transposed() • x[0].rows
        case 2: return products.transposed() • y[y.count - 2].rows
        case 3..<(3 + recurrence.stateCount): return dz[first + i - 3]
        case biasPosition: return inputs.sum(axes: [0])
        case recurrentBiasPosition: return products.sliced(.from(2 * units), axis: 1).sum(axes: [0])
        default: return nil
        }
      }
    }
  }

  /// The gradients of the same formulas, as differentiable operations.
  private func differentiableGradients(_ dy: [Tensor?], _ x: [Tensor], _ isNeeded: (Int) -> Bool) -> [Tensor?] {
    let wanted = x.indices.filter { isNeeded($0) }
    let (_, gradients) = valueWithGradient(at: wanted.map { x[$0] }) { variables in
      var inputs = x
      for (i, variable) in zip(wanted, variables) { inputs[i] = variable }
      let (output, state) = recurrence.composed(operands(inputs), isReversed: isReversed)
      var sum = Tensor(filledWith: 0, shape: [], dtype: output.dtype)
      for (result, seed) in zip([output] + state, dy) { if let seed { sum = sum + (result * seed).sum() } }
      return sum
    }
    var all = [Tensor?](repeating: nil, count: x.count)
    for (i, gradient) in zip(wanted, gradients) { all[i] = gradient }
    return all
  }
}

/// The way back through all steps: from the gradients of the results to those of z, of W h where they differ, and of the first state.
///
/// Inputs: the recurrent weight, c before the first step, lengths, the forward pass's gates, h before each step and inner values, then
/// the gradients of h and of the last state as far as there are any.
private struct RecurrentGradient: MultipleFunction {
  let routine: RecurrentBackward
  var name: String { "\(routine.recurrence.name)Gradient" }
  var detail: String { routine.isReversed ? "reversed" : "" }

  init(_ function: RecurrentSequence, given: [Bool]) {
    routine = RecurrentBackward(
      recurrence: function.recurrence, isReversed: function.isReversed, hasLengths: function.hasLengths, given: given)
  }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    let gates = x[routine.gatesPosition].type
    let state = TensorType([gates.shape[0], x[0].shape[1]], gates.dtype)
    return Array(repeating: gates, count: routine.recurrence == .gru ? 2 : 1)
      + Array(repeating: state, count: routine.recurrence.stateCount)
  }
  func forward(_ x: [Tensor], into y: [Tensor]) { y[0].backend.run(routine, x.map(\.dense), into: y) }
  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    fatalError("\(name): a gradient that is differentiated is made of other operations")
  }
}
