/// How often a yes-or-no decision was right and wrong, and the shares that follow (notes P2). A quotient of nothing is nil.
public struct BinaryCounts: Sendable, Hashable {
  public let truePositives: Int
  public let falsePositives: Int
  public let falseNegatives: Int
  public let trueNegatives: Int

  public init(truePositives: Int, falsePositives: Int, falseNegatives: Int, trueNegatives: Int) {
    self.truePositives = truePositives
    self.falsePositives = falsePositives
    self.falseNegatives = falseNegatives
    self.trueNegatives = trueNegatives
  }

  /// Counts decisions against the truth.
  /// - Precondition: as many of both.
  public init(isPositive truth: [Bool], isPredicted: [Bool]) {
    guard truth.count == isPredicted.count else {
      fatalError("BinaryCounts: \(truth.count) truths and \(isPredicted.count) decisions do not pair up")
    }
    var counts = [0, 0, 0, 0]
    for (truth, decision) in zip(truth, isPredicted) { counts[(truth ? 2 : 0) + (decision ? 1 : 0)] += 1 }
    self.init(
      truePositives: counts[3], falsePositives: counts[1], falseNegatives: counts[2], trueNegatives: counts[0])
  }

  /// The examples that are positive.
  public var support: Int { truePositives + falseNegatives }
  /// The examples that were taken for positive.
  public var predicted: Int { truePositives + falsePositives }

  /// Of those taken for positive, the share that is: TP / (TP + FP).
  public var precision: Double? { ratio(truePositives, predicted) }
  /// Of the positive ones, the share that was found: TP / (TP + FN), also called sensitivity.
  public var recall: Double? { ratio(truePositives, support) }
  /// Of the negative ones, the share that was left alone: TN / (TN + FP).
  public var specificity: Double? { ratio(trueNegatives, trueNegatives + falsePositives) }
  /// The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN).
  public var f1: Double? { fScore(beta: 1) }
  /// The Jaccard index: TP / (TP + FP + FN).
  public var jaccard: Double? { ratio(truePositives, support + falsePositives) }

  /// The weighted harmonic mean of precision and recall, in which recall counts `beta` times as much (van Rijsbergen, 1979):
  /// (1 + β²) TP / ((1 + β²) TP + β² FN + FP).
  public func fScore(beta: Double) -> Double? {
    let right = (1 + beta * beta) * Double(truePositives)
    let all = right + beta * beta * Double(falseNegatives) + Double(falsePositives)
    return all == 0 ? nil : right / all
  }

  private func ratio(_ part: Int, _ whole: Int) -> Double? { whole == 0 ? nil : Double(part) / Double(whole) }
}

/// How the scores of several classes become one number.
public enum Average: String, Sendable, Hashable, CaseIterable {
  /// The score of all decisions counted together.
  case micro
  /// The mean of the classes' scores.
  case macro
  /// The mean of the classes' scores, weighted with their numbers of examples.
  case weighted
}

extension Collection where Element == BinaryCounts {
  /// One number for a score of several classes, such as `report.counts.average(.macro, of: \.f1)`. What is a quotient of
  /// nothing counts as 0; NaN of no classes.
  public func average(_ average: Average, of score: (BinaryCounts) -> Double?) -> Double {
    switch average {
    case .micro:
      let all = reduce(BinaryCounts(truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0)) {
        BinaryCounts(
          truePositives: $0.truePositives + $1.truePositives, falsePositives: $0.falsePositives + $1.falsePositives,
          falseNegatives: $0.falseNegatives + $1.falseNegatives, trueNegatives: $0.trueNegatives + $1.trueNegatives)
      }
      return score(all) ?? 0
    case .macro: return reduce(0) { $0 + (score($1) ?? 0) } / Double(count)
    case .weighted:
      let support = reduce(0) { $0 + $1.support }
      return reduce(0) { $0 + (score($1) ?? 0) * Double($1.support) } / Double(Swift.max(1, support))
    }
  }
}
