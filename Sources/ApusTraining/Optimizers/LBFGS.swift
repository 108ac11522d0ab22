import ApusCore
import ApusNN

/// L-BFGS (Nocedal, 1980; Liu and Nocedal, 1989): steps along the gradient times an approximation of the inverse Hessian, made of the
/// last few steps and how the gradient changed along them. For small models on all of their data, where it needs far fewer evaluations
/// than the rules that take one step for each gradient.
///
/// ```swift
/// let optimizer = LBFGS(lineSearch: .strongWolfe)
/// let result = try optimizer.minimize(model) { meanSquaredError($0(x), target: y) }
/// ```
public final class LBFGS: CustomStringConvertible {
  /// How far a step goes along its direction.
  public enum LineSearch: Sendable, Hashable {
    /// By the learning rate alone (the first step: by α / ‖g‖₁, if that is shorter).
    case fixed
    /// Until the cost has fallen enough and the slope is a tenth flatter (the strong Wolfe conditions).
    case strongWolfe
  }

  /// What a call did.
  public struct Result: Sendable, Hashable {
    /// The cost before the first step.
    public let initialCost: Double
    /// The cost as it was last evaluated: after the last step, but for the last one of `.fixed`.
    public let cost: Double
    public let iterations: Int
    /// How often cost and gradient were computed.
    public let evaluations: Int
    /// Whether it ended because there was nothing to gain any more, not because of the limits.
    public let isConverged: Bool
  }

  public var learningRate: Double
  /// The steps that are remembered; at least 1.
  public let historySize: Int
  public let lineSearch: LineSearch
  /// It ends when no number of the gradient is larger than this.
  public let gradientTolerance: Double
  /// It ends when no parameter changes by more than this, or the cost by less.
  public let changeTolerance: Double

  /// A step s, the change y of the gradient along it, and 1 / (s · y).
  private var history: [(s: Tensor, y: Tensor, rho: Double)] = []
  /// s · y / (y · y) of the last step: the size of the inverse Hessian.
  private var scale = 1.0
  /// The last step and the gradient before it, until they are in the history.
  private var last: (step: Tensor, gradient: Tensor)?
  private var hasBegun = false

  public init(
    learningRate: Double = 1, historySize: Int = 10, lineSearch: LineSearch = .fixed,
    gradientTolerance: Double = 1e-7, changeTolerance: Double = 1e-9
  ) {
    guard historySize > 0 else { fatalError("LBFGS: the history size \(historySize) must be at least 1") }
    self.learningRate = learningRate
    self.historySize = historySize
    self.lineSearch = lineSearch
    self.gradientTolerance = gradientTolerance
    self.changeTolerance = changeTolerance
  }

  /// Takes up to `iterations` steps down `cost`; a later call goes on with what this one remembers.
  ///
  /// The cost is recorded as a ``ApusCore/Program`` at each call; it must be the same function while the call lasts.
  /// - Parameter evaluations: how often cost and gradient may be computed, about; 5/4 of the steps unless said otherwise.
  /// - Throws: `NotFiniteError` if the cost of the present parameters is not finite; whatever `cost` throws.
  @discardableResult
  public func minimize<Model: Layer>(
    _ model: Model, iterations: Int = 20, evaluations: Int? = nil, _ cost: @escaping (Model) throws -> Tensor
  ) throws -> Result {
    let objective = Objective(model, cost)
    let mostEvaluations = evaluations ?? max(1, iterations * 5 / 4)
    var point = try objective.evaluate()
    guard point.cost.isFinite else { throw NotFiniteError(value: point.cost) }
    let initialCost = point.cost
    var isConverged = isFlat(point.gradient)
    var iteration = 0
    while !isConverged && iteration < iterations && (iteration == 0 || objective.evaluations < mostEvaluations) {
      let before = point
      if let last { remember(last.step, point.gradient - last.gradient) }
      last = nil
      let direction = self.direction(point.gradient)
      let slope = inner(point.gradient, direction)
      guard slope <= -changeTolerance else {
        isConverged = true
        break
      }
      iteration += 1
      var size = learningRate
      if !hasBegun { size *= min(1, 1 / abs(point.gradient).sum().item) }
      hasBegun = true
      let start = objective.position
      switch lineSearch {
      case .fixed:
        objective.move(from: start, direction, size)
        if iteration < iterations { point = try objective.evaluate() }
      case .strongWolfe:
        let search = WolfeSearch(
          start: before, slope: slope, smallestStep: changeTolerance / max(abs(direction).max().item, 1e-300))
        let found = try search.run(first: size, evaluations: mostEvaluations - objective.evaluations) { size in
          objective.move(from: start, direction, size)
          let point = try objective.evaluate()
          return (point, inner(point.gradient, direction))
        }
        (size, point) = (found.size, found.point)
        objective.move(from: start, direction, size)
      }
      let step = direction * size
      last = (step, before.gradient)
      isConverged =
        iteration < iterations || lineSearch == .strongWolfe
        ? isFlat(point.gradient) || abs(step).max().item <= changeTolerance
          || Swift.abs(point.cost - before.cost) < changeTolerance
        : false
    }
    return Result(
      initialCost: initialCost, cost: point.cost, iterations: iteration, evaluations: objective.evaluations,
      isConverged: isConverged)
  }

  private func isFlat(_ gradient: Tensor) -> Bool { abs(gradient).max().item <= gradientTolerance }

  /// Takes a step into the history, if the function curves upwards along it.
  private func remember(_ s: Tensor, _ y: Tensor) {
    let curvature = inner(s, y)
    guard curvature > 1e-10 else { return }
    if history.count == historySize { history.removeFirst() }
    history.append((s, y, 1 / curvature))
    scale = curvature / inner(y, y)
  }

  /// −H g, by the two loops over the history.
  private func direction(_ gradient: Tensor) -> Tensor {
    var q = -gradient
    var shares: [Double] = []
    for (s, y, rho) in history.reversed() {
      let share = rho * inner(s, q)
      q = q - y * share
      shares.append(share)
    }
    q = q * scale
    for ((s, y, rho), share) in zip(history, shares.reversed()) { q = q + s * (share - rho * inner(y, q)) }
    return q
  }

  public var description: String {
    "LBFGS(learningRate: \(learningRate), historySize: \(historySize), lineSearch: .\(lineSearch))"
  }
}

private func inner(_ a: Tensor, _ b: Tensor) -> Double { (a * b).sum().item }

/// Where a cost was computed: its value and the gradient of all parameters, one after the other in a vector.
struct CostPoint {
  var cost: Double
  var gradient: Tensor
}

/// A cost as a function of a vector.
private final class Objective {
  private let parameters: [Parameter]
  private let program: Program
  private(set) var evaluations = 0

  init<Model: Layer>(_ model: Model, _ cost: @escaping (Model) throws -> Tensor) {
    parameters = model.parameters.filter(\.isTrainable)
    program = Program("cost") { _ in
      let (value, gradients) = try valueWithGradient(of: model, cost)
      return [value, concatenate(gradients.tensors.map { $0.flattened() })]
    }
  }

  func evaluate() throws -> CostPoint {
    evaluations += 1
    let results = try program([])
    return CostPoint(cost: results[0].item, gradient: results[1])
  }

  var position: [Tensor] { parameters.map(\.stored) }

  /// Sets the parameters to start + size · direction.
  func move(from start: [Tensor], _ direction: Tensor, _ size: Double) {
    var offset = 0
    for (parameter, start) in zip(parameters, start) {
      let part = direction[offset..<(offset + start.count)].reshaped(start.shape)
      parameter.value = start + part * size
      offset += start.count
    }
  }
}
