// How well scores put the positive examples before the others, for every threshold: an example counts as positive if its score is at
// least the threshold. Examples of equal score come in together, so a curve does not depend on their order.

/// The receiver operating characteristic: the share of the negatives that are let in, and of the positives, as the threshold falls.
public struct ROCCurve: Sendable, Hashable {
  /// The distinct scores in descending order, after an infinite one, which lets nobody in.
  public let thresholds: [Double]
  /// False positives / negatives; NaN without negatives.
  public let falsePositiveRates: [Double]
  /// True positives / positives; NaN without positives.
  public let truePositiveRates: [Double]

  /// - Parameters:
  ///   - scores: larger ones speak for the positive class; NaN counts as the smallest.
  ///   - labels: whether the examples are positive; as many as there are scores.
  public init(scores: [Double], labels: [Bool]) {
    let steps = ThresholdStep.all(scores, labels)
    thresholds = steps.map(\.threshold)
    falsePositiveRates = steps.map { Double($0.falsePositives) / Double(steps[steps.count - 1].falsePositives) }
    truePositiveRates = steps.map { Double($0.truePositives) / Double(steps[steps.count - 1].truePositives) }
  }

  /// The area under the curve: the probability that a positive example has a larger score than a negative one, ties counting half.
  public var area: Double {
    zip(falsePositiveRates.indices.dropLast(), falsePositiveRates.indices.dropFirst()).reduce(0) { area, step in
      let (i, j) = step
      return area
        + (falsePositiveRates[j] - falsePositiveRates[i]) * (truePositiveRates[i] + truePositiveRates[j]) / 2
    }
  }
}

/// How many of the examples let in are positive, and how many of the positives are let in, as the threshold falls.
public struct PrecisionRecallCurve: Sendable, Hashable {
  /// The distinct scores in descending order.
  public let thresholds: [Double]
  /// True positives / examples let in.
  public let precisions: [Double]
  /// True positives / positives; NaN without positives.
  public let recalls: [Double]
  /// The share of positives among all examples: the precision of chance.
  public let positiveShare: Double

  /// - Parameters:
  ///   - scores: larger ones speak for the positive class; NaN counts as the smallest.
  ///   - labels: whether the examples are positive; as many as there are scores.
  public init(scores: [Double], labels: [Bool]) {
    let steps = ThresholdStep.all(scores, labels)
    let positives = steps[steps.count - 1].truePositives
    positiveShare = Double(positives) / Double(scores.count)
    thresholds = steps.dropFirst().map(\.threshold)
    precisions = steps.dropFirst().map { Double($0.truePositives) / Double($0.truePositives + $0.falsePositives) }
    recalls = steps.dropFirst().map { Double($0.truePositives) / Double(positives) }
  }

  /// Σ (Rᵢ − Rᵢ₋₁) Pᵢ: the mean precision over the recalls, without interpolation.
  public var averagePrecision: Double {
    zip(zip([0] + recalls, recalls), precisions).reduce(0) { $0 + ($1.0.1 - $1.0.0) * $1.1 }
  }
}

/// How many examples have a score of at least the threshold.
private struct ThresholdStep {
  let threshold: Double
  let truePositives: Int
  let falsePositives: Int

  /// From an infinite threshold, with nobody, to the smallest score, with everybody.
  static func all(_ scores: [Double], _ labels: [Bool]) -> [ThresholdStep] {
    guard scores.count == labels.count else {
      fatalError("ranking curve: \(scores.count) scores and \(labels.count) labels do not pair up")
    }
    let ordered = zip(scores.map { $0.isNaN ? -.infinity : $0 }, labels).sorted { $0.0 > $1.0 }
    var steps = [ThresholdStep(threshold: .infinity, truePositives: 0, falsePositives: 0)]
    var (positives, negatives) = (0, 0)
    for (i, (score, label)) in ordered.enumerated() {
      if label { positives += 1 } else { negatives += 1 }
      if i + 1 < ordered.count && ordered[i + 1].0 == score { continue }
      steps.append(ThresholdStep(threshold: score, truePositives: positives, falsePositives: negatives))
    }
    return steps
  }
}
