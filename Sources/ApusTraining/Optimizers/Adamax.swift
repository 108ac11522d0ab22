import ApusCore

/// Adamax (Kingma and Ba, 2015): Adam with the largest recent gradient in place of the root of the mean square.
///
/// m ← β₁ m + (1 − β₁) g, u ← max(β₂ u, |g| + ε), p ← p − α / (1 − β₁ᵗ) m / u.
public final class Adamax: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// λ of the penalty λ/2 ‖p‖² whose gradient is added to g.
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(
    learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0
  ) {
    requireBetas(betas, "Adamax")
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    decay = WeightDecay(weightDecay, "Adamax")
    update = Update(states: 2, scalars: 5, decay: decay.form) { p, g, s, k in
      var (m, u) = (s[0], s[1])
      let (step, beta1, rest1, beta2, epsilon) = (k[0], k[1], k[2], k[3], k[4])
      m = beta1 * m + rest1 * g
      u = maximum(beta2 * u, abs(g) + epsilon)
      p = p - step * m / u
      s = [m, u]
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let scalars = [learningRate / (1 - power(betas.0, step)), betas.0, 1 - betas.0, betas.1, epsilon]
    return (update, decay.scalars(scalars, learningRate: learningRate))
  }

  public var description: String { "Adamax(learningRate: \(learningRate)\(decay.text))" }
}
