import ApusCore
import ApusData
import ApusNN
import ApusTraining

// Pictures of how a training went.

extension Chart {
  private static let validation = Stroke(.vermilion, width: 2, dashes: [6, 5])

  /// The training loss of each epoch, and the validation loss if there is one. Losses above 0 that differ by a factor of more than 50
  /// get a logarithmic axis.
  public static func lossCurves(_ history: History, title: String = "Loss") -> Chart {
    curves(
      title, name: "loss", training: history.epochs.map(\.loss), validation: history.epochs.map(\.validationLoss),
      numbers: history.epochs.map(\.number), canBeLogarithmic: true)
  }

  /// A metric on the training data, and on the validation data if there are any, epoch by epoch; accuracies on an axis that ends at 1.
  public static func metricCurves(_ history: History, metric: String) -> Chart {
    var chart = curves(
      readable(metric, isTitle: true), name: readable(metric),
      training: history.epochs.map { $0.metrics[metric] ?? .nan },
      validation: history.epochs.map { $0.validationMetrics[metric] }, numbers: history.epochs.map(\.number))
    if metric == "accuracy", let low = chart.marks.compactMap(\.yRange).map(\.lowerBound).min() {
      chart.y.range = (low > 0.9 ? 0.9 : low > 0.5 ? 0.5 : 0)...1
    }
    return chart
  }

  private static func curves(
    _ title: String, name: String, training: [Double], validation: [Double?], numbers: [Int],
    canBeLogarithmic: Bool = false
  ) -> Chart {
    func points(_ values: [Double]) -> [Point] { zip(numbers, values).map { Point(Double($0), $1) } }
    var marks = [LineMark(points(training), name: "training")]
    if validation.contains(where: { $0 != nil }) {
      marks.append(LineMark(points(validation.map { $0 ?? .nan }), name: "validation", stroke: Self.validation))
    }
    let all = ClosedRange(covering: marks.flatMap { $0.points.map(\.y) })
    let isWide = all.map { $0.lowerBound > 0 && $0.upperBound > 50 * $0.lowerBound } ?? false
    return Chart(
      title, x: Axis("epoch", fit: .exact, isWhole: true),
      y: Axis(name, scale: canBeLogarithmic && isWide ? .logarithmic : .linear),
      marks: marks)
  }

  private static func readable(_ metric: String, isTitle: Bool = false) -> String {
    let text = String(metric.map { $0 == "_" ? " " : $0 })
    return isTitle ? text.prefix(1).uppercased() + text.dropFirst() : text
  }

  /// How large the gradients of the parameters are, layer by layer: the Euclidean norms. Falling from the last layer to the first they
  /// vanish, growing they explode.
  /// - Parameter gradients: those of a step, by `valueWithGradient(of: model)`.
  public static func gradientFlow(of model: some Layer, _ gradients: Gradients) -> Chart {
    var layers: [String] = []
    var kinds: [String] = []
    var norms: [String: [String: Double]] = [:]
    for (path, parameter) in model.namedParameters {
      guard let gradient = gradients[parameter] else { continue }
      let parts = path.split(separator: ".")
      let (layer, kind) = (parts.dropLast().joined(separator: "."), String(parts.last ?? ""))
      if !layers.contains(layer) { layers.append(layer) }
      if !kinds.contains(kind) { kinds.append(kind) }
      norms[layer, default: [:]][kind] = gradient.cast(to: .float64).norm().item
    }
    let marks = kinds.enumerated().map { index, kind in
      BarMark(
        layers.map { layer in norms[layer]?[kind].flatMap { $0 > 0 ? $0 : nil } ?? .nan }, name: kind,
        color: .series(index), position: (index, kinds.count))
    }
    // Bars on a logarithmic axis begin somewhere: a power of ten below the smallest.
    let covered = ClosedRange(covering: marks.flatMap(\.values)) ?? 0.1...1
    let low = power(10, decimalLogarithm(covered.lowerBound / 1.5).rounded(.down))
    let high = power(10, decimalLogarithm(covered.upperBound * 1.5).rounded(.up))
    return Chart(
      "Gradient norms", x: Axis("layer", categories: layers.map { $0.isEmpty ? "model" : $0 }),
      y: Axis("norm of ∂L/∂θ", scale: .logarithmic, range: low...high), marks: marks)
  }

  /// Scores on training and test data over the number of examples or a setting: a learning curve or a validation curve.
  public static func scores(
    _ series: ScoreSeries, title: String = "Learning curve", setting: String = "training examples",
    score: String = "score", scale: Axis.Scale = .linear
  ) -> Chart {
    func points(_ score: (ScoreSeries.Point) -> Double) -> [Point] {
      series.points.map { Point($0.setting, score($0)) }
    }
    return Chart(
      title, x: Axis(setting, scale: scale), y: Axis(score),
      marks: [
        LineMark(points(\.training), name: "training"), LineMark(points(\.test), name: "test", stroke: Self.validation),
      ])
  }

  /// A cost over two parameters with the ways that an optimiser took, each from its first point, a circle, to its last, a cross.
  /// - Parameter levels: the contours; evenly spaced ratios if nil and the cost is positive.
  public static func costContours(
    _ field: Field, title: String = "Cost", x: String, y: String, cost: String = "cost", levels: [Double]? = nil,
    paths: [(name: String, points: [Point])] = []
  ) -> Chart {
    let range = ClosedRange(covering: field.values) ?? 0...1
    let isWide = range.lowerBound > 0 && range.upperBound > 10 * range.lowerBound
    let levels = levels ?? field.levels(count: 14, scale: isWide ? .logarithmic : .linear)
    let key = ColorKey(cost, range: range, map: .ground, scale: isWide ? .logarithmic : .linear)
    var marks: [any Mark] = [CellMark(field, key: key, levels: levels), ContourMark(field, levels: levels)]
    for (index, path) in paths.enumerated() {
      let color = [Color.vermilion, .black, .purple, .blue][index % 4]
      let width = path.points.count > 100 ? 1 : 1.8
      marks.append(LineMark(path.points, name: path.name, stroke: Stroke(color, width: width)))
      if path.points.count <= 100 { marks.append(PointMark(path.points, color: color, radius: 2.2)) }
      if let first = path.points.first, let last = path.points.last {
        marks.append(PointMark([first], color: color, radius: 4.5))
        marks.append(PointMark([last], color: color, marker: .cross, radius: 5))
      }
    }
    return Chart(
      title, x: Axis(x, range: field.x, fit: .exact), y: Axis(y, range: field.y, fit: .exact), marks: marks)
  }
}

extension ColorMap {
  /// Light greys to a middle blue: a ground on which lines of any colour are seen.
  static let ground = ColorMap { place in
    Color(lightness: 0.975 - 0.33 * place, chroma: 0.01 + 0.07 * place, angle: 245 * Double.pi / 180)
  }
}
