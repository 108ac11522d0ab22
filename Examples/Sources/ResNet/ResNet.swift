// A residual network of 18 layers learns what small colour images show.
//
//     swift run -c release resnet --data DIR         5 epochs; DIR holds CIFAR-10's binary files
//     swift run -c release resnet                    on drawn shapes in ten classes, which need no files

import Apus
import ExampleOptions

@main
enum ResNet {
  static func main() {
    runExample("resnet", "--epochs", usually: 5) { options in
      let count = options.images ?? 4000
      let (training, test) =
        try options.data.map { try Dataset.cifar10(directory: $0) }
        ?? (drawnShapes(count: count, seed: 1), drawnShapes(count: count / 4, seed: 2))
      let model = withSeed(options.seed) { Sequential.resNet(.resNet18, classes: 10, stem: .small) }
      report("\(training.count) images to learn from, \(model.parameterCount) parameters")
      let loader = DataLoader(
        training, batchSize: 64, augmentations: [.shift(upTo: 2)] + (options.data == nil ? [] : [.flipHorizontally()]),
        seed: options.seed)
      // An epoch of the drawn shapes has 63 updates. With a rate of 0.05, which large data sets bear, three epochs of them teach nothing.
      let rate = 0.01
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: SGD(learningRate: rate, momentum: 0.9, weightDecay: 5e-4),
        metrics: [.accuracy], schedule: .cosine(from: rate, steps: options.count * loader.batchCount),
        seed: options.seed)
      let held = DataLoader(test, batchSize: 250, isShuffled: false)
      try trainer.fit(loader, epochs: options.count, progress: .silent) { epoch in
        let accuracy = try trainer.evaluate(held).metrics["accuracy"]!
        report("epoch \(epoch.number): loss \(epoch.loss), test accuracy \(accuracy), \(Int(epoch.seconds)) s")
      }
      try model.save(to: options.path("resnet.safetensors"))
    }
  }
}

/// Shapes of random place, size and colours on noise, 32 x 32 pixels.
func drawnShapes(count: Int, seed: UInt64) -> Dataset {
  let names = [
    "disc", "ring", "square", "frame", "plus", "cross", "diamond", "triangle", "horizontal stripes", "vertical stripes",
  ]
  var random = RandomSource(seed: seed)
  func number(_ range: ClosedRange<Double>) -> Double { .random(in: range, using: &random) }
  func color() -> [Double] { (0..<3).map { _ in number(0...1) } }
  var (pixels, labels): ([Float], [Int32]) = ([], [])
  for i in 0..<count {
    let label = i % names.count
    let (x0, y0, r) = (number(12...20), number(12...20), number(6...11))
    var (front, back) = (color(), color())
    // Colours that can be told apart.
    while zip(front, back).reduce(0, { $0 + abs($1.0 - $1.1) }) < 0.8 { (front, back) = (color(), color()) }
    for y in 0..<32 {
      for x in 0..<32 {
        let isInside = isInside(label, Double(x) - x0, Double(y) - y0, r)
        for c in 0..<3 { pixels.append(Float((isInside ? front : back)[c] + number(-0.15...0.15))) }
      }
    }
    labels.append(Int32(label))
  }
  return Dataset(
    "drawn shapes", features: Tensor(pixels, shape: [count, 32, 32, 3]), targets: Tensor(labels), kind: .classes(names))
}

/// Whether the place (u, v), seen from the middle, belongs to a shape of about the radius r.
func isInside(_ label: Int, _ u: Double, _ v: Double, _ r: Double) -> Bool {
  let (distance, side) = ((u * u + v * v).squareRoot(), max(abs(u), abs(v)))
  return switch label {
  case 0: distance < r
  case 1: distance < r && distance > 0.6 * r
  case 2: side < 0.85 * r
  case 3: side < 0.85 * r && side > 0.5 * r
  case 4: side < r && min(abs(u), abs(v)) < 0.25 * r
  case 5: side < 0.8 * r && min(abs(u + v), abs(u - v)) < 0.35 * r
  case 6: abs(u) + abs(v) < 1.1 * r
  case 7: abs(v) < 0.8 * r && abs(u) < (v + 0.8 * r) / 1.6
  case 8: distance < r && Int((v + 100).rounded(.down)) % 4 < 2
  default: distance < r && Int((u + 100).rounded(.down)) % 4 < 2
  }
}
