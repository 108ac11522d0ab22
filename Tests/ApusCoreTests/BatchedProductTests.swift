import ApusTestSupport
import Testing

@testable import ApusCore

/// Products of stacks of matrices, from wherever they lie, by themselves and in programs.
@Suite struct BatchedProductTests {
  private struct Case: Sendable, CustomTestStringConvertible {
    let a, b: Shape
    /// The axes in memory, if they are not in order.
    var orderA: [Int]?
    var orderB: [Int]?
    var testDescription: String { "\(a) \(orderA ?? []) • \(b) \(orderB ?? [])" }
  }

  private static let cases: [Case] = [
    Case(a: [3, 4, 5], b: [3, 5, 2]),
    Case(a: [2, 3, 4, 5], b: [5, 2]),
    Case(a: [4, 5], b: [2, 3, 5, 2]),
    Case(a: [2, 3, 4, 5], b: [2, 3, 5, 6], orderA: [0, 2, 1, 3], orderB: [0, 2, 1, 3]),
    Case(a: [2, 3, 4, 5], b: [2, 3, 5, 6], orderA: [0, 2, 1, 3], orderB: [0, 3, 1, 2]),
    Case(a: [2, 1, 4, 5], b: [1, 3, 5, 6]),
    Case(a: [2, 1, 3, 4, 5], b: [3, 5, 6], orderA: [2, 0, 1, 3, 4]),
    Case(a: [1, 2, 1, 3, 4], b: [1, 2, 1, 4, 3], orderB: [3, 1, 0, 2, 4]),
    Case(a: [3, 4, 0], b: [3, 0, 2]),
    Case(a: [2, 70, 40], b: [2, 40, 90], orderA: [0, 2, 1], orderB: [1, 0, 2]),
    Case(a: [2, 3, 4, 5], b: [2, 3, 5, 2], orderA: [3, 1, 2, 0]),
  ]

  /// A tensor of the shape whose axes lie in memory in the given order.
  private func tensor(_ shape: Shape, _ order: [Int]?, _ dtype: DType, seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    let order = order ?? Array(0..<shape.rank)
    let memory = Tensor.randomNormal(Shape(order.map { shape[$0] }), dtype: .float64, using: &random).cast(to: dtype)
    return memory.transposed(order.indices.map { order.firstIndex(of: $0)! })
  }

  @Test(arguments: cases, [DType.float32, .float64]) private func products(c: Case, dtype: DType) throws {
    let (a, b) = (tensor(c.a, c.orderA, dtype, seed: 1), tensor(c.b, c.orderB, dtype, seed: 2))
    let found = a • b
    // Element by element: rows times columns.
    let expected = (a.expandingDimension(at: -1) * b.expandingDimension(at: -3)).sum(axes: [-2])
    #expect(found.shape == expected.shape)
    let tolerance = dtype == .float64 ? 1e-13 : 1e-5
    #expect(firstDifference(found.doubles, expected.doubles, tolerance: tolerance) == nil)
    // In a program, from views of its inputs, the bits are the same.
    let program = Program { inputs in
      let x =
        c.orderA.map { order in inputs[0].transposed(order.indices.map { order.firstIndex(of: $0)! }) } ?? inputs[0]
      return [x • b]
    }
    let memory = c.orderA.map { a.transposed($0) } ?? a
    for _ in 0..<2 { #expect(try program([memory])[0].doubles == found.doubles) }
  }
}
