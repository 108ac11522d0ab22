import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Normalisations, attention and the layers that change shapes, forward and backward as PyTorch computes them.
@Suite struct LayerFixtureTests {
  struct Array: Decodable, Sendable {
    let shape: [Int]
    let elements: [Double]
    var tensor: Tensor { Tensor(elements, shape: Shape(shape)) }
  }

  struct Settings: Decodable, Sendable {
    struct Mask: Decodable, Sendable {
      let shape: [Int]
      let elements: [Double]
      let isBool: Bool?
      func tensor(_ dtype: DType) -> Tensor {
        let numbers = Tensor(elements, shape: Shape(shape))
        return isBool == false ? numbers.cast(to: dtype) : numbers .!= 0
      }
    }
    let epsilon, alpha, beta, k, value, scale, base: Double?
    let features, before, after, factors: [Int]?
    let groups, size, factor, first, width, heads, hidden: Int?
    let gamma, affine, causal, bias, memory, normFirst: Bool?
    let mode, activation, name: String?
    let mask, keyMask: Mask?

    private enum CodingKeys: String, CodingKey {
      case epsilon, alpha, beta, k, value, scale, base, features, before, after, factors, groups, size, factor, first
      case width, heads, hidden, gamma, affine, causal, bias, memory, normFirst, mode, activation, name, mask, keyMask
    }

    init(from decoder: any Decoder) throws {
      let c = try decoder.container(keyedBy: CodingKeys.self)
      func get<Value: Decodable>(_ key: CodingKeys) throws -> Value? { try c.decodeIfPresent(Value.self, forKey: key) }
      (epsilon, alpha, k) = (try get(.epsilon), try get(.alpha), try get(.k))
      (value, scale, base) = (try get(.value), try get(.scale), try get(.base))
      // A number, or whether there is one.
      let shift: Bool? = try? get(.beta)
      beta = try shift.map { $0 ? 1 : 0 } ?? get(.beta)
      (features, before, after, factors) = (try get(.features), try get(.before), try get(.after), try get(.factors))
      (groups, size, factor, first) = (try get(.groups), try get(.size), try get(.factor), try get(.first))
      (width, heads, hidden) = (try get(.width), try get(.heads), try get(.hidden))
      (gamma, affine, causal) = (try get(.gamma), try get(.affine), try get(.causal))
      (bias, memory, normFirst) = (try get(.bias), try get(.memory), try get(.normFirst))
      (mode, activation, name) = (try get(.mode), try get(.activation), try get(.name))
      (mask, keyMask) = (try get(.mask), try get(.keyMask))
    }
  }

  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let layer: String
    let settings: Settings
    let inputs, parameters: [Array]
    let weights: [Double]
    let outputShape: [Int]
    let output: [Double]
    let gradients: [[Double]]
    var testDescription: String { "\(layer) \(inputs.map(\.shape))" }
  }

  static let cases: [Case] = try! fixture("layers.json")

  /// The layer's parameters, and its function of the case's inputs.
  private static func make(_ c: Case, _ dtype: DType) throws -> (layer: any Layer, run: ([Tensor]) -> Tensor) {
    let s = c.settings
    func plain(_ layer: any Layer) -> (any Layer, ([Tensor]) -> Tensor) { (layer, { layer($0[0]) }) }
    func function(_ run: @escaping ([Tensor]) -> Tensor) -> (any Layer, ([Tensor]) -> Tensor) {
      (Sequential([]), run)
    }
    let epsilon = s.epsilon ?? 1e-5
    switch c.layer {
    case "layerNorm":
      let (gamma, beta) = (s.gamma!, s.beta == 1)
      return plain(
        s.features!.count == 1
          ? LayerNorm(s.features![0], epsilon: epsilon, hasGamma: gamma, hasBeta: beta, dtype: dtype)
          : LayerNorm(s.features![0], s.features![1], epsilon: epsilon, hasGamma: gamma, hasBeta: beta, dtype: dtype))
    case "rmsNorm": return plain(RMSNorm(s.features![0], epsilon: epsilon, hasGamma: s.gamma!, dtype: dtype))
    case "groupNorm":
      return plain(
        GroupNorm(
          groups: s.groups!, c.inputs[0].shape.last!, epsilon: epsilon, isAffine: s.affine!, dtype: dtype))
    case "instanceNorm":
      return plain(InstanceNorm(c.inputs[0].shape.last!, epsilon: epsilon, isAffine: s.affine!, dtype: dtype))
    case "localResponseNorm":
      return plain(LocalResponseNorm(s.size!, alpha: s.alpha!, beta: s.beta!, k: s.k!))
    case "padding":
      let modes: [String: PaddingMode] = [
        "constant": .constant(s.value!), "reflection": .reflection, "replication": .replication, "circular": .circular,
      ]
      let widths = zip(s.before!, s.after!).map { (before: $0, after: $1) }
      let mode = modes[s.mode!]!
      return plain(
        widths.count == 1
          ? Pad(widths[0], mode: mode)
          : widths.count == 2
            ? Pad(widths[0], widths[1], mode: mode) : Pad(widths[0], widths[1], widths[2], mode: mode))
    case "upsampling":
      let (f, mode) = (s.factors!, Upsampling.Mode(rawValue: s.mode!)!)
      return plain(
        f.count == 1
          ? Upsampling(f[0], mode: mode)
          : f.count == 2 ? Upsampling(f[0], f[1], mode: mode) : Upsampling(f[0], f[1], f[2], mode: mode))
    case "pixelShuffle": return plain(PixelShuffle(s.factor!))
    case "sinusoidalPositions": return plain(SinusoidalPositions(c.inputs[0].shape.last!))
    case "rotary": return function { rotaryEmbedding($0[0], from: s.first!, base: s.base!) }
    case "activation": return function { Activation.named(s.name!)!($0[0]) }
    case "attention":
      let mask = s.mask?.tensor(dtype)
      return function {
        scaledDotProductAttention($0[0], $0[1], $0[2], mask: mask, isCausal: s.causal!, scale: s.scale)
      }
    case "multiHeadAttention":
      let layer = MultiHeadAttention(
        s.width!, heads: s.heads!, isCausal: s.causal!, hasBias: s.bias!, dtype: dtype)
      let (mask, keyMask) = (s.mask?.tensor(dtype), s.keyMask?.tensor(dtype))
      return (
        layer,
        { x in
          if x.count == 2 { return layer(x[0], memory: x[1], mask: mask, keyMask: keyMask) }
          if let mask { return layer(x[0], mask: mask, keyMask: keyMask) }
          return keyMask.map { layer(x[0], keyMask: $0) } ?? layer(x[0])
        }
      )
    case "transformerBlock":
      let block = TransformerBlock(
        s.width!, heads: s.heads!, hidden: s.hidden!, activation: Activation.named(s.activation!)!,
        isCausal: s.causal!, attendsMemory: s.memory!, norm: s.normFirst! ? .before : .after, hasBias: s.bias!,
        dtype: dtype)
      let (mask, keyMask) = (s.mask?.tensor(dtype), s.keyMask?.tensor(dtype))
      return (
        block,
        { x in
          if let mask { return block(x[0], mask: mask) }
          if x.count == 2 { return block(x[0], memory: x[1], memoryKeyMask: keyMask) }
          return keyMask.map { block(x[0], mask: nil, keyMask: $0) } ?? block(x[0])
        }
      )
    default: throw UnknownLayer(name: c.layer)
    }
  }
  private struct UnknownLayer: Error { let name: String }

  private func check(_ c: Case, _ dtype: DType, _ tolerance: Double) throws {
    let (layer, run) = try Self.make(c, dtype)
    try #require(layer.parameters.map { Swift.Array($0.shape) } == c.parameters.map(\.shape))
    for (parameter, value) in zip(layer.parameters, c.parameters) { parameter.value = value.tensor.cast(to: dtype) }
    let inputs = c.inputs.map { $0.tensor.cast(to: dtype) }
    let weights = Tensor(c.weights, shape: Shape(c.outputShape)).cast(to: dtype)
    var output = weights
    let (_, gradients, inputGradients) = valueWithGradient(of: layer.parameters, at: inputs) { x in
      let y = run(x)
      output = y.stopGradient()
      return (y * weights).sum()
    }
    #expect(Swift.Array(output.shape) == c.outputShape)
    #expect(difference(output, c.output, tolerance) == nil)
    for (found, expected) in zip(inputGradients + gradients, c.gradients) {
      // Of sums of many products the last digits are lost, in proportion to the largest.
      let size = expected.reduce(1) { max($0, abs($1)) }
      #expect(difference(found, expected, tolerance * size) == nil)
    }
  }

  @Test(arguments: cases) func float64(c: Case) throws { try check(c, .float64, 1e-10) }

  /// A mean of 100 costs a layer's float32 two digits.
  @Test(arguments: cases) func float32(c: Case) throws {
    let mean = c.inputs[0].elements.reduce(0, +) / Double(c.inputs[0].elements.count)
    try check(c, .float32, abs(mean) > 10 ? 1e-4 : 5e-6)
  }
}
