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

/// Of all x that make ‖A x - b‖ smallest the shortest, for A (m, n) and b (m, k).
///
/// Rotations make A's columns orthogonal (Hestenes, 1958): A V = U Σ, so x = V Σ⁻¹ Uᵀ b, where what is rounding error counts as nothing.
func leastSquaresOfLeastNorm(_ a: Tensor, _ b: Tensor) -> Tensor {
  // Fewer columns than rows are less work; of more, the transposed matrix is decomposed.
  if a.shape[1] > a.shape[0] {
    let (u, v, squares) = orthogonalColumns(a.swappingAxes(0, 1))
    // Aᵀ V = U, so A⁺ = U Σ⁻² Vᵀ.
    return (u * inverses(squares)) • (v.swappingAxes(0, 1) • b)
  }
  let (u, v, squares) = orthogonalColumns(a)
  return (v * inverses(squares)) • (u.swappingAxes(0, 1) • b)
}

/// 1 / σ², or 0 where σ is rounding error.
private func inverses(_ squares: [Double]) -> Tensor {
  let largest = squares.max() ?? 0
  return Tensor(squares.map { $0 > 1e-24 * largest ? 1 / $0 : 0 })
}

/// A V = U for an orthogonal V such that the columns of U are orthogonal too, and the squares of their lengths.
private func orthogonalColumns(_ a: Tensor) -> (u: Tensor, v: Tensor, squares: [Double]) {
  let (m, n) = (a.shape[0], a.shape[1])
  // Columns one after the other.
  var u = a.swappingAxes(0, 1).doubles
  var v = Tensor.identity(n, dtype: .float64).doubles
  func product(_ p: Int, _ q: Int) -> Double { (0..<m).reduce(0) { $0 + u[p * m + $1] * u[q * m + $1] } }
  func rotate(_ x: inout [Double], _ p: Int, _ q: Int, length: Int, _ c: Double, _ s: Double) {
    for i in 0..<length {
      let (a, b) = (x[p * length + i], x[q * length + i])
      (x[p * length + i], x[q * length + i]) = (c * a - s * b, s * a + c * b)
    }
  }
  // A few sweeps are enough; sixty are never reached.
  for _ in 0..<60 {
    var isDone = true
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) {
        let (alpha, beta, gamma) = (product(p, p), product(q, q), product(p, q))
        guard abs(gamma) > 1e-15 * (alpha * beta).squareRoot() else { continue }
        isDone = false
        let zeta = (beta - alpha) / (2 * gamma)
        let t = (zeta < 0 ? -1 : 1) / (abs(zeta) + (1 + zeta * zeta).squareRoot())
        let c = 1 / (1 + t * t).squareRoot()
        rotate(&u, p, q, length: m, c, c * t)
        rotate(&v, p, q, length: n, c, c * t)
      }
    }
    if isDone { break }
  }
  return (
    Tensor(u, shape: [n, m]).swappingAxes(0, 1), Tensor(v, shape: [n, n]).swappingAxes(0, 1),
    (0..<n).map { product($0, $0) }
  )
}

extension Tensor {
  /// These rows with x₀ = 1 as a last column (notes A2): then the last weight is the bias.
  func withBiasColumn() -> Tensor {
    concatenate([self, Tensor(filledWith: 1, shape: [shape[0], 1], dtype: dtype)], axis: 1)
  }
}
