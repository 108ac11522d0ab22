import ApusCore
import ApusNN

/// A recurrent network that predicts the next token (notes M3, M4): embedding, LSTM or GRU, dropout, and logits for every token of the
/// vocabulary at every position.
///
/// ```swift
/// let model = RecurrentLanguageModel(.lstm, vocabulary: 65, features: 128, units: 256, dropout: 0.2)
/// let logits = model(tokens)  // int32 (n, t) to (n, t, 65)
/// ```
public final class RecurrentLanguageModel: Layer {
  public enum Cell: String, Sendable, CaseIterable { case lstm, gru }

  /// What the model remembers of a text: a tensor for every kind of memory, (layers, n, units).
  public typealias Memory = [Tensor]

  public let cell: Cell
  public let embedding: Embedding
  private let lstm: LSTM?
  private let gru: GRU?
  public let dropout: Dropout
  public let head: Dense
  private let layers: Int

  /// - Parameters:
  ///   - vocabulary: the number of different tokens; at least 1.
  ///   - features: the numbers of a token's embedding.
  ///   - units: those of every recurrent layer.
  ///   - layers: the recurrent layers on top of each other.
  ///   - dropout: the probability, in [0, 1), to drop an output of a recurrent layer.
  public convenience init(
    _ cell: Cell, vocabulary: Int, features: Int = 128, units: Int = 256, layers: Int = 1, dropout: Double = 0
  ) {
    self.init(cell, vocabulary, features, units, layers, dropout, weights: nil)
  }

  private init(
    _ cell: Cell, _ vocabulary: Int, _ features: Int, _ units: Int, _ layers: Int, _ dropout: Double,
    weights: Initializer?
  ) {
    self.cell = cell
    self.layers = layers
    embedding = Embedding(vocabulary, features, weights: weights ?? .normal(standardDeviation: 1))
    lstm = cell == .lstm ? LSTM(features, units, layers: layers, dropout: dropout, weights: weights) : nil
    gru = cell == .gru ? GRU(features, units, layers: layers, dropout: dropout, weights: weights) : nil
    self.dropout = Dropout(dropout)
    head = Dense(units, vocabulary, weights: weights, biases: weights ?? .zeros)
  }

  /// The logits (n, t, vocabulary) of tokens (n, t), and what is remembered after them.
  public func logits(_ tokens: Tensor, memory: Memory?) -> (logits: Tensor, memory: Memory) {
    running(\.logits) { run(tokens, memory) }
  }

  private func run(_ tokens: Tensor, _ memory: Memory?) -> (logits: Tensor, memory: Memory) {
    let x = embedding(tokens)
    if let lstm {
      let (h, state) = lstm(x, state: memory.map { LSTMState(hidden: $0[0], cell: $0[1]) })
      return (head(dropout(h)), [state.hidden, state.cell])
    }
    let (h, state) = gru!(x, state: memory?[0])
    return (head(dropout(h)), [state])
  }

  /// What is remembered at the beginning of `count` texts: zeros.
  public func emptyMemory(_ count: Int) -> Memory {
    let zeros = Tensor.zeros([layers, count, head.inputs], dtype: head.weight.dtype)
    return Array(repeating: zeros, count: cell == .lstm ? 2 : 1)
  }

  public func forward(_ x: Tensor) -> Tensor { run(x, nil).logits }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let features = try embedding.outputShape(for: input)
    let layer: any Layer = if let lstm { lstm } else { gru! }
    return try head.outputShape(for: layer.outputShape(for: features))
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("embedding", embedding)
    visitor.child("lstm", lstm)
    visitor.child("gru", gru)
    visitor.child("dropout", dropout)
    visitor.child("head", head)
  }

  public var description: String {
    "RecurrentLanguageModel(.\(cell), vocabulary: \(head.outputs), features: \(embedding.features), "
      + "units: \(head.inputs)" + (layers == 1 ? "" : ", layers: \(layers)")
      + (dropout.probability == 0 ? "" : ", dropout: \(dropout.probability)") + ")"
  }
}

extension RecurrentLanguageModel: TokenModel {
  public func logits(after tokens: Tensor, state: Memory?) -> (logits: Tensor, state: Memory) {
    let (all, memory) = logits(tokens, memory: state)
    return (all[.all, -1], memory)
  }
}

extension RecurrentLanguageModel: ConfigurableLayer {
  public static var kind: String { "RecurrentLanguageModel" }

  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind,
      settings: [
        "cell": .text(cell.rawValue), "vocabulary": .integer(head.outputs), "features": .integer(embedding.features),
        "units": .integer(head.inputs), "layers": .integer(layers), "dropout": .number(dropout.probability),
      ])
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.choice("cell"), try configuration.integer("vocabulary", in: LayerConfiguration.extents),
      try configuration.integer("features", in: LayerConfiguration.extents),
      try configuration.integer("units", in: LayerConfiguration.extents),
      try configuration.integer("layers", in: 1...64), try configuration.dropProbability("dropout"),
      weights: .placeholder)
  }
}
