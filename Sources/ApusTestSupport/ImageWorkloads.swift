import ApusCore
import ApusNN
import ApusTraining

// The workloads on images. Ours lie channels last, the numbers are drawn in PyTorch's arrangement.

extension Workload {
  static let images = [lenet, cnn32, resnet18, dcgan]

  /// Whether its layers are those of images.
  public var isOfImages: Bool { Self.images.contains { $0.name == name } }

  /// LeNet-5 with rectified units, on images of digits.
  public static let lenet = Workload(
    name: "W6 lenet",
    arrays: convolution("c1", 1, 6, 5, hasBias: true) + convolution("c2", 6, 16, 5, hasBias: true)
      + dense("fc1", 400, 120, .readsImages([16, 5, 5])) + dense("fc2", 120, 84) + dense("fc3", 84, 10),
    layers: { dtype in
      [
        Conv2D(1, 6, kernel: 5, padding: 2, activation: .relu, weights: .zeros, dtype: dtype), MaxPool2D(2),
        Conv2D(6, 16, kernel: 5, activation: .relu, weights: .zeros, dtype: dtype), MaxPool2D(2), Flatten(),
        Dense(400, 120, activation: .relu, weights: .zeros, dtype: dtype),
        Dense(120, 84, activation: .relu, weights: .zeros, dtype: dtype), Dense(84, 10, weights: .zeros, dtype: dtype),
      ]
    },
    source: .imagesAndClasses(rows: 128, channels: 1, extent: 28),
    lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
    optimizer: { SGD(learningRate: 0.01, momentum: 0.9) })

  /// Six convolutions with batch normalisation on small colour images.
  public static let cnn32 = Workload(
    name: "W7 cnn32",
    arrays: zip([3, 32, 64], [32, 64, 128]).enumerated().flatMap { k, channels in
      normedConvolution("c\(k)a", "n\(k)a", channels.0, channels.1)
        + normedConvolution("c\(k)b", "n\(k)b", channels.1, channels.1)
    } + dense("fc", 128, 10),
    layers: { dtype in
      zip([3, 32, 64], [32, 64, 128]).flatMap { inputs, outputs -> [any Layer] in
        Self.block(inputs, outputs, dtype) + Self.block(outputs, outputs, dtype) + [MaxPool2D(2)]
      } + [GlobalAveragePool(), Dense(128, 10, weights: .zeros, dtype: dtype)]
    },
    source: .imagesAndClasses(rows: 64, channels: 3, extent: 32),
    lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) }, optimizer: { Adam(learningRate: 1e-3) })

  /// The residual network of 18 layers (He et al., 2016), as it is built for small images.
  public static let resnet18 = Workload(
    name: "W8 resnet18",
    arrays: normedConvolution("stem", "stemn", 3, 64)
      + residuals.enumerated().flatMap { k, block -> [InitialArray] in
        let (inputs, outputs, stride) = block
        return normedConvolution("r\(k)a", "r\(k)an", inputs, outputs)
          + normedConvolution("r\(k)b", "r\(k)bn", outputs, outputs)
          + (stride == 1 && inputs == outputs ? [] : normedConvolution("r\(k)s", "r\(k)sn", inputs, outputs, kernel: 1))
      } + dense("fc", 512, 10),
    layers: { dtype in
      Self.block(3, 64, dtype) + residuals.map { ResidualBlock($0, $1, stride: $2, dtype: dtype) }
        + [GlobalAveragePool(), Dense(512, 10, weights: .zeros, dtype: dtype)]
    },
    source: .imagesAndClasses(rows: 32, channels: 3, extent: 32),
    lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
    optimizer: { SGD(learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4) }, isLarge: true)

  private static let residuals = [
    (64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1),
  ]

  /// A convolutional generator and its critic (Radford et al., 2016), which learn in turns. The layers are the two networks.
  public static let dcgan = Workload(
    name: "W12 dcgan",
    arrays: dense("G.fc", 100, 6272, hasBias: false, .writesImages([128, 7, 7])) + norm("G.n1", 128)
      + transposedConvolution("G.t1", 128, 64, 4, hasBias: false) + norm("G.n2", 64)
      + transposedConvolution("G.t2", 64, 1, 4, hasBias: true) + convolution("D.c1", 1, 64, 4, hasBias: true)
      + convolution("D.c2", 64, 128, 4, hasBias: false) + norm("D.n", 128)
      + dense("D.fc", 6272, 1, .readsImages([128, 7, 7])),
    layers: { dtype in
      let generator = Sequential {
        Dense(100, 6272, hasBias: false, weights: .zeros, dtype: dtype)
        Reshape(7, 7, 128)
        BatchNorm(128, dtype: dtype)
        ActivationLayer(.relu)
        ConvTranspose2D(128, 64, kernel: 4, stride: 2, padding: 1, hasBias: false, weights: .zeros, dtype: dtype)
        BatchNorm(64, dtype: dtype)
        ActivationLayer(.relu)
        ConvTranspose2D(64, 1, kernel: 4, stride: 2, padding: 1, activation: .tanh, weights: .zeros, dtype: dtype)
      }
      let critic = Sequential {
        Conv2D(
          1, 64, kernel: 4, stride: 2, padding: 1, activation: .leakyRelu(slope: 0.2), weights: .zeros, dtype: dtype)
        Conv2D(64, 128, kernel: 4, stride: 2, padding: 1, hasBias: false, weights: .zeros, dtype: dtype)
        BatchNorm(128, dtype: dtype)
        ActivationLayer(.leakyRelu(slope: 0.2))
        Flatten()
        Dense(6272, 1, weights: .zeros, dtype: dtype)
      }
      return [generator, critic]
    },
    source: .imagesAndNoise(rows: 64, extent: 28, noise: 100),
    // Unused: the step has losses of its own.
    lossFunction: { output, _ in output }, optimizer: { Adam(learningRate: 2e-4, betas: (0.5, 0.999)) },
    ownStep: { model, optimizer, batch in
      let (generator, critic) = (model[0], model[1])
      var criticLoss: Tensor?
      // An optimiser remembers the steps of every parameter by itself, so one serves both networks.
      let (_, gradients) = valueWithGradient(of: Sequential([generator])) { generator in
        let fake = generator(batch.y)
        let (loss, gradients) = valueWithGradient(of: Sequential([critic])) { critic in
          softplus(-critic(batch.x)).mean() + softplus(critic(fake.stopGradient())).mean()
        }
        criticLoss = loss.stopGradient()
        optimizer.update(critic, gradients)
        return softplus(-critic(fake)).mean()
      }
      optimizer.update(generator, gradients)
      return criticLoss!
    })

  // MARK: Parts

  private static func block(_ inputs: Int, _ outputs: Int, _ dtype: DType) -> [any Layer] {
    [
      Conv2D(inputs, outputs, kernel: 3, padding: 1, hasBias: false, weights: .zeros, dtype: dtype),
      BatchNorm(outputs, dtype: dtype), ActivationLayer(.relu),
    ]
  }

  private static func convolution(
    _ name: String, _ inputs: Int, _ outputs: Int, _ kernel: Int, hasBias: Bool
  ) -> [InitialArray] {
    filters(name, [outputs, inputs, kernel, kernel], outputs, fanIn: inputs * kernel * kernel, hasBias)
  }

  private static func transposedConvolution(
    _ name: String, _ inputs: Int, _ outputs: Int, _ kernel: Int, hasBias: Bool
  ) -> [InitialArray] {
    filters(name, [inputs, outputs, kernel, kernel], outputs, fanIn: outputs * kernel * kernel, hasBias)
  }

  private static func filters(
    _ name: String, _ shape: Shape, _ outputs: Int, fanIn: Int, _ hasBias: Bool
  ) -> [InitialArray] {
    let start = InitialArray.Start.uniform(inputs: fanIn)
    let weight = InitialArray(name: name + ".w", shape: shape, start: start, arrangement: .channelsLast)
    return hasBias ? [weight, InitialArray(name: name + ".b", shape: [outputs], start: start)] : [weight]
  }

  private static func normedConvolution(
    _ name: String, _ norm: String, _ inputs: Int, _ outputs: Int, kernel: Int = 3
  ) -> [InitialArray] {
    convolution(name, inputs, outputs, kernel, hasBias: false) + Self.norm(norm, outputs)
  }
}

/// Two convolutions with batch normalisation, beside which the input goes straight on, or by a convolution of its own where the shape
/// changes: relu(norm(conv(relu(norm(conv(x))))) + x).
private final class ResidualBlock: Layer {
  private let first: Conv2D
  private let firstNorm: BatchNorm
  private let second: Conv2D
  private let secondNorm: BatchNorm
  private let shortcut: Conv2D?
  private let shortcutNorm: BatchNorm?

  init(_ inputs: Int, _ outputs: Int, stride: Int, dtype: DType) {
    func filters(_ inputs: Int, kernel: Int, stride: Int) -> Conv2D {
      Conv2D(
        inputs, outputs, kernel: PerAxis(kernel), stride: PerAxis(stride), padding: kernel == 3 ? 1 : 0, hasBias: false,
        weights: .zeros, dtype: dtype)
    }
    first = filters(inputs, kernel: 3, stride: stride)
    firstNorm = BatchNorm(outputs, dtype: dtype)
    second = filters(outputs, kernel: 3, stride: 1)
    secondNorm = BatchNorm(outputs, dtype: dtype)
    let isChanged = stride > 1 || inputs != outputs
    shortcut = isChanged ? filters(inputs, kernel: 1, stride: stride) : nil
    shortcutNorm = isChanged ? BatchNorm(outputs, dtype: dtype) : nil
  }

  func forward(_ x: Tensor) -> Tensor {
    let y = secondNorm(second(relu(firstNorm(first(x)))))
    guard let shortcut, let shortcutNorm else { return relu(y + x) }
    return relu(y + shortcutNorm(shortcut(x)))
  }

  func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try second.outputShape(for: try first.outputShape(for: input))
  }

  func visit(_ visitor: inout LayerVisitor) {
    visitor.child("first", first)
    visitor.child("firstNorm", firstNorm)
    visitor.child("second", second)
    visitor.child("secondNorm", secondNorm)
    visitor.child("shortcut", shortcut)
    visitor.child("shortcutNorm", shortcutNorm)
  }
}
