import ApusCore

/// Normalisation by the root of the mean square (Zhang and Sennrich, 2019): y = x / √(mean x² + ε) γ, over the last axis of x. It is
/// ``LayerNorm`` without the mean and the shift.
public final class RMSNorm: Layer {
  /// The extent of the last axis of x.
  public let features: Int
  /// ε, which keeps the quotient finite.
  public let epsilon: Double
  /// γ, of shape (features); starts at 1.
  public let gamma: Parameter?

  /// - Parameters:
  ///   - features: the extent of the last axis of x; at least 1.
  ///   - epsilon: added to the mean square; positive.
  ///   - hasGamma: whether there is a scale.
  public convenience init(_ features: Int, epsilon: Double = 1e-6, hasGamma: Bool = true, dtype: DType = .float32) {
    self.init(
      features, epsilon: epsilon, hasGamma: hasGamma, NormalizationStart(dtype: dtype, isPlaceholder: false))
  }

  fileprivate init(_ features: Int, epsilon: Double, hasGamma: Bool, _ start: NormalizationStart) {
    guard features > 0 else { fatalError("RMSNorm(\(features)): the number of features must be at least 1") }
    requirePositive(epsilon: epsilon, "RMSNorm")
    self.features = features
    self.epsilon = epsilon
    gamma = hasGamma ? start(1, [features], name: "gamma") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.rmsNormalized(gain: gamma?.value, bias: nil, epsilon: epsilon)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.last == features else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(features) along the last axis")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.parameter("gamma", gamma) }

  public var description: String {
    "RMSNorm(\(features)" + (epsilon == 1e-6 ? "" : ", epsilon: \(epsilon)")
      + (gamma == nil ? ", hasGamma: false" : "") + ")"
  }
}

extension RMSNorm: ConfigurableLayer {
  public static var kind: String { "RMSNorm" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: ["features": .integer(features), "epsilon": .number(epsilon), "gamma": .flag(gamma != nil)])
    if let gamma { result.set(gamma.dtype) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.integer("features", in: LayerConfiguration.extents),
      epsilon: try configuration.positive("epsilon"), hasGamma: try configuration.flag("gamma"),
      NormalizationStart(dtype: try configuration.floatingPointType(), isPlaceholder: true))
  }
}
