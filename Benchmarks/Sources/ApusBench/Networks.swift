import Apus
import ApusTestSupport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The networks that every framework trains, from the same initial parameters and on the same data.
///
/// Parameters are drawn from NumPy's `RandomState(1234)` in the order in which they are listed: each layer's weight (outputs,
/// inputs) and then its bias, both uniform in ±1/√inputs; for `planar` normal weights times 0.01 and no draw for the biases, which
/// are 0. Data come from `RandomState(7)`, inputs before targets; `planar` is the course's flower.
enum Network: String, CaseIterable {
  case planar, softmax784, mlp784, twolayer, autoenc

  /// The number of units from the input to the output.
  var widths: [Int] {
    switch self {
    case .planar: [2, 4, 1]
    case .softmax784: [784, 10]
    case .mlp784: [784, 512, 512, 10]
    case .twolayer: [1000, 100, 10]
    case .autoenc: [784, 256, 64, 256, 784]
    }
  }

  var batchSize: Int {
    switch self {
    case .planar: 400
    case .softmax784, .mlp784: 128
    case .twolayer: 64
    case .autoenc: 256
    }
  }

  var parameterCount: Int { zip(widths, widths.dropFirst()).reduce(0) { $0 + ($1.0 + 1) * $1.1 } }

  /// The layers, without initial values.
  func makeModel() -> Sequential {
    let count = widths.count - 1
    return Sequential(
      (0..<count).map { i in
        let hidden: Activation = self == .planar ? .tanh : .relu
        return Dense(widths[i], widths[i + 1], activation: i < count - 1 ? hidden : .identity, weights: .zeros)
      })
  }

  func makeOptimizer() -> any Optimizer {
    switch self {
    case .planar: SGD(learningRate: 1.2)
    case .softmax784: SGD(learningRate: 0.1)
    case .mlp784, .autoenc: Adam(learningRate: 1e-3)
    case .twolayer: Adam(learningRate: 1e-4)
    }
  }

  func loss(_ output: Tensor, _ target: Tensor) -> Tensor {
    switch self {
    case .planar, .autoenc: binaryCrossEntropy(logits: output, target: target)
    case .softmax784, .mlp784: softmaxCrossEntropy(logits: output, labels: target)
    case .twolayer: meanSquaredError(output, target: target, reduction: .sum)
    }
  }

  // MARK: Initial values

  /// Gives `model` its initial parameters, drawn or read from `directory`.
  func initialize(_ model: Sequential, from directory: String?) throws {
    let parameters = model.namedParameters
    if let directory {
      for (name, parameter) in parameters {
        let new = try NPYFile.read("\(directory)/\(rawValue)/\(fileName(name)).npy")
        guard new.shape == parameter.shape, new.dtype == parameter.dtype else {
          throw BenchmarkError("\(fileName(name)).npy holds \(new.type); expected \(parameter.value.type)")
        }
        parameter.value = new
      }
      return
    }
    var random = NumPyRandomState(seed: 1234)
    for (name, parameter) in parameters {
      let layer = Int(name.split(separator: ".")[0])!
      let count = parameter.shape.elementCount
      let values: [Float]
      if self == .planar {
        values = name.hasSuffix("weight") ? (0..<count).map { _ in Float(random.randn() * 0.01) } : .init(repeating: 0, count: count)
      } else {
        let scale = Double(widths[layer]).squareRoot()
        values = (0..<count).map { _ in Float(random.uniform(-1, 1) / scale) }
      }
      parameter.value = Tensor(values, shape: parameter.shape)
    }
  }

  /// "1.weight" is fc2.w in the files; the only layer of a network is fc.
  private func fileName(_ parameter: String) -> String {
    let parts = parameter.split(separator: ".")
    return "fc" + (widths.count == 2 ? "" : "\(Int(parts[0])! + 1)") + (parts[1] == "weight" ? ".w" : ".b")
  }

  // MARK: Data

  /// The batch, drawn or read from `directory`.
  func data(from directory: String?) throws -> (x: Tensor, target: Tensor) {
    if let directory {
      let path = "\(directory)/\(rawValue)/"
      return (try NPYFile.read(path + "_x.npy"), try NPYFile.read(path + "_y.npy"))
    }
    var random = NumPyRandomState(seed: 7)
    func normal(_ shape: Shape) -> Tensor {
      Tensor((0..<shape.elementCount).map { _ in Float(random.randn()) }, shape: shape)
    }
    switch self {
    case .planar: return flower()
    case .softmax784, .mlp784:
      let x = normal([batchSize, 784])
      return (x, Tensor((0..<batchSize).map { _ in Int32(random.randint(0..<10)) }))
    case .twolayer:
      let x = normal([batchSize, 1000])
      return (x, normal([batchSize, 10]))
    case .autoenc:
      let shape: Shape = [batchSize, 784]
      let x = Tensor((0..<shape.elementCount).map { _ in Float(random.randomSample()) }, shape: shape)
      return (x, x)
    }
  }

  /// One sample: the first of the batch, without drawing the others.
  func sample(from directory: String?) throws -> Tensor {
    if let directory { return try NPYFile.read("\(directory)/\(rawValue)/_x.npy")[0..<1] }
    var random = NumPyRandomState(seed: 7)
    return Tensor((0..<widths[0]).map { _ in Float(random.randn()) }, shape: [1, widths[0]])
  }

  /// Two classes of 200 points on the petals of a flower.
  private func flower() -> (x: Tensor, target: Tensor) {
    var random = NumPyRandomState(seed: 1)
    var points: [Float] = []
    var labels: [Float] = []
    for label in 0..<2 {
      let (begin, end) = (Double(label) * 3.12, Double(label + 1) * 3.12)
      let angles = (0..<200).map { i -> Double in
        (i == 199 ? end : begin + Double(i) * ((end - begin) / 199)) + random.randn() * 0.2
      }
      for angle in angles {
        let radius = 4 * sin(4 * angle) + random.randn() * 0.2
        points += [Float(radius * sin(angle)), Float(radius * cos(angle))]
        labels.append(Float(label))
      }
    }
    return (Tensor(points, shape: [400, 2]), Tensor(labels, shape: [400, 1]))
  }
}
