import ApusCore
import ApusNN

/// A model as the notes see one: weights, biases and activations.
struct ExplainedNetwork {
  struct Part {
    let weight: Tensor
    let bias: Tensor?
    var activation: Activation
    /// For errors: "layer 2, Dense(3, 1)".
    let place: String
  }
  private(set) var parts: [Part] = []
  let loss: Explanation.Loss?

  init(_ model: Sequential, loss: Explanation.Loss?, limit: Int) throws(ExplanationError) {
    self.loss = loss
    guard model.parameterCount <= limit else {
      throw ExplanationError(
        "the network has \(model.parameterCount) parameters, more than anybody reads; expected at most \(limit), "
          + "unless a higher limit is asked for")
    }
    var seen: Set<Parameter> = []
    try add(model, path: "", &seen)
    guard !parts.isEmpty else { throw ExplanationError("the network has no dense layer") }
    try checkActivations()
    try checkHead()
  }

  private mutating func add(
    _ container: Sequential, path: String, _ seen: inout Set<Parameter>
  ) throws(ExplanationError) {
    for (i, layer) in container.layers.enumerated() {
      let place = "layer \(path)\(i), \(layer)"
      switch layer {
      case let inner as Sequential: try add(inner, path: "\(path)\(i).", &seen)
      case let dense as Dense:
        guard dense.parameters.allSatisfy({ seen.insert($0).inserted }) else {
          throw ExplanationError("\(place) shares its weights with another layer; expected weights of its own")
        }
        if let previous = parts.last, previous.weight.shape[0] != dense.inputs {
          throw ExplanationError(
            "\(place) has \(dense.inputs) inputs, but the layer before it has \(previous.weight.shape[0]) units")
        }
        parts.append(
          Part(
            weight: dense.weight.stored.exact, bias: dense.bias?.stored.exact, activation: dense.activation,
            place: place))
      case let layer as ActivationLayer:
        guard let last = parts.indices.last, parts[last].activation == .identity else {
          throw ExplanationError("\(place) does not follow a dense layer without an activation; expected one")
        }
        parts[last].activation = layer.activation
      case is Dropout: break  // predicts as if it were not there
      default:
        throw ExplanationError("\(place) cannot be explained; expected dense layers and activations")
      }
    }
  }

  private func checkActivations() throws(ExplanationError) {
    for (i, part) in parts.enumerated() where !part.activation.isElementwise {
      let isHead =
        i == parts.count - 1 && part.activation == .softmax && (loss ?? .softmaxCrossEntropy) == .softmaxCrossEntropy
      guard isHead else {
        throw ExplanationError(
          "\(part.place) has the activation \(part.activation); expected one of single elements, "
            + "or a softmax at the end with its cross-entropy")
      }
    }
  }

  /// Cross-entropies are of probabilities; behind logits stands what makes them.
  private mutating func checkHead() throws(ExplanationError) {
    let last = parts.count - 1
    let head: Activation
    switch loss {
    case .binaryCrossEntropy: head = .sigmoid
    case .softmaxCrossEntropy: head = .softmax
    default: return
    }
    if parts[last].activation == .identity { parts[last].activation = head }
    guard parts[last].activation == head else {
      throw ExplanationError(
        "\(parts[last].place) ends the network with \(parts[last].activation); the loss \(loss!.rawValue) expects "
          + "\(head), or logits")
    }
  }

  var inputs: Int { parts[0].weight.shape[1] }
  var outputs: Int { parts[parts.count - 1].weight.shape[0] }
}

/// Examples in rows, as float64.
struct ExplainedData {
  /// (m, n^[0]).
  let features: Tensor
  /// (m, n^[L]).
  let targets: Tensor?
  var count: Int { features.shape[0] }

  init(
    _ features: Tensor, _ targets: Tensor?, layout: Explanation.Convention, network: ExplainedNetwork, limit: Int
  ) throws(ExplanationError) {
    let x = try Self.rows(features, layout, "features")
    guard x.shape[0] > 0 else { throw ExplanationError("there are no examples") }
    guard x.shape[1] == network.inputs else {
      throw ExplanationError(
        "the features have the shape \(features.shape) with examples in \(layout.rawValue); "
          + "expected \(network.inputs) for each example")
    }
    guard x.count <= limit else {
      throw ExplanationError(
        "the examples are \(x.count) numbers, more than anybody reads; expected at most \(limit), "
          + "unless a higher limit is asked for")
    }
    guard isFinite(x).all().item == 1 else { throw ExplanationError("the features hold numbers that are not finite") }
    self.features = x
    guard let targets else {
      self.targets = nil
      return
    }
    guard let loss = network.loss else { throw ExplanationError("there are targets but no loss; expected both") }
    self.targets = try Self.outputs(targets, layout, loss, examples: x.shape[0], outputs: network.outputs)
  }

  private static func rows(
    _ data: Tensor, _ layout: Explanation.Convention, _ name: String
  ) throws(ExplanationError) -> Tensor {
    switch data.rank {
    case 1: return data.exact.reshaped([1, data.count])
    case 2: return layout == .rows ? data.exact : data.exact.transposed().dense
    default:
      throw ExplanationError("the \(name) have the shape \(data.shape); expected a matrix or a vector")
    }
  }

  private static func outputs(
    _ targets: Tensor, _ layout: Explanation.Convention, _ loss: Explanation.Loss, examples: Int, outputs: Int
  ) throws(ExplanationError) -> Tensor {
    let y: Tensor
    if loss == .softmaxCrossEntropy, targets.dtype.isInteger, targets.shape == [examples] {
      guard targets.ints.allSatisfy({ (0..<outputs).contains($0) }) else {
        throw ExplanationError("the targets are the classes \(targets.ints); expected numbers from 0 to \(outputs - 1)")
      }
      y = .oneHot(targets, classCount: outputs, dtype: .float64)
    } else if targets.rank <= 1, targets.count == examples * outputs, examples == 1 || outputs == 1 {
      y = targets.exact.reshaped([examples, outputs])
    } else {
      y = try rows(targets, layout, "targets")
    }
    guard y.shape == [examples, outputs] else {
      throw ExplanationError(
        "the targets have the shape \(targets.shape); expected \(outputs) for each of \(examples) examples")
    }
    let values = y.doubles
    guard values.allSatisfy(\.isFinite) else { throw ExplanationError("the targets hold numbers that are not finite") }
    if loss == .binaryCrossEntropy, let bad = values.first(where: { !(0...1).contains($0) }) {
      throw ExplanationError("the targets of \(loss.rawValue) are probabilities from 0 to 1; found \(bad)")
    }
    let isRowOfProbabilities = (0..<examples).allSatisfy { row in
      let part = values[row * outputs..<(row + 1) * outputs]
      return part.allSatisfy { $0 >= 0 } && abs(part.reduce(0, +) - 1) <= 1e-6
    }
    guard loss != .softmaxCrossEntropy || isRowOfProbabilities else {
      throw ExplanationError("the targets of \(loss.rawValue) are classes, or probabilities that sum to 1")
    }
    return y
  }
}

extension Tensor {
  /// In float64, not tracked.
  var exact: Tensor { stopGradient().cast(to: .float64) }
}
