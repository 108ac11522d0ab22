import ApusCore

/// Multi-head attention (Vaswani et al., 2017): queries, keys and values are projections of the input, cut into heads of equal width, which
/// attend by themselves; their results side by side are projected once more.
///
/// ```swift
/// let attention = MultiHeadAttention(128, heads: 4, isCausal: true)
/// let y = attention(x)                                  // of x (n, t, 128) to itself
/// let z = attention(x, memory: encoded, keyMask: mask)  // of x to another sequence
/// ```
/// The three projections are one matrix, rows 0 ..< width for the queries, then the keys, then the values: PyTorch's `in_proj_weight`.
public final class MultiHeadAttention: Layer {
  /// The extent of the last axis of x and of the result.
  public let width: Int
  public let heads: Int
  /// Whether position i attends to the positions 0...i alone.
  public let isCausal: Bool
  /// The probability that a weight is dropped while training.
  public let dropout: Double
  /// The base of rotary positions; nil without them.
  public let rotaryBase: Double?
  /// The projections to queries, keys and values, of shape (3 width, width).
  public let inputWeight: Parameter
  /// Their biases, of shape (3 width).
  public let inputBias: Parameter?
  /// The projection of the heads' results.
  public let output: Dense

  var headWidth: Int { width / heads }

  /// - Parameters:
  ///   - width: the extent of the last axis of x; a multiple of `heads`.
  ///   - heads: the number of heads; at least 1.
  ///   - isCausal: whether position i attends to the positions 0...i alone.
  ///   - hasBias: whether the projections have biases.
  ///   - dropout: the probability, in [0, 1), that a weight is dropped while training.
  ///   - rotaryBase: turns queries and keys by their positions (``rotaryEmbedding(_:from:base:)``); usually 10,000. The heads' width is even then.
  ///   - weights: how the input projections start.
  ///   - outputWeights: how the output projection starts.
  public init(
    _ width: Int, heads: Int, isCausal: Bool = false, hasBias: Bool = true, dropout: Double = 0,
    rotaryBase: Double? = nil, weights: Initializer = .glorotUniform, outputWeights: Initializer = .glorotUniform,
    dtype: DType = .float32
  ) {
    if let problem = Self.problem(width, heads, dropout, rotaryBase) {
      fatalError("MultiHeadAttention(\(width), heads: \(heads)): \(problem)")
    }
    self.width = width
    self.heads = heads
    self.isCausal = isCausal
    self.dropout = dropout
    self.rotaryBase = rotaryBase
    var random = initializationStream()
    inputWeight = Parameter(weights([3 * width, width], dtype: dtype, using: &random), name: "inputWeight")
    let zeros = weights == .placeholder ? Initializer.placeholder : .zeros
    inputBias = hasBias ? Parameter(zeros([3 * width], dtype: dtype, using: &random), name: "inputBias") : nil
    output = Dense(width, width, hasBias: hasBias, weights: outputWeights, biases: zeros, dtype: dtype)
  }

  /// What is wrong with the settings.
  private static func problem(_ width: Int, _ heads: Int, _ dropout: Double, _ rotaryBase: Double?) -> String? {
    if heads < 1 || width < 1 || width % heads != 0 { return "the width must be a multiple of at least 1 head" }
    if !(dropout >= 0 && dropout < 1) { return "the dropout \(dropout) must be at least 0 and less than 1" }
    guard let rotaryBase else { return nil }
    if width / heads % 2 != 0 { return "rotary positions need heads of even width, not \(width / heads)" }
    return rotaryBase > 1 && rotaryBase.isFinite ? nil : "the rotary base \(rotaryBase) must be greater than 1"
  }

  public func forward(_ x: Tensor) -> Tensor { attend(x, nil, mask: nil, keyMask: nil, cache: nil) }

  /// The attention of `x` (n, t, width) to itself under a mask.
  /// - Parameters:
  ///   - mask: (t, t), (n, t, t) or (n, heads, t, t): bool, true where a key is seen, or numbers to add to the scores.
  ///   - keyMask: (n, t), bool: true where a position is more than padding.
  public func callAsFunction(_ x: Tensor, mask: Tensor?, keyMask: Tensor? = nil) -> Tensor {
    running { attend(x, nil, mask: mask, keyMask: keyMask, cache: nil) }
  }

  /// The attention of `x` (n, t, width) to itself, where some positions are padding: `keyMask` (n, t), bool, is true for the others.
  public func callAsFunction(_ x: Tensor, keyMask: Tensor) -> Tensor {
    running { attend(x, nil, mask: nil, keyMask: keyMask, cache: nil) }
  }

  /// The attention of `x` (n, t, width) to `memory` (n, s, width), from which keys and values are taken.
  /// - Parameters:
  ///   - mask: (t, s), (n, t, s) or (n, heads, t, s): bool, true where a key is seen, or numbers to add to the scores.
  ///   - keyMask: (n, s), bool: true where a position of the memory is more than padding.
  public func callAsFunction(_ x: Tensor, memory: Tensor, mask: Tensor? = nil, keyMask: Tensor? = nil) -> Tensor {
    running { attend(x, memory, mask: mask, keyMask: keyMask, cache: nil) }
  }

  /// The attention of new positions `x` (n, t, width) to themselves and to all that `cache` holds; then it holds them, too.
  /// - Precondition: the layer is causal, and no gradient is asked for.
  public func callAsFunction(_ x: Tensor, cache: KVCache) -> Tensor {
    running { attend(x, nil, mask: nil, keyMask: nil, cache: cache) }
  }

  private func attend(
    _ x: Tensor, _ memory: Tensor?, mask: Tensor?, keyMask: Tensor?, cache: KVCache?
  ) -> Tensor {
    do throws(ShapeError) {
      _ = try outputShape(for: x.shape)
      if let memory, memory.rank != 3 || memory.shape[0] != x.shape[0] || memory.shape[2] != width {
        throw ShapeError(
          description, "a memory of shape \(memory.shape) was found; expected (\(x.shape[0]), …, \(width))")
      }
    } catch { stop(error) }
    let (n, queries) = (x.shape[0], x.shape[1])
    let keys = memory?.shape[1] ?? queries
    let mask = combined(mask, keyMask, n, queries, keys, x.dtype)
    let scale = 1 / Double(headWidth).squareRoot()
    let offset = isCausal ? cache?.count ?? 0 : nil
    let y: Tensor
    if memory == nil && rotaryBase == nil && cache == nil {
      let packed = linear(x, weight: inputWeight.value, bias: inputBias?.value)
      y = attention(
        packed: packed.reshaped([n, queries, 3, heads, headWidth]), mask: mask, causalOffset: offset, scale: scale,
        dropout: dropout)
    } else {
      var (q, k, v) = projections(x, memory)
      if let rotaryBase {
        q = rotaryEmbedding(q, from: cache?.count ?? 0, base: rotaryBase)
        k = rotaryEmbedding(k, from: cache?.count ?? 0, base: rotaryBase)
      }
      if let cache {
        guard isCausal else {
          stop(ShapeError(description, "a cache was given; expected one only where attention is causal"))
        }
        (k, v) = cache.append(k, v)
      }
      y = attention(q, k, v, mask: mask, causalOffset: offset, scale: scale, dropout: dropout)
    }
    return output(y.reshaped([n, queries, width]))
  }

  /// Queries of `x`, keys and values of `memory` or else of `x`: (n, positions, heads, head width).
  private func projections(_ x: Tensor, _ memory: Tensor?) -> (q: Tensor, k: Tensor, v: Tensor) {
    func cut(_ y: Tensor, _ count: Int) -> [Tensor] {
      let parts = y.reshaped([y.shape[0], y.shape[1], count, heads, headWidth])
      return (0..<count).map { parts[.all, .all, $0] }
    }
    guard let memory else {
      let all = cut(linear(x, weight: inputWeight.value, bias: inputBias?.value), 3)
      return (all[0], all[1], all[2])
    }
    let (weight, bias) = (inputWeight.value, inputBias?.value)
    let q = cut(linear(x, weight: weight[0..<width], bias: bias?[0..<width]), 1)
    let rest = cut(linear(memory, weight: weight[width...], bias: bias?[width...]), 2)
    return (q[0], rest[0], rest[1])
  }

  /// Both masks as one that broadcasts to (n, heads, queries, keys).
  private func combined(
    _ mask: Tensor?, _ keyMask: Tensor?, _ n: Int, _ queries: Int, _ keys: Int, _ dtype: DType
  ) -> Tensor? {
    var full = mask
    if let mask {
      if mask.rank == 3 { full = mask.expandingDimension(at: 1) }
      requireMask(full!, [n, heads, queries, keys], dtype, description)
    }
    guard let keyMask else { return full }
    guard keyMask.type == TensorType([n, keys], .bool) else {
      stop(
        ShapeError(
          description, "a key mask \(keyMask.type) was found; expected \(TensorType([n, keys], .bool))"))
    }
    let seen = keyMask.reshaped([n, 1, 1, keys])
    guard let full else { return seen }
    return full.dtype == .bool
      ? full .& seen : `where`(seen, full, Tensor(filledWith: -.infinity, shape: [], dtype: dtype))
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 3, input[2] == width else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, positions, \(width))")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("inputWeight", inputWeight)
    visitor.parameter("inputBias", inputBias)
    visitor.child("output", output)
  }

  public var description: String {
    "MultiHeadAttention(\(width), heads: \(heads)" + (isCausal ? ", isCausal: true" : "")
      + (inputBias == nil ? ", hasBias: false" : "") + (dropout == 0 ? "" : ", dropout: \(dropout)")
      + (rotaryBase.map { ", rotaryBase: \($0)" } ?? "") + ")"
  }
}

extension MultiHeadAttention {
  /// A layer with the weights of PyTorch's `nn.MultiheadAttention`.
  /// - Parameters:
  ///   - inProjWeight: `in_proj_weight`, of shape (3 width, width).
  ///   - inProjBias: `in_proj_bias`, of shape (3 width), if there are biases.
  ///   - outProjWeight: `out_proj.weight`, of shape (width, width).
  ///   - outProjBias: `out_proj.bias`, of shape (width), if there are biases.
  /// - Throws: `ConfigurationError` for shapes that do not fit each other or the heads.
  public convenience init(
    heads: Int, isCausal: Bool = false, inProjWeight: Tensor, inProjBias: Tensor? = nil, outProjWeight: Tensor,
    outProjBias: Tensor? = nil
  ) throws(ConfigurationError) {
    let width = outProjWeight.shape.last ?? 0
    if let problem = Self.problem(width, heads, 0, nil) {
      throw ConfigurationError("MultiHeadAttention(\(width), heads: \(heads)): \(problem)")
    }
    guard inProjWeight.dtype.isFloatingPoint else {
      throw ConfigurationError("MultiHeadAttention: 'in_proj_weight' is \(inProjWeight.type); expected floating point")
    }
    self.init(
      width, heads: heads, isCausal: isCausal, hasBias: inProjBias != nil, weights: .placeholder,
      outputWeights: .placeholder, dtype: inProjWeight.dtype)
    var state = ["in_proj_weight": inProjWeight, "out_proj.weight": outProjWeight]
    state["in_proj_bias"] = inProjBias
    state["out_proj.bias"] = outProjBias
    try load(pyTorch: state)
  }
}

extension MultiHeadAttention: MaskedLayer {
  /// Steps that do not count are seen by none.
  public func forward(_ x: Tensor, stepMask: Tensor) -> Tensor {
    attend(x, nil, mask: nil, keyMask: stepMask, cache: nil)
  }
}

extension MultiHeadAttention: ConfigurableLayer {
  public static var kind: String { "MultiHeadAttention" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: [
        "width": .integer(width), "heads": .integer(heads), "causal": .flag(isCausal), "bias": .flag(inputBias != nil),
        "dropout": .number(dropout),
      ])
    if let rotaryBase { result.settings["rotaryBase"] = .number(rotaryBase) }
    result.set(inputWeight.dtype)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let width = try configuration.integer("width", in: LayerConfiguration.extents)
    let heads = try configuration.integer("heads", in: 1...width)
    let dropout = try configuration.dropProbability("dropout")
    let base = configuration.settings["rotaryBase"] == nil ? nil : try configuration.finite("rotaryBase")
    if let problem = Self.problem(width, heads, dropout, base) {
      throw ConfigurationError("MultiHeadAttention: \(problem)")
    }
    self.init(
      width, heads: heads, isCausal: try configuration.flag("causal"), hasBias: try configuration.flag("bias"),
      dropout: dropout, rotaryBase: base, weights: .placeholder, outputWeights: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
