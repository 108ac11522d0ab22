import ApusCore

/// Gradient descent: p ← p − α g (notes F1, F11), with classical momentum if asked for.
///
/// With momentum β (Polyak, 1964; as in PyTorch) v ← β v + g and p ← p − α v. The notes' averaged form (F8),
/// v ← β v + (1 − β) g, is the same with α (1 − β) for α (N-24). With a weight decay λ (L2 regularisation; as in
/// PyTorch) g + λ p stands for g.
public final class SGD: Optimizer {
  public var learningRate: Double
  /// β, in [0, 1); 0 is plain gradient descent.
  public let momentum: Double
  /// λ, at least 0.
  public let weightDecay: Double
  public let memory = OptimizerMemory()

  /// - Precondition: `momentum` lies in [0, 1), `weightDecay` is finite and not negative.
  public init(learningRate: Double, momentum: Double = 0, weightDecay: Double = 0) {
    guard (0..<1).contains(momentum) else {
      fatalError("SGD: the momentum \(momentum) must be at least 0 and less than 1")
    }
    guard weightDecay >= 0 && weightDecay.isFinite else {
      fatalError("SGD: the weight decay \(weightDecay) must be finite and at least 0")
    }
    self.learningRate = learningRate
    self.momentum = momentum
    self.weightDecay = weightDecay
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

  private static let withDecay = Update(scalars: 2) { p, g, k in
    let (rate, decay) = (k[0], k[1])
    p = p - rate * (g + decay * p)
  }

  private static let withMomentumAndDecay = Update(scalars: 3) { p, g, v, k in
    let (rate, beta, decay) = (k[0], k[1], k[2])
    v = beta * v + (g + decay * p)
    p = p - rate * v
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    switch (momentum == 0, weightDecay == 0) {
    case (true, true): (Self.plain, [learningRate])
    case (false, true): (Self.withMomentum, [learningRate, momentum])
    case (true, false): (Self.withDecay, [learningRate, weightDecay])
    case (false, false): (Self.withMomentumAndDecay, [learningRate, momentum, weightDecay])
    }
  }

  public var description: String {
    "SGD(learningRate: \(learningRate)" + (momentum == 0 ? "" : ", momentum: \(momentum)")
      + (weightDecay == 0 ? "" : ", weightDecay: \(weightDecay)") + ")"
  }
}
