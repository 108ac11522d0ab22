import Foundation
import Testing

@testable import ApusCore

/// The notes' arithmetic of arrays (B8 to B14) and of derivatives (D12 to D19).
@Suite struct NotesArraysTests {
  private let a = Tensor([[1.0, 2, 3], [4, 5, 6]])

  @Test("B8: inner products, matrix times vector, matrix times matrix") func products() {
    let (m, v) = ([[1.0, 2, 3], [4, 5, 6]], [0.5, -1, 2])
    let sums = m.map { row in zip(row, v).reduce(0) { $0 + $1.0 * $1.1 } }
    #expect(dot(Tensor(m[0]), Tensor(v)).item == sums[0])
    #expect((Tensor(m) • Tensor(v)).doubles == sums)
    let n = [[1.0, 0], [2, -1], [0, 3]]
    let product = (0..<2).flatMap { i in (0..<2).map { j in (0..<3).reduce(0) { $0 + m[i][$1] * n[$1][j] } } }
    #expect((Tensor(m) • Tensor(n)).doubles == product)
  }

  @Test("B9: (n, 1) meets (n, m) as in NumPy") func broadcasting() {
    let b = Tensor([[10.0], [20]])
    #expect((a + b).doubles == [11, 12, 13, 24, 25, 26])
    #expect((a + Tensor([1.0, 0, -1])).doubles == [2, 2, 2, 5, 5, 5])
    // The surprise: a column and a vector make a matrix.
    #expect((Tensor.zeros([32, 1]) - Tensor.zeros([32])).shape == [32, 32])
  }

  @Test("B9: strictly, a column does not meet a vector") func strictBroadcasting() async {
    let sums = withStrictBroadcasting { [a + Tensor([[10.0], [20]]), a * 2, Tensor([1.0, 0, -1]) + a] }
    #expect(sums.allSatisfy { $0.shape == a.shape })
    #expect((Tensor.zeros([3, 1]) - Tensor.zeros([3])).shape == [3, 3], "the strictness ends with its scope")
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = withStrictBroadcasting { Tensor.zeros([32, 1]) - Tensor.zeros([32]) }
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("subtract: shapes (32, 1) and (32,) would both be stretched to (32, 32)"))
  }

  @Test("B10: the element-wise product and the matrix product are two operators") func twoProducts() {
    let (x, y) = (Tensor([[1.0, 2], [3, 4]]), Tensor([[5.0, 6], [7, 8]]))
    #expect((x * y).doubles == [5, 12, 21, 32])
    #expect((x • y).doubles == [19, 22, 43, 50])
  }

  @Test("B11: with loops over samples, units and inputs, and vectorised") func loops() {
    let (m, n, h) = (7, 5, 4)
    var random = RandomSource(seed: 3)
    let x = Tensor.randomNormal([m, n], dtype: .float64, using: &random)
    let w = Tensor.randomNormal([h, n], dtype: .float64, using: &random)
    let b = Tensor.randomNormal([h], dtype: .float64, using: &random)
    var looped: [Double] = []
    for i in 0..<m {
      for j in 0..<h {
        var z = b[j].item
        for k in 0..<n { z += w[j, k].item * x[i, k].item }
        looped.append(1 / (1 + Foundation.exp(-z)))
      }
    }
    for (found, expected) in zip(sigmoid(x • w.transposed() + b).doubles, looped) {
      #expect(abs(found - expected) < 1e-14)
    }
  }

  @Test("B12: what the notes call from NumPy") func likeNumPy() {
    let b = Tensor([[1.0, -1], [2, 0], [0, 3]])
    #expect((a • b).doubles == [5, 8, 14, 14])  // np.dot
    #expect((a * a).doubles == [1, 4, 9, 16, 25, 36])  // np.multiply
    #expect(pow(a, 2).doubles == [1, 4, 9, 16, 25, 36])  // np.power
    let sums = a.sum(axes: [1], keepsAxes: true)  // np.sum(axis=1, keepdims=True)
    #expect(sums.shape == [2, 1] && sums.doubles == [6, 15])
    #expect(sums.squeezed().shape == [2])  // np.squeeze
    #expect(log(Tensor([1.0, 4])).doubles == [0, Foundation.log(4)])
    for (f, expected) in [(exp, Foundation.exp(0.5)), (tanh, Foundation.tanh(0.5))] as [((Tensor) -> Tensor, Double)] {
      #expect(abs(f(Tensor([0.5])).item - expected) < 1e-15)
    }
    #expect(Tensor.zeros([2, 3]).doubles == [0, 0, 0, 0, 0, 0])
    var random = RandomSource(seed: 0)
    let numbers = Tensor.randomNormal([100, 100], dtype: .float64, using: &random)  // np.random.randn
    #expect(abs(numbers.mean().item) < 0.05 && abs(numbers.variance().item - 1) < 0.05)
  }

  @Test("B13: what the notes call from TensorFlow") func likeTensorFlow() {
    #expect((a + Tensor.ones([2, 3], dtype: .float64)).doubles == [2, 3, 4, 5, 6, 7])  // tf.add, tf.ones
    #expect((a • Tensor([[1.0], [0], [0]])).doubles == [1, 4])  // tf.matmul
    #expect(Tensor([-1.0, 0.5, 2]).clipped(to: 1e-10...0.9999999).doubles == [1e-10, 0.5, 0.9999999])
    #expect(a.mean().item == 3.5 && a.mean(axes: [0]).doubles == [2.5, 3.5, 4.5])  // tf.reduce_mean
    #expect(a.sum().item == 21 && a.sum(axes: [1]).doubles == [6, 15])  // tf.reduce_sum
    #expect(a.argMax(axis: 1).ints == [2, 2])  // tf.argmax
    let right = (a.argMax(axis: 1) .== Tensor([2, 0])).cast(to: .float32)  // tf.equal, tf.cast
    #expect(right.mean().item == 0.5)
    #expect(Tensor.range(1..<7).reshaped([2, 3]).ints == [1, 2, 3, 4, 5, 6])  // tf.range, tf.reshape
  }

  @Test("D12, D13: the graph is in topological order, whatever the order of construction") func order() {
    // f = (x y + z) (x - z), its parts made in every order.
    var values: Set<[Double]> = []
    for turn in 0..<4 {
      let (_, found) = valueWithGradient(at: [Tensor(2.0), Tensor(3.0), Tensor(5.0)]) { v in
        let (x, y, z) = (v[0], v[1], v[2])
        let difference = turn & 1 == 0 ? x - z : nil
        let product = turn & 2 == 0 ? x * y : y * x
        let f = (product + z) * (difference ?? x - z)
        let graph = ComputationGraph(of: f)
        for (i, vertex) in graph.vertices.enumerated() { #expect(vertex.inputs.allSatisfy { $0 < i }) }
        #expect(graph.dot.hasPrefix("digraph"))
        return f
      }
      values.insert(found.map(\.item))
    }
    // ∂f/∂x = y (x - z) + x y + z, ∂f/∂y = x (x - z), ∂f/∂z = (x - z) - (x y + z)
    #expect(values == [[2, -6, -14]])
  }

  @Test("D16: labels have no gradient, and asking for one says so") func labels() async {
    let (z, y) = (Tensor([[0.5, -1, 2]]), Tensor([2] as [Int32]))
    let slope = gradient(at: z) { -($0.logSumExp(axes: [1]) - $0[.all, 2]).sum() }
    #expect(slope.shape == [1, 3] && y.dtype == .int32)
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = gradient(at: Tensor([2] as [Int32])) { $0.cast(to: .float32).sum() }
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(message.contains("a gradient with respect to a int32 tensor does not exist"))
  }

  @Test("D17: reverse mode from the graph agrees with differences, and again for second derivatives") func reverseMode()
  {
    let x = Tensor([[0.3, -1.2], [0.8, 0.1]])
    let f: ([Tensor]) -> Tensor = { (tanh($0[0] • $0[0]) * sigmoid($0[0])).sum() + exp($0[0][0, 1]) }
    for report in [checkGradients(of: f, at: [x]), checkSecondGradients(of: f, at: [x])] {
      #expect(report.isPassed, "\(report)")
    }
  }

  @Test("D19, E-07: the derivatives of σ, tanh and ReLU are the slides' formulas") func slopes() {
    let x = Tensor([-3, -0.4, 0.2, 1.7] as [Double])
    func expect(_ f: (Tensor) -> Tensor, _ formula: Tensor) {
      let found = gradient(at: x) { f($0).sum() }
      #expect(abs(found - formula).max().item < 1e-15)
    }
    let (a, t) = (sigmoid(x), tanh(x))
    expect(sigmoid, a * (1 - a))
    expect(sigmoid, exp(-x) / square(1 + exp(-x)))
    expect(tanh, 1 - t * t)
    expect(relu, (x .> 0).cast(to: .float64))
  }
}
