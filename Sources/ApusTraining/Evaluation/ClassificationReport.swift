import ApusCore

/// How a classifier's predictions compare with the truth: the confusion matrix and what follows from it (notes P2).
///
/// Numbers agree with scikit-learn's, where `labels` are all classes; a quotient of nothing is nil here, and counts as 0 in averages.
public struct ClassificationReport: Sendable, Hashable, CustomStringConvertible {
  public let classNames: [String]
  /// `confusion[i][j]` examples of class i were predicted as j.
  public let confusion: [[Int]]

  /// - Precondition: labels and predictions are positions in `classNames`, equally many.
  public init(labels: [Int], predictions: [Int], classNames: [String]) {
    guard labels.count == predictions.count else {
      fatalError("ClassificationReport: \(labels.count) labels and \(predictions.count) predictions do not pair up")
    }
    var confusion = Array(repeating: Array(repeating: 0, count: classNames.count), count: classNames.count)
    for (label, prediction) in zip(labels, predictions) { confusion[label][prediction] += 1 }
    self.classNames = classNames
    self.confusion = confusion
  }

  /// The number of examples.
  public var count: Int { confusion.joined().reduce(0, +) }

  /// The share of examples whose class is right; NaN of none.
  public var accuracy: Double {
    Double(confusion.indices.reduce(0) { $0 + confusion[$1][$1] }) / Double(count)
  }

  /// The share of examples whose class is wrong; NaN of none.
  public var errorRate: Double { 1 - accuracy }

  /// The counts of each class against all others.
  public var counts: [BinaryCounts] {
    let predicted = confusion.indices.map { j in confusion.reduce(0) { $0 + $1[j] } }
    let count = count
    return confusion.indices.map { i in
      let (right, support) = (confusion[i][i], confusion[i].reduce(0, +))
      return BinaryCounts(
        truePositives: right, falsePositives: predicted[i] - right, falseNegatives: support - right,
        trueNegatives: count - support - predicted[i] + right)
    }
  }

  /// The mean recall of the classes that occur; NaN of none.
  public var balancedAccuracy: Double {
    let recalls = counts.compactMap(\.recall)
    return recalls.reduce(0, +) / Double(recalls.count)
  }

  /// Matthews' correlation coefficient, from -1 to 1, for any number of classes (Gorodkin, 2004); 0 where a side has but one class.
  public var matthewsCorrelation: Double {
    let (truth, predicted, right, count) = marginals
    let dot = zip(truth, predicted).reduce(0) { $0 + $1.0 * $1.1 }
    let spread = { (side: [Double]) in count * count - side.reduce(0) { $0 + $1 * $1 } }
    let scale = (spread(truth) * spread(predicted)).squareRoot()
    return scale == 0 ? 0 : (right * count - dot) / scale
  }

  /// Cohen's kappa (1960): how much better the agreement is than that of chance, 1 at best; NaN where chance agrees always.
  public var kappa: Double {
    let (truth, predicted, right, count) = marginals
    let chance = zip(truth, predicted).reduce(0) { $0 + $1.0 * $1.1 } / count
    return (right - chance) / (count - chance)
  }

  /// The numbers of examples of each class, of predictions of each class, of right ones and of all.
  private var marginals: (truth: [Double], predicted: [Double], right: Double, count: Double) {
    let counts = counts
    return (
      counts.map { Double($0.support) }, counts.map { Double($0.predicted) },
      Double(counts.reduce(0) { $0 + $1.truePositives }), Double(count)
    )
  }

  /// A table of the scores and the confusion matrix.
  public var description: String {
    func number(_ value: Double?) -> String { value?.formatted(precision: 4) ?? "-" }
    var rows = [["class", "precision", "recall", "F1", "examples"]]
    for (name, score) in zip(classNames, counts) {
      rows.append([name, number(score.precision), number(score.recall), number(score.f1), "\(score.support)"])
    }
    let matrix =
      [["true \\ predicted"] + classNames]
      + zip(classNames, confusion).map { [$0] + $1.map(String.init) }
    return
      "accuracy \(accuracy.formatted(precision: 4)) on \(count) examples\n\n"
      + "\(alignedTable(rows))\n\n\(alignedTable(matrix))"
  }
}
