import ApusCore

/// Gradient descent: p ← p − α g (notes F1, F11), with momentum if asked for.
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
  public let memory = OptimizerMemory()

  /// - Precondition: `momentum` lies in [0, 1).
  public init(learningRate: Double, momentum: Double = 0, form: Momentum = .classical) {
    requireFraction(momentum, "momentum", "SGD")
    self.learningRate = learningRate
    self.momentum = momentum
    self.form = form
  }

  private static let plain = Update(scalars: 1) { p, g, k in
    let rate = k[0]
    p = p - rate * g
  }

  private static let withMomentum = Update(scalars: 2) { p, g, v, k in
    let (rate, beta) = (k[0], k[1])
    v = beta * v + g
    p = p - rate * v
  }

  private static let withAverage = Update(scalars: 3) { p, g, v, k in
    let (rate, beta, rest) = (k[0], k[1], k[2])
    v = beta * v + rest * g
    p = p - rate * v
  }

  private static let withNesterov = Update(scalars: 2) { p, g, v, k in
    let (rate, beta) = (k[0], k[1])
    v = beta * v + g
    p = p - rate * (g + beta * v)
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    if momentum == 0 { return (Self.plain, [learningRate]) }
    return switch form {
    case .classical: (Self.withMomentum, [learningRate, momentum])
    case .averaged: (Self.withAverage, [learningRate, momentum, 1 - momentum])
    case .nesterov: (Self.withNesterov, [learningRate, momentum])
    }
  }

  public var description: String {
    "SGD(learningRate: \(learningRate)" + (momentum == 0 ? "" : ", momentum: \(momentum)")
      + (form == .classical ? ")" : ", form: .\(form))")
  }
}
