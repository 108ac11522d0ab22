import ApusCore
import ApusNN

/// A generator that learns to make examples which a discriminator, learning at the same time, cannot tell from real ones (Goodfellow et
/// al., 2014; notes M6).
///
/// ```swift
/// let gan = GAN.dcgan()
/// let (discriminatorLoss, gradients) = valueWithGradient(of: gan.discriminator) { _ in gan.discriminatorLoss(real, fake) }
/// ```
/// At the optimum, where the discriminator gives every example a probability of one half, the discriminator's loss is 2 ln 2 and the
/// generator's ln 2 (notes N-32).
public final class GAN: Layer {
  /// From noise (n, noiseSize) to examples.
  public let generator: any Layer
  /// From examples to logits (n, 1): the larger, the more real.
  public let discriminator: any Layer
  public let noiseSize: Int

  public init(generator: any Layer, discriminator: any Layer, noiseSize: Int) {
    self.generator = generator
    self.discriminator = discriminator
    self.noiseSize = noiseSize
  }

  /// Standard normal noise for `count` examples.
  public func noise(_ count: Int, using random: inout RandomSource) -> Tensor {
    .randomNormal([count, noiseSize], using: &random)
  }

  /// -ln D(real) - ln(1 - D(fake)), each a mean. The gradient stops at `fake`: the generator learns elsewhere.
  public func discriminatorLoss(real: Tensor, fake: Tensor) -> Tensor {
    let (ofReal, ofFake) = (discriminator(real), discriminator(fake.stopGradient()))
    return softplus(-ofReal).mean() + softplus(ofFake).mean()
  }

  /// -ln D(fake), a mean: the form whose gradient does not vanish where the discriminator wins.
  public func generatorLoss(fake: Tensor) -> Tensor { softplus(-discriminator(fake)).mean() }

  /// What the generator makes of noise.
  public func forward(_ noise: Tensor) -> Tensor { generator(noise) }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape { try generator.outputShape(for: input) }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("generator", generator)
    visitor.child("discriminator", discriminator)
  }

  public var description: String { "GAN(generator: \(generator), discriminator: \(discriminator))" }
}

extension GAN {
  /// The two networks of Radford et al. (2016) for images of 28 x 28 pixels from -1 to 1: transposed convolutions with normalisation make
  /// them of 100 numbers, convolutions with leaky ReLUs judge them.
  /// - Parameter width: the channels before the last transposed convolution.
  public static func dcgan(channels: Int = 1, width: Int = 64, noiseSize: Int = 100) -> GAN {
    let weights = Initializer.normal(standardDeviation: 0.02)
    let deep = 2 * width
    let leaky = Activation.leakyRelu(slope: 0.2)
    return GAN(
      generator: Sequential {
        Dense(noiseSize, 7 * 7 * deep, hasBias: false, weights: weights)
        Reshape(7, 7, deep)
        BatchNorm(deep)
        ActivationLayer(.relu)
        ConvTranspose2D(deep, width, kernel: 4, stride: 2, padding: 1, hasBias: false, weights: weights)
        BatchNorm(width)
        ActivationLayer(.relu)
        ConvTranspose2D(width, channels, kernel: 4, stride: 2, padding: 1, activation: .tanh, weights: weights)
      },
      discriminator: Sequential {
        Conv2D(channels, width, kernel: 4, stride: 2, padding: 1, activation: leaky, weights: weights)
        Conv2D(width, deep, kernel: 4, stride: 2, padding: 1, hasBias: false, weights: weights)
        BatchNorm(deep)
        ActivationLayer(leaky)
        Flatten()
        Dense(7 * 7 * deep, 1, weights: weights)
      }, noiseSize: noiseSize)
  }

  /// Two networks of dense layers for images of any size with pixels from -1 to 1: without convolutions they learn anew at every place
  /// what a stroke looks like.
  /// - Parameters:
  ///   - imageShape: (height, width, channels).
  ///   - units: those of the generator's hidden layers; the discriminator has them the other way round. It drops some, or it would know
  ///     the real images by heart.
  public static func dense(imageShape: Shape, units: [Int] = [256, 512], noiseSize: Int = 100) -> GAN {
    guard imageShape.rank == 3, imageShape.allSatisfy({ $0 > 0 }) else {
      fatalError("GAN.dense: the image shape \(imageShape); expected (height, width, channels)")
    }
    let pixels = imageShape.reduce(1, *)
    let leaky = Activation.leakyRelu(slope: 0.2)
    let (up, down) = ([noiseSize] + units, [pixels] + units.reversed())
    return GAN(
      generator: Sequential {
        for (from, to) in zip(up, up.dropFirst()) { Dense(from, to, activation: leaky) }
        Dense(up[up.count - 1], pixels, activation: .tanh)
        Reshape(imageShape[0], imageShape[1], imageShape[2])
      },
      discriminator: Sequential {
        Flatten()
        for (from, to) in zip(down, down.dropFirst()) {
          Dense(from, to, activation: leaky)
          Dropout(0.3)
        }
        Dense(down[down.count - 1], 1)
      }, noiseSize: noiseSize)
  }

  /// Two small dense networks for numbers: the generator learns a distribution of one number, such as a normal one with
  /// another mean and deviation.
  public static func oneDimensional(units: Int = 16, noiseSize: Int = 1) -> GAN {
    GAN(
      generator: Sequential {
        Dense(noiseSize, units, activation: .tanh)
        Dense(units, 1)
      },
      discriminator: Sequential {
        Dense(1, units, activation: .tanh)
        Dense(units, units, activation: .tanh)
        Dense(units, 1)
      }, noiseSize: noiseSize)
  }
}

extension GAN: ConfigurableLayer {
  public static var kind: String { "GAN" }
  /// - Precondition: both networks are configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind, settings: ["noise": .integer(noiseSize)],
      layers: [LayerConfiguration.inner(generator), LayerConfiguration.inner(discriminator)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    let parts = try configuration.inner(count: 2...2)
    self.init(
      generator: parts[0], discriminator: parts[1],
      noiseSize: try configuration.integer("noise", in: LayerConfiguration.extents))
  }
}
