import ApusCore

/// Lowers the learning rate when a loss stops falling.
///
/// ```swift
/// var plateau = PlateauDecay(factor: 0.5, patience: 5)
/// try trainer.fit(train, validation: test, epochs: 100) { plateau.observe($0.validationLoss!, optimizer) }
/// ```
public struct PlateauDecay: Sendable, Hashable {
  /// What the rate is multiplied with; in (0, 1).
  public let factor: Double
  /// How many observations without improvement are borne.
  public let patience: Int
  /// A loss improves if it is lower than the best by this share of it.
  public let threshold: Double
  /// How many observations after a change do not count.
  public let cooldown: Int
  /// The rate is not made smaller than this.
  public let smallestRate: Double

  /// The lowest loss so far.
  public private(set) var best = Double.infinity
  private var (waited, resting) = (0, 0)

  public init(
    factor: Double = 0.1, patience: Int = 10, threshold: Double = 1e-4, cooldown: Int = 0, smallestRate: Double = 0
  ) {
    guard factor > 0, factor < 1 else { fatalError("PlateauDecay: the factor \(factor) must lie between 0 and 1") }
    self.factor = factor
    self.patience = patience
    self.threshold = threshold
    self.cooldown = cooldown
    self.smallestRate = smallestRate
  }

  /// Takes notice of a loss, such as that on the validation data after an epoch; lower is better.
  /// - Returns: whether the learning rate was lowered.
  @discardableResult
  public mutating func observe(_ loss: Double, _ optimizer: any Optimizer) -> Bool {
    if loss < best - threshold * abs(best) || best == .infinity && loss < best {
      best = loss
      waited = 0
    } else {
      waited += 1
    }
    if resting > 0 {
      resting -= 1
      waited = 0
    }
    guard waited > patience else { return false }
    (waited, resting) = (0, cooldown)
    let rate = max(optimizer.learningRate * factor, smallestRate)
    guard rate < optimizer.learningRate else { return false }
    optimizer.learningRate = rate
    return true
  }
}
