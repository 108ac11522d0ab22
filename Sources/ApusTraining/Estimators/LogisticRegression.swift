import ApusCore
import ApusData

/// Logistic regression (notes A17 to A19): p(y = 1 | x) = σ(w·x + b), fitted by minimising
/// J = 1/m Σ -(y ln p + (1 - y) ln(1 - p)) + λ/(2m) ‖w‖².
///
/// J is convex, and Newton's method finds its minimum in a few steps. scikit-learn's strength C is 1/λ.
public struct LogisticRegression: Classifier, BinaryClassifier {
  /// λ, the strength of the penalty on the weights; 0 for none. Classes that a plane separates have no minimum without it.
  public let l2: Double
  public let classWeights: ClassWeights
  /// The largest number of Newton's steps.
  public let maxSteps: Int
  /// w, of shape (columns); nil before fitting.
  public private(set) var weights: Tensor?
  /// b.
  public private(set) var bias = 0.0
  /// J before each step.
  public private(set) var history: [Double] = []
  /// Whether the steps came to an end by themselves.
  public private(set) var isConverged = false
  public private(set) var classNames: [String] = []

  public init(l2: Double = 1, classWeights: ClassWeights = .equal, maxSteps: Int = 100) {
    guard l2 >= 0 else { fatalError("LogisticRegression: the strength \(l2) of the penalty must be at least 0") }
    self.l2 = l2
    self.classWeights = classWeights
    self.maxSteps = maxSteps
  }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let labels = try data.labels(for: "a logistic regression", classes: 2)
    let weights = try classWeights.weights(labels: labels, classes: 2, samples: sampleWeights)
    try fit(data.matrix(for: "a logistic regression"), isPositive: labels.map { $0 == 1 }, weights: weights)
    classNames = data.classNames
  }

  public mutating func fit(_ x: Tensor, isPositive: [Bool], weights: [Double]) throws {
    let y = Tensor(isPositive.map { $0 ? 1.0 : 0 }, shape: [x.shape[0], 1])
    let labels = concatenate([1 - y, y], axis: 1)
    var newton = NewtonClassification(
      x: x, y: labels, sample: weights, l2: l2, isReduced: true, maxSteps: maxSteps)
    newton.run()
    // The reduced form has vectors for all classes but the last; the sign turns the first class's into the second's.
    self.weights = -newton.weights[0]
    bias = -newton.bias[0].item
    (history, isConverged) = (newton.costs, newton.isConverged)
  }

  /// The log-odds w·x + b = ln(p / (1 - p)) (notes A18).
  public func decision(_ features: Tensor) throws -> Tensor {
    let x = try features.rows(for: weights, "LogisticRegression")
    return (x * weights!).sum(axes: [1]) + bias
  }

  /// p(y = 1 | x) for each row, float64 of shape (n).
  public func predictProbability(_ features: Tensor) throws -> Tensor { sigmoid(try decision(features)) }

  /// Labels: 1 where p is at least `threshold`.
  public func predict(_ features: Tensor, threshold: Double) throws -> Tensor {
    (try predictProbability(features) .>= threshold).cast(to: .int32)
  }
}

/// Softmax regression (notes A20): p(k | x) = exp(w_k·x + b_k) / Σ, fitted by minimising
/// J = 1/m Σ -ln p(y | x) + λ/(2m) Σ_k ‖w_k‖². scikit-learn's strength C is 1/λ.
public struct SoftmaxRegression: Classifier {
  /// Which classes have vectors of their own.
  public enum Form: Sendable, Hashable {
    /// All; only differences matter, and the penalty chooses those that sum to 0.
    case full
    /// All but the last, whose w and b are 0 (notes A20, eqs 9 to 17).
    case reduced
  }

  /// λ, the strength of the penalty on the weights.
  public let l2: Double
  public let form: Form
  public let classWeights: ClassWeights
  /// The largest number of Newton's steps.
  public let maxSteps: Int
  /// w, of shape (classes, columns); nil before fitting.
  public private(set) var weights: Tensor?
  /// b, of shape (classes).
  public private(set) var bias = Tensor.zeros([1], dtype: .float64)
  /// J before each step.
  public private(set) var history: [Double] = []
  /// Whether the steps came to an end by themselves.
  public private(set) var isConverged = false
  public private(set) var classNames: [String] = []

  public init(l2: Double = 1, form: Form = .full, classWeights: ClassWeights = .equal, maxSteps: Int = 100) {
    guard l2 >= 0 else { fatalError("SoftmaxRegression: the strength \(l2) of the penalty must be at least 0") }
    self.l2 = l2
    self.form = form
    self.classWeights = classWeights
    self.maxSteps = maxSteps
  }

  public mutating func fit(_ data: Dataset, sampleWeights: [Double]?) throws {
    let labels = try data.labels(for: "a softmax regression")
    let count = data.classNames.count
    guard count >= 2 else { throw TrainingError("\(data.name): there is one class; a softmax regression needs two") }
    let x = try data.matrix(for: "a softmax regression")
    let each = try classWeights.weights(labels: labels, classes: count, samples: sampleWeights)
    let y = Tensor.oneHot(Tensor(labels.map(Int64.init)), classCount: count, dtype: .float64)
    var newton = NewtonClassification(x: x, y: y, sample: each, l2: l2, isReduced: form == .reduced, maxSteps: maxSteps)
    newton.run()
    (weights, bias, history, isConverged) = (newton.weights, newton.bias, newton.costs, newton.isConverged)
    classNames = data.classNames
  }

  /// w_k·x + b_k, float64 of shape (n, classes).
  public func decision(_ features: Tensor) throws -> Tensor {
    try features.rows(for: weights, "SoftmaxRegression") • weights!.swappingAxes(0, 1) + bias
  }

  /// p(k | x), float64 of shape (n, classes); each row sums to 1.
  public func predictProbabilities(_ features: Tensor) throws -> Tensor { softmax(try decision(features)) }
}

/// Newton's method for J = 1/m Σ -ln p(y | x) + λ/(2m) ‖W‖², m the sum of the examples' weights.
struct NewtonClassification {
  /// (n, columns + 1), the last column 1.
  private let x: Tensor
  /// One-hot, (n, classes).
  private let y: Tensor
  private let sample: Tensor
  private let total: Double
  private let l2: Double
  private let maxSteps: Int
  /// The vectors that are looked for: all classes, or all but the last.
  private let free: Int
  /// (free, columns + 1), the last column the biases.
  private var theta: Tensor
  private(set) var costs: [Double] = []
  private(set) var isConverged = false

  init(x: Tensor, y: Tensor, sample: [Double], l2: Double, isReduced: Bool, maxSteps: Int) {
    self.x = x.withBiasColumn()
    self.y = y
    self.sample = Tensor(sample, shape: [x.shape[0], 1])
    total = sample.reduce(0, +)
    self.l2 = l2
    self.maxSteps = maxSteps
    free = y.shape[1] - (isReduced ? 1 : 0)
    theta = .zeros([free, x.shape[1] + 1], dtype: .float64)
  }

  /// (classes, columns): zeros for a class that has no vector of its own.
  var weights: Tensor { complete(theta)[0..., 0..<theta.shape[1] - 1] }
  /// (classes).
  var bias: Tensor { complete(theta)[0..., theta.shape[1] - 1] }

  private func complete(_ theta: Tensor) -> Tensor {
    free == y.shape[1] ? theta : concatenate([theta, .zeros([1, theta.shape[1]], dtype: .float64)], axis: 0)
  }

  private func logits(_ theta: Tensor) -> Tensor { x • complete(theta).swappingAxes(0, 1) }

  private func cost(_ theta: Tensor) -> Double {
    let losses = -(logSoftmax(logits(theta)) * y).sum(axes: [1], keepsAxes: true)
    let w = theta[0..., 0..<theta.shape[1] - 1]
    return ((losses * sample).sum().item + l2 / 2 * (w * w).sum().item) / total
  }

  mutating func run() {
    let columns = theta.shape[1]
    // The penalty on every element of theta: none on the biases.
    let penalty = Tensor((0..<free * columns).map { $0 % columns == columns - 1 ? 0 : l2 }, shape: [free, columns])
    var current = cost(theta)
    for _ in 0..<maxSteps {
      costs.append(current)
      let p = softmax(logits(theta))
      let gradient = (((p - y)[0..., 0..<free] * sample).swappingAxes(0, 1) • x + penalty * theta) / total
      if max(gradient.max().item, -gradient.min().item) < 1e-10 {
        isConverged = true
        break
      }
      guard let step = step(p, penalty, gradient) else { break }
      // The whole step, or half of it, and so on, until the cost falls.
      var scale = 1.0
      var next = theta - step
      var found = cost(next)
      while !(found <= current) && scale > 1e-6 {
        scale /= 2
        next = theta - scale * step
        found = cost(next)
      }
      guard found <= current else { break }
      isConverged = current - found <= 1e-15 * abs(current)
      (theta, current) = (next, found)
      if isConverged { break }
    }
    if free == y.shape[1] {
      // Adding the same to all classes changes no probability: the one whose sum is 0 is what a penalty would choose.
      theta = theta - theta.mean(axes: [0], keepsAxes: true)
    }
  }

  /// H⁻¹ g, for the Hessian H of J: its blocks are Xᵀ diag(p_k (δ_kl - p_l)) X / m.
  private func step(_ p: Tensor, _ penalty: Tensor, _ gradient: Tensor) -> Tensor? {
    let columns = theta.shape[1]
    var blocks: [Tensor] = []
    for k in 0..<free {
      blocks.append(
        concatenate(
          (0..<free).map { l in
            let (pk, pl) = (p[0..., k..<k + 1], p[0..., l..<l + 1])
            return ((sample * pk * ((k == l ? 1.0 : 0) - pl)) * x).swappingAxes(0, 1) • x
          }, axis: 1))
    }
    let hessian = concatenate(blocks, axis: 0)
    // What neither data nor penalty determines, such as the common part of all biases, must not stop the decomposition.
    let size = free * columns
    let largest = max(1e-300, hessian.max().item)
    let diagonal = Tensor.identity(size, dtype: .float64) * (penalty.reshaped([1, size]) + 1e-10 * largest)
    return solvePositiveDefinite((hessian + diagonal) / total, gradient.reshaped([size, 1]))?.reshaped([free, columns])
  }
}
