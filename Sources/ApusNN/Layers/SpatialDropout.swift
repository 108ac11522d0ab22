import ApusCore

/// ``Dropout`` of whole channels (Tompson et al., 2015): of x, of shape (n, …, channels), each channel of each example is set to 0 with
/// probability p while training, and the others are scaled by 1 / (1 − p). Neighbouring positions of a feature map are so alike that dropping
/// single ones would teach nothing.
public final class SpatialDropout: Layer {
  /// The probability that a channel is dropped, in [0, 1).
  public let probability: Double

  /// - Precondition: `probability` lies in [0, 1).
  public init(_ probability: Double) {
    guard probability >= 0 && probability < 1 else {
      fatalError("SpatialDropout(\(probability)): the probability must be at least 0 and less than 1")
    }
    self.probability = probability
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    guard probability > 0, let mode = TrainingMode.current else { return x }
    let shape = Shape([x.shape[0]] + Array(repeating: 1, count: x.rank - 2) + [x.shape.last!])
    let isKept = mode.withRandom {
      Tensor.randomBernoulli(shape, probability: 1 - probability, dtype: .bool, using: &$0)
    }
    return Self.drop.call([isKept, x], [1 / (1 - probability)])
  }

  private static let drop = Elementwise("spatialDropout", inputs: 2, scalars: 1, masks: [0]) { x, s in
    select(x[0], x[1] * s[0], 0)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 2 else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, …, channels)")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "SpatialDropout(\(probability))" }
}

extension SpatialDropout: ConfigurableLayer {
  public static var kind: String { "SpatialDropout" }
  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings: ["probability": .number(probability)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(try configuration.dropProbability("probability"))
  }
}
