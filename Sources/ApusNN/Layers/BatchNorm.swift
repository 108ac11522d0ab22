import ApusCore

/// Batch normalisation (Ioffe and Szegedy, 2015): each feature gets mean 0 and variance 1, then a scale γ and a shift β
/// that are learned: y = (x − μ) / √(σ² + ε) γ + β.
///
/// The features are the last axis of x, of shape (n, features) or (…, features): for images in the order NHWC they are
/// the channels, with statistics over the batch and all positions. While training, μ and σ² are those of the batch, and
/// running averages of them are kept; predicting uses the averages and changes nothing.
public final class BatchNorm: Layer {
  public let features: Int
  /// The weight m of a new batch in the running statistics: r ← (1 − m) r + m b.
  public let momentum: Double
  /// ε, which keeps the quotient finite.
  public let epsilon: Double
  /// Whether ε is added to the variance, as is usual, or to its root, as in the notes (E-16).
  public let epsilonPlacement: EpsilonPlacement
  /// γ, of shape (features); starts at 1.
  public let gamma: Parameter
  /// β, of shape (features); starts at 0.
  public let beta: Parameter
  /// The running mean, of shape (features); starts at 0.
  public let runningMean: Parameter
  /// The running variance, unbiased (with n − 1), of shape (features); starts at 1.
  public let runningVariance: Parameter

  static let momenta = 0.0...1.0

  /// - Parameters:
  ///   - features: the extent of the last axis of x; at least 1.
  ///   - momentum: the weight of a new batch in the running statistics, in [0, 1].
  ///   - epsilon: added to the variance or its root; positive.
  public convenience init(
    _ features: Int, momentum: Double = 0.1, epsilon: Double = 1e-5, epsilonPlacement: EpsilonPlacement = .underRoot,
    dtype: DType = .float32
  ) {
    guard features > 0 else { fatalError("BatchNorm(\(features)): the number of features must be at least 1") }
    self.init(features, momentum: momentum, epsilon: epsilon, epsilonPlacement: epsilonPlacement) {
      Tensor(filledWith: $0, shape: [features], dtype: dtype)
    }
  }

  /// - Parameter filled: a tensor of shape (features) that holds one number throughout.
  init(
    _ features: Int, momentum: Double, epsilon: Double, epsilonPlacement: EpsilonPlacement,
    filled: (Double) -> Tensor
  ) {
    guard Self.momenta.contains(momentum), epsilon > 0, epsilon.isFinite else {
      fatalError("BatchNorm: the momentum \(momentum) must lie in [0, 1], epsilon \(epsilon) be positive")
    }
    self.features = features
    self.momentum = momentum
    self.epsilon = epsilon
    self.epsilonPlacement = epsilonPlacement
    gamma = Parameter(filled(1), name: "gamma")
    beta = Parameter(filled(0), name: "beta")
    runningMean = .buffer(filled(0), name: "runningMean")
    runningVariance = .buffer(filled(1), name: "runningVariance")
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) {
      _ = try outputShape(for: x.shape)
      guard let mode = TrainingMode.current else {
        return normalized(x, mean: runningMean.value, variance: runningVariance.value)
      }
      let count = x.count / features
      guard count > 1 else {
        throw ShapeError(
          description, "an input of shape \(x.shape) was found; training expected at least 2 examples of each feature")
      }
      let moments = x.moments()
      let (mean, variance) = (moments[0], moments[1])
      let y = normalized(x, mean: mean, variance: variance)
      guard !mode.isRecomputing else { return y }
      average(runningMean, with: mean)
      // The mean was fitted to the batch, so the batch's own variance is too small: by (n − 1) / n on average.
      average(runningVariance, with: variance, scale: Double(count) / Double(count - 1))
      return y
    } catch { stop(error) }
  }

  private func normalized(_ x: Tensor, mean: Tensor, variance: Tensor) -> Tensor {
    let rule = epsilonPlacement == .underRoot ? Self.scale : Self.scaleBesideRoot
    let scale = rule.call([gamma.value, variance], [epsilon])
    return Self.normalize.call([x, mean, scale, beta.value])
  }

  // Two expressions: what belongs to a feature, the root above all, is computed once for it and not for every example,
  // in the gradients too. The mean is taken from x first: x γ / √… + (β − μ γ / √…) would cancel digits.
  private static let scale = Elementwise("batchNormScale", inputs: 2, scalars: 1) { x, s in
    let (gamma, variance, epsilon) = (x[0], x[1], s[0])
    return gamma * rsqrt(variance + epsilon)
  }
  /// The notes' γ / (√σ² + ε). Of a feature that is always the same, the root has no derivative; it counts as 0.
  private static let scaleBesideRoot = Elementwise(
    "batchNormScale", inputs: 2, scalars: 1,
    partials: { x, s, y in
      let root = sqrt(x[1])
      return [1 / (root + s[0]), select(x[1] > 0, -0.5 * y / (root * (root + s[0])), 0)]
    },
    formula: { x, s in x[0] / (sqrt(x[1]) + s[0]) })
  private static let normalize = Elementwise("batchNorm", inputs: 4) { x, _ in
    let (x, mean, scale, beta) = (x[0], x[1], x[2], x[3])
    return (x - mean) * scale + beta
  }

  /// running ← (1 − m) running + m scale batch, outside of any gradient.
  private func average(_ running: Parameter, with batch: Tensor, scale: Double = 1) {
    Self.average(running, gradient: batch, states: [], scalars: [1 - momentum, momentum * scale])
  }

  private static let average = Update(scalars: 2) { running, batch, k in running = k[0] * running + k[1] * batch }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.last == features else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(features) along the last axis")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("gamma", gamma)
    visitor.parameter("beta", beta)
    visitor.buffer("runningMean", runningMean)
    visitor.buffer("runningVariance", runningVariance)
  }

  public var description: String {
    "BatchNorm(\(features)" + (momentum == 0.1 ? "" : ", momentum: \(momentum)")
      + (epsilon == 1e-5 ? "" : ", epsilon: \(epsilon)")
      + (epsilonPlacement == .underRoot ? "" : ", epsilonPlacement: .\(epsilonPlacement)") + ")"
  }
}
