// Two autoencoders on handwritten digits. A linear one, which can do no better than the principal components and gets there;
// and one of convolutions, which learns to take noise away.
//
//     swift run -c release autoencoders --data DIR   30 epochs; DIR holds MNIST's four files

import Apus
import ExampleOptions

@main
enum Autoencoders {
  static func main() {
    runExample("autoencoders", "--epochs", usually: 30) { options in
      let (training, test) = try options.digits()
      try linear(training.features, options)
      try denoising(training, test.features, options)
    }
  }

  /// The error that is left with `code` numbers for each image, beside the least that any linear map leaves.
  static func linear(_ images: Tensor, _ options: ExampleOptions, code: Int = 16) throws {
    let rows = images.reshaped([images.shape[0], images.count / images.shape[0]])
    let x = rows - rows.mean(axes: [0])
    let components = PrincipalComponents(x, count: code)
    let bound = square(x.cast(to: .float64) - components.inverted(components(x))).mean().item

    let model = withSeed(options.seed) { Autoencoder.dense([x.shape[1], code], activation: .identity) }
    let optimizer = Adam()
    let step = Program("training step") { batch in
      let (loss, gradients) = valueWithGradient(of: model) { meanSquaredError($0(batch[0]), target: batch[0]) }
      optimizer.update(model, gradients)
      return [loss]
    }
    let loader = DataLoader(
      Dataset("digits", features: x, targets: x, kind: .numbers([])), batchSize: min(250, x.shape[0]),
      seed: options.seed)
    let rates = LearningRateSchedule.cosine(from: 2e-3, steps: options.count * loader.batchCount)
    for epoch in 0..<options.count {
      let batches = loader.batches(epoch: epoch)
      while let batch = try batches.next() {
        optimizer.learningRate = rates(optimizer.memory.step)
        _ = try step([batch.features])
      }
    }
    let error = withInference { meanSquaredError(model(x), target: x).item }
    report("linear: error \(error), \(error / bound) times the bound of \(code) principal components, \(bound)")
  }

  static func denoising(_ training: Dataset, _ test: Tensor, _ options: ExampleOptions) throws {
    let model = withSeed(options.seed) { Autoencoder.convolutional(noise: 0.5) }
    let optimizer = Adam()
    let step = Program("training step") { batch in
      let (loss, gradients) = valueWithGradient(of: model) {
        binaryCrossEntropy(logits: $0(batch[0]), target: batch[0])
      }
      optimizer.update(model, gradients)
      return [loss]
    }
    var random = RandomSource(seed: options.seed)
    let noisy = test + Tensor.randomNormal(test.shape, standardDeviation: 0.5, using: &random)
    func error(_ images: Tensor) -> Double { meanSquaredError(images, target: test).item }
    report("noisy images: error \(error(noisy))")

    let loader = DataLoader(training, batchSize: 64, seed: options.seed)
    let rates = LearningRateSchedule.cosine(from: 2e-3, to: 5e-5, steps: options.count * loader.batchCount)
    let start = ContinuousClock.now
    for epoch in 0..<options.count {
      var loss = 0.0
      let batches = loader.batches(epoch: epoch)
      while let batch = try batches.next() {
        optimizer.learningRate = rates(optimizer.memory.step)
        loss += try withTraining(random: &random) { try step([batch.features])[0].item }
      }
      report("epoch \(epoch + 1): loss \(loss / Double(loader.batchCount))")
    }
    let cleaned = sigmoid(try model.predict(noisy, batchSize: 500))
    let seconds = Int((ContinuousClock.now - start) / .seconds(1))
    report("denoised: error \(error(cleaned)) after \(seconds) s")
    let shown = 0..<min(10, test.shape[0])
    try ImageGrid.reconstructions(noisy[shown], cleaned[shown], title: "Noise taken away", range: 0...1)
      .write(to: options.path("denoised.png"))
  }
}
