import ApusCore
import ApusModels
import ApusNN
import ApusTraining

// The workloads themselves. Numbers are those of the benchmarks of other frameworks.

extension Workload {
  /// The course's planar classification: 400 points of a flower with two colours, a 2-4-1 network, gradient descent.
  public static let planar = Workload(
    "W1 planar", widths: [2, 4, 1], activation: .tanh, weights: .normal(0.01), source: .flower,
    loss: { binaryCrossEntropy(logits: $0, target: $1) }, optimizer: { SGD(learningRate: 1.2) })

  /// Softmax regression on images of 28 x 28 pixels.
  public static let softmax784 = Workload(
    "W2 softmax784", widths: [784, 10], source: .normalAndClasses(rows: 128, columns: 784),
    loss: { softmaxCrossEntropy(logits: $0, labels: $1) }, optimizer: { SGD(learningRate: 0.1) })

  /// The multi-layer perceptron that every framework's tutorial trains on images of digits.
  public static let mlp784 = Workload(
    "W3 mlp784", widths: [784, 512, 512, 10], source: .normalAndClasses(rows: 128, columns: 784),
    loss: { softmaxCrossEntropy(logits: $0, labels: $1) }, optimizer: { Adam(learningRate: 1e-3) })

  /// A wide perceptron with batch normalisation and dropout.
  public static let mlpbn = normalizedPerceptron(dropout: 0.5)

  /// The same without dropout, whose masks no two frameworks share: the losses that the fixture holds are these.
  public static let mlpbnWithoutDropout = normalizedPerceptron(dropout: 0)

  private static func normalizedPerceptron(dropout: Double) -> Workload {
    Workload(
      name: "W4 mlpbn",
      arrays: dense("fc1", 784, 1024, hasBias: false) + norm("bn1", 1024)
        + dense("fc2", 1024, 1024, hasBias: false) + norm("bn2", 1024) + dense("fc3", 1024, 10),
      layers: { dtype in
        [784, 1024].flatMap { inputs -> [any Layer] in
          [
            Dense(inputs, 1024, hasBias: false, weights: .zeros, dtype: dtype), BatchNorm(1024, dtype: dtype),
            ActivationLayer(.relu), Dropout(dropout),
          ]
        } + [Dense(1024, 10, weights: .zeros, dtype: dtype)]
      },
      source: .normalAndClasses(rows: 256, columns: 784),
      lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
      optimizer: { SGD(learningRate: 0.01, momentum: 0.9) })
  }

  /// The two-layer regression of the PyTorch introduction (notes O2): the squared errors are summed.
  public static let twoLayer = Workload(
    "W5 twolayer", widths: [1000, 100, 10], source: .normalAndNormal(rows: 64, columns: 1000, targets: 10),
    loss: { meanSquaredError($0, target: $1, reduction: .sum) }, optimizer: { Adam(learningRate: 1e-4) })

  /// A small language model on characters: 4 blocks of 4 heads over 64 positions, its head tied to its token embedding.
  public static let charGPT = Workload(
    name: "W10 chargpt",
    arrays: [
      InitialArray(name: "wte", shape: [65, 128], start: .normal(0.02)),
      InitialArray(name: "wpe", shape: [64, 128], start: .normal(0.02)),
    ]
      + (0..<4).flatMap { block -> [InitialArray] in
        // What is added to the residual stream starts smaller: there are eight such projections.
        let residual = InitialArray.Start.normal(0.02 / 8.0.squareRoot())
        return [
          InitialArray(name: "h\(block).ln1", shape: [128], start: .constant(1)),
          InitialArray(name: "h\(block).qkv", shape: [384, 128], start: .normal(0.02)),
          InitialArray(name: "h\(block).proj", shape: [128, 128], start: residual),
          InitialArray(name: "h\(block).ln2", shape: [128], start: .constant(1)),
          InitialArray(name: "h\(block).fc", shape: [512, 128], start: .normal(0.02)),
          InitialArray(name: "h\(block).mlp", shape: [128, 512], start: residual),
        ]
      } + [InitialArray(name: "lnf", shape: [128], start: .constant(1))],
    layers: { [GPT(vocabulary: 65, context: 64, blocks: 4, heads: 4, width: 128, dtype: $0)] },
    source: .tokens(rows: 12, columns: 64, count: 65),
    lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
    optimizer: { AdamW(learningRate: 1e-3, betas: (0.9, 0.99), weightDecay: 0.1, decays: AdamW.matrices) })

  /// An autoencoder of images.
  public static let autoencoder = Workload(
    "W11 autoenc", widths: [784, 256, 64, 256, 784], source: .uniform(rows: 256, columns: 784),
    loss: { binaryCrossEntropy(logits: $0, target: $1) }, optimizer: { Adam(learningRate: 1e-3) })

  /// A character model: embedding, one LSTM layer and a head at every position.
  public static let charLSTM = Workload(
    name: "W9 charlstm",
    arrays: [
      InitialArray(name: "emb", shape: [65, 128], start: .normal(1)),
      InitialArray(name: "w_ih", shape: [1024, 128], start: .uniform(inputs: 256)),
      InitialArray(name: "w_hh", shape: [1024, 256], start: .uniform(inputs: 256)),
      InitialArray(name: "b", shape: [1024], start: .uniform(inputs: 256)),
    ] + dense("head", 256, 65),
    layers: { dtype in
      [
        Embedding(65, 128, weights: .zeros, dtype: dtype), LSTM(128, 256, weights: .zeros, dtype: dtype),
        Dense(256, 65, weights: .zeros, dtype: dtype),
      ]
    },
    source: .tokens(rows: 64, columns: 64, count: 65), lossFunction: { softmaxCrossEntropy(logits: $0, labels: $1) },
    optimizer: { Adam(learningRate: 1e-3) })

  public static let all = [planar, softmax784, mlp784, mlpbn, twoLayer, charLSTM, charGPT, autoencoder] + images

  /// Those whose steps use no random numbers, so that every framework computes the same losses.
  public static let deterministic =
    [
      planar, softmax784, mlp784, mlpbnWithoutDropout, twoLayer, charLSTM, charGPT, autoencoder,
    ] + images
}

extension Workload {
  /// A stack of dense layers, the last without activation: it gives logits.
  /// - Parameter weights: how weights start, with biases of 0; if nil, both are uniform.
  fileprivate init(
    _ name: String, widths: [Int], activation: Activation = .relu, weights: InitialArray.Start? = nil, source: Source,
    loss: @escaping @Sendable (Tensor, Tensor) -> Tensor, optimizer: @escaping @Sendable () -> any Optimizer
  ) {
    let pairs = Array(zip(widths, widths.dropFirst()))
    self.init(
      name: name,
      arrays: pairs.enumerated().flatMap { i, pair in
        Self.dense(pairs.count == 1 ? "fc" : "fc\(i + 1)", pair.0, pair.1, weights: weights)
      },
      layers: { dtype in
        pairs.enumerated().map { i, pair in
          Dense(
            pair.0, pair.1, activation: i == pairs.count - 1 ? .identity : activation, weights: .zeros, dtype: dtype)
        }
      }, source: source, lossFunction: loss, optimizer: optimizer)
  }

  /// A dense layer's weight and bias.
  static func dense(
    _ name: String, _ inputs: Int, _ outputs: Int, hasBias: Bool = true, weights: InitialArray.Start? = nil,
    _ arrangement: InitialArray.Arrangement = .asDrawn
  ) -> [InitialArray] {
    let uniform = InitialArray.Start.uniform(inputs: inputs)
    let weight = InitialArray(
      name: name + ".w", shape: [outputs, inputs], start: weights ?? uniform, arrangement: arrangement)
    let bias = InitialArray(name: name + ".b", shape: [outputs], start: weights == nil ? uniform : .constant(0))
    return hasBias ? [weight, bias] : [weight]
  }

  /// The scale and shift of a batch normalisation.
  static func norm(_ name: String, _ features: Int) -> [InitialArray] {
    [
      InitialArray(name: name + ".g", shape: [features], start: .constant(1)),
      InitialArray(name: name + ".b", shape: [features], start: .constant(0)),
    ]
  }
}
