import ApusCore

/// A line search for the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, 2006, section 3.5): the cost falls by at
/// least 10⁻⁴ of what the slope promises, and the slope becomes at most 0.9 of what it was.
///
/// Steps grow until an interval is known that holds such a point; then that is made smaller.
struct WolfeSearch {
  /// Where the search begins, and the (negative) slope there.
  let start: CostPoint
  let slope: Double
  /// Intervals shorter than this are not searched any more.
  let smallestStep: Double
  private static let decrease = 1e-4
  private static let curvature = 0.9

  /// A trial: the size of the step, cost and gradient there, the slope along the direction.
  struct Trial {
    var size: Double
    var point: CostPoint
    var slope: Double
  }

  init(start: CostPoint, slope: Double, smallestStep: Double) {
    (self.start, self.slope, self.smallestStep) = (start, slope, smallestStep)
  }

  private func fallsEnough(_ trial: Trial) -> Bool {
    trial.point.cost <= start.cost + Self.decrease * trial.size * slope && trial.slope.isFinite
  }
  private func isFlatEnough(_ trial: Trial) -> Bool { abs(trial.slope) <= -Self.curvature * slope }

  /// - Parameters:
  ///   - first: the size to begin with.
  ///   - evaluations: how many trials there may be; at least one is made.
  /// - Returns: a trial that satisfies the conditions, or the lowest one (possibly the start) if there are no more evaluations.
  func run(
    first: Double, evaluations: Int, _ evaluate: (Double) throws -> (point: CostPoint, slope: Double)
  ) throws -> Trial {
    var previous = Trial(size: 0, point: start, slope: slope)
    var size = first
    var left = max(1, evaluations)
    func trial(_ size: Double) throws -> Trial {
      left -= 1
      let (point, slope) = try evaluate(size)
      return Trial(size: size, point: point, slope: slope)
    }
    /// Searches between a low point and the other end of an interval.
    func narrow(_ low: Trial, _ high: Trial) throws -> Trial {
      var (low, high) = (low, high)
      while left > 0 && abs(high.size - low.size) > smallestStep {
        let new = try trial(between(low, high))
        if !fallsEnough(new) || new.point.cost >= low.point.cost {
          high = new
        } else {
          if isFlatEnough(new) { return new }
          if new.slope * (high.size - low.size) >= 0 { high = low }
          low = new
        }
      }
      return low
    }

    while left > 0 {
      let new = try trial(size)
      if !fallsEnough(new) || previous.size > 0 && new.point.cost >= previous.point.cost {
        return try narrow(previous, new)
      }
      if isFlatEnough(new) { return new }
      if new.slope >= 0 { return try narrow(new, previous) }
      previous = new
      size *= 2
    }
    return previous
  }

  /// The minimum of the cubic through both ends with their slopes, if it lies well inside; the middle otherwise.
  private func between(_ a: Trial, _ b: Trial) -> Double {
    let middle = 0.5 * (a.size + b.size)
    let width = b.size - a.size
    let d1 = a.slope + b.slope - 3 * (b.point.cost - a.point.cost) / width
    let square = d1 * d1 - a.slope * b.slope
    guard square >= 0 else { return middle }
    let d2 = width < 0 ? -square.squareRoot() : square.squareRoot()
    let size = b.size - width * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    // Near an end, the interval would hardly become smaller.
    return abs(size - middle) <= 0.4 * abs(width) ? size : middle
  }
}
