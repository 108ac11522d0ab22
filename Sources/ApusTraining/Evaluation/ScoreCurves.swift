// What scores say before a threshold is chosen (notes P2): the receiver operating characteristic and precision against recall.

/// The decisions at one threshold: examples whose score is at least the threshold are taken for positive.
public struct ThresholdPoint: Sendable, Hashable {
  /// Infinite at the first point, where nothing is taken for positive.
  public let threshold: Double
  public let counts: BinaryCounts

  /// The share of the negative examples that is taken for positive; nil without negative examples.
  public var falsePositiveRate: Double? {
    let negatives = counts.falsePositives + counts.trueNegatives
    return negatives > 0 ? Double(counts.falsePositives) / Double(negatives) : nil
  }
  /// The share of the positive examples that is found; nil without positive examples.
  public var truePositiveRate: Double? { counts.recall }
}

/// The decisions at every threshold that makes a difference, from the largest on. Equal scores are decided together.
public struct ScoreCurve: Sendable, Hashable {
  public let points: [ThresholdPoint]

  /// - Parameters:
  ///   - scores: the larger, the more probably positive: probabilities, logits or distances. Not NaN.
  ///   - isPositive: the truth, one for each score.
  public init(scores: [Double], isPositive: [Bool]) {
    guard scores.count == isPositive.count else {
      fatalError("ScoreCurve: \(scores.count) scores and \(isPositive.count) truths do not pair up")
    }
    guard !scores.contains(where: \.isNaN) else { fatalError("ScoreCurve: a score is NaN") }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    let positives = isPositive.reduce(0) { $0 + ($1 ? 1 : 0) }
    let negatives = scores.count - positives
    var (found, mistaken) = (0, 0)
    func point(_ threshold: Double) -> ThresholdPoint {
      ThresholdPoint(
        threshold: threshold,
        counts: BinaryCounts(
          truePositives: found, falsePositives: mistaken, falseNegatives: positives - found,
          trueNegatives: negatives - mistaken))
    }
    var points = [point(.infinity)]
    for (rank, i) in order.enumerated() {
      if isPositive[i] { found += 1 } else { mistaken += 1 }
      let isLastOfEquals = rank + 1 == order.count || scores[order[rank + 1]] != scores[i]
      if isLastOfEquals { points.append(point(scores[i])) }
    }
    self.points = points
  }

  /// The area under the receiver operating characteristic: the probability that a positive example scores higher than a negative
  /// one, ties counting half (Hanley and McNeil, 1982). Nil if one of the classes is absent.
  public var areaUnderROC: Double? {
    let last = points[points.count - 1].counts
    guard last.truePositives > 0 && last.falsePositives > 0 else { return nil }
    // In whole numbers, twice the area of the trapezoids: no rounding before the end.
    let doubled = zip(points, points.dropFirst()).reduce(0.0) { sum, pair in
      let (a, b) = (pair.0.counts, pair.1.counts)
      return sum + Double(b.falsePositives - a.falsePositives) * Double(a.truePositives + b.truePositives)
    }
    return doubled / 2 / Double(last.truePositives) / Double(last.falsePositives)
  }

  /// The average precision: the sum of precisions, each weighted with the recall that its threshold adds. Nil without positive
  /// examples.
  public var averagePrecision: Double? {
    let positives = points[points.count - 1].counts.truePositives
    guard positives > 0 else { return nil }
    return zip(points, points.dropFirst()).reduce(0) { sum, pair in
      let added = pair.1.counts.truePositives - pair.0.counts.truePositives
      return sum + Double(added) / Double(positives) * (pair.1.counts.precision ?? 0)
    }
  }
}
