// How well scores put the positive examples before the others, for every threshold, as the two usual curves: views of a `ScoreCurve`.

/// The receiver operating characteristic: the share of the negatives that are let in, and of the positives, as the threshold falls.
public struct ROCCurve: Sendable, Hashable {
  private let curve: ScoreCurve

  /// - Parameters:
  ///   - scores: larger ones speak for the positive class; NaN counts as the smallest.
  ///   - labels: whether the examples are positive; as many as there are scores.
  public init(scores: [Double], labels: [Bool]) { curve = ScoreCurve(scores: ordered(scores), isPositive: labels) }

  /// The distinct scores in descending order, after an infinite one, which lets nobody in.
  public var thresholds: [Double] { curve.points.map(\.threshold) }
  /// False positives / negatives; NaN without negatives.
  public var falsePositiveRates: [Double] { curve.points.map { $0.falsePositiveRate ?? .nan } }
  /// True positives / positives; NaN without positives.
  public var truePositiveRates: [Double] { curve.points.map { $0.truePositiveRate ?? .nan } }
  /// The area under the curve: the probability that a positive example has a larger score than a negative one, ties counting half; NaN
  /// if one of the classes is absent.
  public var area: Double { curve.areaUnderROC ?? .nan }
}

/// How many of the examples let in are positive, and how many of the positives are let in, as the threshold falls.
public struct PrecisionRecallCurve: Sendable, Hashable {
  private let curve: ScoreCurve

  /// - Parameters:
  ///   - scores: larger ones speak for the positive class; NaN counts as the smallest.
  ///   - labels: whether the examples are positive; as many as there are scores.
  public init(scores: [Double], labels: [Bool]) { curve = ScoreCurve(scores: ordered(scores), isPositive: labels) }

  // Nobody is let in at the first point, so there is no precision.
  private var points: ArraySlice<ThresholdPoint> { curve.points.dropFirst() }

  /// The distinct scores in descending order.
  public var thresholds: [Double] { points.map(\.threshold) }
  /// True positives / examples let in.
  public var precisions: [Double] { points.map { $0.counts.precision ?? .nan } }
  /// True positives / positives; NaN without positives.
  public var recalls: [Double] { points.map { $0.truePositiveRate ?? .nan } }
  /// The share of positives among all examples: the precision of chance; NaN without examples.
  public var positiveShare: Double { precisions.last ?? .nan }
  /// Σ (Rᵢ − Rᵢ₋₁) Pᵢ: the mean precision over the recalls, without interpolation; NaN without positives.
  public var averagePrecision: Double { curve.averagePrecision ?? .nan }
}

/// NaN as the smallest score.
private func ordered(_ scores: [Double]) -> [Double] { scores.map { $0.isNaN ? -.infinity : $0 } }
