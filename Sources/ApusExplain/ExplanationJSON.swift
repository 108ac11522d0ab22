import ApusCore
import ApusFiles

extension Explanation {
  /// For other programs: the network, the conventions, the cost, and every step with its formula and its numbers, row by row.
  public var json: JSON {
    [
      "network": .string(network), "notation": .string(notation.rawValue), "convention": .string(convention.rawValue),
      "loss": loss.map { .string($0.rawValue) } ?? .null, "examples": .integer(exampleCount),
      "layers": .integer(layers.count), "layers_with_input": .integer(layers.count + 1),
      "learning_rate": learningRate.map { .number($0) } ?? .null, "cost": cost.map { .number($0) } ?? .null,
      "disagreement": .number(disagreement), "steps": .array(steps.map(\.json)),
    ]
  }
}

extension Explanation.Step {
  fileprivate var json: JSON {
    [
      "part": .string(part.rawValue), "layer": layer.map { .integer($0) } ?? .null, "name": .string(name),
      "formula": .string(formula), "dimensions": .string(dimensions), "rows": .integer(matrix.shape[0]),
      "columns": .integer(matrix.shape[1]), "values": .array(matrix.doubles.map { .number($0) }),
    ]
  }
}
