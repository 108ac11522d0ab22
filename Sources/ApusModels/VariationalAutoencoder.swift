import ApusCore
import ApusNN

/// A variational autoencoder (Kingma and Welling, 2014): the encoder gives a normal distribution for every example, the decoder
/// reproduces the example from a draw, and the distributions are kept close to the standard one, so that the decoder makes new examples
/// of standard normal codes.
public final class VariationalAutoencoder: Layer {
  /// From x (n, …) to (n, 2 code): means and logarithms of variances.
  public let encoder: any Layer
  /// From (n, code) to logits of pixels, of the shape of x.
  public let decoder: any Layer
  /// The elements of a code.
  public let code: Int

  public init(encoder: any Layer, decoder: any Layer, code: Int) {
    self.encoder = encoder
    self.decoder = decoder
    self.code = code
  }

  /// Dense layers for rows of `inputs` pixels.
  public static func dense(inputs: Int = 784, units: Int = 256, code: Int = 16) -> VariationalAutoencoder {
    VariationalAutoencoder(
      encoder: Sequential {
        Dense(inputs, units, activation: .relu)
        Dense(units, 2 * code)
      },
      decoder: Sequential {
        Dense(code, units, activation: .relu)
        Dense(units, inputs)
      }, code: code)
  }

  /// The means and logarithms of variances of the codes of x, both (n, code).
  public func encode(_ x: Tensor) -> (mean: Tensor, logVariance: Tensor) {
    let both = encoder(x)
    return (both[.all, 0..<code], both[.all, code..<2 * code])
  }

  /// Logits of x from a draw of its code while training, from the mean code otherwise.
  public func forward(_ x: Tensor) -> Tensor { reconstruction(x).logits }

  /// The logits, and what they were decoded from.
  private func reconstruction(_ x: Tensor) -> (logits: Tensor, mean: Tensor, logVariance: Tensor) {
    let (mean, logVariance) = encode(x)
    guard let mode = TrainingMode.current else { return (decoder(mean), mean, logVariance) }
    // z = μ + σ ε: the draw does not stand between the loss and the encoder.
    let epsilon = mode.withRandom { Tensor.randomNormal(mean.shape, dtype: mean.dtype, using: &$0) }
    return (decoder(mean + exp(logVariance * 0.5) * epsilon), mean, logVariance)
  }

  /// The negative evidence lower bound, the mean over the examples: binary cross-entropy of the pixels, summed over each example, plus the
  /// divergence of the code's distribution from the standard normal one, ½ Σ (μ² + σ² - 1 - ln σ²).
  /// - Parameter divergenceWeight: 1; more than that for codes whose elements are more independent (Higgins et al., 2017).
  public func loss(_ x: Tensor, divergenceWeight: Double = 1) -> Tensor {
    let (logits, mean, logVariance) = reconstruction(x)
    let error = binaryCrossEntropy(logits: logits, target: x, reduction: .sum)
    let divergence = (Self.divergence.call([mean, logVariance])).sum()
    return (error + divergenceWeight * divergence) / Double(x.shape[0])
  }

  private static let divergence = Elementwise("standardNormalDivergence", inputs: 2) { x, _ in
    let (mean, logVariance) = (x[0], x[1])
    return 0.5 * (mean * mean + exp(logVariance) - 1 - logVariance)
  }

  /// `count` new examples: pixels in 0...1.
  public func generate(_ count: Int, using random: inout RandomSource) -> Tensor {
    let codes = Tensor.randomNormal(
      [count, code], dtype: decoder.parameters.first?.dtype ?? .float32, using: &random)
    return withInference { sigmoid(decoder(codes)) }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let codes = try encoder.outputShape(for: input)
    guard codes.rank == 2, codes[1] == 2 * code else {
      throw ShapeError("VariationalAutoencoder", "the encoder gives \(codes); expected (n, \(2 * code))")
    }
    return try decoder.outputShape(for: [codes[0], code])
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("encoder", encoder)
    visitor.child("decoder", decoder)
  }

  public var description: String {
    "VariationalAutoencoder(encoder: \(encoder), decoder: \(decoder), code: \(code))"
  }
}

extension VariationalAutoencoder: ConfigurableLayer {
  public static var kind: String { "VariationalAutoencoder" }
  /// - Precondition: encoder and decoder are configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind, settings: ["code": .integer(code)],
      layers: [LayerConfiguration.inner(encoder), LayerConfiguration.inner(decoder)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    let parts = try configuration.inner(count: 2...2)
    self.init(
      encoder: parts[0], decoder: parts[1], code: try configuration.integer("code", in: LayerConfiguration.extents))
  }
}
