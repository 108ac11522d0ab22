import Apus
import ApusTestSupport

/// What bfloat16 products cost in accuracy, and what they save in time: networks trained from the same five seeds in both precisions,
/// and steps of two workloads in alternation.
/// - Parameter data: a directory with MNIST's files; without, only the bundled digits are learnt.
func precisionBenchmark(mode: Mode, data: String?, seconds: Double, into line: inout JSONLine) throws {
  line.add("is_fast", Precision.bfloat16.isFast ? 1 : 0)
  let digits = try Dataset.digits()
  let pixels = digits.replacing(features: digits.features / 16)
  try addAccuracies("digits", epochs: 30, into: &line) { seed in
    let (training, test) = pixels.split(testFraction: 0.2, seed: seed)
    return (
      training, test,
      withSeed(seed) {
        Sequential([Dense(64, 256, activation: .relu), Dense(256, 256, activation: .relu), Dense(256, 10)])
      }
    )
  }
  if let data {
    let (training, test) = try Dataset.mnist(directory: data)
    try addAccuracies("mnist", epochs: 10, into: &line) { seed in
      (
        training, test,
        withSeed(seed) {
          Sequential([
            Flatten(), Dense(784, 256, activation: .relu), Dense(256, 128, activation: .relu), Dense(128, 10),
          ])
        }
      )
    }
  }
  for workload in [Workload.mlp784, .mlpbn] {
    let ratios = try stepTimes(workload, mode: mode, seconds: seconds)
    line.add("\(workload.shortName)_float32_ms", ratios.float32, digits: 5)
    line.add("\(workload.shortName)_bfloat16_ms", ratios.bfloat16, digits: 5)
    line.add("\(workload.shortName)_ratio", ratios.bfloat16 / ratios.float32, digits: 3)
  }
}

/// Adds the test accuracies of five seeds in each precision, their mean and standard deviation, and the mean
/// loss, which shows the smallest differences.
private func addAccuracies(
  _ name: String, epochs: Int, into line: inout JSONLine,
  _ make: (_ seed: UInt64) -> (training: Dataset, test: Dataset, model: Sequential)
) throws {
  for precision in Precision.allCases {
    let results = try (1...5).map { (seed: UInt64) in
      let (training, test, model) = make(seed)
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy], seed: seed, precision: precision)
      try trainer.fit(training, epochs: epochs, batchSize: 128, progress: .silent)
      return try trainer.evaluate(test)
    }
    let accuracies = results.map { $0.metrics["accuracy"] ?? .nan }
    let count = Double(accuracies.count)
    let mean = accuracies.reduce(0, +) / count
    let variance = accuracies.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    line.add("\(name)_\(precision)", accuracies, digits: 5)
    line.add("\(name)_\(precision)_mean", mean, digits: 5)
    line.add("\(name)_\(precision)_deviation", variance.squareRoot(), digits: 5)
    line.add("\(name)_\(precision)_loss", results.reduce(0) { $0 + $1.loss } / count, digits: 6)
  }
}

/// Median milliseconds of a training step in each precision, in rounds that alternate.
private func stepTimes(
  _ workload: Workload, mode: Mode, seconds: Double
) throws -> (float32: Double, bfloat16: Double) {
  let batch = try workload.makeBatch(from: nil)
  let steps = try Precision.allCases.map { _ in
    try mode.trainingStep(workload, workload.makeModel(from: nil), batch)
  }
  var times: [[Double]] = [[], []]
  let end = now() + seconds
  while times[1].count < 10 || now() < end {
    for (i, precision) in Precision.allCases.enumerated() {
      try withPrecision(precision) {
        for round in 0..<7 {
          let start = now()
          _ = try steps[i]()
          // The first ones find the other precision's numbers in the caches.
          if round >= 2 { times[i].append((now() - start) * 1000) }
        }
      }
    }
  }
  return (Sample(times[0]).median, Sample(times[1]).median)
}
