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
    case .cosine(let end, let steps): return end + (start - end) * 0.5 * (1 + cos(.pi * fraction(steps)))
    case .staircase(let factor, let every): return start * pow(factor, Double(step / every))
    case .exponential(let factor): return start * pow(factor, Double(step))
    }
  }

  public var description: String {
    let text =
      switch course {
      case .constant: ".constant(\(start))"
      case .linear(let end, let steps): ".linear(from: \(start), to: \(end), steps: \(steps))"
      case .cosine(let end, let steps): ".cosine(from: \(start), to: \(end), steps: \(steps))"
      case .staircase(let factor, let every): ".staircase(from: \(start), factor: \(factor), every: \(every))"
      case .exponential(let factor): ".exponential(from: \(start), factor: \(factor))"
      }
    return text + (warmUp == 0 ? "" : ".warmedUp(over: \(warmUp))")
  }
}
