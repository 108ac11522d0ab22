#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How good the scores or probabilities of several classes are (notes P2). `scores[i][c]` is that of class c for example i,
/// `labels[i]` the true class.
public struct ClassScores: Sendable, Hashable {
  public let scores: [[Double]]
  public let labels: [Int]
  /// The number of classes.
  public let classCount: Int

  /// - Precondition: rows of one length, and as many labels, each of a class.
  public init(_ scores: [[Double]], labels: [Int]) {
    let classCount = scores.first?.count ?? 0
    guard scores.count == labels.count, scores.allSatisfy({ $0.count == classCount }),
      labels.allSatisfy({ (0..<classCount).contains($0) })
    else {
      fatalError("ClassScores: expected rows of \(classCount) scores and a label from 0 to \(classCount - 1) for each")
    }
    self.scores = scores
    self.labels = labels
    self.classCount = classCount
  }

  /// The mean of -log p of the true classes, for probabilities that add up to 1; those below `epsilon` count as `epsilon`, those
  /// near 1 likewise. NaN of no examples.
  public func logLoss(epsilon: Double = .ulpOfOne) -> Double {
    zip(scores, labels).reduce(0) { sum, example in
      let (row, label) = example
      return sum - log(min(max(row[label], epsilon), 1 - epsilon))
    } / Double(labels.count)
  }

  /// The mean squared distance of the probabilities from the truth, over all classes (Brier, 1950): from 0 to 2. For two classes it is
  /// twice what is usual of the probability of one. NaN of no examples.
  public var brierScore: Double {
    zip(scores, labels).reduce(0) { sum, example in
      example.0.enumerated().reduce(sum) { sum, entry in
        let distance = entry.element - (entry.offset == example.1 ? 1 : 0)
        return sum + distance * distance
      }
    } / Double(labels.count)
  }

  /// The share of examples whose class is among the `k` largest scores; of equal scores the later class counts as larger. NaN of no
  /// examples.
  public func topAccuracy(_ k: Int) -> Double {
    let hits = zip(scores, labels).reduce(0) { hits, example in
      let (row, label) = example
      let ahead = row.indices.reduce(0) { $0 + (row[$1] > row[label] || row[$1] == row[label] && $1 > label ? 1 : 0) }
      return hits + (ahead < k ? 1 : 0)
    }
    return Double(hits) / Double(labels.count)
  }

  /// The curve of one class against all others.
  public func curve(ofClass number: Int) -> ScoreCurve {
    ScoreCurve(scores: scores.map { $0[number] }, isPositive: labels.map { $0 == number })
  }

  /// The area under the receiver operating characteristic, one class against all others; nil if a class is absent.
  public func areaUnderROC(_ average: Average = .macro) -> Double? {
    averaged(average) { $0.areaUnderROC }
  }

  /// The average precision, one class against all others; nil if a class is absent.
  public func averagePrecision(_ average: Average = .macro) -> Double? {
    averaged(average) { $0.averagePrecision }
  }

  /// The area under the receiver operating characteristic, every class against every other, each pair among its own examples
  /// alone (Hand and Till, 2001); nil if a class is absent.
  public var pairwiseAreaUnderROC: Double? {
    var sum = 0.0
    for a in 0..<classCount {
      for b in 0..<classCount where a != b {
        let members = labels.indices.filter { labels[$0] == a || labels[$0] == b }
        let curve = ScoreCurve(scores: members.map { scores[$0][a] }, isPositive: members.map { labels[$0] == a })
        guard let area = curve.areaUnderROC else { return nil }
        sum += area
      }
    }
    return classCount > 1 ? sum / Double(classCount * (classCount - 1)) : nil
  }

  private func averaged(_ average: Average, _ score: (ScoreCurve) -> Double?) -> Double? {
    if average == .micro {
      // Every score is a decision of its own.
      let truth = labels.flatMap { label in (0..<classCount).map { $0 == label } }
      return score(ScoreCurve(scores: scores.flatMap { $0 }, isPositive: truth))
    }
    var (sum, total) = (0.0, 0.0)
    for number in 0..<classCount {
      let curve = curve(ofClass: number)
      guard let value = score(curve), let last = curve.points.last else { return nil }
      let weight = average == .macro ? 1 : Double(last.counts.support)
      sum += weight * value
      total += weight
    }
    return sum / total
  }
}
