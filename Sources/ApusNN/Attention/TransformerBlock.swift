import ApusCore

/// A layer of a transformer (Vaswani et al., 2017): attention and a feed-forward network, each with a normalisation, a residual connection and
/// dropout; between them, if asked for, attention to another sequence.
///
/// ```swift
/// let encoder = TransformerBlock(64, heads: 4)
/// let decoder = TransformerBlock(64, heads: 4, isCausal: true, attendsMemory: true)
/// let y = decoder(x, memory: encoder(source))
/// ```
public final class TransformerBlock: Layer {
  /// Where normalisation takes place.
  public enum NormPlacement: String, Sendable, CaseIterable {
    /// x + f(norm(x)), which trains without a warm-up (Xiong et al., 2020). The last block is followed by another normalisation.
    case before
    /// norm(x + f(x)), as in the first transformer.
    case after
  }

  public let norm: NormPlacement
  public let attentionNorm: LayerNorm
  public let attention: MultiHeadAttention
  public let memoryNorm: LayerNorm?
  /// The attention to another sequence.
  public let memoryAttention: MultiHeadAttention?
  public let feedForwardNorm: LayerNorm
  public let feedForward: FeedForward
  public let dropout: Dropout

  /// - Parameters:
  ///   - width: the extent of the last axis of x; a multiple of `heads`.
  ///   - heads: the number of heads; at least 1.
  ///   - hidden: the units inside the feed-forward network; if nil, four times the width.
  ///   - activation: that of the feed-forward network.
  ///   - isCausal: whether position i attends to the positions 0...i alone.
  ///   - attendsMemory: whether there is attention to another sequence.
  ///   - norm: where normalisation takes place.
  ///   - hasBias: whether projections have biases and normalisations shifts.
  ///   - dropout: the probability, in [0, 1), of every dropout: of attention's weights, of hidden units, and of what is added to x.
  ///   - rotaryBase: turns queries and keys by their positions; see ``MultiHeadAttention``.
  ///   - epsilon: that of the normalisations.
  ///   - weights: how all weights start; if nil, as the layers do by themselves.
  ///   - outputWeights: how the weights start whose products are added to x.
  public init(
    _ width: Int, heads: Int, hidden: Int? = nil, activation: Activation = .gelu, isCausal: Bool = false,
    attendsMemory: Bool = false, norm: NormPlacement = .before, hasBias: Bool = true, dropout: Double = 0,
    rotaryBase: Double? = nil, epsilon: Double = 1e-5, weights: Initializer? = nil, outputWeights: Initializer? = nil,
    dtype: DType = .float32
  ) {
    let isPlaceholder = weights == .placeholder
    func normalization() -> LayerNorm {
      isPlaceholder
        ? LayerNorm(placeholder: width, epsilon: epsilon, hasBeta: hasBias, dtype: dtype)
        : LayerNorm(width, epsilon: epsilon, hasBeta: hasBias, dtype: dtype)
    }
    func attention(isCausal: Bool, rotaryBase: Double?) -> MultiHeadAttention {
      MultiHeadAttention(
        width, heads: heads, isCausal: isCausal, hasBias: hasBias, dropout: dropout, rotaryBase: rotaryBase,
        weights: weights ?? .glorotUniform, outputWeights: outputWeights ?? weights ?? .glorotUniform, dtype: dtype)
    }
    self.norm = norm
    attentionNorm = normalization()
    self.attention = attention(isCausal: isCausal, rotaryBase: rotaryBase)
    memoryNorm = attendsMemory ? normalization() : nil
    memoryAttention = attendsMemory ? attention(isCausal: false, rotaryBase: nil) : nil
    feedForwardNorm = normalization()
    feedForward = FeedForward(
      width, hidden: hidden ?? 4 * width, activation: activation, hasBias: hasBias, dropout: dropout, weights: weights,
      outputWeights: outputWeights ?? weights, dtype: dtype)
    self.dropout = Dropout(dropout)
  }

  /// - Precondition: the block does not attend to another sequence.
  public func forward(_ x: Tensor) -> Tensor { body(x, nil, Masks(), nil) }

  /// What a call may be told besides x.
  private struct Masks {
    var mask, keyMask, memoryKeyMask: Tensor?
  }

  /// - Parameters:
  ///   - x: (n, t, width).
  ///   - memory: the other sequence (n, s, width), for a block that attends to one.
  ///   - mask: which keys each position of x sees; see ``MultiHeadAttention``.
  ///   - keyMask: (n, t), bool: true where a position of x is more than padding.
  ///   - memoryKeyMask: (n, s), bool: true where a position of the memory is.
  public func callAsFunction(
    _ x: Tensor, memory: Tensor?, mask: Tensor? = nil, keyMask: Tensor? = nil, memoryKeyMask: Tensor? = nil
  ) -> Tensor {
    running { body(x, memory, Masks(mask: mask, keyMask: keyMask, memoryKeyMask: memoryKeyMask), nil) }
  }

  /// The same without another sequence.
  public func callAsFunction(_ x: Tensor, mask: Tensor?, keyMask: Tensor? = nil) -> Tensor {
    running { body(x, nil, Masks(mask: mask, keyMask: keyMask), nil) }
  }

  /// The block's output for further positions `x`, after those that `cache` holds; then it holds them, too.
  public func callAsFunction(_ x: Tensor, cache: KVCache) -> Tensor { running { body(x, nil, Masks(), cache) } }

  private func body(_ x: Tensor, _ memory: Tensor?, _ masks: Masks, _ cache: KVCache?) -> Tensor {
    guard (memory == nil) == (memoryAttention == nil) else {
      let found = memory == nil ? "no memory was" : "a memory was"
      stop(ShapeError(description, "\(found) found; expected one exactly where attendsMemory is true"))
    }
    var y = residual(x, attentionNorm) { x in
      if let cache { return attention(x, cache: cache) }
      guard masks.mask != nil || masks.keyMask != nil else { return attention(x) }
      return attention(x, mask: masks.mask, keyMask: masks.keyMask)
    }
    if let memory, let memoryNorm, let memoryAttention {
      y = residual(y, memoryNorm) { memoryAttention($0, memory: memory, keyMask: masks.memoryKeyMask) }
    }
    return residual(y, feedForwardNorm) { feedForward($0) }
  }

  private func residual(_ x: Tensor, _ normalize: LayerNorm, _ function: (Tensor) -> Tensor) -> Tensor {
    switch norm {
    case .before: x + dropout(function(normalize(x)))
    case .after: normalize(x + dropout(function(x)))
    }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 3, input[2] == attention.width else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected (n, positions, \(attention.width))")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("attentionNorm", attentionNorm)
    visitor.child("attention", attention)
    visitor.child("memoryNorm", memoryNorm)
    visitor.child("memoryAttention", memoryAttention)
    visitor.child("feedForwardNorm", feedForwardNorm)
    visitor.child("feedForward", feedForward)
    visitor.child("dropout", dropout)
  }

  public var description: String {
    let activation = feedForward.up.activation
    return "TransformerBlock(\(attention.width), heads: \(attention.heads)"
      + (feedForward.hidden == 4 * attention.width ? "" : ", hidden: \(feedForward.hidden)")
      + (activation == .gelu ? "" : ", activation: \(activation)") + (attention.isCausal ? ", isCausal: true" : "")
      + (memoryAttention == nil ? "" : ", attendsMemory: true") + (norm == .before ? "" : ", norm: .after")
      + (attention.inputBias == nil ? ", hasBias: false" : "")
      + (dropout.probability == 0 ? "" : ", dropout: \(dropout.probability)")
      + (attention.rotaryBase.map { ", rotaryBase: \($0)" } ?? "")
      + (attentionNorm.epsilon == 1e-5 ? "" : ", epsilon: \(attentionNorm.epsilon)") + ")"
  }
}

extension TransformerBlock: MaskedLayer {
  /// Steps that do not count are seen by none.
  public func forward(_ x: Tensor, stepMask: Tensor) -> Tensor { body(x, nil, Masks(keyMask: stepMask), nil) }
}

extension TransformerBlock: ConfigurableLayer {
  public static var kind: String { "TransformerBlock" }

  public var configuration: LayerConfiguration {
    var result = attention.configuration
    result.kind = Self.kind
    result.settings["hidden"] = .integer(feedForward.hidden)
    result.settings["memory"] = .flag(memoryAttention != nil)
    result.settings["norm"] = .text(norm.rawValue)
    result.settings["epsilon"] = .number(attentionNorm.epsilon)
    result.set(feedForward.up.activation)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    // Its settings are those of its attention, and some more: what is wrong with them is found there, before memory is taken.
    let attention = try MultiHeadAttention(configuration: configuration)
    self.init(
      attention.width, heads: attention.heads,
      hidden: try configuration.integer("hidden", in: LayerConfiguration.extents),
      activation: try configuration.activation(), isCausal: attention.isCausal,
      attendsMemory: try configuration.flag("memory"), norm: try configuration.choice("norm"),
      hasBias: attention.inputBias != nil, dropout: attention.dropout, rotaryBase: attention.rotaryBase,
      epsilon: try configuration.positive("epsilon"), weights: .placeholder, outputWeights: .placeholder,
      dtype: attention.inputWeight.dtype)
  }
}
