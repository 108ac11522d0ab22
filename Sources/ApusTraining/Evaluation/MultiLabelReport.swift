/// How predictions of several labels at once compare with the truth (notes P2): every example has any number of labels.
public struct MultiLabelReport: Sendable, Hashable {
  /// The counts of each label.
  public let counts: [BinaryCounts]
  /// The counts of each example.
  public let exampleCounts: [BinaryCounts]

  /// - Parameters:
  ///   - truth: whether example i has label l, at `truth[i][l]`.
  ///   - predictions: likewise; as many rows of as many labels.
  public init(truth: [[Bool]], predictions: [[Bool]]) {
    let labels = truth.first?.count ?? 0
    guard truth.count == predictions.count, (truth + predictions).allSatisfy({ $0.count == labels }) else {
      fatalError("MultiLabelReport: expected \(truth.count) rows of \(labels) labels, twice")
    }
    counts = (0..<labels).map { l in
      BinaryCounts(isPositive: truth.map { $0[l] }, isPredicted: predictions.map { $0[l] })
    }
    exampleCounts = zip(truth, predictions).map { BinaryCounts(isPositive: $0, isPredicted: $1) }
  }

  /// The share of examples all of whose labels are right; NaN of none.
  public var subsetAccuracy: Double {
    let right = exampleCounts.reduce(0) { $0 + ($1.falsePositives == 0 && $1.falseNegatives == 0 ? 1 : 0) }
    return Double(right) / Double(exampleCounts.count)
  }

  /// The share of labels that are wrong; NaN of none.
  public var hammingLoss: Double {
    let wrong = counts.reduce(0) { $0 + $1.falsePositives + $1.falseNegatives }
    return Double(wrong) / Double(counts.count * exampleCounts.count)
  }

  /// A score averaged over labels, such as `average(.macro, of: \.f1)`.
  public func average(_ average: Average, of score: (BinaryCounts) -> Double?) -> Double {
    counts.average(average, of: score)
  }

  /// A score of each example, averaged over the examples; a quotient of nothing counts as 0.
  public func exampleAverage(of score: (BinaryCounts) -> Double?) -> Double {
    exampleCounts.average(.macro, of: score)
  }
}
