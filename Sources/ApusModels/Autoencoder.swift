import ApusCore
import ApusNN

/// An encoder and a decoder, which together reproduce their input through a code that is smaller (notes M5).
///
/// ```swift
/// let model = Autoencoder.dense([784, 256, 64])
/// let code = model.encoder(x)        // (n, 64)
/// let logits = model(x)              // (n, 784): σ of it are the reproduced pixels
/// ```
public final class Autoencoder: Layer {
  public let encoder: any Layer
  public let decoder: any Layer
  /// The deviation of the normal noise that is added to the input while training, so that the network learns to take it away (Vincent et
  /// al., 2008); 0 for none.
  public let noise: Double

  public init(encoder: any Layer, decoder: any Layer, noise: Double = 0) {
    guard noise >= 0, noise.isFinite else { fatalError("Autoencoder: the noise \(noise) must be at least 0") }
    self.encoder = encoder
    self.decoder = decoder
    self.noise = noise
  }

  public func forward(_ x: Tensor) -> Tensor { decoder(encoder(noisy(x))) }

  private func noisy(_ x: Tensor) -> Tensor {
    guard noise > 0, let mode = TrainingMode.current else { return x }
    return x + mode.withRandom { Tensor.randomNormal(x.shape, standardDeviation: noise, dtype: x.dtype, using: &$0) }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try decoder.outputShape(for: encoder.outputShape(for: input))
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("encoder", encoder)
    visitor.child("decoder", decoder)
  }

  public var description: String {
    "Autoencoder(encoder: \(encoder), decoder: \(decoder)" + (noise == 0 ? "" : ", noise: \(noise)") + ")"
  }
}

extension Autoencoder {
  /// Dense layers down to the code and, mirrored, up again. The output has no activation: logits of pixels in 0...1, or numbers.
  /// - Parameters:
  ///   - sizes: the numbers of inputs, of every layer's units, and of the code's elements; at least two.
  ///   - activation: of all layers but those that give code and output. With `.identity` the network is linear, and at its best it
  ///     finds the space of the leading principal components (Baldi and Hornik, 1989; notes N-31).
  public static func dense(_ sizes: [Int], activation: Activation = .relu, noise: Double = 0) -> Autoencoder {
    guard sizes.count >= 2 else {
      fatalError("Autoencoder.dense(\(sizes)): expected the sizes of input and code at least")
    }
    func stack(_ sizes: [Int]) -> Sequential {
      Sequential {
        for (i, (from, to)) in zip(sizes, sizes.dropFirst()).enumerated() {
          Dense(from, to, activation: i == sizes.count - 2 ? .identity : activation)
        }
      }
    }
    return Autoencoder(encoder: stack(sizes), decoder: stack(sizes.reversed()), noise: noise)
  }

  /// Convolutions that halve a square image twice, and transposed ones that double it again; the output is logits of pixels.
  /// - Parameters:
  ///   - imageSize: the extent of the images (n, imageSize, imageSize, channels); a multiple of 4.
  ///   - code: the elements of the code.
  public static func convolutional(
    imageSize: Int = 28, channels: Int = 1, width: Int = 16, code: Int = 32, noise: Double = 0
  ) -> Autoencoder {
    guard imageSize > 0, imageSize % 4 == 0 else {
      fatalError("Autoencoder.convolutional: the image size \(imageSize) must be a multiple of 4")
    }
    let (small, deep) = (imageSize / 4, 2 * width)
    return Autoencoder(
      encoder: Sequential {
        Conv2D(channels, width, kernel: 3, stride: 2, padding: 1, activation: .relu)
        Conv2D(width, deep, kernel: 3, stride: 2, padding: 1, activation: .relu)
        Flatten()
        Dense(small * small * deep, code)
      },
      decoder: Sequential {
        Dense(code, small * small * deep, activation: .relu)
        Reshape(small, small, deep)
        ConvTranspose2D(deep, width, kernel: 4, stride: 2, padding: 1, activation: .relu)
        ConvTranspose2D(width, channels, kernel: 4, stride: 2, padding: 1)
      }, noise: noise)
  }
}

extension Autoencoder: ConfigurableLayer {
  public static var kind: String { "Autoencoder" }
  /// - Precondition: encoder and decoder are configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind, settings: ["noise": .number(noise)],
      layers: [LayerConfiguration.inner(encoder), LayerConfiguration.inner(decoder)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    let parts = try configuration.inner(count: 2...2)
    let noise = try configuration.number("noise")
    guard noise >= 0, noise.isFinite else {
      throw ConfigurationError("Autoencoder: the noise \(noise) is not at least 0")
    }
    self.init(encoder: parts[0], decoder: parts[1], noise: noise)
  }
}
