import ApusCore
import ApusData
import ApusNN

/// What shows in the data beside the model.
func dataFindings(_ plan: LayerPlan, data: Dataset) -> [Finding] {
  var findings: [Finding] = []
  if case .numbers = data.kind, let (item, activation) = plan.head,
    let range = reachableRange[activation.name], data.targets.dtype.isFloatingPoint, data.targets.count > 0
  {
    let (low, high) = (data.targets.min().item, data.targets.max().item)
    if low < range.lowerBound || high > range.upperBound {
      let (reach, end) = (
        range.upperBound == .infinity ? "at least 0" : "\(text(range.lowerBound)) to \(text(range.upperBound))",
        plan.items.last!.path
      )
      findings.append(
        Finding(
          .unreachableTargets, layer: item.path == "" ? nil : item.path,
          "the \(activation.name) at the end\(end == item.path ? "" : " of the model") gives \(reach), but targets go from "
            + "\(text(low)) to \(text(high)): no training reaches those; drop it, or scale the targets"))
    }
  }
  return findings + scaleFindings(data)
}

/// What activations can put out, where that is limited.
private let reachableRange: [String: ClosedRange<Double>] = [
  "relu": 0...Double.infinity, "softplus": 0...Double.infinity, "sigmoid": 0...1, "softmax": 0...1,
  "hardSigmoid": 0...1, "tanh": -1...1, "softsign": -1...1, "relu6": 0...6, "hardTanh": -1...1,
]

/// A feature whose root mean square is so many times what initial weights are made for, 1.
private let largestScale = 30.0

private func scaleFindings(_ data: Dataset) -> [Finding] {
  guard data.features.rank == 2, data.features.dtype.isFloatingPoint, data.features.shape[1] > 0 else { return [] }
  let scales = (square(data.features.cast(to: .float64)).mean(axes: [0])).doubles.map { $0.squareRoot() }
  let large = scales.indices.filter { scales[$0] > largestScale }
  guard let worst = large.max(by: { scales[$0] < scales[$1] }) else { return [] }
  let name = data.featureNames.indices.contains(worst) ? "'\(data.featureNames[worst])'" : "number \(worst)"
  let least = scales.min()!
  let range = least < scales[worst] / 10 ? ", and \(text(least)) the smallest" : ""
  let others = large.count > 1 ? " (and \(large.count - 1) more)" : ""
  return [
    Finding(
      .unscaledFeatures,
      "the feature \(name)\(others) is about \(text(scales[worst])) large\(range): weights start for "
        + "features around 1, and one learning rate does not suit all; standardize the features")
  ]
}

/// A number for a sentence.
func text(_ value: Double) -> String { value.formatted("g", precision: 4) }
