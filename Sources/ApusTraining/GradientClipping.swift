import ApusCore
import ApusNN

/// How gradients are kept from becoming too large, as they do in recurrent networks (Pascanu et al., 2013).
public enum GradientClipping: Sendable, Hashable, CustomStringConvertible {
  /// Every number is cut to [-limit, limit].
  case value(Double)
  /// Every parameter's gradient is scaled down to this norm if it is longer.
  case norm(Double)
  /// All gradients together, as one vector, are scaled down to this norm if they are longer: their direction stays.
  case globalNorm(Double)

  /// The limit: positive.
  public var limit: Double {
    switch self {
    case .value(let limit), .norm(let limit), .globalNorm(let limit): limit
    }
  }

  public var description: String {
    switch self {
    case .value(let limit): ".value(\(limit))"
    case .norm(let limit): ".norm(\(limit))"
    case .globalNorm(let limit): ".globalNorm(\(limit))"
    }
  }

  /// What a gradient is multiplied with, from the sum of its squares.
  fileprivate static let scale = Elementwise("clipScale", inputs: 1, scalars: 1) { x, s in
    let norm = sqrt(x[0])
    return select(norm > s[0], s[0] / norm, 1)
  }
}

extension Gradients {
  /// The gradients as `clipping` limits them. Nothing is read back, so that it can be a part of a ``Program``.
  /// - Precondition: the limit is positive.
  public func clipped(_ clipping: GradientClipping) -> Gradients {
    let limit = clipping.limit
    guard limit > 0 else { fatalError("clipped(\(clipping)): the limit must be positive") }
    func scale(_ squares: Tensor) -> Tensor { GradientClipping.scale.call([squares], [limit]) }
    var result = self
    switch clipping {
    case .value: result.tensors = tensors.map { $0.clipped(to: -limit...limit) }
    case .norm: result.tensors = tensors.map { $0 * scale($0.sumOfSquares()) }
    case .globalNorm:
      guard let squares = sumOfSquares else { return self }
      let factor = scale(squares)
      result.tensors = tensors.map { $0 * factor.cast(to: $0.dtype) }
    }
    return result
  }

  /// The length of all gradients together, as one vector: 0 of none.
  public var globalNorm: Tensor { sumOfSquares.map { sqrt($0) } ?? Tensor(Float(0)) }

  private var sumOfSquares: Tensor? {
    guard let first = tensors.first else { return nil }
    let squares = tensors.map { $0.sumOfSquares().cast(to: first.dtype) }
    return squares.dropFirst().reduce(squares[0], +)
  }
}
