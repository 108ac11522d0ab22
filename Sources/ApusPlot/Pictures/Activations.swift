import ApusCore

extension Chart {
  /// An activation function with its derivative, which is found as the training finds it.
  public static func activation(
    _ activation: Activation, over range: ClosedRange<Double> = -5...5, width: Double = 440, height: Double = 320
  ) -> Chart {
    let x = Tensor.linearSpace(from: range.lowerBound, to: range.upperBound, count: 1001, dtype: .float64)
    let y = activation(x)
    let slope = gradient(at: x) { activation($0).sum() }
    return Chart(
      activation.description.dropFirst().description, subtitle: activation.equation, x: Axis("x", range: range),
      y: Axis("", fit: .padded),
      marks: [
        LineMark(unbroken(x.doubles, y.doubles), name: "f(x)"),
        LineMark(
          unbroken(x.doubles, slope.doubles), name: "f′(x)", stroke: Stroke(.vermilion, width: 2, dashes: [7, 5])),
      ], width: width, height: height)
  }

  /// The points of a curve, interrupted where it jumps.
  private static func unbroken(_ x: [Double], _ y: [Double]) -> [Point] {
    var points: [Point] = []
    for i in x.indices {
      // No activation and no derivative is steeper than 5 but where it jumps.
      if i > 0, abs(y[i] - y[i - 1]) > 5 * (x[i] - x[i - 1]) { points.append(Point(x[i], .nan)) }
      points.append(Point(x[i], y[i]))
    }
    return points
  }
}

extension Sheet {
  /// Every activation function with its derivative.
  public static func activations(columns: Int = 4) -> Sheet {
    Sheet(
      Activation.all.map { Chart.activation($0, width: 300, height: 250) },
      title: "Activation functions and their derivatives", columns: columns)
  }
}
