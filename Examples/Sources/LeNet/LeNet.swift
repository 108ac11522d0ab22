// LeNet-5 learns to read handwritten digits, from images that are shifted a little every time.
//
//     swift run -c release lenet --data DIR          20 epochs; DIR holds MNIST's four files

import Apus
import ExampleOptions

@main
enum LeNet {
  static func main() {
    runExample("lenet", "--epochs", usually: 20) { options in
      let (training, test) = try options.digits()
      let model = withSeed(options.seed) { Sequential.leNet5() }
      let loader = DataLoader(training, batchSize: 64, augmentations: [.shift(upTo: 2)], seed: options.seed)
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy],
        schedule: .oneCycle(peak: 3e-3, steps: options.count * loader.batchCount), seed: options.seed)
      let history = try trainer.fit(loader, epochs: options.count, progress: .silent) { epoch in
        report("epoch \(epoch.number): loss \(epoch.loss), accuracy \(epoch.metrics["accuracy"]!)")
      }
      let seconds = history.epochs.reduce(0) { $0 + $1.seconds }
      report("test accuracy \(try trainer.evaluate(test).metrics["accuracy"]!) after \(Int(seconds)) s")

      // What it has learnt: the first filters, what all layers make of one image, and where the last hidden layer puts a thousand.
      try ImageGrid.weights(of: model)!.write(to: options.path("filters.png"))
      try Sheet.featureMaps(of: model, test.features[0..<1]).write(to: options.path("feature-maps.png"))
      let count = min(1000, test.count)
      let hidden = ActivationTrace(of: model, test.features[0..<count])["6"]!
      try Chart.projection(
        TSNE(perplexity: min(30, Double(count) / 4)).embed(hidden), labels: Array(test.targets.ints.prefix(count)),
        classNames: test.classNames, title: "LeNet's last hidden layer by t-SNE"
      ).write(to: options.path("hidden-layer.png"))
      try model.save(to: options.path("lenet.safetensors"))
    }
  }
}
