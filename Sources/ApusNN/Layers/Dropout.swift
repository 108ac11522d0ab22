import ApusCore

/// Sets each element to 0 with probability p while training and scales the others by 1 / (1 - p), so that expectations
/// stay the same; does nothing when predicting (Srivastava et al., 2014; notes I8, E-27).
public final class Dropout: Layer {
  /// The probability that an element is dropped, in [0, 1).
  public let probability: Double

  /// - Precondition: `probability` lies in [0, 1).
  public init(_ probability: Double) {
    guard probability >= 0 && probability < 1 else {
      fatalError("Dropout(\(probability)): the probability must be at least 0 and less than 1")
    }
    self.probability = probability
  }

  public func forward(_ x: Tensor) -> Tensor { Self.dropped(x, probability) }

  static func dropped(_ x: Tensor, _ probability: Double) -> Tensor {
    guard probability > 0, let mode = TrainingMode.current else { return x }
    let isKept = mode.withRandom {
      Tensor.randomBernoulli(x.shape, probability: 1 - probability, dtype: .bool, using: &$0)
    }
    return drop.call([isKept, x], [1 / (1 - probability)])
  }

  /// A choice, not a product with 0: what is dropped becomes 0 even if it is infinite or NaN.
  private static let drop = Elementwise("dropout", inputs: 2, scalars: 1, masks: [0]) { x, s in
    select(x[0], x[1] * s[0], 0)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Dropout(\(probability))" }
}
