import ApusCore

/// Group normalisation (Wu and He, 2018): the channels of every example are divided into groups, each of which gets mean 0 and variance 1 over
/// its channels and all positions; then a scale γ and a shift β for every channel.
///
/// x has the shape (n, …, channels), with any number of spatial axes, also none. With one group it normalises whole examples, with as many
/// groups as channels it is ``InstanceNorm``.
public final class GroupNorm: Layer {
  public let groups: Int
  public let features: Int
  /// ε, which keeps the quotient finite.
  public let epsilon: Double
  /// γ, of shape (features); starts at 1.
  public let gamma: Parameter?
  /// β, of shape (features); starts at 0.
  public let beta: Parameter?

  /// - Parameters:
  ///   - groups: the number of groups; at least 1.
  ///   - features: the number of channels, a multiple of `groups`.
  ///   - epsilon: added to the variance; positive.
  ///   - isAffine: whether there are γ and β.
  public convenience init(
    groups: Int, _ features: Int, epsilon: Double = 1e-5, isAffine: Bool = true, dtype: DType = .float32
  ) {
    self.init(
      groups: groups, features, epsilon: epsilon, isAffine: isAffine,
      NormalizationStart(dtype: dtype, isPlaceholder: false))
  }

  fileprivate init(groups: Int, _ features: Int, epsilon: Double, isAffine: Bool, _ start: NormalizationStart) {
    guard groups > 0, features > 0, features % groups == 0 else {
      fatalError("GroupNorm(groups: \(groups), \(features)): the channels must divide into at least 1 group")
    }
    requirePositive(epsilon: epsilon, "GroupNorm")
    self.groups = groups
    self.features = features
    self.epsilon = epsilon
    gamma = isAffine ? start(1, [features], name: "gamma") : nil
    beta = isAffine ? start(0, [features], name: "beta") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return groupNormalized(x, groups: groups, gamma?.value, beta?.value, epsilon)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 2, input.last == features else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, …, \(features))")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("gamma", gamma)
    visitor.parameter("beta", beta)
  }

  public var description: String {
    "GroupNorm(groups: \(groups), \(features)" + (epsilon == 1e-5 ? "" : ", epsilon: \(epsilon)")
      + (gamma == nil ? ", isAffine: false" : "") + ")"
  }
}

/// Instance normalisation (Ulyanov, Vedaldi and Lempitsky, 2016): every channel of every example gets mean 0 and variance 1 over all positions.
/// x has the shape (n, …, channels) with at least one spatial axis. No running statistics are kept.
public final class InstanceNorm: Layer {
  public let features: Int
  /// ε, which keeps the quotient finite.
  public let epsilon: Double
  /// γ, of shape (features); starts at 1.
  public let gamma: Parameter?
  /// β, of shape (features); starts at 0.
  public let beta: Parameter?

  /// - Parameters:
  ///   - features: the number of channels; at least 1.
  ///   - epsilon: added to the variance; positive.
  ///   - isAffine: whether there are γ and β.
  public convenience init(
    _ features: Int, epsilon: Double = 1e-5, isAffine: Bool = false, dtype: DType = .float32
  ) {
    self.init(
      features, epsilon: epsilon, isAffine: isAffine, NormalizationStart(dtype: dtype, isPlaceholder: false))
  }

  fileprivate init(_ features: Int, epsilon: Double, isAffine: Bool, _ start: NormalizationStart) {
    guard features > 0 else { fatalError("InstanceNorm(\(features)): the number of channels must be at least 1") }
    requirePositive(epsilon: epsilon, "InstanceNorm")
    self.features = features
    self.epsilon = epsilon
    gamma = isAffine ? start(1, [features], name: "gamma") : nil
    beta = isAffine ? start(0, [features], name: "beta") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return groupNormalized(x, groups: features, gamma?.value, beta?.value, epsilon)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 3, input.last == features else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected (n, …, \(features)) with a spatial axis")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("gamma", gamma)
    visitor.parameter("beta", beta)
  }

  public var description: String {
    "InstanceNorm(\(features)" + (epsilon == 1e-5 ? "" : ", epsilon: \(epsilon)")
      + (gamma == nil ? "" : ", isAffine: true") + ")"
  }
}

/// (x − μ) / √(σ² + ε) γ + β with the statistics of each group of channels of each example. Means are taken over positions first and then over
/// channels, so that nothing is transposed.
private func groupNormalized(
  _ x: Tensor, groups: Int, _ gamma: Tensor?, _ beta: Tensor?, _ epsilon: Double
) -> Tensor {
  let features = x.shape.last!
  let positions = x.shape.dropFirst().dropLast().reduce(1, *)
  let parts = x.reshaped([x.shape[0], positions, groups, features / groups])
  func mean(_ x: Tensor) -> Tensor { x.mean(axes: [1], keepsAxes: true).mean(axes: [3], keepsAxes: true) }
  let centred = parts - mean(parts)
  let normal = (centred * rsqrt(mean(square(centred)) + epsilon)).reshaped(Array(x.shape))
  let scaled = gamma.map { normal * $0 } ?? normal
  return beta.map { scaled + $0 } ?? scaled
}

extension GroupNorm: ConfigurableLayer {
  public static var kind: String { "GroupNorm" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: [
        "groups": .integer(groups), "features": .integer(features), "epsilon": .number(epsilon),
        "affine": .flag(gamma != nil),
      ])
    if let gamma { result.set(gamma.dtype) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let features = try configuration.integer("features", in: LayerConfiguration.extents)
    let groups = try configuration.integer("groups", in: 1...features)
    guard features % groups == 0 else {
      throw ConfigurationError("GroupNorm: \(features) channels do not divide into \(groups) groups")
    }
    self.init(
      groups: groups, features, epsilon: try configuration.positive("epsilon"),
      isAffine: try configuration.flag("affine"),
      NormalizationStart(dtype: try configuration.floatingPointType(), isPlaceholder: true))
  }
}

extension InstanceNorm: ConfigurableLayer {
  public static var kind: String { "InstanceNorm" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: ["features": .integer(features), "epsilon": .number(epsilon), "affine": .flag(gamma != nil)])
    if let gamma { result.set(gamma.dtype) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.integer("features", in: LayerConfiguration.extents),
      epsilon: try configuration.positive("epsilon"), isAffine: try configuration.flag("affine"),
      NormalizationStart(dtype: try configuration.floatingPointType(), isPlaceholder: true))
  }
}
