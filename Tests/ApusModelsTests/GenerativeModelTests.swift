import Apus
import ApusTestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("M5, M6: networks that make or reproduce") struct GenerativeModelTests {
  @Test(
    "N-31, M5: a linear autoencoder reaches the bound of principal components on irises",
    arguments: [
      (2, 0.041867928), (1, 0.270375546),
    ])
  func linearAutoencoder(code: Int, bound: Double) throws {
    let iris = try Dataset.iris()
    let raw = iris.features.cast(to: .float64)
    let x = ((raw - raw.mean(axes: [0])) / raw.standardDeviation(axes: [0])).cast(to: .float32)
    let model = withSeed(1) { Autoencoder.dense([4, code], activation: .identity) }
    let optimizer = Adam(learningRate: 0.01)
    let step = Program("step") { batch in
      let (loss, gradients) = valueWithGradient(of: model) { meanSquaredError($0(batch[0]), target: batch[0]) }
      optimizer.update(model, gradients)
      return [loss]
    }
    var loss = Double.infinity
    for i in 0..<3000 {
      optimizer.learningRate = i < 2000 ? 0.01 : 0.001
      loss = try step([x])[0].item
    }
    #expect(loss >= bound - 1e-5)
    #expect(loss < 1.01 * bound)
  }

  @Test("M5: a denoising autoencoder sees noise while it trains alone") func denoising() {
    let model = Autoencoder.dense([6, 3], noise: 0.5)
    let x = Tensor.ones([2, 6])
    #expect(model(x).doubles == Autoencoder(encoder: model.encoder, decoder: model.decoder)(x).doubles)
    var random = RandomSource(seed: 1)
    let first = withTraining(random: &random) { model(x).doubles }
    #expect(first != withTraining(random: &random) { model(x).doubles })
    #expect(first != model(x).doubles)
  }

  @Test("the variational loss is reconstruction plus divergence, and its gradients are right") func variational() throws
  {
    // A network of constants: mean m and log-variance v whatever x is, logits w·z.
    let model = VariationalAutoencoder(
      encoder: Dense(2, 2, weights: .zeros, dtype: .float64),
      decoder: Dense(1, 2, weights: .constant(0.5), dtype: .float64),
      code: 1)
    let encoder = try #require(model.encoder as? Dense)
    encoder.bias!.value = Tensor([0.7, -0.4])
    let x = Tensor([[1, 0], [0, 1]] as [[Double]])
    // Predicting, z = m: ln(1 + e^l) - x l with l = 0.35 for every pixel.
    let (m, v) = (0.7, -0.4)
    let pixel = log(1 + exp(0.5 * m))
    let expected = (4 * pixel - 2 * 0.5 * m) / 2 + 0.5 * (m * m + exp(v) - 1 - v)
    #expect(abs(model.loss(x).item - expected) < 1e-12)
    #expect(abs(model.loss(x, divergenceWeight: 0).item - (4 * pixel - 2 * 0.5 * m) / 2) < 1e-12)
    var random = RandomSource(seed: 4)
    let (_, gradients) = withTraining(random: &random) { valueWithGradient(of: model) { $0.loss(x) } }
    #expect(gradients.tensors.allSatisfy { $0.doubles.allSatisfy(\.isFinite) && $0.doubles.contains { $0 != 0 } })
    #expect(model.generate(3, using: &random).shape == [3, 2])
  }

  @Test("N-32, M6: where the discriminator cannot tell, its loss is 2 ln 2 and the generator's ln 2") func optimum()
    throws
  {
    let gan = GAN.oneDimensional()
    // A discriminator that says one half.
    for parameter in gan.discriminator.parameters { parameter.value = .zeros(parameter.shape) }
    let (real, fake) = (Tensor([[0.5], [2]] as [[Float]]), Tensor([[-1], [3]] as [[Float]]))
    #expect(abs(gan.discriminatorLoss(real: real, fake: fake).item - 1.386294361) < 1e-6)
    #expect(abs(gan.generatorLoss(fake: fake).item - 0.693147181) < 1e-6)
  }

  @Test("M6: the discriminator's gradient stops at the generator") func detached() {
    let gan = GAN.oneDimensional()
    let noise = Tensor([[0.3], [-0.2]] as [[Float]])
    let (_, gradients) = valueWithGradient(of: gan) { gan in
      gan.discriminatorLoss(real: noise, fake: gan.generator(noise))
    }
    let generatorCount = gan.generator.parameters.count
    #expect(gradients.tensors.prefix(generatorCount).allSatisfy { $0.doubles.allSatisfy { $0 == 0 } })
    #expect(gradients.tensors.dropFirst(generatorCount).contains { $0.doubles.contains { $0 != 0 } })
  }

  @Test(
    "M6: dense networks make and judge images of any shape, and both learn",
    arguments: [[4, 6, 1], [1, 1, 1], [5, 3, 3]])
  func denseImages(extents: [Int]) throws {
    let gan = withSeed(2) { GAN.dense(imageShape: Shape(extents), units: [9, 7], noiseSize: 5) }
    var random = RandomSource(seed: 1)
    let noise = gan.noise(4, using: &random)
    let made = gan.generator(noise)
    #expect(made.shape == Shape([4] + extents) && made.doubles.allSatisfy { abs($0) < 1 })
    #expect(gan.discriminator(made).shape == [4, 1])
    let real = Tensor.randomUniform(Shape([4] + extents), using: &random) * 2 - 1
    let before = gan.parameters.map(\.value.floats)
    let (first, second) = (Adam(learningRate: 1e-3), Adam(learningRate: 1e-3))
    let step = Program("step") { batch in
      let fake = gan.generator(batch[1])
      let (loss, gradients) = valueWithGradient(of: gan.discriminator) { _ in
        gan.discriminatorLoss(real: batch[0], fake: fake)
      }
      first.update(gan.discriminator, gradients)
      let (other, others) = valueWithGradient(of: gan.generator) { gan.generatorLoss(fake: $0(batch[1])) }
      second.update(gan.generator, others)
      return [loss, other]
    }
    let losses = try withTraining(random: &random) { try step([real, noise]) }.map(\.item)
    #expect(losses.allSatisfy { $0 > 0 && $0.isFinite })
    for (parameter, old) in zip(gan.namedParameters, before) {
      #expect(parameter.parameter.value.floats != old, "\(parameter.name)")
    }
  }

  @Test("M6: a pair of small networks learns a normal distribution of one number") func gaussian() throws {
    let gan = withSeed(3) { GAN.oneDimensional(units: 32) }
    let (first, second) = (
      Adam(learningRate: 5e-4, betas: (0.5, 0.999)), Adam(learningRate: 5e-4, betas: (0.5, 0.999))
    )
    let step = Program("step") { batch in
      let fake = gan.generator(batch[1])
      let (ofDiscriminator, gradients) = valueWithGradient(of: gan.discriminator) { _ in
        gan.discriminatorLoss(real: batch[0], fake: fake)
      }
      first.update(gan.discriminator, gradients)
      let (ofGenerator, others) = valueWithGradient(of: gan.generator) { gan.generatorLoss(fake: $0(batch[1])) }
      second.update(gan.generator, others)
      return [ofDiscriminator, ofGenerator]
    }
    var random = RandomSource(seed: 5)
    for _ in 0..<4000 {
      let real = Tensor.randomNormal([256, 1], mean: 3, standardDeviation: 0.5, using: &random)
      _ = try step([real, gan.noise(256, using: &random)])
    }
    let samples = gan.generator(gan.noise(4000, using: &random))
    #expect(abs(samples.mean().item - 3) < 0.2)
    #expect(samples.standardDeviation().item > 0.3 && samples.standardDeviation().item < 0.7)
  }
}
