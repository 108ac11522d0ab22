import ApusCore

/// Layer normalisation (Ba, Kiros and Hinton, 2016): every example by itself gets mean 0 and variance 1 over its features, then a scale γ and a
/// shift β that are learned: y = (x − μ) / √(σ² + ε) γ + β.
///
/// The features are the last axis of x, or the last ones; every position along the others is an example. Unlike in ``BatchNorm`` no
/// statistics are kept, and training is no different from predicting.
public final class LayerNorm: Layer {
  /// The extents of the last axes of x, over which it normalises.
  public let features: Shape
  /// ε, which keeps the quotient finite.
  public let epsilon: Double
  /// γ, of the shape of the features; starts at 1.
  public let gamma: Parameter?
  /// β, of the shape of the features; starts at 0.
  public let beta: Parameter?

  /// - Parameters:
  ///   - features: the extents of the last axes of x, nearly always one; each at least 1.
  ///   - epsilon: added to the variance; positive.
  ///   - hasGamma: whether there is a scale.
  ///   - hasBeta: whether there is a shift.
  public convenience init(
    _ features: Int..., epsilon: Double = 1e-5, hasGamma: Bool = true, hasBeta: Bool = true, dtype: DType = .float32
  ) {
    self.init(
      Shape(features), epsilon: epsilon, hasGamma: hasGamma, hasBeta: hasBeta,
      NormalizationStart(dtype: dtype, isPlaceholder: false))
  }

  /// Parameters that are to be read from a file.
  package convenience init(placeholder features: Int, epsilon: Double, hasBeta: Bool, dtype: DType) {
    self.init(
      [features], epsilon: epsilon, hasGamma: true, hasBeta: hasBeta,
      NormalizationStart(dtype: dtype, isPlaceholder: true))
  }

  fileprivate init(
    _ features: Shape, epsilon: Double, hasGamma: Bool, hasBeta: Bool, _ start: NormalizationStart
  ) {
    guard features.rank > 0, features.allSatisfy({ $0 > 0 }) else {
      fatalError("LayerNorm\(features): expected at least one extent, all at least 1")
    }
    requirePositive(epsilon: epsilon, "LayerNorm")
    self.features = features
    self.epsilon = epsilon
    gamma = hasGamma ? start(1, features, name: "gamma") : nil
    beta = hasBeta ? start(0, features, name: "beta") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    if features.rank == 1 { return x.layerNormalized(gain: gamma?.value, bias: beta?.value, epsilon: epsilon) }
    let rows = x.reshaped([x.count / features.elementCount, features.elementCount])
    let y = rows.layerNormalized(gain: gamma?.value.flattened(), bias: beta?.value.flattened(), epsilon: epsilon)
    return y.reshaped(Array(x.shape))
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= features.rank, Shape(input.suffix(features.rank)) == features else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(features) along the last axes")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("gamma", gamma)
    visitor.parameter("beta", beta)
  }

  public var description: String {
    "LayerNorm(" + features.map(String.init).joined(separator: ", ")
      + (epsilon == 1e-5 ? "" : ", epsilon: \(epsilon)") + (gamma == nil ? ", hasGamma: false" : "")
      + (beta == nil ? ", hasBeta: false" : "") + ")"
  }
}

extension LayerNorm: ConfigurableLayer {
  public static var kind: String { "LayerNorm" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: ["epsilon": .number(epsilon), "gamma": .flag(gamma != nil), "beta": .flag(beta != nil)])
    result.set("features", list: Array(features))
    if let dtype = (gamma ?? beta)?.dtype { result.set(dtype) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let features = try configuration.list("features", in: LayerConfiguration.extents)
    guard let count = Shape.checkedElementCount(features), !features.isEmpty, count <= 1 << 40 else {
      throw ConfigurationError("LayerNorm: \(features) features were found; expected one extent or a few")
    }
    self.init(
      Shape(features), epsilon: try configuration.positive("epsilon"), hasGamma: try configuration.flag("gamma"),
      hasBeta: try configuration.flag("beta"),
      NormalizationStart(dtype: try configuration.floatingPointType(), isPlaceholder: true))
  }
}
