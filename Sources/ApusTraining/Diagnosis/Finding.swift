import ApusCore
import ApusData
import ApusNN

/// Something about a model, its data or its training that is probably wrong, in one sentence.
public struct Finding: Sendable, Hashable, CustomStringConvertible {
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// Two linear layers with nothing between them (notes G14).
    case linearCollapse
    /// A sigmoid or softmax at the end, and a squared error (notes C12, E-11).
    case squaredErrorOfProbability
    /// Softmax or sigmoid at the end, and a loss that applies it once more.
    case appliedTwice
    /// Targets that the last activation cannot reach (notes G13).
    case unreachableTargets
    /// Units of a hidden layer that are equal and stay equal (notes H3).
    case symmetricUnits
    /// A feature much larger than the network is made for.
    case unscaledFeatures
    /// Units on the flat parts of their activation (notes G15, H4).
    case saturation
    /// Units of a ReLU that are 0 for every example (notes G16).
    case deadUnits
    /// Gradients that become ever smaller towards the first layer (notes H5).
    case vanishingGradient
    /// Gradients that become ever larger towards the first layer.
    case explodingGradient
    /// A loss that has hardly moved (N-22).
    case plateau
    /// Training and validation loss apart (notes I1, P4).
    case overfitting
  }

  public let kind: Kind
  /// The path of the layer that it is about, as in the names of parameters; nil if it is about the whole.
  public let layer: String?
  /// What was found, why it matters and what helps.
  public let sentence: String

  init(_ kind: Kind, layer: String? = nil, _ sentence: String) {
    self.kind = kind
    self.layer = layer
    self.sentence = sentence
  }

  public var description: String { (layer.map { "layer \($0): " } ?? "") + sentence }
}

/// What can be seen of a model, its loss and its data before any training, and in one pass over a batch.
///
/// ```swift
/// for finding in diagnose(model, loss: .meanSquaredError, data: train) { print(finding) }
/// ```
/// - Parameters:
///   - data: what the model is to be trained on; nil: only what needs no data is looked at. The first rows are measured.
///   - measuredCount: how many rows are measured.
/// - Returns: the findings about the build first, then those about the data, then what was measured.
public func diagnose<Model: Layer>(
  _ model: Model, loss: Loss, data: Dataset? = nil, measuredCount: Int = 256
) -> [Finding] {
  let plan = LayerPlan(model)
  var findings = structureFindings(plan, loss: loss)
  guard let data, data.count > 0 else { return findings }
  findings += dataFindings(plan, data: data)
  let rows = data.selecting(Array(0..<min(measuredCount, data.count)))
  return findings + LayerMeasurements(of: model, loss: loss, on: rows).findings
}
