import ApusCore

/// Gradient descent: p ← p − α g (notes F1, F11), with classical momentum if asked for.
///
/// With momentum β (Polyak, 1964; as in PyTorch) v ← β v + g and p ← p − α v. The notes' averaged form (F8),
/// v ← β v + (1 − β) g, is the same with α (1 − β) for α (N-24).
public final class SGD: Optimizer {
  public var learningRate: Double
  /// β, in [0, 1); 0 is plain gradient descent.
  public let momentum: Double
  public let memory = OptimizerMemory()

  /// - Precondition: `momentum` lies in [0, 1).
  public init(learningRate: Double, momentum: Double = 0) {
    guard (0..<1).contains(momentum) else {
      fatalError("SGD: the momentum \(momentum) must be at least 0 and less than 1")
    }
    self.learningRate = learningRate
    self.momentum = momentum
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

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    momentum == 0 ? (Self.plain, [learningRate]) : (Self.withMomentum, [learningRate, momentum])
  }

  public var description: String {
    "SGD(learningRate: \(learningRate)" + (momentum == 0 ? "" : ", momentum: \(momentum)") + ")"
  }
}
