import ApusCore
import ApusData
import ApusNN

/// What one pass forward and backward over a batch shows of every layer.
public struct LayerMeasurements: Sendable, CustomStringConvertible {
  public struct Reading: Sendable, Hashable {
    /// The layer's path, and how it is written.
    public let layer: String
    public let text: String
    /// Of the outputs, over examples and units.
    public let mean: Double
    public let deviation: Double
    /// The share of outputs on the flat parts of a sigmoid, a tanh or a softsign, where the slope is below a twentieth of the largest
    /// (notes G15); nil for layers without such an activation.
    public let saturatedShare: Double?
    /// Of a ReLU the units that are 0 for every example (notes G16); nil for other layers.
    public let deadUnits: Int?
    /// The units: the extent of the last axis.
    public let unitCount: Int
    /// The norm of the gradients of the layer's own parameters; nil without any, or where they are frozen.
    public let gradientNorm: Double?
    /// The root mean square of the same.
    public let gradientSize: Double?
    /// Whether the layer squeezes with sigmoids or the like.
    let isSquashing: Bool
  }

  /// In the order in which the layers ran, without containers.
  public let readings: [Reading]

  /// Runs `model` on `data`, as when predicting, and back. Nothing changes.
  public init<Model: Layer>(of model: Model, loss: Loss, on data: Dataset) {
    let (x, y) = data.batch(Array(0..<data.count))
    let (gradients, trace) = withInference {
      recordingOutputs(of: model) { model in valueWithGradient(of: model) { loss($0(x), target: y) }.gradients }
    }
    readings = trace.entries.filter { $0.layer.children.isEmpty }.map { entry in
      let output = entry.output.cast(to: .float64)
      let own = entry.layer.parameters.compactMap { gradients[$0]?.cast(to: .float64) }
      let squares = own.reduce(0) { $0 + square($1).sum().item }
      let activation = LayerPlan.activation(of: entry.layer)
      return Reading(
        layer: entry.name, text: entry.layer.description, mean: output.mean().item,
        deviation: output.standardDeviation().item, saturatedShare: activation?.saturatedShare(of: output),
        deadUnits: activation == .relu ? output.zeroColumns : nil, unitCount: output.shape.last ?? 1,
        gradientNorm: own.isEmpty ? nil : squares.squareRoot(),
        gradientSize: own.isEmpty ? nil : (squares / Double(own.reduce(0) { $0 + $1.count })).squareRoot(),
        isSquashing: activation.map { Activation.squashing.contains($0.name) } ?? false)
    }
  }

  /// How much smaller the gradients of the first layer are than those of the last with any; nil with fewer than two.
  public var gradientRatio: Double? {
    let sizes = readings.compactMap(\.gradientSize)
    guard sizes.count > 1, let first = sizes.first, let last = sizes.last, last > 0 else { return nil }
    return first / last
  }

  /// A table with a line for each layer.
  public var description: String {
    func number(_ value: Double?) -> String { value.map { $0.formatted("g", precision: 3) } ?? "" }
    let rows = readings.map { reading in
      [
        reading.layer, reading.text, number(reading.mean), number(reading.deviation),
        reading.saturatedShare.map { "\((100 * $0).formatted(precision: 1))%" } ?? "",
        reading.deadUnits.map { "\($0)/\(reading.unitCount)" } ?? "", number(reading.gradientNorm),
      ]
    }
    return alignedTable([["", "layer", "mean", "deviation", "saturated", "dead", "gradient"]] + rows, leading: [0, 1])
  }

  var findings: [Finding] {
    var findings: [Finding] = []
    for reading in readings.dropLast() {
      if let share = reading.saturatedShare, share > 0.5 {
        findings.append(
          Finding(
            .saturation, layer: reading.layer,
            "\((100 * share).formatted(precision: 0))% of the outputs of \(reading.text) lie where its activation is flat, so hardly "
              + "any gradient passes; start with smaller weights, scale the features, or use a ReLU"))
      }
      if let dead = reading.deadUnits, 2 * dead > reading.unitCount {
        findings.append(
          Finding(
            .deadUnits, layer: reading.layer,
            "\(dead) of the \(reading.unitCount) units of \(reading.text) are 0 for every example and learn nothing; lower the "
              + "learning rate, or use leakyRelu or elu"))
      }
    }
    guard let ratio = gradientRatio else { return findings }
    let named = readings.filter { $0.gradientSize != nil }
    let (first, last) = (named[0], named[named.count - 1])
    let sizes =
      "\(text(first.gradientSize!)) in layer \(first.layer), \(text(last.gradientSize!)) in layer \(last.layer)"
    if ratio < 1e-3 {
      let squashing = readings.dropLast().filter(\.isSquashing).count
      let bound = (0..<squashing).reduce(1.0) { value, _ in value / 4 }
      let why =
        squashing > 0
        ? "; every sigmoid on the way multiplies by a slope of at most 1/4, \(squashing) of them by at most \(text(bound))"
        : ""
      findings.append(
        Finding(
          .vanishingGradient, layer: first.layer,
          "the gradients vanish on their way to the first layer (\(sizes))\(why); use ReLUs, suitable initial weights, "
            + "normalisation or shortcuts"))
    } else if ratio > 1e3 {
      findings.append(
        Finding(
          .explodingGradient, layer: first.layer,
          "the gradients grow on their way to the first layer (\(sizes)); use smaller initial weights, normalisation, or clip them"
        ))
    }
    return findings
  }
}

extension Activation {
  fileprivate static let squashing: Set<String> = ["sigmoid", "tanh", "softsign", "hardSigmoid", "hardTanh"]

  /// The share of outputs where the slope is below a twentieth of the largest; nil for activations that do not flatten at both ends.
  fileprivate func saturatedShare(of output: Tensor) -> Double? {
    // The slopes by the outputs: σ' = a (1 − a), at most 1/4; tanh' = 1 − a²; softsign' = (1 − |a|)².
    let slopes: Tensor
    switch name {
    case "sigmoid": slopes = 4 * output * (1 - output)
    case "tanh": slopes = 1 - output * output
    case "softsign": slopes = square(1 - abs(output))
    case "hardSigmoid": slopes = ((output .> 0) .& (output .< 1)).cast(to: .float64)
    case "hardTanh": slopes = ((output .> -1) .& (output .< 1)).cast(to: .float64)
    default: return nil
    }
    return output.count > 0 ? (slopes .< 0.05).cast(to: .float64).mean().item : nil
  }
}

extension Tensor {
  /// How many positions of the last axis are 0 everywhere.
  fileprivate var zeroColumns: Int {
    guard let last = shape.last, last > 0 else { return 0 }
    return reshaped([-1, last]).max(axes: [0]).doubles.filter { $0 <= 0 }.count
  }
}
