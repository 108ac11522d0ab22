import ApusTestSupport
import Testing

@testable import ApusCore

/// The results are x + z, x z, and whole numbers, which have no gradient.
private struct SumAndProduct: MultipleFunction {
  var name: String { "sumAndProduct" }
  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    guard x[0].shape == x[1].shape else { throw ShapeError(name, "the shapes \(x[0].shape) and \(x[1].shape) differ") }
    return [x[0].type, x[0].type, TensorType(x[0].shape, .int64)]
  }
  func forward(_ x: [Tensor], into y: [Tensor]) {
    y[0].backend.copy(x[0] + x[1], into: y[0])
    y[1].backend.copy(x[0] * x[1], into: y[1])
    y[2].backend.fill(y[2], with: 7)
  }
  func saves(output k: Int) -> Bool { k == 1 }
  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    // The product's own elements serve: dy y / x.
    (0..<2).map { i in
      guard isNeeded(i) else { return nil }
      let through = dy[1].map { $0 * y[1] / x[i] }
      guard let sum = dy[0] else { return through }
      return through.map { sum + $0 } ?? sum
    }
  }
}

/// y = 2 x, counted as a routine of the processor in two phases.
private struct Twice: CPURoutine {
  var name: String { "twice" }
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 2 * inputs[0].shape.elementCount }
  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    RoutinePlan(
      AddFirst(count: inputs[0].shape.elementCount, isSecond: false),
      AddFirst(count: inputs[0].shape.elementCount, isSecond: true))
  }
  /// Phase one copies x to scratch memory, phase two adds x to that.
  struct AddFirst: CPUKernel {
    let count: Int
    let isSecond: Bool
    var pieces: Int { count }
    var cost: Double { Double(count) }
    var scratchBytes: Int { 4 * count }
    func run(_ p: Addresses, piece: Int) {
      let (x, y, scratch) = (p[0] + 4 * piece, p[1] + 4 * piece, p[2] + 4 * piece)
      let value = x.load(as: Float.self)
      if isSecond {
        y.storeBytes(of: value + scratch.load(as: Float.self), as: Float.self)
      } else {
        scratch.storeBytes(of: value, as: Float.self)
      }
    }
  }
}

@Suite("Functions with several results, and routines")
struct MultipleFunctionTests {
  private let x = Tensor([1.5, -2, 3] as [Double])
  private let z = Tensor([0.5, 4, -1] as [Double])

  @Test("gradients of every choice of results", arguments: [[0], [1], [0, 1]])
  func gradients(of chosen: [Int]) {
    let report = checkGradients(
      of: { inputs in
        let y = apply(SumAndProduct(), inputs)
        return chosen.map { (y[$0] * y[$0]).sum() }.reduce(Tensor(0.0), +)
      }, at: [x, z])
    #expect(report.isPassed, "\(report)")
  }

  @Test("a result that is read twice adds its gradients, one that nobody reads costs nothing")
  func sums() {
    let (_, gradients) = valueWithGradient(at: [x, z]) { inputs in
      let y = apply(SumAndProduct(), inputs)
      return (y[1] + 2 * y[1]).sum()
    }
    #expect(gradients[0].doubles == z.doubles.map { 3 * $0 })
    #expect(gradients[1].doubles == x.doubles.map { 3 * $0 })
  }

  @Test("second derivatives")
  func second() {
    // d/dx sum((d/dx sum(x z)²)²): the gradient of (x z)² is 2 x z², its square's is 8 x z⁴.
    let outer = gradient(at: x) { x in
      let inner = gradient(at: x) { x in
        let y = apply(SumAndProduct(), [x, z])[1]
        return (y * y).sum()
      }
      return (inner * inner).sum()
    }
    for (found, (x, z)) in zip(outer.doubles, zip(x.doubles, z.doubles)) {
      #expect(abs(found - 8 * x * z * z * z * z) < 1e-9 * abs(found))
    }
  }

  @Test("a routine's phases follow each other, by itself and in a program")
  func phases() throws {
    let x = Tensor((0..<1000).map(Float.init))
    func twice(_ x: Tensor) -> Tensor {
      let y = Tensor(uninitialized: x.shape, x.dtype, on: x.backend)
      y.backend.run(Twice(), [x], into: [y])
      return y
    }
    #expect(twice(x).doubles == x.doubles.map { 2 * $0 })
    let program = Program("twice") { [twice(twice($0[0]))] }
    for _ in 0..<3 { #expect(try program([x])[0].doubles == x.doubles.map { 4 * $0 }) }
    #expect(program.description.contains("2 instructions"))
  }
}
