import ApusCore

/// The directions in which data vary most (Pearson, 1901; Hotelling, 1933), to look at many dimensions in two.
///
/// ```swift
/// let components = PrincipalComponents(x, count: 2)
/// let plane = components(x)                       // (n, 2)
/// ```
public struct PrincipalComponents: Sendable {
  /// float64, of shape (features).
  public let mean: Tensor
  /// Orthonormal rows, the one of the largest variance first: float64, of shape (count, features). The largest entry of each is positive.
  public let components: Tensor
  /// The data's variance along each component, unbiased (with n − 1).
  public let variances: [Double]
  /// The shares of the whole variance; NaN for data without any.
  public let varianceShares: [Double]

  /// - Parameters:
  ///   - x: (n, features), n at least 2.
  ///   - count: how many components, from 1 to the number of features.
  public init(_ x: Tensor, count: Int) {
    guard x.rank == 2, x.shape[0] > 1, (1...max(1, x.shape[1])).contains(count) else {
      stop(
        ShapeError(
          "PrincipalComponents",
          "data of shape \(x.shape) and \(count) components were found; expected 2 rows and as many columns as components"
        ))
    }
    let (rows, features) = (x.shape[0], x.shape[1])
    let x = x.stopGradient().cast(to: .float64)
    mean = x.mean(axes: [0])
    let centered = x - mean
    let scale = 1 / Double(rows - 1)
    // Subspace iteration with Rayleigh and Ritz: a few directions more than are wanted are multiplied by the covariance Xᵀ X / (n − 1) and made
    // orthonormal again, until it maps the wanted ones onto multiples of themselves. If they span everything, the first step is exact.
    let size = min(features, count + 10)
    var basis = Tensor.identity(features, columns: size, dtype: .float64)
    if size < features {
      var random = RandomSource(seed: 0, stream: 0x70_6361)  // "pca"
      basis = orthonormal(.randomNormal([features, size], dtype: .float64, using: &random))
    }
    var values: [Double] = []
    for _ in 0..<1000 {
      let image = (centered.transposed() • (centered • basis)) * scale
      let (eigenvalues, rotation) = symmetricEigenvectors(basis.transposed() • image)
      values = eigenvalues
      let ritz = basis • rotation
      let residual = image • rotation - ritz * Tensor(eigenvalues)
      basis = ritz
      if residual[.all, 0..<count].norm().item <= 1e-12 * max(eigenvalues[0], 1e-300) || size == features { break }
      basis = orthonormal(image • rotation)
    }
    let directions = basis.transposed()[0..<count]
    let largest = directions.gatheringElements(abs(directions).argMax(axis: 1).reshaped([count, 1]), axis: 1)
    components = directions * (Tensor.ones([count, 1], dtype: .float64) - 2 * (largest .< 0).cast(to: .float64))
    variances = values[..<count].map { max(0, $0) }
    let total = square(centered).sum().item * scale
    varianceShares = variances.map { $0 / total }
  }

  /// The coordinates along the components, float64 of shape (n, count), of data of shape (n, features).
  public func callAsFunction(_ x: Tensor) -> Tensor {
    (x.stopGradient().cast(to: .float64) - mean) • components.transposed()
  }

  /// The data with these coordinates: what is left of them in so many dimensions.
  public func inverted(_ coordinates: Tensor) -> Tensor { coordinates.cast(to: .float64) • components + mean }
}

/// The columns of `a` made orthonormal, in order (Gram and Schmidt, twice, which is enough for all digits); a column that the others
/// span becomes one that they do not.
private func orthonormal(_ a: Tensor) -> Tensor {
  let (rows, columns) = (a.shape[0], a.shape[1])
  var vectors = a.transposed().doubles.chunks(of: rows)
  var spare = 0
  for i in 0..<columns {
    while true {
      let before = norm(vectors[i])
      for _ in 0..<2 {
        for j in 0..<i {
          let share = zip(vectors[i], vectors[j]).reduce(0) { $0 + $1.0 * $1.1 }
          for k in 0..<rows { vectors[i][k] -= share * vectors[j][k] }
        }
      }
      let after = norm(vectors[i])
      if after > 1e-12 * before, after > 1e-250 {
        vectors[i] = vectors[i].map { $0 / after }
        break
      }
      vectors[i] = (0..<rows).map { $0 == spare ? 1 : 0 }
      spare += 1
    }
  }
  return Tensor(vectors).transposed()
}

private func norm(_ v: [Double]) -> Double { v.reduce(0) { $0 + $1 * $1 }.squareRoot() }

extension [Double] {
  fileprivate func chunks(of size: Int) -> [[Double]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<$0 + size]) }
  }
}

/// Eigenvalues in descending order and eigenvectors, as columns, of a small symmetric matrix: Jacobi's rotations (1846), which set one
/// pair of entries to zero at a time.
func symmetricEigenvectors(_ matrix: Tensor) -> (values: [Double], vectors: Tensor) {
  let n = matrix.shape[0]
  var a = matrix.doubles.chunks(of: n)
  var v = Tensor.identity(n, dtype: .float64).doubles.chunks(of: n)
  for _ in 0..<100 {
    var (off, on) = (0.0, 0.0)
    for i in 0..<n {
      on += a[i][i] * a[i][i]
      for j in 0..<i { off += a[i][j] * a[i][j] }
    }
    if off <= 1e-32 * on || off == 0 { break }
    for p in 0..<n {
      for q in p + 1..<max(p + 1, n) where a[p][q] != 0 {
        let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<n { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
        for k in 0..<n { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
        for k in 0..<n { (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]) }
      }
    }
  }
  let order = (0..<n).sorted { a[$0][$0] > a[$1][$1] }
  return (order.map { a[$0][$0] }, Tensor(v.map { row in order.map { row[$0] } }))
}
