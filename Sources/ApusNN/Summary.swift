import ApusCore

/// A network as a table: every layer with the shape of its output and the number of its parameters.
public struct ModelSummary: Sendable, CustomStringConvertible {
  public struct Row: Sendable, Hashable {
    /// The path inside the model, such as "0" or "encoder.1".
    public let name: String
    /// The layer as it is written; of a container, its type.
    public let layer: String
    /// How many containers it stands in, the model itself not counted.
    public var depth = 0
    /// Whether the rows of the layers inside follow.
    public var isContainer = false
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
    // A wrong shape is reported from the outermost layer on.
    _ = try model.outputShape(for: inputShape)
    var rows: [Row] = []
    if let composite = model as? any CompositeLayer {
      for part in try composite.parts(for: inputShape) { try Self.add(part, depth: 0, prefix: "", to: &rows) }
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

  /// The row of a layer; under that of a container, those of the layers inside.
  private static func add(
    _ part: (name: String, layer: any Layer, input: Shape), depth: Int, prefix: String, to rows: inout [Row]
  ) throws(ShapeError) {
    let (name, layer) = (prefix + part.name, part.layer)
    let composite = layer as? any CompositeLayer
    rows.append(
      Row(
        name: name, layer: composite == nil ? layer.description : "\(Swift.type(of: layer))", depth: depth,
        isContainer: composite != nil, outputShape: try layer.outputShape(for: part.input),
        parameterCount: layer.parameterCount))
    guard let composite else { return }
    for inner in try composite.parts(for: part.input) {
      try add(inner, depth: depth + 1, prefix: name + ".", to: &rows)
    }
  }

  /// A table with aligned columns; layers inside a container are indented under it, whose parameters are theirs. Depth is given in both conventions of the notes (E-01).
  public var description: String {
    func shape(_ shape: Shape) -> String {
      guard shape.first == batchExtent, shape.rank > 0 else { return shape.description }
      return "(" + (["n"] + shape.dropFirst().map(String.init)).joined(separator: ", ") + ")"
    }
    let header = ["", "layer", "output", "parameters"]
    let cells = rows.map { row in
      let indentation = String(repeating: "  ", count: row.depth)
      return [
        row.name, indentation + row.layer, shape(row.outputShape), row.isContainer ? "" : grouped(row.parameterCount),
      ]
    }
    let table = alignedTable([header] + cells, leading: [0, 1, 2]).split(separator: "\n").map(String.init)
    let rule = String(repeating: "-", count: table.map(\.count).max() ?? 0)
    var total = "\(grouped(parameterCount)) parameters"
    if trainableCount != parameterCount { total += ", of which \(grouped(trainableCount)) are trainable" }
    if bufferCount > 0 { total += ", and \(grouped(bufferCount)) non-trainable numbers in buffers" }
    let depth = rows.filter { $0.parameterCount > 0 && !$0.isContainer }.count
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
