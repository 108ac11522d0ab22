import ApusCore

/// Adam (Kingma and Ba, 2015; notes F9): steps of a size that adapts to each number's own gradients.
///
/// m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², p ← p − α m̂ / (√v̂ + ε), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 −
/// β₂ᵗ) undo the start from zero.
public final class Adam: Optimizer {
  public var learningRate: Double
  /// β₁ and β₂, each in [0, 1).
  public let betas: (Double, Double)
  /// ε, which keeps the division finite.
  public let epsilon: Double
  public let memory = OptimizerMemory()

  public init(learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8) {
    guard (0..<1).contains(betas.0) && (0..<1).contains(betas.1) else {
      fatalError("Adam: both betas, here \(betas), must be at least 0 and less than 1")
    }
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
  }

  // The corrections are the same for every element, so they come in as scalars: step = −α / (1 − β₁ᵗ), correction = 1 /
  // (1 − β₂ᵗ).
  private static let update = Update(scalars: 7) { p, g, m, v, k in
    let (beta1, rest1, beta2, rest2) = (k[0], k[1], k[2], k[3])
    let (step, correction, epsilon) = (k[4], k[5], k[6])
    m = beta1 * m + rest1 * g
    v = beta2 * v + rest2 * (g * g)
    p = p + step * m / (sqrt(v * correction) + epsilon)
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) {
    let (beta1, beta2) = betas
    let (power1, power2) = (power(beta1, step), power(beta2, step))
    return (
      Self.update,
      [beta1, 1 - beta1, beta2, 1 - beta2, -learningRate / (1 - power1), 1 / (1 - power2), epsilon]
    )
  }

  public var description: String { "Adam(learningRate: \(learningRate))" }
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
