/// One training step of a generative network.
final class GenerativeStep {
  private let optimizers: [any Optimizer]
  private let program: Program
  /// The numbers of the noise that a generator makes an image of; nil for a network that reproduces images.
  private let noiseSize: Int?

  fileprivate init(
    _ optimizers: [any Optimizer], noiseSize: Int? = nil, precision: Precision,
    _ body: @escaping ([Tensor]) throws -> [Tensor]
  ) {
    self.optimizers = optimizers
    self.noiseSize = noiseSize
    program = Program("training step") { inputs in try withPrecision(precision) { try body(inputs) } }
  }

  var learningRate = 0.0 {
    didSet { for optimizer in optimizers { optimizer.learningRate = learningRate } }
  }

  /// What a step works on: the images, and noise for as many.
  func inputs(_ images: Tensor, using random: inout RandomSource) -> [Tensor] {
    guard let noiseSize else { return [images] }
    return [images, .randomNormal([images.shape[0], noiseSize], using: &random)]
  }

  /// - Returns: the losses; of a pair of networks the discriminator's first.
  func run(_ inputs: [Tensor]) throws -> [Double] { try program(inputs).map(\.item) }
}

extension GenerativeModel {
  /// The step that suits the network.
  func makeStep(_ plan: TrainingPlan) -> GenerativeStep {
    switch network {
    case let model as Autoencoder:
      return step(plan, model) { model, x in binaryCrossEntropy(logits: model(x), target: x) }
    case let vae as VariationalAutoencoder:
      return step(plan, vae) { vae, x in vae.loss(x.reshaped([x.shape[0], x.count / x.shape[0]])) }
    case let gan as GAN: return step(gan, plan)
    default: fatalError("\(network) is not a generative network")
    }
  }

  private func step<Model: Layer>(
    _ plan: TrainingPlan, _ model: Model, _ loss: @escaping (Model, Tensor) -> Tensor
  ) -> GenerativeStep {
    let optimizer = plan.makeOptimizer()
    return GenerativeStep([optimizer], precision: plan.precision) { batch in
      let (value, gradients) = valueWithGradient(of: model) { loss($0, batch[0]) }
      try requireFinite(value)
      optimizer.update(model, gradients)
      return [value]
    }
  }

  /// First the discriminator learns from real images and the generator's, then the generator from what the discriminator says now. Images
  /// are scaled to -1...1, where the generator's lie.
  private func step(_ gan: GAN, _ plan: TrainingPlan) -> GenerativeStep {
    // Adam's usual memory of 10 steps makes the two circle around each other (Radford et al., 2016).
    func optimizer() -> any Optimizer {
      plan.optimizer == .adam ? Adam(learningRate: plan.learningRate, betas: (0.5, 0.999)) : plan.makeOptimizer()
    }
    let (first, second) = (optimizer(), optimizer())
    return GenerativeStep([first, second], noiseSize: gan.noiseSize, precision: plan.precision) { batch in
      let real = batch[0] * 2 - 1
      let fake = gan.generator(batch[1])
      let (ofDiscriminator, gradients) = valueWithGradient(of: gan.discriminator) { _ in
        gan.discriminatorLoss(real: real, fake: fake)
      }
      try requireFinite(ofDiscriminator)
      first.update(gan.discriminator, gradients)
      let (ofGenerator, others) = valueWithGradient(of: gan.generator) { generator in
        gan.generatorLoss(fake: generator(batch[1]))
      }
      second.update(gan.generator, others)
      return [ofDiscriminator, ofGenerator]
    }
  }
}
