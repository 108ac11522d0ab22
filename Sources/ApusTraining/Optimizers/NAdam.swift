import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// NAdam (Dozat, 2016): Adam with Nesterov's momentum, whose strength rises from β₁ / 2 to β₁.
///
/// μₜ = β₁ (1 − ½ 0.96^(t ψ)); m and v as in Adam; p ← p − α (μₜ₊₁ m / (1 − Πᵢ≤ₜ₊₁ μᵢ) + (1 − μₜ) g / (1 − Πᵢ≤ₜ μᵢ)) / (√v̂ + ε).
public final class NAdam: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// ψ, how fast the momentum rises; at least 0.
  public let momentumDecay: Double
  /// λ, at least 0.
  public var weightDecay: Double { decay.strength }
  /// Whether parameters shrink by 1 − α λ, rather than λ p being added to the gradient.
  public var decouplesWeightDecay: Bool { decay.isDecoupled }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update
  /// Πᵢ≤ₜ μᵢ for t = 0, 1, …, as far as they were needed, until they are 0.
  private var products = [1.0]

  public init(
    learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    momentumDecay: Double = 4e-3, weightDecay: Double = 0, decouplesWeightDecay: Bool = false
  ) {
    requireBetas(betas, "NAdam")
    guard momentumDecay >= 0 else { fatalError("NAdam: the momentum decay \(momentumDecay) must be at least 0") }
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.momentumDecay = momentumDecay
    decay = WeightDecay(weightDecay, isDecoupled: decouplesWeightDecay, "NAdam")
    update = Update(states: 2, scalars: 8, decay: decay.form) { p, g, s, k in
      var (m, v) = (s[0], s[1])
      let (beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3])
      let (ofGradient, ofMean, correction, epsilon) = (k[4], k[5], k[6], k[7])
      m = beta1 * m + rest1 * g
      v = beta2 * v + rest2 * (g * g)
      p = p - (ofGradient * g + ofMean * m) / (sqrt(v * correction) + epsilon)
      s = [m, v]
    }
  }

  private func mu(_ step: Int) -> Double { betas.0 * (1 - 0.5 * pow(0.96, Double(step) * momentumDecay)) }

  private func product(_ step: Int) -> Double {
    while products.count <= step, products[products.count - 1] > 0 {
      products.append(products[products.count - 1] * mu(products.count))
    }
    return step < products.count ? products[step] : 0
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let (beta1, beta2) = betas
    let ofGradient = learningRate * (1 - mu(step)) / (1 - product(step))
    let ofMean = learningRate * mu(step + 1) / (1 - product(step + 1))
    let scalars = [
      beta1, 1 - beta1, beta2, 1 - beta2, ofGradient, ofMean, 1 / (1 - power(beta2, step)), epsilon,
    ]
    return (update, decay.scalars(scalars, learningRate: learningRate))
  }

  public var description: String { "NAdam(learningRate: \(learningRate)\(decay.text))" }
}
