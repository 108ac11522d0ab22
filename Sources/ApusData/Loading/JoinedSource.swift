import ApusCore

/// Several sources of the same examples as one, such as a picture and a row of a table for each: for models of several inputs.
///
/// ```swift
/// let source = try JoinedSource([pictures, table])
/// try trainer.fit(DataLoader(source, batchSize: 64), epochs: 10)
/// ```
/// The features are one row (n, Σ sizes) for each example, float32, in which the sources' features stand side by side, each
/// flattened: what a functional model takes. Whole numbers up to 2²⁴ stay exact.
public struct JoinedSource: ExampleSource {
  public let name: String
  public let count: Int
  public let featureType: TensorType
  public let targetType: TensorType
  public let kind: Dataset.Targets
  private let sources: [any ExampleSource]
  private let joinsTargets: Bool

  /// - Parameters:
  ///   - sources: in the order of the model's inputs; all of the same number of examples.
  ///   - joinsTargets: whether the targets of all stand side by side likewise, for a model of several outputs; otherwise those of the first
  ///     are the targets.
  /// - Throws: `DatasetError` if the sources do not have the same number of examples.
  public init(_ sources: [any ExampleSource], joinsTargets: Bool = false) throws(DatasetError) {
    guard let first = sources.first else { throw DatasetError("there are no sources to join") }
    if let other = sources.first(where: { $0.count != first.count }) {
      throw DatasetError(
        "\(first.name) has \(first.count) examples, \(other.name) has \(other.count); joined sources need as many")
    }
    self.sources = sources
    self.joinsTargets = joinsTargets
    name = sources.map(\.name).joined(separator: " + ")
    count = first.count
    func width(_ types: [TensorType]) -> Int { types.reduce(0) { $0 + $1.shape.elementCount } }
    featureType = TensorType([width(sources.map(\.featureType))], .float32)
    guard joinsTargets else {
      (targetType, kind) = (first.targetType, first.kind)
      return
    }
    let types = sources.map(\.targetType)
    targetType = TensorType([width(types)], .float32)
    kind = .numbers(
      zip(sources, types).flatMap { source, type in Array(repeating: source.name, count: type.shape.elementCount) })
  }

  public func batch(_ indices: [Int]) throws -> Batch {
    let parts = try sources.map { try $0.batch(indices) }
    let features = Self.sideBySide(parts.map(\.features), rows: indices.count)
    return (features, joinsTargets ? Self.sideBySide(parts.map(\.targets), rows: indices.count) : parts[0].targets)
  }

  /// By plain loops: the threads that operations share are at work for the training.
  private static func sideBySide(_ tensors: [Tensor], rows: Int) -> Tensor {
    let widths = tensors.map { rows > 0 ? $0.count / rows : 0 }
    let total = widths.reduce(0, +)
    var values = [Float](repeating: 0, count: rows * total)
    var start = 0
    for (tensor, width) in zip(tensors, widths) {
      let elements = tensor.floats
      for row in 0..<rows {
        for column in 0..<width { values[row * total + start + column] = elements[row * width + column] }
      }
      start += width
    }
    return Tensor(values, shape: [rows, total])
  }
}
