import ApusCore
import ApusData

/// Linear regression, y = W x + b (notes A13, C3), with the cost J = 1/(2m) Σ (ŷ - y)² + λ/(2m) ‖W‖².
public struct LinearRegression: Estimator {
  public enum Solver: Sendable, Hashable {
    /// From the normal equations of the centred features, by Cholesky's decomposition.
    case closedForm
    /// The same, and where features are combinations of others, so that many weights are equally good, the smallest of them.
    case leastNorm
    /// From zero along the gradient of J, a number of steps of size α: what the notes do. Features of very different magnitudes must be
    /// scaled first.
    case gradientDescent(learningRate: Double, steps: Int)
  }

  /// λ, the strength of the penalty on the weights (ridge regression); 0 for none. The bias is never penalised.
  public let l2: Double
  public let solver: Solver
  /// Whether there is a b; otherwise it is 0, as where a column of ones takes its place (notes A2).
  public let hasBias: Bool
  /// W, of shape (outputs, columns); nil before fitting.
  public private(set) var weights: Tensor?
  /// b, of shape (outputs).
  public private(set) var bias = Tensor.zeros([1], dtype: .float64)
  /// J before each step of gradient descent; of the closed form, J of the result.
  public private(set) var history: [Double] = []

  public init(l2: Double = 0, solver: Solver = .closedForm, hasBias: Bool = true) {
    guard l2 >= 0 else { fatalError("LinearRegression: the strength \(l2) of the penalty must be at least 0") }
    self.l2 = l2
    self.solver = solver
    self.hasBias = hasBias
  }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let x = try data.matrix(for: "a linear regression")
    let y = try data.numbers(for: "a linear regression")
    let each = try ClassWeights.equal.weights(
      labels: Array(repeating: 0, count: data.count), classes: 1, samples: sampleWeights)
    let sample = Tensor(each, shape: [data.count, 1])
    let total = each.reduce(0, +)
    switch solver {
    case .closedForm, .leastNorm: try solve(x, y, sample, total, data.name)
    case .gradientDescent(let learningRate, let steps): try descend(x, y, sample, total, learningRate, steps)
    }
  }

  private mutating func solve(_ x: Tensor, _ y: Tensor, _ sample: Tensor, _ total: Double, _ name: String) throws {
    // Centred, the bias drops out of the equations, and they lose fewer digits.
    let share = (hasBias ? 1 : 0) / total
    let (xMean, yMean) = ((x * sample).sum(axes: [0]) * share, (y * sample).sum(axes: [0]) * share)
    let (a, b) = (x - xMean, y - yMean)
    let weighted = (a * sample).swappingAxes(0, 1)
    let gram = weighted • a + l2 * Tensor.identity(x.shape[1], dtype: .float64)
    let solution: Tensor
    if let found = solvePositiveDefinite(gram, weighted • b) {
      solution = found
    } else if solver == .leastNorm {
      // Each row times the root of its weight: ‖√S (A w - b)‖ is the same cost.
      let root = sqrt(sample)
      solution = leastSquaresOfLeastNorm(a * root, b * root)
    } else {
      throw TrainingError(
        "\(name): some features are combinations of others, so the weights are not determined; "
          + "leave one out or add a penalty")
    }
    let found = solution.swappingAxes(0, 1)
    weights = found
    bias = yMean - (found * xMean).sum(axes: [1])
    history = [cost(x, y, sample, total)]
  }

  private mutating func descend(
    _ x: Tensor, _ y: Tensor, _ sample: Tensor, _ total: Double, _ learningRate: Double, _ steps: Int
  ) throws {
    weights = .zeros([y.shape[1], x.shape[1]], dtype: .float64)
    bias = .zeros([y.shape[1]], dtype: .float64)
    history = []
    for step in 1...max(1, steps) {
      history.append(cost(x, y, sample, total))
      guard history[step - 1].isFinite else {
        throw TrainingError(
          "the cost of the linear regression became \(history[step - 1]) in step \(step); try a smaller learning rate than "
            + "\(learningRate), or scale the features")
      }
      // ∂J/∂W = 1/m (ŷ - y)ᵀ x + λ/m W, ∂J/∂b = 1/m Σ (ŷ - y)
      let error = (output(x) - y) * sample
      let gradient = (error.swappingAxes(0, 1) • x + l2 * weights!) / total
      weights = weights! - learningRate * gradient
      if hasBias { bias = bias - learningRate * error.sum(axes: [0]) / total }
    }
  }

  private func output(_ x: Tensor) -> Tensor { x • weights!.swappingAxes(0, 1) + bias }

  private func cost(_ x: Tensor, _ y: Tensor, _ sample: Tensor, _ total: Double) -> Double {
    let error = output(x) - y
    return ((error * error * sample).sum().item + l2 * (weights! * weights!).sum().item) / (2 * total)
  }

  /// float64, (n) for one output, else (n, outputs).
  public func predict(_ features: Tensor) throws -> Tensor {
    let y = output(try features.rows(for: weights, "LinearRegression"))
    return y.shape[1] == 1 ? y.reshaped([y.shape[0]]) : y
  }

  /// R², the mean over the outputs.
  public func score(_ data: Dataset) throws -> Double {
    let (truth, predictions) = (try data.numbers(for: "a linear regression"), try predict(data.features))
    return r2(truth, predictions)
  }
}

/// R² of each output, averaged.
func r2(_ truth: Tensor, _ predictions: Tensor) -> Double {
  let y = truth.rank == 1 ? truth.reshaped([truth.count, 1]) : truth
  let p = predictions.cast(to: .float64).reshaped([y.shape[0], y.shape[1]])
  let reports = (0..<y.shape[1]).map { column in
    RegressionReport(truth: y[0..., column].doubles, predictions: p[0..., column].doubles)
  }
  return reports.reduce(0) { $0 + $1.r2 } / Double(reports.count)
}
