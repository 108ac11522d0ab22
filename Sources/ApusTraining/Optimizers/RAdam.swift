import ApusCore

/// RAdam (Liu et al., 2020): Adam that takes plain momentum steps as long as its mean squares come from too few gradients to be relied
/// on, and rectifies their variance afterwards.
///
/// With ρ∞ = 2 / (1 − β₂) − 1 and ρₜ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ): p ← p − α m̂ while ρₜ ≤ 5, then p ← p − α r m̂ / v̂', where
/// r² = (ρₜ − 4)(ρₜ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρₜ) and v̂' = (√v + ε) / √(1 − β₂ᵗ).
public final class RAdam: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// λ, at least 0.
  public var weightDecay: Double { decay.strength }
  /// Whether parameters shrink by 1 − α λ, rather than λ p being added to the gradient.
  public var decouplesWeightDecay: Bool { decay.isDecoupled }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(
    learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, decouplesWeightDecay: Bool = false
  ) {
    requireBetas(betas, "RAdam")
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    decay = WeightDecay(weightDecay, isDecoupled: decouplesWeightDecay, "RAdam")
    // One formula for both kinds of steps, of which one has the size 0: a program must do the same at every step.
    update = Update(states: 2, scalars: 7, decay: decay.form) { p, g, s, k in
      var (m, v) = (s[0], s[1])
      let (beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3])
      let (plain, rectified, epsilon) = (k[4], k[5], k[6])
      m = beta1 * m + rest1 * g
      v = beta2 * v + rest2 * (g * g)
      p = p - (plain * m + rectified * m / (sqrt(v) + epsilon))
      s = [m, v]
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let (beta1, beta2) = betas
    let rest = 1 - power(beta2, step)
    let limit = 2 / (1 - beta2) - 1
    let length = limit - 2 * Double(step) * power(beta2, step) / rest
    let rate = learningRate / (1 - power(beta1, step))
    let isReliable = length > 5
    let rectification = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
    let scalars = [
      beta1, 1 - beta1, beta2, 1 - beta2, isReliable ? 0 : rate,
      isReliable ? rate * (rectification * rest).squareRoot() : 0, epsilon,
    ]
    return (update, decay.scalars(scalars, learningRate: learningRate))
  }

  public var description: String { "RAdam(learningRate: \(learningRate)\(decay.text))" }
}
