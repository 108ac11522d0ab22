import ApusCore
import ApusTraining

// Pictures that help to choose and to find faults.

extension Chart {
  /// The losses over the learning rates that were tried, with the suggested one.
  public static func learningRateSearch(_ search: LearningRateSearch) -> Chart {
    let points = zip(search.rates, search.losses).map { Point($0, $1) }
    var marks: [any Mark] = [LineMark(points, name: "loss")]
    if let rate = search.suggestion, let position = search.rates.firstIndex(of: rate) {
      marks.append(
        PointMark(
          [points[position]], name: "suggestion \(rate.formatted("g", precision: 2))", color: .vermilion, radius: 5))
    }
    return Chart(
      "Learning rates", x: Axis("learning rate", scale: .logarithmic, fit: .exact), y: Axis("loss, smoothed"),
      marks: marks)
  }

  /// Mean and spread of a layer's outputs over the epochs: the mean as a line, one standard deviation above and below it dashed
  /// (notes J7). Several logs, such as of a network with and without normalisation, come into one chart.
  public static func activationStatistics(
    _ logs: [(name: String, readings: [ActivationLog.Reading])], layer: String
  ) -> Chart {
    var marks: [any Mark] = []
    for (i, (name, readings)) in logs.enumerated() {
      let color = Color.series(i)
      func line(_ value: (ActivationLog.Reading) -> Double) -> [Point] {
        readings.enumerated().map { Point(Double($0), value($1)) }
      }
      marks.append(LineMark(line(\.mean), name: name, stroke: Stroke(color, width: 2)))
      let spread = Stroke(color, width: 1.2, dashes: [5, 4])
      marks.append(LineMark(line { $0.mean + $0.deviation }, stroke: spread))
      marks.append(LineMark(line { $0.mean - $0.deviation }, stroke: spread))
    }
    return Chart(
      "What layer \(layer) puts out", x: Axis("epoch", fit: .exact, isWhole: true), y: Axis("mean ± deviation"),
      marks: marks)
  }

  /// The loss of every step: with batches of one example it jumps, with the whole set it does not (notes F6, F7).
  public static func stepLosses(_ logs: [(name: String, losses: [Double])], title: String = "Loss of every step")
    -> Chart
  {
    Chart(
      title, x: Axis("update", fit: .exact, isWhole: true), y: Axis("loss"),
      marks: logs.enumerated().map { i, log in
        LineMark(values: log.losses, from: 1, name: log.name, stroke: Stroke(.series(i), width: i == 0 ? 1 : 2))
      })
  }
}
