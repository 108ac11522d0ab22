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

  /// A parameter's initial values.
  public struct InitialArray: Sendable {
    /// The name that all frameworks' scripts share, such as "fc1.w".
    public let name: String
    /// As it is drawn; the model's parameter may be arranged otherwise.
    public let shape: Shape
    let start: Start
    var arrangement = Arrangement.asDrawn

    /// How PyTorch's arrangement, in which all are drawn, becomes the model's.
    enum Arrangement: Sendable {
      case asDrawn
      /// The weights of a convolution: the second axis becomes the last.
      case channelsLast
      /// The weights of a layer that reads, or writes, flattened images of this shape (channels, height, width): ours lie channels last.
      case readsImages([Int])
      case writesImages([Int])
    }

    enum Start: Sendable {
      /// Uniform within 1 / √inputs.
      case uniform(inputs: Int)
      /// Normal with this standard deviation.
      case normal(Double)
      case constant(Double)
    }
  }

  /// Where the batch comes from: x is drawn before y.
  enum Source: Sendable {
    case flower
    case normalAndClasses(rows: Int, columns: Int)
    case normalAndNormal(rows: Int, columns: Int, targets: Int)
    /// Uniform numbers, which are their own target.
    case uniform(rows: Int, columns: Int)
    /// Whole numbers below `count`, for both.
    case tokens(rows: Int, columns: Int, count: Int)
    /// Square images, and classes.
    case imagesAndClasses(rows: Int, channels: Int, extent: Int)
    /// Images of one channel that a hyperbolic tangent could give, and normal numbers.
    case imagesAndNoise(rows: Int, extent: Int, noise: Int)
  }

  /// The key in `workloads.json`, such as "W3 mlp784".
  public let name: String
  /// The initial parameters, in the order in which they are drawn and in which the model lists them.
  public let arrays: [InitialArray]
  /// The layers, whatever their parameters are.
  let layers: @Sendable (DType) -> [any Layer]
  let source: Source
  let lossFunction: @Sendable (_ output: Tensor, _ y: Tensor) -> Tensor
  let optimizer: @Sendable () -> any Optimizer
  /// A step that is not one loss and one update.
  var ownStep: (@Sendable (_ model: Sequential, _ optimizer: any Optimizer, _ batch: Batch) -> Tensor)?
  /// Whether a step takes so long that a test takes few of them.
  public internal(set) var isLarge = false

  public var description: String { name }

  /// The number of inputs and of the units of each dense layer.
  public var widths: [Int] {
    let matrices = arrays.map(\.shape).filter { $0.rank == 2 }
    return matrices.prefix(1).map { $0[1] } + matrices.map { $0[0] }
  }
}

extension Workload {
  /// The network with its initial parameters.
  public func makeModel(dtype: DType = .float32) -> Sequential {
    let model = Sequential(layers(dtype))
    var random = NumPyRandomState(seed: 1234)
    for (parameter, array) in zip(model.parameters, arrays) {
      let value = array.arranged(array.initialValue(&random))
      precondition(parameter.shape == value.shape)
      parameter.value = value.cast(to: dtype)
    }
    return model
  }

  /// A fresh optimiser.
  public func makeOptimizer() -> any Optimizer { optimizer() }

  /// The whole batch, of which every step is made. Class labels are int32.
  public func makeBatch(dtype: DType = .float32) -> Batch {
    var random = NumPyRandomState(seed: 7)
    func normal(_ rows: Int, _ columns: Int) -> Tensor {
      Tensor(shape: [rows, columns]) { Float(random.randn()) }.cast(to: dtype)
    }
    switch source {
    case .flower:
      let (x, y) = Self.flower()
      return (Tensor(x, shape: [400, 2]).cast(to: dtype), Tensor(y, shape: [400, 1]).cast(to: dtype))
    case .normalAndClasses(let rows, let columns):
      let x = normal(rows, columns)
      return (x, Tensor(random.randint(0..<10, count: rows).map { Int32($0) }))
    case .normalAndNormal(let rows, let columns, let targets):
      let x = normal(rows, columns)
      return (x, normal(rows, targets))
    case .uniform(let rows, let columns):
      let x = Tensor(shape: [rows, columns]) { Float(random.randomSample()) }.cast(to: dtype)
      return (x, x)
    case .tokens(let rows, let columns, let count):
      func tokens() -> Tensor {
        Tensor(random.randint(0..<count, count: rows * columns).map { Int32($0) }, shape: [rows, columns])
      }
      let x = tokens()
      return (x, tokens())
    case .imagesAndClasses(let rows, let channels, let extent):
      let x = normal(rows, channels * extent * extent).reshaped([rows, channels, extent, extent]).channelsLast()
      return (x.contiguous, Tensor(random.randint(0..<10, count: rows).map { Int32($0) }))
    case .imagesAndNoise(let rows, let extent, let noise):
      let x = Tensor(shape: [rows, extent, extent, 1]) { Float(tanh(Double(Float(random.randn())))) }
      return (x.cast(to: dtype), normal(rows, noise))
    }
  }

  /// The loss of the network's output against the targets.
  public func loss(_ output: Tensor, _ y: Tensor) -> Tensor { lossFunction(output, y) }

  /// One training step: forward, loss, backward, update. Unless the caller trains already, each step of an optimiser has random
  /// numbers of its own.
  /// - Returns: the loss before the update.
  @discardableResult
  public func step(_ model: Sequential, _ optimizer: any Optimizer, _ batch: Batch) -> Tensor {
    guard isTraining else {
      var random = RandomSource(seed: 7, stream: UInt64(optimizer.memory.step))
      return withTraining(random: &random) { step(model, optimizer, batch) }
    }
    if let ownStep { return ownStep(model, optimizer, batch) }
    let (loss, gradients) = valueWithGradient(of: model) { self.loss($0(batch.x), batch.y) }
    optimizer.update(model, gradients)
    return loss
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

extension Tensor {
  /// One number after the other, without an array beside the tensor.
  fileprivate init(shape: Shape, _ next: () -> Float) {
    self.init(type: TensorType(shape, .float32)) { bytes in
      for i in 0..<shape.elementCount {
        bytes.storeBytes(of: next(), toByteOffset: i * MemoryLayout<Float>.stride, as: Float.self)
      }
    }
  }

  /// The same elements in memory of their own.
  fileprivate var contiguous: Tensor { concatenate([self]) }
}

extension Workload.InitialArray {
  /// The model's arrangement of what was drawn.
  public func arranged(_ tensor: Tensor) -> Tensor {
    switch arrangement {
    case .asDrawn: tensor
    case .channelsLast: tensor.channelsLast()
    case .readsImages(let image): tensor.reshaped([shape[0]] + image).channelsLast().reshaped(Array(shape))
    case .writesImages(let image):
      tensor.reshaped([1] + image + [shape[1]]).transposed([0, 2, 3, 1, 4]).reshaped(Array(shape))
    }
  }

  /// What was drawn, from the model's arrangement.
  public func drawn(_ tensor: Tensor) -> Tensor {
    switch arrangement {
    case .asDrawn: tensor
    case .channelsLast: tensor.channelsFirst()
    case .readsImages(let image):
      tensor.reshaped([shape[0]] + image[1...] + [image[0]]).channelsFirst().reshaped(Array(shape))
    case .writesImages(let image):
      tensor.reshaped(image[1...] + [image[0], shape[1]]).transposed([2, 0, 1, 3]).reshaped(Array(shape))
    }
  }

  /// What the parameter starts with, rounded to float32 as NumPy does.
  fileprivate func initialValue(_ random: inout NumPyRandomState) -> Tensor {
    switch start {
    case .uniform(let inputs):
      let root = Double(inputs).squareRoot()
      return Tensor(shape: shape) { Float(random.uniform(-1, 1) / root) }
    case .normal(let deviation): return Tensor(shape: shape) { Float(random.randn() * deviation) }
    case .constant(let value): return Tensor(filledWith: value, shape: shape)
    }
  }
}
