import ApusCore
import ApusData
import ApusNN
import ApusTraining

// Pictures of how well a model answers.

extension Chart {
  /// The confusion matrix: numbers of examples; the colour is the share of the true class's examples.
  public static func confusionMatrix(_ report: ClassificationReport, title: String = "Confusion matrix") -> Chart {
    let count = report.classNames.count
    let shares = report.confusion.map { row -> [Double] in
      let sum = row.reduce(0, +)
      return row.map { sum == 0 ? 0 : Double($0) / Double(sum) }
    }
    let key = ColorKey("share of the true class", range: 0...1, map: .blues)
    var marks: [any Mark] = [CellMark(matrix: shares, key: key)]
    if count <= 20 {
      for (i, row) in report.confusion.enumerated() {
        for (j, number) in row.enumerated() where number > 0 {
          let color: Color = shares[i][j] > 0.55 ? .white : .text
          marks.append(
            TextMark(
              "\(number)", at: Point(Double(j), Double(i)),
              style: TextStyle(size: count > 12 ? 10 : 13, color: color, anchor: .middle)))
        }
      }
    }
    return Chart(
      title, subtitle: "accuracy \(report.accuracy.formatted(precision: 4)) on \(report.count) examples",
      x: Axis("predicted class", categories: report.classNames),
      y: Axis("true class", categories: report.classNames, isReversed: true), marks: marks, width: 560, height: 480,
      isSquare: true)
  }

  /// Curves of the receiver operating characteristic, with the areas under them.
  public static func rocCurve(_ curves: [(name: String, curve: ROCCurve)], title: String = "ROC") -> Chart {
    var marks: [any Mark] = [
      LineMark([Point(0, 0), Point(1, 1)], name: "chance", stroke: Stroke(.gray, width: 1.2, dashes: [4, 4]))
    ]
    for (index, (name, curve)) in curves.enumerated() {
      let points = zip(curve.falsePositiveRates, curve.truePositiveRates).map { Point($0, $1) }
      let area = "area \(curve.area.formatted(precision: 4))"
      marks.append(
        LineMark(points, name: name.isEmpty ? area : "\(name), \(area)", stroke: Stroke(.series(index), width: 2)))
    }
    return Chart(
      title, x: Axis("false positive rate", range: 0...1), y: Axis("true positive rate", range: 0...1), marks: marks,
      width: 480, height: 480, isSquare: true)
  }

  public static func rocCurve(_ curve: ROCCurve, title: String = "ROC") -> Chart {
    rocCurve([("", curve)], title: title)
  }

  /// Curves of precision over recall, with the average precisions.
  public static func precisionRecallCurve(
    _ curves: [(name: String, curve: PrecisionRecallCurve)], title: String = "Precision and recall"
  ) -> Chart {
    var marks: [any Mark] = []
    if curves.count == 1, let share = curves.first?.curve.positiveShare {
      marks.append(
        LineMark(
          [Point(0, share), Point(1, share)], name: "chance", stroke: Stroke(.gray, width: 1.2, dashes: [4, 4])))
    }
    for (index, (name, curve)) in curves.enumerated() {
      // A precision holds for the recalls up to its own: steps.
      var points: [Point] = []
      var last = 0.0
      for (recall, precision) in zip(curve.recalls, curve.precisions) {
        points += [Point(last, precision), Point(recall, precision)]
        last = recall
      }
      let average = "average precision \(curve.averagePrecision.formatted(precision: 4))"
      marks.append(
        LineMark(points, name: name.isEmpty ? average : "\(name), \(average)", stroke: Stroke(.series(index), width: 2))
      )
    }
    return Chart(
      title, x: Axis("recall", range: 0...1), y: Axis("precision", range: 0...1), marks: marks, width: 480, height: 480,
      isSquare: true)
  }

  public static func precisionRecallCurve(
    _ curve: PrecisionRecallCurve, title: String = "Precision and recall"
  ) -> Chart {
    precisionRecallCurve([("", curve)], title: title)
  }

  /// What a classifier of points in the plane answers everywhere: the colour is the class, the paler the less certain, and black lines
  /// divide the classes.
  /// - Parameters:
  ///   - data: two features and classes.
  ///   - probabilities: from points (n, 2) to (n, classes).
  public static func decisionBoundary(
    _ data: Dataset, title: String = "Decision boundary", probabilities: (Tensor) throws -> Tensor
  ) rethrows -> Chart {
    let names = data.classNames
    guard data.features.rank == 2, data.features.shape[1] == 2, names.count > 1 else {
      fatalError(
        "decisionBoundary: features of shape \(data.features.shape) and \(names.count) classes; expected 2 features, and classes"
      )
    }
    let values = data.features.doubles
    let points = stride(from: 0, to: values.count, by: 2).map { Point(values[$0], values[$0 + 1]) }
    func range(_ values: [Double]) -> ClosedRange<Double> {
      let data = ClosedRange(covering: values) ?? 0...1
      let margin = data.length > 0 ? 0.12 * data.length : 1
      return data.lowerBound - margin...data.upperBound + margin
    }
    let (x, y) = (range(points.map(\.x)), range(points.map(\.y)))
    let (columns, rows) = (220, 160)
    let grid = Field.points(x: x, y: y, columns: columns, rows: rows)
    let outputs = try probabilities(
      Tensor(grid.flatMap { [$0.x, $0.y] }, shape: [grid.count, 2]).cast(to: data.features.dtype)
    ).doubles
    let count = names.count
    let answers = grid.indices.map { Array(outputs[$0 * count..<($0 + 1) * count]) }
    let colors = answers.map { p -> Color in
      let best = p.indices.max { p[$0] < p[$1] }!
      let certainty = (p[best] - 1 / Double(count)) / (1 - 1 / Double(count))
      // Few different colours make small files.
      let level = certainty.isNaN ? 0 : (certainty * 8).rounded() / 8
      return Color.white.mixed(with: .series(best), share: 0.06 + 0.36 * level)
    }
    var marks: [any Mark] = [CellMark(columns: columns, rows: rows, x: x, y: y, colors: colors)]
    // Of two classes one line is enough.
    for label in 0..<(count == 2 ? 1 : count) {
      let lead = answers.map { p in p[label] - p.indices.filter { $0 != label }.map { p[$0] }.max()! }
      let field = Field(x: x, y: y, columns: columns, rows: rows, values: lead)
      marks.append(ContourMark(field, levels: [0]) { _ in Stroke(.text, width: 1.3) })
    }
    marks += PointMark.classes(points, labels: data.targets.ints, names: names) as [any Mark]
    let axes = data.featureNames.count == 2 ? data.featureNames : ["x₁", "x₂"]
    return Chart(
      title, x: Axis(axes[0], range: x), y: Axis(axes[1], range: y), marks: marks, width: 560, height: 440)
  }

  /// What a network answers everywhere in the plane; its outputs are logits, one or one for each class.
  /// - Throws: `TrainingError` if the data do not fit the network.
  public static func decisionBoundary(
    of model: some Layer, _ data: Dataset, title: String = "Decision boundary"
  ) throws -> Chart {
    try decisionBoundary(data, title: title) { x in
      let outputs = try model.predict(x)
      guard outputs.shape[1] == 1 else { return softmax(outputs) }
      let second = sigmoid(outputs)
      return concatenate([1 - second, second], axis: 1)
    }
  }

  /// A regression's predictions over the truth; on the dashed line they are right.
  public static func predictions(_ predicted: [Double], truth: [Double], name: String = "target") -> Chart {
    let range = ClosedRange(covering: predicted + truth) ?? 0...1
    let ends = [Point(range.lowerBound, range.lowerBound), Point(range.upperBound, range.upperBound)]
    return Chart(
      "Predictions", x: Axis("true \(name)", fit: .padded), y: Axis("predicted \(name)", fit: .padded),
      marks: [
        LineMark(ends, stroke: Stroke(.gray, width: 1.2, dashes: [4, 4])),
        PointMark(zip(truth, predicted).map { Point($0, $1) }, color: Color.blue.withOpacity(0.6)),
      ], width: 520, height: 460)
  }

  /// Points that stand for examples, such as ``PrincipalComponents`` and ``TSNE`` give, by class.
  /// - Parameters:
  ///   - points: (n, 2).
  ///   - labels: the class of every point.
  ///   - names: a text beside every point, such as the token that it stands for; empty for none.
  public static func projection(
    _ points: Tensor, labels: [Int], classNames: [String], names: [String] = [], title: String, x: String = "",
    y: String = ""
  ) -> Chart {
    guard points.rank == 2, points.shape[1] == 2, points.shape[0] == labels.count,
      names.isEmpty || names.count == labels.count
    else {
      stop(
        ShapeError("projection", "points of shape \(points.shape) and \(labels.count) labels; expected (n, 2) and n"))
    }
    let values = points.doubles
    let places = stride(from: 0, to: values.count, by: 2).map { Point(values[$0], values[$0 + 1]) }
    let marks = PointMark.classes(
      places, labels: labels, names: classNames, radius: labels.count > 500 ? 2.4 : 3.2, opacity: 0.8)
    let texts = zip(names, places).map { TextMark(" \($0)", at: $1, style: TextStyle(size: 11, color: .faintText)) }
    return Chart(
      title, x: Axis(x, fit: .padded), y: Axis(y, fit: .padded), marks: marks + texts, width: 560, height: 460)
  }
}
