import ApusCore

/// Adam (Kingma and Ba, 2015; notes F9): steps of a size that adapts to each number's own gradients.
///
/// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², p ← p − α m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 −
/// β₂ᵗ) undo the start from zero. AMSGrad (Reddi et al., 2018) divides by the largest v so far instead.
public final class Adam: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// ε, which keeps the division finite.
  public let epsilon: Double
  /// λ of the penalty λ/2 ‖p‖² whose gradient is added to g. (For the decay beside the gradient there is `AdamW`.)
  public var weightDecay: Double { decay.strength }
  /// Whether the step is divided by the largest v so far.
  public let isAMSGrad: Bool
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let update: Update

  public init(
    learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, isAMSGrad: Bool = false
  ) {
    requireBetas(betas, "Adam")
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.isAMSGrad = isAMSGrad
    decay = WeightDecay(weightDecay, "Adam")
    update = isAMSGrad ? Self.amsgrad(decay.form) : Self.adam(decay.form)
  }

  // The corrections are the same for every element, so they come in as scalars: step = −α / (1 − β₁ᵗ), correction = 1 /
  // (1 − β₂ᵗ).
  static func adam(_ decay: Update.Decay) -> Update {
    Update(states: 2, scalars: 7, decay: decay) { p, g, s, k in
      var (m, v) = (s[0], s[1])
      let (beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3])
      let (step, correction, epsilon) = (k[4], k[5], k[6])
      m = beta1 * m + rest1 * g
      v = beta2 * v + rest2 * (g * g)
      p = p + step * m / (sqrt(v * correction) + epsilon)
      s = [m, v]
    }
  }

  private static func amsgrad(_ decay: Update.Decay) -> Update {
    Update(states: 3, scalars: 7, decay: decay) { p, g, s, k in
      var (m, v, largest) = (s[0], s[1], s[2])
      let (beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3])
      let (step, correction, epsilon) = (k[4], k[5], k[6])
      m = beta1 * m + rest1 * g
      v = beta2 * v + rest2 * (g * g)
      largest = maximum(largest, v)
      p = p + step * m / (sqrt(largest * correction) + epsilon)
      s = [m, v, largest]
    }
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let scalars = Self.scalars(betas, learningRate, epsilon, step: step)
    return (update, decay.scalars(scalars, learningRate: learningRate))
  }

  /// The rule's scalars, without that of a decay.
  static func scalars(_ betas: (Double, Double), _ learningRate: Double, _ epsilon: Double, step: Int) -> [Double] {
    let (beta1, beta2) = betas
    let (power1, power2) = (power(beta1, step), power(beta2, step))
    return [beta1, 1 - beta1, beta2, 1 - beta2, -learningRate / (1 - power1), 1 / (1 - power2), epsilon]
  }

  public var description: String {
    "Adam(learningRate: \(learningRate)\(decay.text)" + (isAMSGrad ? ", isAMSGrad: true)" : ")")
  }
}

/// base to a whole power, by repeated squaring.
func power(_ base: Double, _ exponent: Int) -> Double {
  var (result, square, rest) = (1.0, base, exponent)
  while rest > 0 {
    if rest & 1 == 1 { result *= square }
    square *= square
    rest >>= 1
  }
  return result
}
