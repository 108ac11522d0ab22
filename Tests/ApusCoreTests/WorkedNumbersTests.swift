import ApusCore
import Testing

/// Worked numbers of the lecture notes that tensors alone can answer, by their numbers there.
@Suite struct WorkedNumbersTests {
  @Test("N-06: the dot product (1, 2, 3) · (4, 1, 3)") func dotProduct() {
    let y = dot(Tensor([1, 2, 3] as [Float]), Tensor([4, 1, 3] as [Float]))
    #expect(y.shape == [])
    #expect(y.item == 15)
  }

  @Test("N-11: a matrix product", arguments: [DType.float32, .float64, .int32, .int64, .bfloat16])
  func matrixProduct(dtype: DType) {
    let a = Tensor([[1, 2, 1], [0, 1, 0], [2, 3, 4]] as [[Double]]).cast(to: dtype)
    let b = Tensor([[2, 5], [6, 7], [1, 8]] as [[Double]]).cast(to: dtype)
    #expect((a • b).type == TensorType([3, 2], dtype))
    #expect((a • b).doubles == [15, 27, 6, 7, 26, 63])
  }

  @Test("N-12: a matrix times a column is (a x + b y + c z, ...)") func matrixTimesColumn() {
    let m = Tensor([[2, 3, 5], [7, 11, 13], [17, 19, 23]] as [[Double]])
    let (x, y, z) = (1.5, -2.0, 0.25)
    let column = m • Tensor([[x], [y], [z]] as [[Double]])
    #expect(column.shape == [3, 1])
    #expect(column.doubles == [2 * x + 3 * y + 5 * z, 7 * x + 11 * y + 13 * z, 17 * x + 19 * y + 23 * z])
    #expect((m • Tensor([x, y, z])).doubles == column.doubles)
  }

  @Test("N-13: adding element by element") func addition() {
    let y = Tensor.ones([2, 3]) + Tensor.range(1..<7).cast(to: .float32).reshaped([2, 3])
    #expect(y.floats == [2, 3, 4, 5, 6, 7])
  }

  @Test("N-19: multinomial logistic regression with a class of score 0 is softmax") func multinomial() {
    let expected = [0.244728471, 0.665240956, 0.090030573]
    let p = softmax(Tensor([1, 2, 0] as [Double]))
    for (p, expected) in zip(p.doubles, expected) { #expect(abs(p - expected) < 1e-9) }
    #expect(abs(p.sum().item - 1) < 1e-15)
    let scores = Tensor([1, 2] as [Double])
    let direct = exp(scores) / (1 + exp(scores).sum())
    for (p, expected) in zip(direct.doubles, expected) { #expect(abs(p - expected) < 1e-9) }
  }

  @Test("N-19b: softmax does not overflow", arguments: [DType.float32, .float64]) func stableSoftmax(dtype: DType) {
    let scores = Tensor([1000, 1001] as [Double]).cast(to: dtype)
    let p = softmax(scores).doubles
    #expect(abs(p[0] - 0.268941421) < 1e-7 && abs(p[1] - 0.731058579) < 1e-7)
    let naive = exp(scores) / exp(scores).sum()
    #expect(naive.doubles.allSatisfy { $0.isNaN })
  }
}
