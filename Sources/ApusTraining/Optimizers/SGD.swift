import ApusCore

/// Gradient descent: p ← p − α g (notes F1, F11), with momentum if asked for.
///
/// With a weight decay λ (L2 regularisation; as in PyTorch) g + λ p stands for g.
public final class SGD: Optimizer {
  /// What momentum is; β is its strength.
  public enum Momentum: Sendable, Hashable, CaseIterable {
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
  public let weightDecay: Double
  public let memory = OptimizerMemory()

  /// - Precondition: `momentum` lies in [0, 1), `weightDecay` is finite and not negative.
  public init(learningRate: Double, momentum: Double = 0, form: Momentum = .classical, weightDecay: Double = 0) {
    requireFraction(momentum, "momentum", "SGD")
    guard weightDecay >= 0 && weightDecay.isFinite else {
      fatalError("SGD: the weight decay \(weightDecay) must be finite and at least 0")
    }
    self.learningRate = learningRate
    self.momentum = momentum
    self.form = form
    self.weightDecay = weightDecay
  }

  /// The formulas for one choice of momentum, or none, and of decay; the scalars are α, β, 1 − β and λ.
  private static func update(_ form: Momentum?, decays: Bool) -> Update {
    func slope(_ p: Expression, _ g: Expression, _ k: [Expression]) -> Expression { decays ? g + k[3] * p : g }
    return switch form {
    case nil: Update(scalars: 4) { p, g, k in p = p - k[0] * slope(p, g, k) }
    case .classical:
      Update(scalars: 4) { p, g, v, k in
        v = k[1] * v + slope(p, g, k)
        p = p - k[0] * v
      }
    case .averaged:
      Update(scalars: 4) { p, g, v, k in
        v = k[1] * v + k[2] * slope(p, g, k)
        p = p - k[0] * v
      }
    case .nesterov:
      Update(scalars: 4) { p, g, v, k in
        let g = slope(p, g, k)
        v = k[1] * v + g
        p = p - k[0] * (g + k[1] * v)
      }
    }
  }

  /// Without decay, then with it; the first of each without momentum.
  private static let updates = [false, true].map { decays in
    ([nil] + Momentum.allCases.map(Optional.some)).map { update($0, decays: decays) }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let number = momentum == 0 ? 0 : 1 + Momentum.allCases.firstIndex(of: form)!
    let update = Self.updates[weightDecay == 0 ? 0 : 1][number]
    return (update, [learningRate, momentum, 1 - momentum, weightDecay])
  }

  public var description: String {
    "SGD(learningRate: \(learningRate)" + (momentum == 0 ? "" : ", momentum: \(momentum)")
      + (form == .classical ? "" : ", form: .\(form)") + (weightDecay == 0 ? ")" : ", weightDecay: \(weightDecay))")
  }
}
