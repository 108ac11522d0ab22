import ApusCore
import ApusNN

/// A model as a row of single layers, as far as it is one: containers of layers one after the other are opened, others are one item.
struct LayerPlan {
  struct Item {
    let path: String
    let layer: any Layer
  }

  private(set) var items: [Item] = []

  init(_ model: any Layer) { add(model, path: "") }

  private mutating func add(_ layer: any Layer, path: String) {
    guard let row = layer as? Sequential else {
      items.append(Item(path: path, layer: layer))
      return
    }
    for (i, inner) in row.layers.enumerated() { add(inner, path: path.isEmpty ? "\(i)" : "\(path).\(i)") }
  }

  /// The activation of a layer; nil for layers that have none.
  static func activation(of layer: any Layer) -> Activation? {
    (layer as? Dense)?.activation ?? (layer as? ActivationLayer)?.activation
  }

  /// Whether the layer passes numbers on in another arrangement or with some left out: it is no obstacle between two linear layers.
  static func isTransparent(_ layer: any Layer) -> Bool {
    layer is Dropout || layer is Flatten || layer is Reshape
      || (layer as? ActivationLayer).map { $0.activation == .identity } == true
  }

  /// The activation that makes the output, with its place; nil if the last layer that computes has none or is unknown.
  var head: (item: Item, activation: Activation)? {
    guard let last = items.last(where: { !($0.layer is Flatten) && !($0.layer is Reshape) && !($0.layer is Dropout) }),
      let activation = Self.activation(of: last.layer), activation != .identity
    else { return nil }
    return (last, activation)
  }

  /// Pairs of dense layers between which nothing but transparent layers and perhaps an activation stands.
  var densePairs: [(first: Item, activation: Activation, second: Item)] {
    var pairs: [(first: Item, activation: Activation, second: Item)] = []
    var open: (item: Item, activation: Activation)?
    for item in items {
      if let dense = item.layer as? Dense {
        if let open { pairs.append((open.item, open.activation, item)) }
        open = (item, dense.activation)
      } else if let layer = item.layer as? ActivationLayer, open?.activation == .identity {
        open!.activation = layer.activation
      } else if !Self.isTransparent(item.layer) {
        open = nil
      }
    }
    return pairs
  }
}

/// What shows in how the model is built.
func structureFindings(_ plan: LayerPlan, loss: Loss) -> [Finding] {
  var findings: [Finding] = []
  for (first, activation, second) in plan.densePairs where activation == .identity {
    findings.append(
      Finding(
        .linearCollapse, layer: second.path,
        "\(second.layer) follows \(first.layer) with no activation between: together they are one linear layer, "
          + "W = W₂W₁ and b = W₂b₁ + b₂; put an activation between them"))
  }
  if let (item, activation) = plan.head {
    let isProbability = ["sigmoid", "softmax"].contains(activation.name)
    if isProbability && loss.name.hasSuffix("eanSquaredError") {
      findings.append(
        Finding(
          .squaredErrorOfProbability, layer: item.path,
          "a \(activation.name) under a squared error makes a cost that is not convex, and its gradient vanishes where the "
            + "\(activation.name) is wrong and sure of it; drop the \(activation.name) and use cross-entropy, whose gradient "
            + "is a - y"))
    }
    if isProbability || activation.name == "logSoftmax", loss.name.hasSuffix("rossEntropy") {
      let inner = loss.name == "softmaxCrossEntropy" ? "softmax" : "sigmoid"
      findings.append(
        Finding(
          .appliedTwice, layer: item.path,
          "the loss \(loss.name) takes logits and applies the \(inner) itself; after the \(activation.name) of the last layer "
            + "it is applied twice: drop that"))
    }
  }
  return findings + symmetryFindings(plan)
}

/// Units that start equal, inside and outside, get equal gradients, and so stay equal for ever: together they are one unit.
private func symmetryFindings(_ plan: LayerPlan) -> [Finding] {
  plan.densePairs.compactMap { first, _, second -> Finding? in
    guard let from = first.layer as? Dense, let to = second.layer as? Dense, from.outputs > 1, from.outputs == to.inputs
    else { return nil }
    let rows = from.weight.stored.areRowsEqual && (from.bias?.stored.areRowsEqual ?? true)
    guard rows, to.weight.stored.transposed().areRowsEqual else { return nil }
    return Finding(
      .symmetricUnits, layer: first.path,
      "all \(from.outputs) units of \(from) start with equal weights, into them and out of them, so they stay equal and learn "
        + "as one; start weights at random")
  }
}

extension Tensor {
  fileprivate var areRowsEqual: Bool {
    guard rank > 0, shape[0] > 1 else { return true }
    return (self .== self[0..<1]).all().elements(as: Bool.self)[0]
  }
}
