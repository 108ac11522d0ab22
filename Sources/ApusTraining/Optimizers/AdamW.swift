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
  public var weightDecay: Double { decay.strength }
  public let memory = OptimizerMemory()
  private let decay: WeightDecay
  private let decays: (Parameter) -> Bool

  /// Decays weights, but no biases and no scales or shifts of a normalisation: what has at least two axes.
  public static let matrices: @Sendable (Parameter) -> Bool = { $0.shape.rank >= 2 }

  /// - Parameter decays: which parameters shrink; all unless said otherwise.
  public init(
    learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0.01, decays: @escaping (Parameter) -> Bool = { _ in true }
  ) {
    requireBetas(betas, "AdamW")
    decay = WeightDecay(weightDecay, isDecoupled: true, "AdamW")
    self.learningRate = learningRate
    self.betas = betas
    self.epsilon = epsilon
    self.decays = decays
  }

  private static let (keeping, decaying) = (Adam.adam(.none), Adam.adam(.decoupled))

  /// The group of the parameters that decay is 1, that of the others 0.
  public func group(of parameter: Parameter) -> Int { decays(parameter) ? 1 : 0 }

  public func rule(step: Int, group: Int) -> (update: Update, scalars: [Double]) {
    let scalars = Adam.scalars(betas, learningRate, epsilon, step: step)
    guard group == 1, decay.strength > 0 else { return (Self.keeping, scalars) }
    return (Self.decaying, decay.scalars(scalars, learningRate: learningRate))
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) { rule(step: step, group: 1) }

  public var description: String { "AdamW(learningRate: \(learningRate), weightDecay: \(weightDecay))" }
}
