import ApusCore

/// Gradient descent: p ← p − α g (notes F1, F11), with momentum if asked for. With a weight decay λ, g + λ p stands for g: the gradient
/// of a penalty λ/2 ‖p‖² (notes I6).
public final class SGD: Optimizer {
  /// What momentum is; β is its strength.
  public enum Momentum: Sendable, Hashable {
    /// v ← β v + g, p ← p − α v (Polyak, 1964; as in PyTorch).
    case classical
    /// v ← β v + (1 − β) g, p ← p − α v: the notes' moving average of gradients (F8, E-29), which is the classical form with α (1 − β)
    /// for α (N-24).
    case averaged
    /// v ← β v + g, p ← p − α (g + β v): the gradient as if it were taken one step further on (Nesterov, 1983).
    case nesterov
  }

  public var learningRate: Double
  /// β, in [0, 1); 0 is plain gradient descent.
  public let momentum: Double
  /// What is done with β.
  public let form: Momentum
  /// λ, at least 0.
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  /// - Precondition: `momentum` lies in [0, 1), `weightDecay` is finite and not negative.
  public init(learningRate: Double, momentum: Double = 0, weightDecay: Double = 0, form: Momentum = .classical) {
    requireFraction(momentum, "momentum", "SGD")
    self.learningRate = learningRate
    self.momentum = momentum
    self.form = form
    decay = WeightDecay(weightDecay, "SGD")
    update = momentum == 0 ? Self.plain(decay.form) : Self.rule(form, decay.form)
  }

  private static func plain(_ decay: Update.Decay) -> Update {
    Update(states: 0, scalars: 1, decay: decay) { p, g, _, k in
      let rate = k[0]
      p = p - rate * g
    }
  }

  private static func rule(_ form: Momentum, _ decay: Update.Decay) -> Update {
    Update(states: 1, scalars: 3, decay: decay) { p, g, s, k in
      let (rate, beta, rest) = (k[0], k[1], k[2])
      let v = beta * s[0] + (form == .averaged ? rest * g : g)
      p = p - rate * (form == .nesterov ? g + beta * v : v)
      s = [v]
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let scalars = momentum == 0 ? [learningRate] : [learningRate, momentum, 1 - momentum]
    return (update, decay.scalars(scalars, learningRate: learningRate))
  }

  public var description: String {
    "SGD(learningRate: \(learningRate)" + (momentum == 0 ? "" : ", momentum: \(momentum)") + decay.text
      + (form == .classical ? ")" : ", form: .\(form))")
  }
}
