import Glibc
import Testing

@testable import ApusCore

/// Sizes around and far beyond a tile, against formulas in plain Swift; and the same bits with any number of threads.
@Suite struct LargeTests {
  private static let sizes = [1, 17, 1023, 1024, 1025, 100_003]

  private func numbers(_ shape: Shape, dtype: DType = .float32, seed: UInt64 = 1) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomUniform(shape, in: -2..<2, dtype: dtype, using: &random)
  }

  private func expect(_ y: Tensor, _ tolerance: Double, _ expected: (Int) -> Double, _ name: String) {
    for (i, found) in y.doubles.enumerated() {
      let expected = expected(i)
      guard abs(found - expected) > tolerance * max(1, abs(expected)) else { continue }
      Issue.record("\(name) of \(y.type), element \(i): \(found), expected \(expected)")
      return
    }
  }

  @Test(arguments: sizes) func elementwise(count: Int) {
    let formula = Elementwise("formula") { a, b in a * tanh(b) + exp(a - b) / (1 + b * b) }
    func scalar(_ a: Double, _ b: Double) -> Double { a * Glibc.tanh(b) + Glibc.exp(a - b) / (1 + b * b) }
    for (dtype, tolerance) in [(DType.float32, 2e-6), (.float64, 1e-14)] {
      let (a, b) = (numbers([count], dtype: dtype), numbers([count], dtype: dtype, seed: 2))
      let (x, y) = (a.doubles, b.doubles)
      expect(formula(a, b), tolerance, { scalar(x[$0], y[$0]) }, "dense")
      expect(formula(a.reversed(axis: 0), b), tolerance, { scalar(x[count - 1 - $0], y[$0]) }, "reversed")
      expect(formula(a, b[0]), tolerance, { scalar(x[$0], y[0]) }, "a single number")
    }
  }

  @Test func broadcastRowsAndColumns() {
    let (rows, columns) = (311, 1027)
    let m = numbers([rows, columns])
    let (row, column) = (numbers([columns], seed: 2), numbers([rows, 1], seed: 3))
    let (x, r, c) = (m.doubles, row.doubles, column.doubles)
    expect(m * row + column, 1e-6, { x[$0] * r[$0 % columns] + c[$0 / columns] }, "row and column")
    expect(m.transposed() + row[..<311], 1e-6, { x[$0 % rows * columns + $0 / rows] + r[$0 % rows] }, "transposed")
    let (value, gradients) = valueWithGradient(at: [m, row, column]) { ($0[0] * $0[1] + $0[2]).sum() }
    #expect(value.item.isFinite)
    expect(gradients[0], 1e-6, { r[$0 % columns] }, "gradient")
    expect(gradients[1], 1e-5, { j in (0..<rows).reduce(0) { $0 + x[$1 * columns + j] } }, "gradient of the row")
    expect(gradients[2], 1e-6, { _ in Double(columns) }, "gradient of the column")
  }

  @Test(arguments: sizes) func reductions(count: Int) {
    let x = numbers([count, 3])
    let elements = x.doubles
    let total = elements.reduce(0, +)
    #expect(abs(x.sum().item - total) < 1e-6 * elements.reduce(0) { $0 + abs($1) })
    #expect(x.max().item == elements.max())
    #expect(x.argMin().ints == [elements.firstIndex(of: elements.min()!)!])
    let sums = (0..<3).map { j in (0..<count).reduce(0) { $0 + elements[$1 * 3 + j] } }
    expect(x.sum(axes: [0]), 1e-5, { sums[$0] }, "columns")
    expect(x.sum(axes: [1]), 1e-6, { i in (0..<3).reduce(0) { $0 + elements[i * 3 + $1] } }, "rows")
    let bytes = (abs(x) * 100).cast(to: .uint8)
    #expect(bytes.sum().item == bytes.doubles.reduce(0, +))
  }

  @Test func everyElementIsCounted() {
    // 2²⁴ is where a float32 counter would stop.
    let count = (1 << 24) + 1002
    #expect(Tensor.ones([count]).sum().item == Double(count))
  }

  @Test func copiesOfViews() {
    let x = numbers([37, 61, 43])
    let elements = x.floats
    let turned = x.transposed([2, 0, 1]).dense.floats
    for k in 0..<43 {
      for i in 0..<37 {
        let isSame = (0..<61).allSatisfy { turned[(k * 37 + i) * 61 + $0] == elements[(i * 61 + $0) * 43 + k] }
        #expect(isSame)
      }
    }
    let part = x[.from(by: 3), .reversed, 5..<40].dense
    #expect(part.shape == [13, 61, 35])
    #expect(part[12, 0, 34].item == Double(elements[(36 * 61 + 60) * 43 + 39]))
  }

  @Test(arguments: [DType.float32, .float64, .bfloat16, .int32]) func matrixProducts(dtype: DType) {
    for (m, k, n) in [(1, 1, 1), (3, 5, 2), (33, 17, 65), (130, 300, 70), (1, 257, 129), (129, 255, 1)] {
      let a = (numbers([m, k]) * 4).cast(to: dtype)
      let b = (numbers([k, n], seed: 2) * 4).cast(to: dtype)
      let (x, y) = (a.doubles, b.doubles)
      let expected = (0..<(m * n)).map { i in
        (0..<k).reduce(0) { $0 + x[i / n * k + $1] * y[$1 * n + i % n] }
      }
      let tolerance = dtype == .bfloat16 ? 0.01 : dtype == .float32 ? 1e-5 : 1e-12
      let largest = max(1, expected.map(abs).max()!)
      let turnedA = a.transposed().dense.transposed()
      let turnedB = b.transposed().dense.transposed()
      let stepped = stack([a, a], axis: 2)[.all, .all, 1]
      for (name, c) in [
        ("plain", a • b), ("left turned", turnedA • b), ("right turned", a • turnedB), ("both", turnedA • turnedB),
        ("stepped", stepped • b), ("reversed", a.reversed(axis: 1) • b.reversed(axis: 0)),
        ("stack", (stack([a, a]) • b)[1]), ("broadcast stack", (a.broadcast(to: [2, m, k]) • stack([b, b]))[1]),
      ] { expect(c, tolerance * largest, { expected[$0] }, "\(name) \(m)x\(k)x\(n)") }
    }
  }

  @Test func threadsDoNotChangeBits() async {
    await #expect(processExitsWith: .success) {
      Threads.count = 1
      let alone = LargeTests.everything()
      Threads.count = 2
      let together = LargeTests.everything()
      #expect(Threads.count == 2)
      for ((name, one), (_, two)) in zip(alone, together) { #expect(one == two, "\(name)") }
    }
  }

  /// Operations that are spread over threads, and their results' bytes.
  private static func everything() -> [(String, [UInt8])] {
    var random = RandomSource(seed: 4)
    let x = Tensor.randomNormal([1001, 517], using: &random)
    let row = Tensor.randomNormal([517], using: &random)
    let wide = Tensor.randomNormal([517, 300], using: &random)
    let indices = Tensor.range(0..<1001) * 7 % 1001
    let labels = Tensor.range(0..<1001) % 517
    let formula = Elementwise("formula") { a, b in tanh(a) * b + sin(b) }
    let (value, gradients) = valueWithGradient(at: [x, wide]) { (tanh($0[0]) • $0[1]).logSumExp(axes: [1]).sum() }
    let results: [(String, Tensor)] = [
      ("normal", x), ("uniform", .randomUniform([100_000], using: &random)),
      ("bernoulli", .randomBernoulli([100_000], probability: 0.3, using: &random)), ("formula", formula(x, row)),
      ("turned", exp(x.transposed())), ("copy", x.transposed().dense), ("cast", x.cast(to: .float64)), ("sum", x.sum()),
      ("sum 0", x.sum(axes: [0])), ("sum 1", x.sum(axes: [1])), ("mean", x.mean()), ("variance", x.variance()),
      ("norm", x.norm()), ("max", x.max(axes: [0])), ("argMax", x.argMax(axis: 1)), ("softmax", softmax(x)),
      ("softmax 0", softmax(x, axis: 0)), ("logSoftmax", logSoftmax(x)), ("cumulative", x.cumulativeSum(axis: 1)),
      ("cumulative 0", x.cumulativeSum(axis: 0)), ("gather", x.gathering(indices)),
      ("scatter", x.addingSlices(x, at: indices)), ("sort", x.sorted(axis: 1)), ("matmul", x • wide),
      ("matmul float64", x.cast(to: .float64) • wide.cast(to: .float64)),
      ("linear", linear(x, weight: wide.transposed())),
      ("loss", softmaxCrossEntropyRows(x, labels: labels)), ("value", value), ("gradient", gradients[0]),
      ("gradient of the weight", gradients[1]),
    ]
    return results.map { name, tensor in (name, tensor.withHostBytes { Array($0) }) }
  }
}
