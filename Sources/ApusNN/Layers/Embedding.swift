import ApusCore

/// A vector for each token: row k of a table for the whole number k.
///
/// Tokens of any shape (…) give vectors of shape (…, features). It is the same as a ``Dense`` layer without bias on one-hot vectors, but
/// reads only the rows that occur; its gradient adds up at those.
public final class Embedding: Layer {
  /// How many tokens there are: 0..<count.
  public let count: Int
  public let features: Int
  /// The token that stands for nothing: its vector is 0, and stays so; and in a `Sequential`, steps of it do not count (``MaskedLayer``).
  public let paddingIndex: Int?
  /// Of shape (count, features).
  public let weight: Parameter

  /// - Parameters:
  ///   - count: the number of tokens; at least 1.
  ///   - features: the length of a vector; at least 1.
  ///   - paddingIndex: a token whose vector is 0 and is not trained.
  ///   - weights: how vectors start.
  public init(
    _ count: Int, _ features: Int, paddingIndex: Int? = nil, weights: Initializer = .normal(standardDeviation: 1),
    dtype: DType = .float32
  ) {
    guard count > 0 && features > 0 else {
      fatalError("Embedding(\(count), \(features)): both numbers must be at least 1")
    }
    guard paddingIndex.map((0..<count).contains) ?? true else {
      fatalError("Embedding: the padding index \(paddingIndex!) is outside the \(count) tokens")
    }
    (self.count, self.features, self.paddingIndex) = (count, features, paddingIndex)
    var random = initializationStream()
    var table = weights([count, features], dtype: dtype, using: &random)
    if let paddingIndex, !table.isPlaceholder {
      table = `where`(Self.rows(count, except: paddingIndex), table, Tensor(filledWith: 0, shape: [], dtype: dtype))
    }
    weight = Parameter(table, name: "weight")
  }

  public func forward(_ tokens: Tensor) -> Tensor { embedding(tokens, table: table) }

  /// The vectors of all tokens; no gradient flows to that of the padding.
  var table: Tensor {
    let table = weight.value
    guard let paddingIndex else { return table }
    return `where`(Self.rows(count, except: paddingIndex), table, table.stopGradient())
  }

  /// A column that is true but for one row.
  private static func rows(_ count: Int, except row: Int) -> Tensor {
    (Tensor.range(0..<count) .!= Double(row)).expandingDimension(at: 1)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank < Shape.maximumRank else {
      throw ShapeError(description, "tokens of shape \(input) were found; expected fewer axes")
    }
    return try .result(Array(input) + [features], of: description, input: input)
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.parameter("weight", weight) }

  public var description: String {
    "Embedding(\(count), \(features)" + (paddingIndex.map { ", paddingIndex: \($0)" } ?? "") + ")"
  }
}
