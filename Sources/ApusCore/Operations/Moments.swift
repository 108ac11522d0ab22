// Mean and variance together, as normalisation needs them.

/// The mean and the biased variance over all axes but the last: (…, features) gives (2, features), row 0 the mean.
struct Moments: Function {
  var name: String { "moments" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    guard let features = x[0].shape.last else {
      throw ShapeError(name, "a single number was found; expected at least one axis")
    }
    guard x[0].dtype.isFloatingPoint else {
      throw ShapeError(name, "a \(x[0].dtype) tensor was found; expected floating point (convert with cast(to:))")
    }
    return TensorType([2, features], x[0].dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    let columns = y.shape[1]
    guard columns > 0 else { return }
    let backend = y.backend
    let isHalf = y.dtype == .bfloat16
    let source = (isHalf ? x[0].cast(to: .float32) : x[0]).dense
    let result = isHalf ? Tensor(uninitialized: y.shape, .float32, on: backend) : y
    backend.moments(source, rows: source.count / columns, columns: columns, into: result)
    if isHalf { backend.copy(result, into: y) }
  }

  var savesOutput: Bool { true }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    let rows = x[0].count / max(1, y.shape[1])
    return Self.gradient.call([x[0], y[0], dy[0], dy[1]], [1 / Double(rows)])
  }

  /// dx = (dμ + 2 (x − μ) dσ²) / n: of dσ², what goes through the mean cancels, as the distances add up to 0.
  private static let gradient = Elementwise("momentsGradient", inputs: 4, scalars: 1) { x, s in
    let (x, mean, dmean, dvariance, share) = (x[0], x[1], x[2], x[3], s[0])
    return (dmean + 2 * (x - mean) * dvariance) * share
  }
}

extension Tensor {
  /// The mean (row 0) and the biased variance (row 1) over all axes but the last, in one pass over memory: a tensor of
  /// shape (2, features). NaN where there is nothing to average.
  package func moments() -> Tensor { apply(Moments(), [self]) }
}
