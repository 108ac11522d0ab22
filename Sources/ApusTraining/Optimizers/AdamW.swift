import ApusCore

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019): parameters shrink by the factor 1 − α λ at every step, whatever their
/// gradients, and then take Adam's step.
///
/// ```swift
/// let optimizer = AdamW(learningRate: 1e-3, weightDecay: 0.1, decays: AdamW.matrices)
/// ```
public final class AdamW: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// λ, at least 0.
  public let weightDecay: Double
  public let memory = OptimizerMemory()
  private let decays: (Parameter) -> Bool

  /// Decays weights, but no biases and no scales or shifts of a normalisation: what has at least two axes.
  public static let matrices: @Sendable (Parameter) -> Bool = { $0.shape.rank >= 2 }

  /// - Parameter decays: which parameters shrink; all unless said otherwise.
  public init(
    learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0.01, decays: @escaping (Parameter) -> Bool = { _ in true }
  ) {
    guard (0..<1).contains(betas.0) && (0..<1).contains(betas.1), weightDecay >= 0 else {
      fatalError("AdamW: both betas, here \(betas), must be in [0, 1), the weight decay \(weightDecay) at least 0")
    }
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.decays = decays
  }

  // As Adam's; keep = 1 − α λ.
  private static let update = Update(scalars: 8) { p, g, m, v, k in
    let (beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3])
    let (step, correction, epsilon, keep) = (k[4], k[5], k[6], k[7])
    m = beta1 * m + rest1 * g
    v = beta2 * v + rest2 * (g * g)
    p = keep * p + step * m / (sqrt(v * correction) + epsilon)
  }

  /// The group of the parameters that decay is 1, that of the others 0.
  public func group(of parameter: Parameter) -> Int { decays(parameter) ? 1 : 0 }

  public func rule(step: Int, group: Int) -> (update: Update, scalars: [Double]) {
    let (beta1, beta2) = betas
    let (power1, power2) = (power(beta1, step), power(beta2, step))
    return (
      Self.update,
      [
        beta1, 1 - beta1, beta2, 1 - beta2, -learningRate / (1 - power1), 1 / (1 - power2), epsilon,
        group == 1 ? 1 - learningRate * weightDecay : 1,
      ]
    )
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) { rule(step: step, group: 1) }

  public var description: String { "AdamW(learningRate: \(learningRate), weightDecay: \(weightDecay))" }
}
