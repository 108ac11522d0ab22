import ApusCore

/// What training and validation error say together (notes P4): whether a model cannot fit its data (high bias), fits them
/// but not new ones (high variance), both or neither.
public struct BiasVarianceReading: Sendable, Hashable, CustomStringConvertible {
  public let trainingError: Double
  public let validationError: Double
  /// The error that is thought to be possible, such as that of people who know.
  public let attainableError: Double
  /// What is taken for a gap.
  public let tolerance: Double

  /// - Parameters:
  ///   - trainingError: a share of wrong examples, from 0 to 1, or any other error of which less is better.
  ///   - validationError: the same measure on data that was not trained on.
  ///   - attainableError: the error that is thought to be possible.
  ///   - tolerance: the gap from which on there is a problem.
  public init(trainingError: Double, validationError: Double, attainableError: Double = 0, tolerance: Double = 0.02) {
    self.trainingError = trainingError
    self.validationError = validationError
    self.attainableError = attainableError
    self.tolerance = tolerance
  }

  /// How much worse the training data are fitted than is possible.
  public var bias: Double { trainingError - attainableError }
  /// How much worse new data are predicted than those trained on.
  public var variance: Double { validationError - trainingError }
  public var isBiasHigh: Bool { bias > tolerance }
  public var isVarianceHigh: Bool { variance > tolerance }

  public var description: String {
    let reading =
      switch (isBiasHigh, isVarianceHigh) {
      case (true, true): "high bias and high variance: neither the training data nor new ones are fitted"
      case (true, false): "high bias: try a larger network, longer training or other features"
      case (false, true): "high variance: try more data, regularisation or a smaller network"
      case (false, false): "low bias and low variance"
      }
    func percent(_ value: Double) -> String { (100 * value).formatted(precision: 1) + "%" }
    return "training error \(percent(trainingError)), validation error \(percent(validationError)), attainable "
      + "\(percent(attainableError)): \(reading)"
  }
}
