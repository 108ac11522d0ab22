import ApusCore

/// Lion (Chen et al., 2023): steps of the same size for every number, in the direction of the momentum's sign.
///
/// p ← (1 − α λ) p − α sign(β₁ m + (1 − β₁) g), m ← β₂ m + (1 − β₂) g. The learning rate is usually a third to a tenth of Adam's, the
/// weight decay as much larger.
public final class Lion: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// λ, at least 0; beside the gradient, as in `AdamW`.
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(learningRate: Double = 1e-4, betas: (Double, Double) = (0.9, 0.99), weightDecay: Double = 0) {
    requireBetas(betas, "Lion")
    self.learningRate = learningRate
    self.betas = betas
    decay = WeightDecay(weightDecay, isDecoupled: true, "Lion")
    update = Update(states: 1, scalars: 5, decay: decay.form) { p, g, s, k in
      let (rate, beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3], k[4])
      p = p - rate * sign(beta1 * s[0] + rest1 * g)
      s[0] = beta2 * s[0] + rest2 * g
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let scalars = [learningRate, betas.0, 1 - betas.0, betas.1, 1 - betas.1]
    return (update, decay.scalars(scalars, learningRate: learningRate))
  }

  public var description: String { "Lion(learningRate: \(learningRate)\(decay.text))" }
}
