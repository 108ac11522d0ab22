import ApusCore

/// Adadelta (Zeiler, 2012): steps in the units of the parameters, without a learning rate to choose (α is usually 1).
///
/// s ← ρ s + (1 − ρ) g², d = √(u + ε) / √(s + ε) g, u ← ρ u + (1 − ρ) d², p ← p − α d.
public final class Adadelta: Optimizer {
  public var learningRate: Double
  /// ρ, in [0, 1): how long squares are remembered.
  public let rho: Double
  /// ε, which also decides how large the first steps are.
  public let epsilon: Double
  /// λ of the penalty λ/2 ‖p‖² whose gradient is added to g.
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6, weightDecay: Double = 0) {
    requireFraction(rho, "rho", "Adadelta")
    self.learningRate = learningRate
    self.rho = rho
    self.epsilon = epsilon
    decay = WeightDecay(weightDecay, "Adadelta")
    update = Update(states: 2, scalars: 4, decay: decay.form) { p, g, states, k in
      var (s, u) = (states[0], states[1])
      let (rate, rho, rest, epsilon) = (k[0], k[1], k[2], k[3])
      s = rho * s + rest * (g * g)
      let d = sqrt(u + epsilon) / sqrt(s + epsilon) * g
      u = rho * u + rest * (d * d)
      p = p - rate * d
      states = [s, u]
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    (update, decay.scalars([learningRate, rho, 1 - rho, epsilon], learningRate: learningRate))
  }

  public var description: String { "Adadelta(learningRate: \(learningRate), rho: \(rho)\(decay.text))" }
}
