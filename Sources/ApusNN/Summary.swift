import ApusCore

/// A network as a table: every layer with the shape of its output and the number of its parameters.
public struct ModelSummary: Sendable, CustomStringConvertible {
  public struct Row: Sendable, Hashable {
    /// The path inside the model, such as "0" or "encoder.1".
    public let name: String
    /// The layer as it is written.
    public let layer: String
    /// With the batch axis as it was given.
    public let outputShape: Shape
    public let parameterCount: Int
  }

  public let rows: [Row]
  public let parameterCount: Int
  public let trainableCount: Int
  /// The numbers that are saved with the model but are no parameters, such as running statistics.
  public let bufferCount: Int
  private let batchExtent: Int?

  init(of model: some Layer, inputShape: Shape) throws(ShapeError) {
    var rows: [Row] = []
    if let sequential = model as? Sequential {
      var shape = inputShape
      _ = try sequential.outputShape(for: inputShape)
      for (i, layer) in sequential.layers.enumerated() {
        shape = try layer.outputShape(for: shape)
        rows.append(
          Row(name: "\(i)", layer: layer.description, outputShape: shape, parameterCount: layer.parameterCount))
      }
    } else {
      let shape = try model.outputShape(for: inputShape)
      rows = [Row(name: "", layer: model.description, outputShape: shape, parameterCount: model.parameterCount)]
    }
    self.rows = rows
    parameterCount = model.parameterCount
    trainableCount = model.parameters.filter(\.isTrainable).reduce(0) { $0 + $1.shape.elementCount }
    bufferCount = model.namedBuffers.reduce(0) { $0 + $1.buffer.shape.elementCount }
    batchExtent = inputShape.first
  }

  /// A table with aligned columns. Depth is given in both conventions of the notes (E-01).
  public var description: String {
    func shape(_ shape: Shape) -> String {
      guard shape.first == batchExtent, shape.rank > 0 else { return shape.description }
      return "(" + (["n"] + shape.dropFirst().map(String.init)).joined(separator: ", ") + ")"
    }
    let header = ["", "layer", "output", "parameters"]
    let cells = rows.map { [$0.name, $0.layer, shape($0.outputShape), grouped($0.parameterCount)] }
    let table = alignedTable([header] + cells, leading: [0, 1, 2]).split(separator: "\n").map(String.init)
    let rule = String(repeating: "-", count: table.map(\.count).max() ?? 0)
    var total = "\(grouped(parameterCount)) parameters"
    if trainableCount != parameterCount { total += ", of which \(grouped(trainableCount)) are trainable" }
    if bufferCount > 0 { total += ", and \(grouped(bufferCount)) non-trainable numbers in buffers" }
    let depth = rows.filter { $0.parameterCount > 0 }.count
    total += "; \(depth) \(depth == 1 ? "layer" : "layers") with parameters (\(depth + 1) counting the input)"
    return ([table[0], rule] + table[1...] + [rule, total]).joined(separator: "\n")
  }

  private func grouped(_ number: Int) -> String {
    var text = ""
    for (i, digit) in String(number).reversed().enumerated() {
      if i > 0 && i % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}

extension Layer {
  /// The layers with their output shapes and parameter counts, for an input of the given shape (the first axis is the
  /// batch).
  /// - Throws: `ShapeError` when the input does not fit.
  public func summary(inputShape: Shape) throws(ShapeError) -> ModelSummary {
    try ModelSummary(of: self, inputShape: inputShape)
  }
}
