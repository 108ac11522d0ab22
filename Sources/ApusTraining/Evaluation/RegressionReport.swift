import ApusCore

/// How predicted numbers compare with the truth.
public struct RegressionReport: Sendable, Hashable, CustomStringConvertible {
  /// The number of examples.
  public let count: Int
  /// The mean of the squared differences.
  public let meanSquaredError: Double
  /// The mean of the absolute differences.
  public let meanAbsoluteError: Double
  /// The median of the absolute differences.
  public let medianAbsoluteError: Double
  /// The largest absolute difference.
  public let maxError: Double
  /// The mean of the absolute differences, each divided by the absolute true value (by the least positive step of a double
  /// near 1 where that is smaller): 0.1 means 10%.
  public let meanAbsolutePercentageError: Double
  /// R²: the share of the truth's variance that is explained, 1 at best, negative when the mean would have been better. Where the
  /// truth does not vary, 1 if the predictions are exact, else 0. NaN of fewer than two examples.
  public let r2: Double
  /// The same, but for a constant error, which it does not count.
  public let explainedVariance: Double

  /// The root of the mean squared error, in the truth's units.
  public var rootMeanSquaredError: Double { meanSquaredError.squareRoot() }

  /// - Precondition: as many of both, at least one.
  public init(truth: [Double], predictions: [Double]) {
    guard truth.count == predictions.count, !truth.isEmpty else {
      fatalError(
        "RegressionReport: \(truth.count) truths and \(predictions.count) predictions; expected as many, at least one")
    }
    let n = Double(truth.count)
    let errors = zip(truth, predictions).map { $0 - $1 }
    let sizes = errors.map(abs)
    func mean(_ values: some Sequence<Double>) -> Double { values.reduce(0, +) / n }
    func squares(_ values: [Double], around center: Double) -> Double {
      values.reduce(0) { $0 + ($1 - center) * ($1 - center) }
    }
    func share(_ unexplained: Double, _ total: Double) -> Double {
      total == 0 ? (unexplained == 0 ? 1 : 0) : 1 - unexplained / total
    }
    count = truth.count
    meanSquaredError = squares(errors, around: 0) / n
    meanAbsoluteError = mean(sizes)
    let sorted = sizes.sorted()
    medianAbsoluteError = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    maxError = sorted[count - 1]
    meanAbsolutePercentageError = mean(zip(truth, sizes).map { $1 / max(.ulpOfOne, abs($0)) })
    let total = squares(truth, around: mean(truth))
    r2 = count < 2 ? .nan : share(squares(errors, around: 0), total)
    explainedVariance = share(squares(errors, around: mean(errors)), total)
  }

  public var description: String {
    "root mean squared error \(rootMeanSquaredError.formatted("g", precision: 6)), mean absolute error "
      + "\(meanAbsoluteError.formatted("g", precision: 6)), R² \(r2.formatted(precision: 4))"
  }
}
