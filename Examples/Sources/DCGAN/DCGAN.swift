// A generator learns to draw handwritten digits that a discriminator, which learns at the same time, takes for real ones.
//
//     swift run -c release dcgan --data DIR          25 epochs; DIR holds MNIST's four files

import Apus
import ExampleOptions

@main
enum DCGAN {
  static func main() {
    runExample("dcgan", "--epochs", usually: 25) { options in
      let training = try options.digits().training
      let gan = withSeed(options.seed) { GAN.dcgan() }
      // Adam's usual memory of ten steps makes the two circle around each other (Radford et al., 2016).
      let ofDiscriminator = Adam(learningRate: 2e-4, betas: (0.5, 0.999))
      let ofGenerator = Adam(learningRate: 2e-4, betas: (0.5, 0.999))
      let step = Program("training step") { batch in
        let real = batch[0] * 2 - 1  // the generator's images lie between -1 and 1
        let fake = gan.generator(batch[1])
        let (loss, gradients) = valueWithGradient(of: gan.discriminator) { _ in
          gan.discriminatorLoss(real: real, fake: fake)
        }
        ofDiscriminator.update(gan.discriminator, gradients)
        let (other, others) = valueWithGradient(of: gan.generator) { gan.generatorLoss(fake: $0(batch[1])) }
        ofGenerator.update(gan.generator, others)
        return [loss, other]
      }

      var random = RandomSource(seed: options.seed)
      let shown = gan.noise(64, using: &random)  // the same in every picture, so that one sees them grow
      let loader = DataLoader(training, batchSize: min(64, training.count), dropsLast: true, seed: options.seed)
      let start = ContinuousClock.now
      for epoch in 0..<options.count {
        var (first, second) = (0.0, 0.0)
        let batches = loader.batches(epoch: epoch)
        while let batch = try batches.next() {
          let noise = gan.noise(batch.features.shape[0], using: &random)
          let losses = try withTraining(random: &random) { try step([batch.features, noise]) }
          (first, second) = (first + losses[0].item, second + losses[1].item)
        }
        let (steps, seconds) = (Double(loader.batchCount), Int((ContinuousClock.now - start) / .seconds(1)))
        report("epoch \(epoch + 1): discriminator \(first / steps), generator \(second / steps), \(seconds) s")
        let samples = withInference { (gan.generator(shown) + 1) / 2 }
        try Image(gridOf: samples, columns: 8).write(to: options.path("samples-\(epoch + 1).png"))
      }
      try gan.save(to: options.path("dcgan.safetensors"))
    }
  }
}
