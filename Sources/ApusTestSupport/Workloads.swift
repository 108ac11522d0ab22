import ApusCore
import ApusNN
import ApusTraining

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A training workload with known numbers: network, initial parameters, batch, loss and optimiser.
///
/// Everything is drawn from NumPy's random numbers, so that another framework can start from the same place; how, and
/// the losses that PyTorch computes, is written in `Tests/ApusNNTests/Fixtures/make_training.py` and `workloads.json`.
/// ```swift
/// let workload = Workload.mlp784
/// let (model, optimizer, batch) = (workload.makeModel(), workload.makeOptimizer(), workload.makeBatch())
/// let loss = workload.step(model, optimizer, batch)
/// ```
public struct Workload: Sendable, CustomStringConvertible {
  /// Examples and targets.
  public typealias Batch = (x: Tensor, y: Tensor)

  /// How weights start; biases follow.
  enum Start: Sendable {
    /// Weights and biases uniform within 1 / √inputs.
    case uniform
    /// Weights normal with this deviation, biases 0.
    case normal(Double)
  }

  /// Where the batch comes from: x is drawn before y.
  enum Source: Sendable {
    case flower
    case normalAndClasses(rows: Int)
    case normalAndNormal(rows: Int)
    /// Uniform numbers, which are their own target.
    case uniform(rows: Int)
  }

  /// The key in `workloads.json`, such as "W3 mlp784".
  public let name: String
  /// The number of inputs and of the units of each layer.
  public let widths: [Int]
  /// The activation of all layers but the last, which gives logits.
  public let activation: Activation
  let start: Start
  let source: Source
  private let lossFunction: @Sendable (_ output: Tensor, _ y: Tensor) -> Tensor
  private let optimizer: @Sendable () -> any Optimizer

  public var description: String { name }
}

extension Workload {
  /// The course's planar classification: 400 points of a flower with two colours, a 2-4-1 network, gradient descent.
  public static let planar = Workload(
    name: "W1 planar", widths: [2, 4, 1], activation: .tanh, start: .normal(0.01), source: .flower,
    lossFunction: { binaryCrossEntropy(logits: $0, target: $1) }, optimizer: { SGD(learningRate: 1.2) })

  /// Softmax regression on images of 28 x 28 pixels.
  public static let softmax784 = Workload(
    name: "W2 softmax784", widths: [784, 10], activation: .identity, start: .uniform,
    source: .normalAndClasses(rows: 128), lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
    optimizer: { SGD(learningRate: 0.1) })

  /// The multi-layer perceptron that every framework's tutorial trains on images of digits.
  public static let mlp784 = Workload(
    name: "W3 mlp784", widths: [784, 512, 512, 10], activation: .relu, start: .uniform,
    source: .normalAndClasses(rows: 128), lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
    optimizer: { Adam(learningRate: 1e-3) })

  /// The two-layer regression of the PyTorch introduction (notes O2): the squared errors are summed.
  public static let twoLayer = Workload(
    name: "W5 twolayer", widths: [1000, 100, 10], activation: .relu, start: .uniform,
    source: .normalAndNormal(rows: 64), lossFunction: { meanSquaredError($0, target: $1, reduction: .sum) },
    optimizer: { Adam(learningRate: 1e-4) })

  /// An autoencoder of images.
  public static let autoencoder = Workload(
    name: "W11 autoenc", widths: [784, 256, 64, 256, 784], activation: .relu, start: .uniform,
    source: .uniform(rows: 256), lossFunction: { binaryCrossEntropy(logits: $0, target: $1) },
    optimizer: { Adam(learningRate: 1e-3) })

  public static let all = [planar, softmax784, mlp784, twoLayer, autoencoder]
}

extension Workload {
  /// The network with its initial parameters.
  public func makeModel(dtype: DType = .float32) -> Sequential {
    let last = widths.count - 2
    let layers = (0...last).map { i in
      Dense(
        widths[i], widths[i + 1], activation: i == last ? .identity : activation, weights: .zeros, dtype: dtype)
    }
    let model = Sequential(layers)
    for (parameter, values) in zip(model.parameters, initialValues()) {
      parameter.value = Tensor(values, shape: parameter.shape).cast(to: dtype)
    }
    return model
  }

  /// A fresh optimiser.
  public func makeOptimizer() -> any Optimizer { optimizer() }

  /// The whole batch, of which every step is made. Class labels are int32.
  public func makeBatch(dtype: DType = .float32) -> Batch {
    var random = NumPyRandomState(seed: 7)
    func normal(_ rows: Int, _ columns: Int) -> Tensor {
      Tensor(random.randn(count: rows * columns).map { Float($0) }, shape: [rows, columns]).cast(to: dtype)
    }
    switch source {
    case .flower:
      let (x, y) = Self.flower()
      return (Tensor(x, shape: [400, 2]).cast(to: dtype), Tensor(y, shape: [400, 1]).cast(to: dtype))
    case .normalAndClasses(let rows):
      let x = normal(rows, widths[0])
      return (x, Tensor(random.randint(0..<10, count: rows).map { Int32($0) }))
    case .normalAndNormal(let rows):
      let x = normal(rows, widths[0])
      return (x, normal(rows, widths[widths.count - 1]))
    case .uniform(let rows):
      let values = random.randomSample(count: rows * widths[0]).map { Float($0) }
      let x = Tensor(values, shape: [rows, widths[0]]).cast(to: dtype)
      return (x, x)
    }
  }

  /// The loss of the network's output against the targets.
  public func loss(_ output: Tensor, _ y: Tensor) -> Tensor { lossFunction(output, y) }

  /// One training step: forward, loss, backward, update.
  /// - Returns: the loss before the update.
  @discardableResult
  public func step(_ model: Sequential, _ optimizer: any Optimizer, _ batch: Batch) -> Tensor {
    let (loss, gradients) = valueWithGradient(of: model) { self.loss($0(batch.x), batch.y) }
    optimizer.update(model, gradients)
    return loss
  }

  /// The elements of weight, bias, weight, … in the order of the layers, rounded to float32 as NumPy does.
  private func initialValues() -> [[Float]] {
    var random = NumPyRandomState(seed: 1234)
    var values: [[Float]] = []
    for (inputs, outputs) in zip(widths, widths.dropFirst()) {
      switch start {
      case .uniform:
        let root = Double(inputs).squareRoot()
        for count in [outputs * inputs, outputs] {
          values.append(random.uniform(-1, 1, count: count).map { Float($0 / root) })
        }
      case .normal(let deviation):
        values.append(random.randn(count: outputs * inputs).map { Float($0 * deviation) })
        values.append(Array(repeating: 0, count: outputs))
      }
    }
    return values
  }

  /// Two interleaved colours of petals.
  private static func flower() -> (x: [Float], y: [Float]) {
    var random = NumPyRandomState(seed: 1)
    let count = 200
    var (x, y): ([Float], [Float]) = ([], [])
    for color in 0..<2 {
      let (low, high) = (Double(color) * 3.12, Double(color + 1) * 3.12)
      let step = (high - low) / Double(count - 1)
      let angles = (0..<count).map { i in
        (i == count - 1 ? high : low + Double(i) * step) + random.randn() * 0.2
      }
      for angle in angles {
        let radius = 4 * sin(4 * angle) + random.randn() * 0.2
        x += [Float(radius * sin(angle)), Float(radius * cos(angle))]
        y.append(Float(color))
      }
    }
    return (x, y)
  }
}
