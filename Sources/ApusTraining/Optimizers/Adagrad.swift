import ApusCore

/// Adagrad (Duchi et al., 2011): numbers with large gradients so far take small steps.
///
/// s ← s + g², p ← p − α g / (√(s₀ + s) + ε), where α falls as α / (1 + decay (t − 1)).
public final class Adagrad: Optimizer {
  public var learningRate: Double
  /// How fast the learning rate falls with the steps; at least 0.
  public let rateDecay: Double
  /// s₀, where the sums of squares start.
  public let initialSum: Double
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// λ of the penalty λ/2 ‖p‖² whose gradient is added to g.
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(
    learningRate: Double = 0.01, rateDecay: Double = 0, initialSum: Double = 0, epsilon: Double = 1e-10,
    weightDecay: Double = 0
  ) {
    guard rateDecay >= 0, initialSum >= 0 else {
      fatalError("Adagrad: the decay of the rate \(rateDecay) and the initial sum \(initialSum) must be at least 0")
    }
    self.learningRate = learningRate
    self.rateDecay = rateDecay
    self.initialSum = initialSum
    self.epsilon = epsilon
    decay = WeightDecay(weightDecay, "Adagrad")
    update = Update(states: 1, scalars: 3, decay: decay.form) { p, g, s, k in
      let (rate, initial, epsilon) = (k[0], k[1], k[2])
      s[0] = s[0] + g * g
      p = p - rate * g / (sqrt(s[0] + initial) + epsilon)
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let rate = learningRate / (1 + Double(step - 1) * rateDecay)
    return (update, decay.scalars([rate, initialSum, epsilon], learningRate: rate))
  }

  public var description: String { "Adagrad(learningRate: \(learningRate)\(decay.text))" }
}
