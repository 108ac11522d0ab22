import ApusCore
import ApusNN

/// Forward pass, cost, backward pass and update of a small network, written out: every matrix with its name, its formula, the
/// dimensions and the numbers (notes D1; 000 to 003).
///
/// ```swift
/// let explanation = try Explanation(
///   of: Sequential { Dense(2, 2, activation: .sigmoid); Dense(2, 2) }, loss: .halfSquaredError,
///   features: Tensor([[1, 2]]), targets: Tensor([[1, 0]]), learningRate: 0.1)
/// print(explanation)                                  // or .markdown(), .html()
/// print(explanation["dW^[1]"]!, explanation.cost!)
/// print(explanation.layers[0].z)                      // what the forward pass leaves for the backward pass (D10)
/// ```
/// All numbers are computed in float64 by the layers' own operations and by automatic differentiation. The formulas beside them are
/// calculated as well: ``disagreement`` says how far both are apart.
///
/// Where the slides err (E-02 to E-04, E-06, E-08, E-10, E-11), the formulas here are the right ones: A^[l−1]ᵀ in dW^[l], W^[l]ᵀ in
/// dA^[l−1], −y/a + (1 − y)/(1 − a) in da^[L], and δ^(L) = a − y only where loss and activation make it so.
public struct Explanation: Sendable {
  /// How examples lie in matrices (notes B7).
  public enum Convention: String, Sendable, CaseIterable {
    /// A column for each example: Z = W A + b (001, 002, 003).
    case columns
    /// A row for each example: Z = A Wᵀ + b (004, and Apus' tensors).
    case rows
  }

  /// How weights and derivatives are named (notes B1, B2).
  public enum Notation: String, Sendable, CaseIterable {
    /// W^[l], b^[l], dZ^[l]; layer 0 is the input (001, 002, 003).
    case matrices
    /// Θ^(l) with the bias as its first column, δ^(l); layer 1 is the input (000).
    case deltas
  }

  /// The losses that can be written out. That of an example is summed over the network's outputs, except for the mean squared error;
  /// the cost is the mean over the examples (notes C2).
  public enum Loss: String, Sendable, CaseIterable {
    /// ½ Σ (a − y)² (notes C3 to C5).
    case halfSquaredError
    /// The mean of (a − y)² over the outputs.
    case meanSquaredError
    /// −Σ (y ln a + (1 − y) ln(1 − a)), of a network that ends in sigmoids, or in logits whose sigmoids are meant (notes C7, C8).
    case binaryCrossEntropy
    /// −Σ y ln a, of a network that ends in a softmax, or in logits whose softmax is meant (notes C9).
    case softmaxCrossEntropy

    /// The loss of that name as trainers know it; nil if there is none.
    public init?(_ loss: ApusNN.Loss) {
      if loss.name == "halfMeanSquaredError" { self = .halfSquaredError } else { self.init(rawValue: loss.name) }
    }
  }

  /// What a layer's forward pass keeps and its backward pass finds, an example in each row (notes C1, D10).
  public struct Layer: Sendable {
    /// l, from 1 on; the input is layer 0.
    public let number: Int
    /// W^[l], of shape (n^[l], n^[l−1]).
    public let weight: Tensor
    /// b^[l], of shape (n^[l]).
    public let bias: Tensor?
    /// g^[l].
    public let activation: Activation
    /// A^[l−1], of shape (m, n^[l−1]).
    public let input: Tensor
    /// Z^[l] and A^[l], of shape (m, n^[l]).
    public let z, a: Tensor
    /// The derivatives; nil without targets.
    public internal(set) var gradients: Gradients?

    /// The derivatives of each example's loss by Z^[l] and A^[l], and those of the cost by W^[l] and b^[l].
    public struct Gradients: Sendable {
      public let dZ, dA, dW: Tensor
      public let db: Tensor?
    }

    public var inputs: Int { weight.shape[1] }
    public var units: Int { weight.shape[0] }
  }

  /// One line: a matrix, and where it comes from.
  public struct Step: Sendable {
    public enum Part: String, Sendable, CaseIterable { case given, forward, cost, backward, update }
    public let part: Part
    /// The number of the layer, as the notation counts; nil for the cost.
    public let layer: Int?
    /// Such as "dW^[1]".
    public let name: String
    /// With symbols, such as "dz^[1] a^[0]ᵀ"; empty for what is given.
    public let formula: String
    /// Such as "(2×2) = (2×1)(1×2)".
    public let dimensions: String
    /// The numbers, of two axes, in the explanation's convention.
    public let matrix: Tensor
    let left: Formula
    let definition: Formula?
    /// Whether the matrix takes the place of an older one: ←.
    var isAssignment = false
  }

  /// The network, as it is written in code.
  public let network: String
  public let loss: Loss?
  public let convention: Convention
  public let notation: Notation
  /// m.
  public let exampleCount: Int
  public let layers: [Layer]
  /// The cost, with the penalty if there is one; nil without targets.
  public let cost: Double?
  /// In the order of the calculation.
  public let steps: [Step]
  /// The largest difference between the numbers and what the formulas beside them give, relative to max(1, |number|).
  public let disagreement: Double
  public let learningRate: Double?

  /// Runs the network on the examples and writes down what happens.
  /// - Parameters:
  ///   - model: dense layers with activations of single elements; the last may be a softmax if the loss is its cross-entropy.
  ///   - loss: nil, as `targets`: the forward pass alone.
  ///   - features: (examples, inputs); a vector is one example.
  ///   - targets: (examples, outputs); a vector for one output or one example; or whole numbers, the classes, for the softmax.
  ///   - layout: how `features` and `targets` lie: in rows, as everywhere in Apus, or in columns, as in the notes.
  ///   - learningRate: α of the update; nil: none.
  ///   - regularizer: added to the cost for every weight; biases are left out.
  ///   - threshold: from which output on the decision is 1 (notes A16, A17); nil: no decision.
  ///   - limit: how many parameters the network, and how many numbers the data, may have at most.
  /// - Throws: `ExplanationError` for what cannot be explained.
  public init(
    of model: Sequential, loss: Loss? = nil, features: Tensor, targets: Tensor? = nil, layout: Convention = .rows,
    learningRate: Double? = nil, regularizer: Regularizer? = nil, threshold: Double? = nil,
    convention: Convention = .columns, notation: Notation = .matrices, limit: Int = 400
  ) throws(ExplanationError) {
    let network = try ExplainedNetwork(model, loss: loss, limit: limit)
    let data = try ExplainedData(features, targets, layout: layout, network: network, limit: limit)
    let pass = try ExplainedPass(network, data, regularizer: regularizer)
    let writing = Derivation(
      pass: pass, data: data, loss: loss, convention: convention, learningRate: learningRate, regularizer: regularizer,
      threshold: threshold)
    self.network = model.description
    self.loss = data.targets == nil ? nil : loss
    self.convention = convention
    self.notation = notation
    self.learningRate = learningRate
    exampleCount = data.count
    layers = pass.layers
    cost = pass.cost
    steps = notation == .matrices ? writing.stepsOfMatrices() : writing.stepsOfDeltas()
    disagreement = steps.lazy.map(\.disagreement).max() ?? 0
  }

  /// The matrix of that name, such as "dW^[1]" or "Θ^(2)": the latest, where an update gives a name its second.
  public subscript(name: String) -> Tensor? { steps.last { $0.name == name }?.matrix }
}

/// A network or data that cannot be explained: one sentence says why.
public struct ExplanationError: Error, Hashable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

extension Explanation.Step {
  /// The largest difference of the formula's value from the matrix; places where the formula has no finite value, such as y / a for
  /// a = 0, do not count.
  fileprivate var disagreement: Double {
    guard let definition else { return 0 }
    return zip(definition.value.doubles, matrix.doubles).reduce(0) { largest, pair in
      pair.0.isFinite ? max(largest, abs(pair.0 - pair.1) / max(1, abs(pair.1))) : largest
    }
  }
}
