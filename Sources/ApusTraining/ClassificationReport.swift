import ApusCore

/// How a classifier's predictions compare with the truth: the confusion matrix and what follows from it (notes P2).
public struct ClassificationReport: Sendable, Hashable, CustomStringConvertible {
  /// Precision, recall and F1 of one class; nil where there is nothing to divide by.
  public struct Scores: Sendable, Hashable {
    /// Of the examples predicted to be of the class, the share that is.
    public let precision: Double?
    /// Of the examples of the class, the share that was predicted.
    public let recall: Double?
    /// The harmonic mean of both: 2 TP / (2 TP + FP + FN).
    public let f1: Double?
    /// The number of examples of the class.
    public let support: Int
  }

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

  /// The scores of each class.
  public var scores: [Scores] {
    confusion.indices.map { i in
      let right = confusion[i][i]
      let support = confusion[i].reduce(0, +)
      let predicted = confusion.reduce(0) { $0 + $1[i] }
      func ratio(_ a: Int, _ b: Int) -> Double? { b == 0 ? nil : Double(a) / Double(b) }
      return Scores(
        precision: ratio(right, predicted), recall: ratio(right, support), f1: ratio(2 * right, support + predicted),
        support: support)
    }
  }

  /// A table of the scores and the confusion matrix.
  public var description: String {
    func number(_ value: Double?) -> String { value?.formatted(precision: 4) ?? "-" }
    var rows = [["class", "precision", "recall", "F1", "examples"]]
    for (name, score) in zip(classNames, scores) {
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
