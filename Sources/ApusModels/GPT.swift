import ApusCore
import ApusNN

/// A decoder-only transformer that predicts the next token (Radford et al., 2019): token and position embeddings, pre-norm blocks with causal
/// attention, a last normalisation, and logits for every token of the vocabulary.
///
/// ```swift
/// let model = GPT(vocabulary: 65, context: 64, blocks: 4, heads: 4, width: 128)
/// let logits = model(tokens)  // int32 (n, t) to (n, t, 65)
/// ```
/// Weights start as GPT-2's: normal with deviation 0.02, those whose products are added to the residual stream divided by √(2 blocks).
public final class GPT: Layer {
  /// The number of different tokens.
  public let vocabulary: Int
  /// The largest number of positions.
  public let context: Int
  public let width: Int
  /// Whether the logits are inner products with the token embeddings.
  public var isTied: Bool { head == nil }
  /// A row for every token, of shape (vocabulary, width).
  public let tokens: Parameter
  /// A row for every position, of shape (context, width).
  public let positions: LearnedPositions
  public let dropout: Dropout
  public let blocks: [TransformerBlock]
  public let norm: LayerNorm
  public let head: Dense?
  /// Whether blocks keep only their inputs for the gradient.
  public let isCheckpointed: Bool

  /// - Parameters:
  ///   - vocabulary: the number of different tokens; at least 1.
  ///   - context: the largest number of positions; at least 1.
  ///   - blocks: the number of blocks.
  ///   - heads: the heads of every block's attention.
  ///   - width: the extent of the residual stream; a multiple of `heads`.
  ///   - isTied: whether the logits are inner products with the token embeddings, without a matrix of their own.
  ///   - hasBias: whether projections have biases and normalisations shifts.
  ///   - dropout: the probability, in [0, 1), of every dropout.
  ///   - isCheckpointed: whether blocks keep only their inputs for the gradient, and compute what is inside once more when it gets
  ///     there: the memory of one block instead of all for a second forward pass, and the same bits.
  public convenience init(
    vocabulary: Int, context: Int, blocks: Int, heads: Int, width: Int, isTied: Bool = true, hasBias: Bool = false,
    dropout: Double = 0, isCheckpointed: Bool = false, dtype: DType = .float32
  ) {
    self.init(
      vocabulary: vocabulary, context: context, blocks: blocks, heads: heads, width: width, isTied: isTied,
      hasBias: hasBias, dropout: dropout, isCheckpointed: isCheckpointed, isPlaceholder: false, dtype: dtype)
  }

  private init(
    vocabulary: Int, context: Int, blocks: Int, heads: Int, width: Int, isTied: Bool, hasBias: Bool, dropout: Double,
    isCheckpointed: Bool, isPlaceholder: Bool, dtype: DType
  ) {
    guard vocabulary > 0, context > 0, blocks >= 0, width > 0 else {
      fatalError("GPT: vocabulary \(vocabulary), context \(context) and width \(width) must be at least 1")
    }
    self.vocabulary = vocabulary
    self.context = context
    self.width = width
    self.isCheckpointed = isCheckpointed
    let small: Initializer = isPlaceholder ? .placeholder : .normal(standardDeviation: 0.02)
    let residual: Initializer =
      isPlaceholder ? .placeholder : .normal(standardDeviation: 0.02 / Double(max(1, 2 * blocks)).squareRoot())
    var random = initializationStream()
    tokens = Parameter(small([vocabulary, width], dtype: dtype, using: &random), name: "tokens")
    positions = LearnedPositions(context, width, weights: small, dtype: dtype)
    self.dropout = Dropout(dropout)
    self.blocks = (0..<blocks).map { _ in
      TransformerBlock(
        width, heads: heads, isCausal: true, hasBias: hasBias, dropout: dropout, weights: small,
        outputWeights: residual, dtype: dtype)
    }
    norm =
      isPlaceholder
      ? LayerNorm(placeholder: width, epsilon: 1e-5, hasBeta: hasBias, dtype: dtype)
      : LayerNorm(width, hasBeta: hasBias, dtype: dtype)
    head = isTied ? nil : Dense(width, vocabulary, hasBias: false, weights: small, dtype: dtype)
  }

  /// `x`: the tokens' numbers, int32 or int64 (n, t) with t at most the context, to logits (n, t, vocabulary).
  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    var y = dropout(positions(tokens.value.gathering(x)))
    for block in blocks { y = isCheckpointed ? checkpoint(block, y) : block(y) }
    return logits(y)
  }

  /// The logits for the residual stream `y` after the last block.
  private func logits(_ y: Tensor) -> Tensor {
    let y = norm(y)
    return head?(y) ?? linear(y, weight: tokens.value)
  }

  /// The logits (n, vocabulary) after the last of further tokens (n, t), which come after those that the caches hold.
  func nextLogits(_ x: Tensor, _ caches: [KVCache]) -> Tensor {
    running {
      var y = positions(tokens.value.gathering(x), from: caches.first?.count ?? 0)
      for (block, cache) in zip(blocks, caches) { y = block(y, cache: cache) }
      return logits(y.sliced(.from(-1), axis: 1)).squeezed(1)
    }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 2, input[1] <= context else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected the tokens' numbers (n, up to \(context))")
    }
    return [input[0], input[1], vocabulary]
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("tokens", tokens)
    visitor.child("positions", positions)
    visitor.child("dropout", dropout)
    for (i, block) in blocks.enumerated() { visitor.child("blocks.\(i)", block) }
    visitor.child("norm", norm)
    visitor.child("head", head)
  }

  public var description: String {
    "GPT(vocabulary: \(vocabulary), context: \(context), blocks: \(blocks.count), "
      + "heads: \(heads), width: \(width)" + (isTied ? "" : ", isTied: false") + (hasBias ? ", hasBias: true" : "")
      + (dropout.probability == 0 ? "" : ", dropout: \(dropout.probability)")
      + (isCheckpointed ? ", isCheckpointed: true" : "") + ")"
  }

  private var heads: Int { blocks.first?.attention.heads ?? 1 }
  private var hasBias: Bool { norm.beta != nil }
}

extension GPT: ConfigurableLayer {
  public static var kind: String { "GPT" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: [
        "vocabulary": .integer(vocabulary), "context": .integer(context), "blocks": .integer(blocks.count),
        "heads": .integer(heads), "width": .integer(width), "tied": .flag(isTied), "bias": .flag(hasBias),
        "dropout": .number(dropout.probability),
      ])
    if isCheckpointed { result.settings["checkpointed"] = .flag(true) }
    result.set(tokens.dtype)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let width = try configuration.integer("width", in: LayerConfiguration.extents)
    let heads = try configuration.integer("heads", in: 1...width)
    guard width % heads == 0 else {
      throw ConfigurationError("GPT: the width \(width) is not a multiple of the \(heads) heads")
    }
    self.init(
      vocabulary: try configuration.integer("vocabulary", in: LayerConfiguration.extents),
      context: try configuration.integer("context", in: LayerConfiguration.extents),
      blocks: try configuration.integer("blocks", in: 0...4096), heads: heads, width: width,
      isTied: try configuration.flag("tied"), hasBias: try configuration.flag("bias"),
      dropout: try configuration.dropProbability("dropout"), isCheckpointed: try configuration.isCheckpointed,
      isPlaceholder: true,
      dtype: try configuration.floatingPointType())
  }
}

extension LayerRegistry {
  /// Apus' own layers and models.
  public static let models: LayerRegistry = {
    var registry = LayerRegistry.standard
    registry.register(GPT.self)
    registry.register(RecurrentLanguageModel.self)
    registry.register(Autoencoder.self)
    registry.register(VariationalAutoencoder.self)
    registry.register(GAN.self)
    return registry
  }()
}
