import ApusCore
import ApusNN

extension Explanation {
  /// The networks that the lecture notes work out by hand, and two that their formulas were checked with.
  public enum Example: String, Sendable, CaseIterable {
    /// A neuron with Θ = (4, 0, ½) and x = (1, 3, 5), whose first 1 is the bias unit (000; N-01).
    case neuron
    /// Two inputs, two hidden neurons and one output neuron, all with the weights (0, 1) and no bias (000; N-02). The cost is half the
    /// squared error behind a sigmoid, so δ = a − y does not hold (E-11).
    case twoTwoOne = "2-2-1"
    /// Whether to go to class: three features, four hidden units, one output, decided at ½ (001; A16, N-03 to N-05). The notes give
    /// the first hidden unit and the output 0.45; the other numbers are chosen.
    case threeFourOne = "3-4-1"
    /// Two inputs, two sigmoids, two linear outputs (003; N-17).
    case severalOutputs = "n-17"
    /// Logistic regression of one example (003; N-18).
    case logistic = "n-18"

    /// What it shows, in a few words.
    public var summary: String {
      switch self {
      case .neuron: "a single neuron"
      case .twoTwoOne: "a network of equal neurons, with half the squared error"
      case .threeFourOne: "whether to go to class: a network that decides"
      case .severalOutputs: "a network with two outputs, all gradients"
      case .logistic: "logistic regression of one example"
      }
    }

    public var model: Sequential {
      switch self {
      case .neuron: Sequential([layer([[0, 0.5]], bias: [4], .sigmoid)])
      case .twoTwoOne:
        Sequential([layer([[0, 1], [0, 1]], bias: [0, 0], .sigmoid), layer([[0, 1]], bias: [0], .sigmoid)])
      case .threeFourOne:
        Sequential([
          layer(
            [[0.5, 0.1, 0.0058], [-0.4, 0.3, 0.02], [0.9, -0.2, 0.05], [0.25, 0.6, -0.1]], bias: [0.2, -0.1, 0.3, 0.1],
            .relu),
          // The bias that makes the output the slide's 0.45.
          layer([[0.8, -0.5, 0.3, 0.7]], bias: [-0.7525506954621514], .sigmoid),
        ])
      case .severalOutputs:
        Sequential([
          layer([[0.1, 0.2], [-0.3, 0.4]], bias: [0.05, -0.05], .sigmoid),
          layer([[0.7, -0.6], [0.5, 0.8]], bias: [0.1, -0.2], .identity),
        ])
      case .logistic: Sequential([layer([[0.5, -0.25]], bias: [0.1], .sigmoid)])
      }
    }

    public var loss: Loss {
      switch self {
      case .neuron, .threeFourOne, .logistic: .binaryCrossEntropy
      case .twoTwoOne, .severalOutputs: .halfSquaredError
      }
    }

    /// One example, in a row.
    public var features: Tensor {
      switch self {
      case .neuron: Tensor([[3.0, 5]])
      case .twoTwoOne: Tensor([[1.0, 3]])
      case .threeFourOne: Tensor([[0.4, 2, 17]])
      case .severalOutputs: Tensor([[1.0, 2]])
      case .logistic: Tensor([[2.0, 4]])
      }
    }

    public var targets: Tensor { self == .severalOutputs ? Tensor([[1.0, 0]]) : Tensor([[1.0]]) }

    /// Where the example decides something.
    public var threshold: Double? { self == .threeFourOne ? 0.5 : nil }

    private func layer(_ weight: [[Double]], bias: [Double], _ activation: Activation) -> Dense {
      let layer = Dense(weight[0].count, weight.count, activation: activation, dtype: .float64)
      layer.weight.value = Tensor(weight)
      layer.bias!.value = Tensor(bias)
      return layer
    }
  }

  /// A worked example, written out.
  /// - Parameter threshold: instead of the example's own.
  public init(
    _ example: Example, learningRate: Double? = nil, threshold: Double? = nil, convention: Convention = .columns,
    notation: Notation = .matrices
  ) {
    do {
      try self.init(
        of: example.model, loss: example.loss, features: example.features, targets: example.targets,
        learningRate: learningRate, threshold: threshold ?? example.threshold, convention: convention,
        notation: notation)
    } catch { fatalError("Explanation(\(example)): \(error)") }
  }
}
