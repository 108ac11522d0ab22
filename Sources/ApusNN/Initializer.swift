import ApusCore

/// How a parameter starts.
///
/// For a weight of shape (out, kernel…, in) the fan-in is `in` times the kernel's extents, the fan-out `out` times them.
public enum Initializer: Sendable, Hashable {
  /// All elements 0. As a weight it leaves all units of a layer equal for ever (the symmetry problem; notes H3).
  case zeros
  /// All elements 1.
  case ones
  /// All elements the same number.
  case constant(Double)
  /// Normal with mean 0 and this standard deviation (notes H1: 0.01).
  case normal(standardDeviation: Double)
  /// Normal with mean 0 and this standard deviation, but whatever lies more than two of them from 0 is drawn again. (That leaves a
  /// standard deviation of 0.88 times the given one.)
  case truncatedNormal(standardDeviation: Double)
  /// Uniform in [-bound, bound).
  case uniform(bound: Double)
  /// Uniform with variance 2 / (fan-in + fan-out), for tanh and sigmoid (Glorot and Bengio, 2010).
  case glorotUniform
  /// Normal with variance 2 / (fan-in + fan-out).
  case glorotNormal
  /// Uniform with variance 2 / fan-in, for ReLU (He et al., 2015).
  case heUniform
  /// Normal with variance 2 / fan-in.
  case heNormal
  /// Uniform with variance 1 / fan-in (LeCun et al., 1998).
  case leCunUniform
  /// Normal with variance 1 / fan-in: for SELU, which needs it to keep mean 0 and variance 1.
  case leCunNormal
  /// A random matrix with orthonormal rows, or columns where there are fewer of these, times `gain`: it keeps the lengths of vectors
  /// (Saxe et al., 2013). Axes after the second are merged into it.
  case orthogonal(gain: Double = 1)
  /// 1 on the diagonal, 0 elsewhere; for matrices.
  case identity
  /// No elements at all, only a shape: for a model whose parameters are about to be read from a file.
  case placeholder

  /// A tensor of the shape, drawn from `random`.
  public func callAsFunction(_ shape: Shape, dtype: DType = .float32, using random: inout RandomSource) -> Tensor {
    let receptive = shape.dropFirst().dropLast().reduce(1, *)
    let fanOut = Double((shape.first ?? 1) * receptive)
    let fanIn = Double((shape.last ?? 1) * receptive)
    func normal(variance: Double) -> Tensor {
      .randomNormal(shape, standardDeviation: variance.squareRoot(), dtype: dtype, using: &random)
    }
    func uniform(bound: Double) -> Tensor {
      bound > 0 ? .randomUniform(shape, in: -bound..<bound, dtype: dtype, using: &random) : .zeros(shape, dtype: dtype)
    }
    // A uniform distribution on [-b, b] has variance b² / 3.
    switch self {
    case .placeholder: return Tensor(placeholder: TensorType(shape, dtype))
    case .zeros: return .zeros(shape, dtype: dtype)
    case .ones: return .ones(shape, dtype: dtype)
    case .constant(let value): return Tensor(filledWith: value, shape: shape, dtype: dtype)
    case .normal(let deviation): return normal(variance: deviation * deviation)
    case .truncatedNormal(let deviation): return drawTruncatedNormal(shape, deviation, dtype: dtype, using: &random)
    case .uniform(let bound): return uniform(bound: bound)
    case .glorotUniform: return uniform(bound: (6 / max(1, fanIn + fanOut)).squareRoot())
    case .glorotNormal: return normal(variance: 2 / max(1, fanIn + fanOut))
    case .heUniform: return uniform(bound: (6 / max(1, fanIn)).squareRoot())
    case .heNormal: return normal(variance: 2 / max(1, fanIn))
    case .leCunUniform: return uniform(bound: (3 / max(1, fanIn)).squareRoot())
    case .leCunNormal: return normal(variance: 1 / max(1, fanIn))
    case .orthogonal(let gain):
      guard shape.rank >= 2 else { refuse(shape, "at least two axes") }
      return orthonormal(rows: shape[0], columns: shape.dropFirst().reduce(1, *), gain, using: &random)
        .reshaped(shape).cast(to: dtype)
    case .identity:
      guard shape.rank == 2 else { refuse(shape, "a matrix") }
      return .identity(shape[0], columns: shape[1], dtype: dtype)
    }
  }

  private func refuse(_ shape: Shape, _ expected: String) -> Never {
    fatalError("Initializer.\(self): a parameter of shape \(shape) was found; expected \(expected)")
  }

  /// What suits a layer with this activation: He for the ReLU family, LeCun for SELU, Glorot otherwise.
  package static func suited(to activation: Activation) -> Initializer {
    if activation.name == "selu" { return .leCunNormal }
    let rectifiers = [
      "relu", "relu6", "squaredRelu", "leakyRelu", "elu", "celu", "gelu", "geluTanh", "silu", "hardSilu", "mish",
      "softplus",
    ]
    return rectifiers.contains(activation.name) ? .heUniform : .glorotUniform
  }
}

private func drawTruncatedNormal(
  _ shape: Shape, _ deviation: Double, dtype: DType, using random: inout RandomSource
) -> Tensor {
  func draw() -> Tensor { .randomNormal(shape, standardDeviation: deviation, dtype: dtype, using: &random) }
  var x = draw()
  while true {
    // One in 22 is too large; of a million, five rounds leave none.
    let isTooLarge = abs(x) .> 2 * deviation
    guard isTooLarge.any().item != 0 else { return x }
    x = `where`(isTooLarge, draw(), x)
  }
}

/// A float64 matrix (rows, columns) of which the shorter side is orthonormal, times `gain`; all such matrices are equally likely.
///
/// Each normally distributed vector loses its components along the ones before it, twice, since rounding leaves a rest the first time
/// (Gram and Schmidt; twice is enough: Kahan and Parlett).
private func orthonormal(rows: Int, columns: Int, _ gain: Double, using random: inout RandomSource) -> Tensor {
  let (count, length) = (min(rows, columns), max(rows, columns))
  var vectors = Tensor.randomNormal([count, length], dtype: .float64, using: &random).doubles
  vectors.withUnsafeMutableBufferPointer { all in
    for i in 0..<count {
      let v = UnsafeMutableBufferPointer(rebasing: all[(i * length)..<((i + 1) * length)])
      for _ in 0..<2 {
        for j in 0..<i {
          let other = UnsafeMutableBufferPointer(rebasing: all[(j * length)..<((j + 1) * length)])
          let component = dot(v, other)
          for k in 0..<length { v[k] -= component * other[k] }
        }
      }
      let norm = dot(v, v).squareRoot()
      for k in 0..<length { v[k] /= norm }
    }
  }
  let matrix = Tensor(vectors, shape: [count, length]) * gain
  return rows <= columns ? matrix : matrix.transposed()
}

/// The inner product, in eight sums side by side.
private func dot(_ a: UnsafeMutableBufferPointer<Double>, _ b: UnsafeMutableBufferPointer<Double>) -> Double {
  var sums = SIMD8<Double>()
  let whole = a.count & ~7
  for k in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { sums[lane] += a[k + lane] * b[k + lane] }
  }
  var rest = 0.0
  for k in whole..<a.count { rest += a[k] * b[k] }
  return sums.sum() + rest
}
