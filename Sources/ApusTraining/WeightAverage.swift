import ApusCore
import ApusNN

/// The average of a model's parameters over the steps of its training, which often predicts better than the last ones.
///
/// ```swift
/// let average = WeightAverage(of: model, .exponential(decay: 0.999))
/// optimizer.update(model, gradients)
/// average.update()                                   // after every step; may be a part of the step's Program
/// average.whileApplied { evaluate(model) }
/// ```
/// Buffers, such as running statistics, stay the model's own.
public final class WeightAverage {
  /// Which weights the steps have.
  public enum Kind: Sendable, Hashable, CustomStringConvertible {
    /// a ← β a + (1 − β) p: the last 1 / (1 − β) steps, roughly (EMA; Polyak and Juditsky, 1992).
    case exponential(decay: Double)
    /// All steps alike (stochastic weight averaging; Izmailov et al., 2018).
    case equal

    public var description: String {
      switch self {
      case .exponential(let decay): ".exponential(decay: \(decay))"
      case .equal: ".equal"
      }
    }
  }

  public let kind: Kind
  /// The steps averaged so far.
  public internal(set) var count = 0
  /// The model's trainable parameters, and their averages in the same order.
  let (names, parameters): ([String], [Parameter])
  let averages: [Parameter]

  /// - Precondition: a decay lies in [0, 1).
  public init(of model: some Layer, _ kind: Kind = .exponential(decay: 0.999)) {
    if case .exponential(let decay) = kind { requireFraction(decay, "decay", "WeightAverage") }
    self.kind = kind
    let named = model.namedParameters.filter(\.parameter.isTrainable)
    names = named.map(\.name)
    parameters = named.map(\.parameter)
    averages = parameters.map { Parameter($0.stored + 0) }
  }

  private static let update = Update(scalars: 2) { a, p, k in a = k[0] * a + k[1] * p }

  /// Takes the parameters as they are now into the average; the first ones are the average.
  public func update() {
    Recorder.during(.update) {
      let scalars = StepScalars { [self] in
        count += 1
        let share: Double =
          switch kind {
          case .exponential(let decay): count == 1 ? 1 : 1 - decay
          case .equal: 1 / Double(count)
          }
        return [1 - share, share]
      }
      for (average, parameter) in zip(averages, parameters) {
        Self.update(
          average, gradient: parameter.stored, states: [], scalars: Scalars(scalars.values, from: scalars))
      }
    }
  }

  /// Replaces the model's parameters with their averages.
  public func apply() { for (average, parameter) in zip(averages, parameters) { parameter.value = average.stored } }

  /// Runs `body` while the model has the averages as its parameters; afterwards it has its own again.
  public func whileApplied<R>(_ body: () throws -> R) rethrows -> R {
    let own = parameters.map(\.stored)
    apply()
    defer { for (value, parameter) in zip(own, parameters) { parameter.value = value } }
    return try body()
  }
}
