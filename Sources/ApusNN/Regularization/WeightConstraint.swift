import ApusCore

/// What weights must satisfy after every update, beside the loss.
///
/// ```swift
/// optimizer.update(model, gradients)
/// WeightConstraint.maxNorm(3).apply(to: model)
/// ```
public enum WeightConstraint: Sendable, Hashable, CustomStringConvertible {
  /// The weights into each unit, as one vector, are scaled down to this norm where it is larger (Srebro and Shraibman, 2005), as is usual
  /// beside dropout.
  case maxNorm(Double)
  /// The weights into each unit are scaled to norm 1; zeros stay.
  case unitNorm
  /// Negative weights become 0.
  case nonNegative

  /// Changes the weights of the model: its trainable parameters with at least two axes, whose first axis is the units.
  public func apply(to model: some Layer) {
    for parameter in model.parameters where parameter.isTrainable && parameter.shape.rank >= 2 { apply(to: parameter) }
  }

  /// Changes one parameter.
  /// - Precondition: it has at least two axes, unless the constraint is `.nonNegative`; the largest norm is not negative.
  public func apply(to parameter: Parameter) {
    let w = parameter.stored
    switch self {
    case .nonNegative: parameter.value = relu(w)
    case .maxNorm(let limit):
      guard limit >= 0 else { fatalError("WeightConstraint\(self): the largest norm must not be negative") }
      parameter.value = Self.shrink.call([w, norms(of: w)], [limit])
    case .unitNorm: parameter.value = Self.normalize(w, norms(of: w))
    }
  }

  private func norms(of w: Tensor) -> Tensor {
    guard w.rank >= 2 else {
      stop(
        ShapeError("WeightConstraint\(self)", "a parameter of shape \(w.shape) was found; expected at least two axes"))
    }
    return w.norm(axes: Array(1..<w.rank), keepsAxes: true)
  }

  private static let shrink = Elementwise("maxNorm", inputs: 2, scalars: 1) { x, k in
    let (w, norm, limit) = (x[0], x[1], k[0])
    return select(norm > limit, w * (limit / norm), w)
  }
  private static let normalize = Elementwise("unitNorm") { w, norm in select(norm > 0, w / norm, w) }

  public var description: String {
    switch self {
    case .maxNorm(let limit): ".maxNorm(\(limit))"
    case .unitNorm: ".unitNorm"
    case .nonNegative: ".nonNegative"
    }
  }
}
