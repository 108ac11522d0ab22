import ApusCore

/// The solution x of A x = b for a symmetric positive definite A (n, n), by Cholesky's decomposition A = L Lᵀ; b has shape (n, k).
/// - Returns: nil if A is not positive definite, as far as rounding lets one see.
func solvePositiveDefinite(_ a: Tensor, _ b: Tensor) -> Tensor? {
  let (n, k) = (a.shape[0], b.shape[1])
  var l = a.doubles
  var x = b.doubles
  // A pivot that is rounding error next to the largest element of the diagonal is none.
  let smallest = 1e-14 * (0..<n).reduce(0) { max($0, l[$1 * n + $1]) }
  for j in 0..<n {
    var pivot = l[j * n + j]
    for p in 0..<j { pivot -= l[j * n + p] * l[j * n + p] }
    guard pivot > smallest else { return nil }
    let root = pivot.squareRoot()
    l[j * n + j] = root
    for i in (j + 1)..<max(n, j + 1) {
      var value = l[i * n + j]
      for p in 0..<j { value -= l[i * n + p] * l[j * n + p] }
      l[i * n + j] = value / root
    }
  }
  for column in 0..<k {
    for i in 0..<n {
      var value = x[i * k + column]
      for p in 0..<i { value -= l[i * n + p] * x[p * k + column] }
      x[i * k + column] = value / l[i * n + i]
    }
    for i in (0..<n).reversed() {
      var value = x[i * k + column]
      for p in (i + 1)..<max(n, i + 1) { value -= l[p * n + i] * x[p * k + column] }
      x[i * k + column] = value / l[i * n + i]
    }
  }
  return Tensor(x, shape: [n, k])
}

extension Tensor {
  /// These rows with x₀ = 1 as a last column (notes A2): then the last weight is the bias.
  func withBiasColumn() -> Tensor {
    concatenate([self, Tensor(filledWith: 1, shape: [shape[0], 1], dtype: dtype)], axis: 1)
  }
}
