import ApusTestSupport
import CApus
import Testing

@testable import ApusCore

/// The fused recurrences against the same formulas composed of single operations.
@Suite("Recurrences") struct RecurrenceTests {
  struct Shapes: Sendable, CustomTestStringConvertible {
    let n, steps, inputs, units: Int
    var testDescription: String { "\(n) x \(steps), \(inputs) to \(units)" }
  }
  /// Below, at and beyond whole vectors of any width, blocks of rows, panels and pieces.
  static let shapes = [
    Shapes(n: 1, steps: 2, inputs: 1, units: 1), Shapes(n: 3, steps: 4, inputs: 5, units: 16),
    Shapes(n: 7, steps: 3, inputs: 2, units: 21), Shapes(n: 13, steps: 2, inputs: 8, units: 64),
    Shapes(n: 40, steps: 3, inputs: 4, units: 35), Shapes(n: 67, steps: 2, inputs: 3, units: 70),
    Shapes(n: 0, steps: 3, inputs: 2, units: 3),
  ]
  static let all: [Recurrence] = [.tanh, .relu, .lstm, .gru]

  static func operands(
    _ recurrence: Recurrence, _ s: Shapes, dtype: DType = .float64, hasLengths: Bool = false, hasBias: Bool = true,
    hasTokens: Bool = false
  ) -> RecurrentOperands {
    var random = RandomSource(seed: 3)
    func normal(_ shape: Shape, _ scale: Double = 1) -> Tensor {
      (Tensor.randomNormal(shape, dtype: .float64, using: &random) * scale).cast(to: dtype)
    }
    let rows = recurrence.gateCount * s.units
    return RecurrentOperands(
      x: normal(hasTokens ? [5, s.inputs] : [s.n, s.steps, s.inputs]), inputWeight: normal([rows, s.inputs], 0.5),
      recurrentWeight: normal([rows, s.units], 1 / Double(s.units).squareRoot()), bias: hasBias ? normal([rows]) : nil,
      recurrentBias: recurrence == .gru && hasBias ? normal([s.units]) : nil,
      state: (0..<recurrence.stateCount).map { _ in normal([s.n, s.units]) },
      lengths: hasLengths ? Tensor((0..<s.n).map { Int64(($0 * 2 + 1) % (s.steps + 1)) }) : nil,
      tokens: hasTokens
        ? Tensor((0..<(s.n * s.steps)).map { Int64(($0 * $0 + $0 / 3) % 4) }, shape: [s.n, s.steps]) : nil)
  }

  /// Results and gradients of everything, by `run`.
  private static func results(
    _ recurrence: Recurrence, _ operands: RecurrentOperands,
    _ run: (RecurrentOperands) -> (output: Tensor, state: [Tensor])
  ) -> [Tensor] {
    let function = RecurrentSequence(recurrence, operands, isReversed: false)
    let inputs = function.inputs(operands).filter { $0.dtype.isFloatingPoint }
    var kept: [Tensor] = []
    let (_, gradients) = valueWithGradient(at: inputs) { variables in
      let (y, state) = run(function.operands(variables + [operands.lengths, operands.tokens].compactMap(\.self)))
      kept = ([y] + state).map { $0.stopGradient() }
      // A loss whose gradient differs at every element.
      return ([y] + state).map { ($0 * $0 * $0 + $0).sum() }.reduce(Tensor(0.0).cast(to: y.dtype), +)
    }
    return kept + gradients
  }

  @Test("fused and composed agree, results and gradients", arguments: all, shapes)
  func agree(recurrence: Recurrence, s: Shapes) {
    for (hasLengths, isReversed, hasTokens) in [
      (false, false, false), (true, false, false), (false, true, false), (true, true, false), (false, false, true),
      (true, true, true),
    ] {
      let operands = Self.operands(
        recurrence, s, hasLengths: hasLengths, hasBias: isReversed == hasLengths, hasTokens: hasTokens)
      let fused = Self.results(recurrence, operands) { recurrence($0, isReversed: isReversed) }
      let composed = Self.results(recurrence, operands) { recurrence.composed($0, isReversed: isReversed) }
      #expect(fused.count == composed.count)
      for (i, (a, b)) in zip(fused, composed).enumerated() {
        #expect(a.shape == b.shape)
        #expect(
          firstDifference(a.doubles, b.doubles, tolerance: 1e-11) == nil,
          "\(i), \(hasLengths), \(isReversed), \(hasTokens)")
      }
    }
  }

  @Test("float32 with every instruction set", arguments: all, shapes)
  func singlePrecision(recurrence: Recurrence, s: Shapes) {
    defer { _ = apus_testing_use_instruction_set(nil) }
    let expected = Self.results(recurrence, Self.operands(recurrence, s, hasLengths: true)) {
      recurrence($0, isReversed: true)
    }
    for set in ["avx512", "avx2", "neon", "baseline"] where apus_testing_use_instruction_set(set) {
      let operands = Self.operands(recurrence, s, dtype: .float32, hasLengths: true)
      let found = Self.results(recurrence, operands) { recurrence($0, isReversed: true) }
      for (i, (a, b)) in zip(found, expected).enumerated() {
        let scale = max(1, b.doubles.map(abs).max() ?? 1)
        #expect(
          firstDifference(a.doubles.map { $0 / scale }, b.doubles.map { $0 / scale }, tolerance: 1e-5) == nil,
          "\(set) \(i)")
      }
    }
  }

  @Test("gradients against finite differences", arguments: all)
  func finiteDifferences(recurrence: Recurrence) {
    let operands = Self.operands(recurrence, Shapes(n: 2, steps: 3, inputs: 2, units: 3))
    let function = RecurrentSequence(recurrence, operands, isReversed: false)
    let report = checkGradients(
      of: { x in
        let (y, state) = recurrence(function.operands(x), isReversed: false)
        return ([y] + state).map { ($0 * $0).sum() }.reduce(Tensor(0.0), +)
      }, at: function.inputs(operands))
    #expect(report.isPassed, "\(report)")
  }

  @Test("second derivatives against finite differences of first ones", arguments: all)
  func secondDerivatives(recurrence: Recurrence) {
    let operands = Self.operands(recurrence, Shapes(n: 2, steps: 2, inputs: 2, units: 2))
    let function = RecurrentSequence(recurrence, operands, isReversed: false)
    let report = checkGradients(
      of: { x in
        let (_, gradients) = valueWithGradient(at: x) { x in
          let (y, state) = recurrence(function.operands(x), isReversed: false)
          return ([y] + state).map { ($0 * $0).sum() }.reduce(Tensor(0.0), +)
        }
        return gradients.map { ($0 * $0).sum() }.reduce(Tensor(0.0), +)
      }, at: function.inputs(operands))
    #expect(report.isPassed, "\(report)")
  }

  @Test("the same bits for any number of threads, and in a program", arguments: all, [false, true])
  func sameBits(recurrence: Recurrence, hasTokens: Bool) throws {
    let operands = Self.operands(
      recurrence, Shapes(n: 67, steps: 5, inputs: 40, units: 70), dtype: .float32, hasTokens: hasTokens)
    func run() -> [[Float]] { Self.results(recurrence, operands) { recurrence($0, isReversed: false) }.map(\.floats) }
    let before = Threads.count
    defer { Threads.count = before }
    let expected = run()
    for threads in [1, 2, 3] {
      Threads.count = threads
      #expect(run() == expected, "\(threads) threads")
    }
    let program = Program("recurrence") { x in
      var operands = operands
      operands.x = x[0]
      return Self.results(recurrence, operands) { recurrence($0, isReversed: false) }
    }
    for _ in 0..<3 { #expect(try program([operands.x]).map(\.floats) == expected) }
    #expect(program.description.contains(recurrence.name + "Gradient"))
  }

  @Test("unstack is the inverse of stack, once and twice differentiated") func unstacking() {
    let x = Tensor((0..<12).map(Double.init), shape: [2, 3, 2])
    let parts = x.unstacked(axis: 1)
    #expect(parts.count == 3 && parts[1].doubles == [2, 3, 8, 9])
    #expect(stack(parts, axis: 1).doubles == x.doubles)
    let report = checkGradients(
      of: { x in
        let parts = x[0].unstacked(axis: -2)
        return (parts[0] * parts[2] * parts[2]).sum()
      }, at: [x])
    #expect(report.isPassed, "\(report)")
    #expect(Tensor.zeros([2, 0]).unstacked(axis: 1).isEmpty)
  }
}
