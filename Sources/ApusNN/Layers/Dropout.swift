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

  public func forward(_ x: Tensor) -> Tensor {
    guard probability > 0, let mode = TrainingMode.current else { return x }
    let dtype: DType = x.dtype == .float64 ? .float64 : .float32
    let kept = mode.withRandom {
      Tensor.randomBernoulli(x.shape, probability: 1 - probability, dtype: dtype, using: &$0)
    }
    return Self.drop.call([x, kept.cast(to: x.dtype)], [1 / (1 - probability)])
  }

  private static let drop = Elementwise("dropout", inputs: 2, scalars: 1) { x, s in x[0] * (x[1] * s[0]) }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Dropout(\(probability))" }
}
