/// Element-wise formulas that one pass over memory computes: those of one call, or of several that were fused.
///
/// Fusing never changes a result. A value that was an operation's output keeps the rounding that it had in memory, so a fused formula
/// gives the same bits as its parts one after the other.
struct Formula: Sendable {
  /// Where a part takes an input from.
  enum Source: Hashable, Sendable {
    case input(Int)
    case output(part: Int, number: Int)
  }

  /// The formulas of one operation.
  struct Part: Sendable {
    let expressions: [Expression]
    var inputs: [Source]
    /// Its scalars are numbered from here.
    var firstScalar: Int
  }

  /// A number that the expressions leave open.
  enum Scalar: Sendable {
    case constant(Double)
    case stepping(StepScalars, Int)

    var value: Double {
      switch self {
      case .constant(let value): value
      case .stepping(let source, let index): source.values[index]
      }
    }
  }

  /// What is summed of a value that nobody needs by itself.
  enum Sum: Hashable, Sendable {
    /// Over the rows of a matrix.
    case columns
    /// Over everything.
    case all
  }

  var parts: [Part]
  /// What is written, element by element, to the first outputs.
  var outputs: [Source]
  /// What is summed: to the outputs after those.
  var sums: [Source] = []
  /// Which sums they are.
  var sum = Sum.columns
  var inputCount: Int
  var scalars: [Scalar]
  let compute: DType
  var shape: Shape

  init(_ program: TileProgram, scalars: Scalars, shape: Shape) {
    parts = [
      Part(expressions: program.formulas, inputs: (0..<program.inputCount).map { .input($0) }, firstScalar: 0)
    ]
    outputs = program.formulas.indices.map { .output(part: 0, number: $0) }
    inputCount = program.inputCount
    self.scalars = scalars.values.enumerated().map { i, value in
      scalars.source.map { .stepping($0, i) } ?? .constant(value)
    }
    compute = program.compute
    self.shape = shape
  }

  /// The present values of the scalars.
  var values: [Double] { scalars.map(\.value) }

  var isStepping: Bool {
    scalars.contains { if case .stepping = $0 { true } else { false } }
  }

  /// The instructions; output i, sums included, overwrites input `inPlace[i]` if there is one.
  func program(inPlace: [Int?] = []) -> TileProgram {
    let rest = [Int?](repeating: nil, count: outputs.count + sums.count - inPlace.count)
    return TileProgram(self, inPlace: inPlace + rest)
  }

  /// Whether all values of output `number` are 0 or 1, exact in any type.
  func isPredicate(output number: Int) -> Bool {
    guard case .output(let part, let i) = outputs[number] else { return false }
    return parts[part].expressions[i].isPredicate
  }
}
