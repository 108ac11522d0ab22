// What an instruction costs, for descriptions and profiles.

extension Instruction {
  /// The bytes that it must read and write.
  var bytes: Int { (inputs + outputs).reduce(0) { $0 + $1.memoryBytes } }

  /// The additions, multiplications and so on that it does; an exponential counts as one.
  var flops: Int {
    switch kernel {
    case .elementwise(let formula):
      formula.shape.elementCount * formula.parts.reduce(0) { $0 + $1.expressions.reduce(0) { $0 + $1.operationCount } }
    case .matmul:
      // Twice the result's elements times the length of the sums.
      2 * outputs[0].count * (inputs[0].shape.last ?? 1)
    case .reduce, .cumulativeSum: inputs[0].count
    case .moments: 3 * inputs[0].count
    case .rowwise, .softmaxGradient, .softmaxCrossEntropy, .softmaxCrossEntropyGradient,
      .softmaxCrossEntropyWithGradient:
      4 * inputs[0].count
    case .scatterAdd, .scatterAddElements: inputs[0].count
    case .routine(let routine): routine.flops(inputs.map(\.type), outputs.map(\.type))
    case .copy, .fill, .gather, .gatherElements, .argSort, .random, .check, .requireFinite: 0
    }
  }

  /// Whether arithmetic limits its speed rather than memory.
  var isArithmetic: Bool {
    switch kernel {
    case .matmul: true
    case .routine(let routine): routine.isArithmetic
    default: false
    }
  }

  /// What it does in one line: its operations, the latest last.
  var name: String { origins.map(\.operation).joined(separator: " + ") }
}

extension Operand {
  /// The bytes that lie in memory: what a broadcast repeats counts once.
  fileprivate var memoryBytes: Int {
    var elements = 1
    for (axis, extent) in shape.enumerated() where strides[axis] != 0 { elements *= extent }
    return shape.elementCount == 0 ? 0 : elements * dtype.byteCount
  }
}

extension Expression {
  fileprivate var operationCount: Int {
    topologicalOrder().reduce(0) { count, term in
      if case .primitive = term.node.kind { count + 1 } else { count }
    }
  }
}
