// The recurrences: the formulas of one step, and of whole sequences made of such steps.

/// What a recurrent layer computes at each step from the contribution z of its input (biases included) and its state.
package enum Recurrence: UInt8, Hashable, Sendable {
  /// h′ = tanh(z + W h).
  case tanh = 0
  /// h′ = max(0, z + W h).
  case relu
  /// i, f, o = σ(z + W h), g = tanh(z + W h); c′ = f c + i g, h′ = o tanh(c′) (Hochreiter and Schmidhuber, 1997; with the forget gate
  /// of Gers et al., 2000). The rows of W are in the order i, f, g, o.
  case lstm
  /// r, u = σ(z + W h), n = tanh(z + r (W h + b)); h′ = (1 − u) n + u h (Cho et al., 2014; the reset gate after the product, as in
  /// PyTorch and cuDNN). The rows of W are in the order r, u, n (PyTorch calls u z).
  case gru

  package var name: String {
    switch self {
    case .tanh, .relu: "simpleRNN"
    case .lstm: "lstm"
    case .gru: "gru"
    }
  }

  /// The gates of a unit: the rows of W are as many times the units.
  package var gateCount: Int {
    switch self {
    case .tanh, .relu: 1
    case .lstm: 4
    case .gru: 3
    }
  }

  /// The tensors of a state: h, and c of an LSTM.
  package var stateCount: Int { self == .lstm ? 2 : 1 }

  /// One step, of operations that are differentiable as often as wanted: from z (n, gates · units) and the state (n, units).
  package func step(_ z: Tensor, state: [Tensor], weight: Tensor, recurrentBias: Tensor?) -> [Tensor] {
    let h = state[0]
    switch self {
    case .tanh: return [ApusCore.tanh(z + linear(h, weight: weight))]
    case .relu: return [Activation.relu(z + linear(h, weight: weight))]
    case .lstm:
      let gates = (z + linear(h, weight: weight)).split(count: 4, axis: -1)
      let (i, f, o) = (sigmoid(gates[0]), sigmoid(gates[1]), sigmoid(gates[3]))
      let c = f * state[1] + i * ApusCore.tanh(gates[2])
      return [o * ApusCore.tanh(c), c]
    case .gru:
      let inputs = z.split(count: 3, axis: -1)
      let products = linear(h, weight: weight).split(count: 3, axis: -1)
      let (r, u) = (sigmoid(inputs[0] + products[0]), sigmoid(inputs[1] + products[1]))
      let q = recurrentBias.map { products[2] + $0 } ?? products[2]
      let n = ApusCore.tanh(inputs[2] + r * q)
      return [n + u * (h - n)]
    }
  }
}

/// What a recurrent layer of one direction runs on.
package struct RecurrentOperands {
  /// (n, steps, inputs); or, with `tokens`, the rows that they name: (rows, inputs).
  package var x: Tensor
  /// (gates · units, inputs).
  package var inputWeight: Tensor
  /// (gates · units, units).
  package var recurrentWeight: Tensor
  /// (gates · units).
  package var bias: Tensor?
  /// For a GRU, b of the recurrent product of n: (units).
  package var recurrentBias: Tensor?
  /// Before the first step: each (n, units).
  package var state: [Tensor]
  /// How many steps of each sequence count: whole numbers (n), or a mask (n, steps), bool, whose last true step is a sequence's last.
  /// Nil: all.
  package var lengths: Tensor?
  /// Whole numbers (n, steps): x of a step is a row of `x`. The rows' products are then computed once each, and their gradients are added
  /// up before they are multiplied: with few rows, that is most of the work saved.
  package var tokens: Tensor?

  package init(
    x: Tensor, inputWeight: Tensor, recurrentWeight: Tensor, bias: Tensor?, recurrentBias: Tensor?, state: [Tensor],
    lengths: Tensor?, tokens: Tensor? = nil
  ) {
    self.x = x
    self.inputWeight = inputWeight
    self.recurrentWeight = recurrentWeight
    self.bias = bias
    self.recurrentBias = recurrentBias
    self.state = state
    self.lengths = lengths
    self.tokens = tokens
  }
}

extension RecurrentOperands {
  /// The extents of the sequences and their steps: empty if there are none.
  var sequences: Shape { tokens?.shape ?? Shape(x.shape.dropLast()) }
}

extension Recurrence {
  /// Runs whole sequences, from the last step to the first if reversed.
  ///
  /// A sequence that is shorter than the others ends where its length says: outputs beyond are 0, the last state is the one at its own
  /// end, and the reverse direction begins there.
  /// - Returns: h of all steps (n, steps, units), and the last state.
  package func callAsFunction(_ operands: RecurrentOperands, isReversed: Bool) -> (output: Tensor, state: [Tensor]) {
    var operands = operands
    let extents = operands.sequences
    if let lengths = operands.lengths {
      let lengths = checked(lengths, extents)
      operands.lengths = lengths
      // Padding may be anything, also NaN: times a gradient of 0 that would not be 0. (Rows that tokens name stand for themselves.)
      if operands.tokens == nil {
        let isStep = (Tensor.range(0..<extents[1]) .< lengths.expandingDimension(at: 1)).expandingDimension(at: 2)
        operands.x = `where`(isStep, operands.x, Tensor(filledWith: 0, shape: [], dtype: operands.x.dtype))
      }
    }
    if let tokens = operands.tokens { operands.tokens = checkedTokens(tokens, table: operands.x) }
    let function = RecurrentSequence(self, operands, isReversed: isReversed)
    let inputs = function.inputs(operands)
    // One step is a product of few rows: to bring W into another order first would take longer.
    guard extents.rank == 2, extents[1] > 1 else {
      do { _ = try function.outputTypes(inputs) } catch { stop(error) }
      return composed(operands, isReversed: isReversed)
    }
    let results = apply(function, inputs)
    return (results[0], Array(results[1...stateCount]))
  }

  /// Lengths, or a mask, as lengths of type int64.
  private func checked(_ lengths: Tensor, _ extents: Shape) -> Tensor {
    if extents.rank == 2, lengths.type == TensorType(extents, .bool) {
      guard extents[1] > 0 else { return .zeros([extents[0]], dtype: .int64) }
      return (lengths.cast(to: .int64) * Tensor.range(1..<(extents[1] + 1))).max(axes: [1])
    }
    guard lengths.dtype.isInteger, extents.rank == 2, lengths.shape == [extents[0]] else {
      stop(
        ShapeError(
          name,
          "lengths of type \(lengths.type) do not fit sequences of shape \(extents): expected an integer for each, or a mask \(TensorType(extents, .bool))"
        ))
    }
    let dense = lengths.cast(to: .int64).dense
    let place = "0...\(extents[1])"
    dense.backend.check(
      dense, IndexBounds(range: 0..<(extents[1] + 1), operation: name, subject: "length", place: place))
    return dense
  }

  /// The same by one operation after the other: for single steps, for derivatives of any order, and as the test of the kernels.
  package func composed(_ operands: RecurrentOperands, isReversed: Bool) -> (output: Tensor, state: [Tensor]) {
    let x = operands.tokens.map { apply(Gather(axis: 0), [operands.x, $0]) } ?? operands.x
    let steps = x.shape[1]
    guard steps > 0 else {
      let shape: Shape = [x.shape[0], 0, operands.recurrentWeight.shape[1]]
      return (.zeros(shape, dtype: x.dtype), operands.state)
    }
    let z = linear(x, weight: operands.inputWeight, bias: operands.bias).unstacked(axis: 1)
    var state = operands.state
    var outputs = [Tensor?](repeating: nil, count: steps)
    for step in isReversed ? Array((0..<steps).reversed()) : Array(0..<steps) {
      var new = self.step(
        z[step], state: state, weight: operands.recurrentWeight, recurrentBias: operands.recurrentBias)
      var output = new[0]
      if let lengths = operands.lengths {
        let goesOn = (lengths .> Double(step)).expandingDimension(at: 1)
        new = zip(new, state).map { `where`(goesOn, $0, $1) }
        output = `where`(goesOn, output, Tensor(filledWith: 0, shape: [], dtype: x.dtype))
      }
      state = new
      outputs[step] = output
    }
    return (stack(outputs.map { $0! }, axis: 1), state)
  }
}
