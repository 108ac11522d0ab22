import ApusCore
import ApusNN

/// RMSprop (Tieleman and Hinton, 2012; notes F10): each gradient is divided by the root of its recent mean square.
///
/// s ← ρ s + (1 − ρ) g², p ← p − α g / (√s + ε). Centred, it subtracts the square of the recent mean: a ← ρ a + (1 − ρ) g, √(s − a²).
/// With momentum β, u ← β u + the quotient, p ← p − α u. PyTorch adds ε to the root, Keras under it: see ``epsilonPlacement``.
public final class RMSprop: Optimizer {
  public var learningRate: Double
  /// ρ, in [0, 1): how long squares are remembered (PyTorch's alpha).
  public let rho: Double
  /// β, in [0, 1).
  public let momentum: Double
  /// Whether the mean is subtracted.
  public let isCentered: Bool
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// Whether ε is added to the root or under it.
  public let epsilonPlacement: EpsilonPlacement
  /// λ of the penalty λ/2 ‖p‖² whose gradient is added to g.
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(
    learningRate: Double = 1e-3, rho: Double = 0.9, momentum: Double = 0, isCentered: Bool = false,
    epsilon: Double = 1e-8, epsilonPlacement: EpsilonPlacement = .besideRoot, weightDecay: Double = 0
  ) {
    requireFraction(rho, "rho", "RMSprop")
    requireFraction(momentum, "momentum", "RMSprop")
    self.learningRate = learningRate
    self.rho = rho
    self.momentum = momentum
    self.isCentered = isCentered
    self.epsilon = epsilon
    self.epsilonPlacement = epsilonPlacement
    decay = WeightDecay(weightDecay, "RMSprop")
    // The states: s, then u if there is momentum, then a if centred.
    let hasMomentum = momentum > 0
    update = Update(
      states: 1 + (hasMomentum ? 1 : 0) + (isCentered ? 1 : 0), scalars: 5, decay: decay.form
    ) { p, g, states, k in
      let (rate, rho, rest, beta, epsilon) = (k[0], k[1], k[2], k[3], k[4])
      states[0] = rho * states[0] + rest * (g * g)
      var spread = states[0]
      if isCentered {
        let last = states.count - 1
        states[last] = rho * states[last] + rest * g
        spread = spread - states[last] * states[last]
      }
      let quotient = epsilonPlacement == .besideRoot ? g / (sqrt(spread) + epsilon) : g / sqrt(spread + epsilon)
      if hasMomentum { states[1] = beta * states[1] + quotient }
      p = p - rate * (hasMomentum ? states[1] : quotient)
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    (update, decay.scalars([learningRate, rho, 1 - rho, momentum, epsilon], learningRate: learningRate))
  }

  public var description: String {
    "RMSprop(learningRate: \(learningRate), rho: \(rho)" + (momentum == 0 ? "" : ", momentum: \(momentum)")
      + (isCentered ? ", isCentered: true" : "")
      + (epsilonPlacement == .besideRoot ? "" : ", epsilonPlacement: .\(epsilonPlacement)") + "\(decay.text))"
  }
}
