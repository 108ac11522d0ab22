// A dense network with two hidden layers learns to read handwritten digits, row after row of pixels at once.
//
//     swift run -c release mlp --data DIR            20 epochs; DIR holds MNIST's four files

import Apus
import ExampleOptions

@main
enum MLP {
  static func main() {
    runExample("mlp", "--epochs", usually: 20) { options in
      let (training, test) = try options.digits()
      let model = withSeed(options.seed) {
        Sequential {
          Flatten()
          Dense(784, 256, activation: .relu)
          Dropout(0.2)
          Dense(256, 128, activation: .relu)
          Dropout(0.2)
          Dense(128, 10)
        }
      }
      let loader = DataLoader(training, batchSize: 64, seed: options.seed)
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy],
        schedule: .cosine(from: 1e-3, to: 2.5e-5, steps: options.count * loader.batchCount), seed: options.seed)
      let history = try trainer.fit(loader, epochs: options.count, progress: .silent) { epoch in
        report("epoch \(epoch.number): loss \(epoch.loss), accuracy \(epoch.metrics["accuracy"]!)")
      }
      let seconds = history.epochs.reduce(0) { $0 + $1.seconds }
      report("test accuracy \(try trainer.evaluate(test).metrics["accuracy"]!) after \(Int(seconds)) s")

      // What the first units look at, and which digits are taken for which.
      try ImageGrid.weights(of: model)!.write(to: options.path("weights.png"))
      let predictions = try model.predict(test.features, batchSize: 500).argMax(axis: 1)
      let result = ClassificationReport(
        labels: test.targets.ints, predictions: predictions.ints, classNames: test.classNames)
      try Chart.confusionMatrix(result).write(to: options.path("confusion-matrix.png"))
      try model.save(to: options.path("mlp.safetensors"))
    }
  }
}
