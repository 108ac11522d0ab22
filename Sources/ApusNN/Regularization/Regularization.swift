import ApusCore

/// Which parameters of a model are regularised, and how: the difference between cost and loss (notes C15).
///
/// ```swift
/// var regularization = Regularization(of: model, .l2(1e-4))    // all weights, no biases
/// regularization.set(.l1(1e-3), for: model[0])                // another one for this layer
/// let (cost, gradients) = valueWithGradient(of: model) { loss($0(x), target: y) + regularization.penalty }
/// ```
/// A trainer takes one as `regularization:`. Where λ₂ is all there is, an optimiser's weight decay costs less.
public struct Regularization: Sendable {
  private var terms: [(parameter: Parameter, regularizer: Regularizer)] = []

  /// Nothing yet.
  public init() {}

  /// Every weight of the model alike: parameters with at least two axes, so no biases (notes I5) and no scales of a normalisation.
  public init(of model: some Layer, _ regularizer: Regularizer) { set(regularizer, for: model) }

  /// Regularises the weights of a layer in this way from here on; nil: not at all.
  public mutating func set(_ regularizer: Regularizer?, for layer: any Layer) {
    for parameter in layer.parameters where parameter.shape.rank >= 2 { set(regularizer, for: parameter) }
  }

  /// Regularises a parameter in this way from here on, whatever its shape; nil: not at all.
  public mutating func set(_ regularizer: Regularizer?, for parameter: Parameter) {
    terms.removeAll { $0.parameter === parameter }
    if let regularizer { terms.append((parameter, regularizer)) }
  }

  /// How a parameter is regularised.
  public subscript(parameter: Parameter) -> Regularizer? {
    terms.first { $0.parameter === parameter }?.regularizer
  }

  /// The sum of all penalties, a single number; frozen parameters count, but get no gradient.
  public var penalty: Tensor {
    guard let first = terms.first else { return Tensor(Float(0)) }
    return terms.dropFirst().reduce(first.regularizer(first.parameter.value)) {
      $0 + $1.regularizer($1.parameter.value)
    }
  }

  /// Whether there is nothing to penalise.
  public var isEmpty: Bool { terms.isEmpty }
}
