#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A learning rate that changes from step to step.
///
/// ```swift
/// let trainer = Trainer(
///   model, loss: .softmaxCrossEntropy, optimizer: Adam(), schedule: .cosine(from: 4e-3, to: 1e-4, steps: 5000).warmedUp(over: 100))
/// ```
/// In a loop of one's own: `optimizer.learningRate = schedule(step)` before each step, also where the step is a ``Program``.
public struct LearningRateSchedule: Sendable, Hashable, CustomStringConvertible {
  private enum Course: Sendable, Hashable {
    case constant
    case linear(to: Double, steps: Int)
    case cosine(to: Double, steps: Int)
    case staircase(factor: Double, every: Int)
    case exponential(factor: Double)
    case polynomial(to: Double, power: Double, steps: Int)
    case milestones(factor: Double, at: [Int])
    case cosineRestarts(to: Double, period: Int, growth: Int)
    case oneCycle(peak: Double, to: Double, rise: Double, steps: Int)
  }
  private let start: Double
  private let course: Course
  /// The steps over which the rate rises to where the course begins.
  private var warmUp = 0

  private init(_ start: Double, _ course: Course) { (self.start, self.course) = (start, course) }

  /// The same rate at every step.
  public static func constant(_ rate: Double) -> LearningRateSchedule { LearningRateSchedule(rate, .constant) }

  /// From one rate to another in a straight line, reached after `steps` steps and kept from there on.
  public static func linear(from start: Double, to end: Double, steps: Int) -> LearningRateSchedule {
    LearningRateSchedule(start, .linear(to: end, steps: max(1, steps)))
  }

  /// From one rate to another along half a wave of the cosine: slow, fast, slow (Loshchilov and Hutter, 2017).
  public static func cosine(from start: Double, to end: Double = 0, steps: Int) -> LearningRateSchedule {
    LearningRateSchedule(start, .cosine(to: end, steps: max(1, steps)))
  }

  /// Multiplied with `factor` whenever another `steps` steps have passed.
  public static func staircase(from start: Double, factor: Double, every steps: Int) -> LearningRateSchedule {
    LearningRateSchedule(start, .staircase(factor: factor, every: max(1, steps)))
  }

  /// Multiplied with `factor` at every step.
  public static func exponential(from start: Double, factor: Double) -> LearningRateSchedule {
    LearningRateSchedule(start, .exponential(factor: factor))
  }

  /// From one rate to another as (1 − step / steps)^power falls from 1 to 0.
  public static func polynomial(
    from start: Double, to end: Double = 0, power: Double, steps: Int
  ) -> LearningRateSchedule {
    LearningRateSchedule(start, .polynomial(to: end, power: power, steps: max(1, steps)))
  }

  /// Multiplied with `factor` at each of these steps.
  public static func milestones(from start: Double, factor: Double, at steps: [Int]) -> LearningRateSchedule {
    LearningRateSchedule(start, .milestones(factor: factor, at: steps.sorted()))
  }

  /// The cosine's half wave again and again, each `growth` times as long as the one before (Loshchilov and Hutter, 2017).
  /// - Parameter period: the steps of the first wave.
  public static func cosineRestarts(
    from start: Double, to end: Double = 0, period: Int, growth: Int = 1
  ) -> LearningRateSchedule {
    LearningRateSchedule(start, .cosineRestarts(to: end, period: max(1, period), growth: max(1, growth)))
  }

  /// Up to a peak and down to nearly nothing, both along half a wave of the cosine (Smith and Topin, 2019): from peak / 25 to the peak in
  /// the first `rise` of the steps, then to a ten-thousandth of where it began.
  public static func oneCycle(peak: Double, steps: Int, rise: Double = 0.3) -> LearningRateSchedule {
    let start = peak / 25
    return LearningRateSchedule(
      start, .oneCycle(peak: peak, to: start / 1e4, rise: min(max(rise, 0), 1), steps: max(1, steps)))
  }

  /// The same course after `steps` steps in which the rate rises to its beginning in a straight line, from a `steps`-th of it.
  public func warmedUp(over steps: Int) -> LearningRateSchedule {
    var result = self
    result.warmUp = max(0, steps)
    return result
  }

  /// The rate of step number `step`, counted from 0.
  public func callAsFunction(_ step: Int) -> Double {
    if step < warmUp { return start * Double(step + 1) / Double(warmUp) }
    let step = step - warmUp
    func fraction(_ steps: Int) -> Double { min(1, Double(step) / Double(steps)) }
    switch course {
    case .constant: return start
    case .linear(let end, let steps): return start + (end - start) * fraction(steps)
    case .cosine(let end, let steps): return Self.halfWave(from: start, to: end, fraction(steps))
    case .staircase(let factor, let every): return start * pow(factor, Double(step / every))
    case .exponential(let factor): return start * pow(factor, Double(step))
    case .polynomial(let end, let power, let steps): return end + (start - end) * pow(1 - fraction(steps), power)
    case .milestones(let factor, let steps): return start * pow(factor, Double(steps.count { $0 <= step }))
    case .cosineRestarts(let end, let period, let growth):
      let (position, length) = Self.wave(step, period: period, growth: growth)
      return Self.halfWave(from: start, to: end, Double(position) / Double(length))
    case .oneCycle(let peak, let end, let rise, let steps):
      let (top, last) = (rise * Double(steps) - 1, Double(steps - 1))
      if Double(step) < top { return Self.halfWave(from: start, to: peak, Double(step) / top) }
      return Self.halfWave(from: peak, to: end, min(1, last > top ? (Double(step) - top) / (last - top) : 1))
    }
  }

  /// From `start` to `end` along the cosine.
  private static func halfWave(from start: Double, to end: Double, _ fraction: Double) -> Double {
    end + (start - end) * 0.5 * (1 + cos(.pi * fraction))
  }

  /// The position within its wave, and the wave's length, where each wave is `growth` times as long as the one before.
  private static func wave(_ step: Int, period: Int, growth: Int) -> (position: Int, length: Int) {
    if growth == 1 { return (step % period, period) }
    var (position, length) = (step, period)
    while position >= length {
      position -= length
      length *= growth
    }
    return (position, length)
  }

  public var description: String {
    let text =
      switch course {
      case .constant: ".constant(\(start))"
      case .linear(let end, let steps): ".linear(from: \(start), to: \(end), steps: \(steps))"
      case .cosine(let end, let steps): ".cosine(from: \(start), to: \(end), steps: \(steps))"
      case .staircase(let factor, let every): ".staircase(from: \(start), factor: \(factor), every: \(every))"
      case .exponential(let factor): ".exponential(from: \(start), factor: \(factor))"
      case .polynomial(let end, let power, let steps):
        ".polynomial(from: \(start), to: \(end), power: \(power), steps: \(steps))"
      case .milestones(let factor, let steps): ".milestones(from: \(start), factor: \(factor), at: \(steps))"
      case .cosineRestarts(let end, let period, let growth):
        ".cosineRestarts(from: \(start), to: \(end), period: \(period), growth: \(growth))"
      case .oneCycle(let peak, _, let rise, let steps): ".oneCycle(peak: \(peak), steps: \(steps), rise: \(rise))"
      }
    return text + (warmUp == 0 ? "" : ".warmedUp(over: \(warmUp))")
  }
}
