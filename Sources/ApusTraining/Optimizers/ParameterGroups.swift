import ApusCore
import ApusNN

/// Several optimisers, each for some of the parameters: other learning rates, other settings, other rules.
///
/// ```swift
/// let optimizer = ParameterGroups(Adam(learningRate: 1e-4), (head.parameters, SGD(learningRate: 0.1, momentum: 0.9)))
/// ```
/// The first optimiser updates what no group names. Setting ``learningRate`` sets that of the first; those of the others follow, so that
/// all keep the ratios that they began with, and a schedule acts on all.
public final class ParameterGroups: Optimizer {
  /// The optimisers; the first is for whatever no group names.
  public let optimizers: [any Optimizer]
  public let memory = OptimizerMemory()
  private let numbers: [Parameter: Int]
  private let ratios: [Double]

  /// - Precondition: no parameter is in two groups; the first optimiser's learning rate is not 0.
  public init(_ rest: any Optimizer, _ groups: ([Parameter], any Optimizer)...) {
    optimizers = [rest] + groups.map(\.1)
    guard rest.learningRate != 0 else { fatalError("ParameterGroups: the first learning rate must not be 0") }
    ratios = optimizers.map { $0.learningRate / rest.learningRate }
    var numbers: [Parameter: Int] = [:]
    for (i, (parameters, _)) in groups.enumerated() {
      for parameter in parameters where numbers.updateValue(i + 1, forKey: parameter) != nil {
        fatalError(
          "ParameterGroups: the parameter \(parameter.name ?? "") of shape \(parameter.shape) is in two groups")
      }
    }
    self.numbers = numbers
  }

  public var learningRate: Double {
    get { optimizers[0].learningRate }
    set { for (optimizer, ratio) in zip(optimizers, ratios) { optimizer.learningRate = newValue * ratio } }
  }

  /// The optimisers may have groups of their own: these and ours are one number.
  public func group(of parameter: Parameter) -> Int {
    let number = numbers[parameter] ?? 0
    return optimizers[number].group(of: parameter) * optimizers.count + number
  }

  public func rule(step: Int, group: Int) -> (update: Update, scalars: [Double]) {
    optimizers[group % optimizers.count].rule(step: step, group: group / optimizers.count)
  }

  public func rule(step: Int) -> (update: Update, scalars: [Double]) { rule(step: step, group: 0) }

  public var description: String { "ParameterGroups(" + optimizers.map(\.description).joined(separator: ", ") + ")" }
}
