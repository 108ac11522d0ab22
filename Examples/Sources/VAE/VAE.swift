// A variational autoencoder learns handwritten digits as a distribution, and makes new ones from it.
//
//     swift run -c release vae --data DIR            20 epochs; DIR holds MNIST's four files

import Apus
import ExampleOptions

@main
enum VAE {
  static func main() {
    runExample("vae", "--epochs", usually: 20) { options in
      let (training, test) = try options.digits()
      let model = withSeed(options.seed) { VariationalAutoencoder.dense(units: 400, code: 16) }
      let optimizer = Adam()
      func rows(_ images: Tensor) -> Tensor { images.reshaped([images.shape[0], 784]) }
      let step = Program("training step") { batch in
        let (loss, gradients) = valueWithGradient(of: model) { $0.loss(rows(batch[0])) }
        optimizer.update(model, gradients)
        return [loss]
      }
      let loader = DataLoader(training, batchSize: 64, seed: options.seed)
      let rates = LearningRateSchedule.cosine(from: 2e-3, to: 5e-5, steps: options.count * loader.batchCount)
      var random = RandomSource(seed: options.seed)
      let start = ContinuousClock.now
      for epoch in 0..<options.count {
        var loss = 0.0
        let batches = loader.batches(epoch: epoch)
        while let batch = try batches.next() {
          optimizer.learningRate = rates(optimizer.memory.step)
          loss += try withTraining(random: &random) { try step([batch.features])[0].item }
        }
        // The bound of what is unseen, from a draw of its codes.
        let unseen = withTraining(random: &random) { model.loss(rows(test.features)).item }
        let seconds = Int((ContinuousClock.now - start) / .seconds(1))
        report(
          "epoch \(epoch + 1): loss \(loss / Double(loader.batchCount)), on unseen digits \(unseen) nats, \(seconds) s")
        // The same codes in every picture, so that one sees them grow.
        var codes = RandomSource(seed: options.seed, stream: 1)
        try Image(gridOf: model.generate(64, using: &codes).reshaped([64, 28, 28, 1]), columns: 8)
          .write(to: options.path("samples-\(epoch + 1).png"))
      }
      let shown = test.features[0..<min(10, test.count)]
      let copies = withInference { sigmoid(model(rows(shown))).reshaped([shown.shape[0], 28, 28, 1]) }
      try ImageGrid.reconstructions(shown, copies, range: 0...1).write(to: options.path("reconstructions.png"))
    }
  }
}
