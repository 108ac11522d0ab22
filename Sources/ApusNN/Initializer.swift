import ApusCore

/// How a parameter starts.
///
/// For a weight of shape (out, kernel…, in) the fan-in is `in` times the kernel's extents, the fan-out `out` times them.
public enum Initializer: Sendable, Hashable {
  /// All elements 0. As a weight it leaves all units of a layer equal for ever (the symmetry problem; notes H3).
  case zeros
  /// All elements the same number.
  case constant(Double)
  /// Normal with mean 0 and this standard deviation (notes H1: 0.01).
  case normal(standardDeviation: Double)
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
    case .constant(let value): return Tensor(filledWith: value, shape: shape, dtype: dtype)
    case .normal(let deviation): return normal(variance: deviation * deviation)
    case .uniform(let bound): return uniform(bound: bound)
    case .glorotUniform: return uniform(bound: (6 / max(1, fanIn + fanOut)).squareRoot())
    case .glorotNormal: return normal(variance: 2 / max(1, fanIn + fanOut))
    case .heUniform: return uniform(bound: (6 / max(1, fanIn)).squareRoot())
    case .heNormal: return normal(variance: 2 / max(1, fanIn))
    }
  }

  /// What suits a layer with this activation: He for the ReLU family, Glorot otherwise.
  static func suited(to activation: Activation) -> Initializer {
    ["relu", "leakyRelu", "elu", "selu", "gelu", "geluTanh", "silu", "mish", "softplus"].contains(activation.name)
      ? .heUniform : .glorotUniform
  }
}
