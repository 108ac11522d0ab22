import Apus
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// What the notes say about steps, normalisation and settings, as experiments.
@Suite struct NotesTrainingTests {
  @Test("F12: gradients do not accumulate by themselves") func gradientsAreNew() {
    let model = Small.network(2, 1)
    let data = Small.line()
    func gradients() -> [[Float]] {
      valueWithGradient(of: model) { meanSquaredError($0(data.features), target: data.targets) }.gradients.tensors.map(
        \.floats)
    }
    let first = gradients()
    #expect(gradients() == first && gradients() == first)
    // Asked for, they do: the mean over two batches.
    let accumulator = GradientAccumulator()
    for _ in 0..<2 {
      accumulator.add(
        valueWithGradient(of: model) { meanSquaredError($0(data.features), target: data.targets) }.gradients)
    }
    for (mean, one) in zip(accumulator.mean.tensors, first) {
      #expect(zip(mean.floats, one).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) + 1e-12 })
    }
  }

  @Test("F13: the gradient points uphill, the step goes the other way, in one and two dimensions") func descent() {
    // J(θ) = (θ − 3)², at 5: the slope is 4; at the minimum it is 0.
    let slope = gradient(at: Tensor(5.0)) { square($0 - 3) }.item
    #expect(slope == 4 && gradient(at: Tensor(3.0)) { square($0 - 3) }.item == 0)
    func cost(_ theta: Tensor) -> Tensor { (square(theta - Tensor([1.0, -2])) * Tensor([1.0, 10])).sum() }
    let start = Tensor([4.0, 1])
    let uphill = gradient(at: start, of: cost)
    let (h, length) = (1e-4, sqrt(square(uphill).sum()).item)
    // Along the gradient the cost rises by its length, against it it falls, across it stays; no direction rises faster.
    func change(_ direction: Tensor) -> Double { (cost(start + direction * h).item - cost(start).item) / h }
    #expect(
      abs(change(uphill / Tensor(length)) - length) < 0.01 && change(uphill / Tensor(length) * -1) < -length + 0.01)
    #expect(abs(change(Tensor([-uphill.doubles[1], uphill.doubles[0]]) / Tensor(length))) < 0.01)
    for i in 0..<12 {
      let angle = Tensor(Double(i) * 0.5236)
      #expect(change(stack([cos(angle), sin(angle)])) <= length + 0.01)
    }
    // And so it goes down to the minimum.
    let point = Point([4, 1])
    let optimizer = SGD(learningRate: 0.05)
    var costs: [Double] = []
    for _ in 0..<200 {
      costs.append(cost(point.p.value).item)
      point.descend(cost, by: optimizer)
    }
    #expect(zip(costs, costs.dropFirst()).allSatisfy { $0 >= $1 })
    #expect(abs(point.p.value - Tensor([1.0, -2])).max().item < 1e-6)
  }

  @Test("F14: one object lists all hyperparameters and is saved with a run; a search goes through them")
  func hyperparameters()
    throws
  {
    var configuration = RunConfiguration(data: "iris")
    configuration.refinements.penalty = .l2
    let json = configuration.json(loss: .softmaxCrossEntropy, task: .classification, target: "species")
    for name in [
      "learning_rate", "epochs", "hidden", "activation", "optimizer", "batch_size", "regularizer", "lambda", "dropout",
      "schedule", "early_stopping", "batch_norm", "scaling", "seed",
    ] {
      #expect(json[name] != nil && json[name] != .null || name == "early_stopping" && json[name] == .null, "\(name)")
    }
    let (train, test) = try Dataset.iris().split(testFraction: 0.3, seed: 1)
    let scaling = try Preprocessing(fittedTo: train)
    let search = try ModelSearch(grid([0.0001, 0.03], [[Int](), [8]])) { rate, hidden in
      let sizes = [4] + hidden
      let model = withSeed(1) {
        Sequential {
          for (inputs, outputs) in zip(sizes, hidden) { Dense(inputs, outputs, activation: .relu) }
          Dense(sizes[sizes.count - 1], 3)
        }
      }
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: rate), metrics: [.accuracy])
      try trainer.fit(scaling(train), epochs: 20, progress: .silent)
      return try trainer.evaluate(scaling(test)).metrics["accuracy"]!
    }
    #expect(search.results.count == 4 && search.best?.choice.0 == 0.03 && search.best!.score > 0.9)
  }

  // MARK: Backpropagation

  @Test("D18: one forward evaluation for each backward one: what was computed is used again") func forwardOnce() {
    var (forward, again) = ([String](), [String]())
    let model = withSeed(1) {
      Sequential([Dense(2, 5), ActivationLayer(.tanh), Dense(5, 4), Lambda("exp") { exp($0) }, Dense(4, 1)])
    }
    let data = Small.line()
    func note(_ call: OperationObserver.Call) {
      if call.gradientOf == nil { forward.append(call.name) } else { again.append(call.name) }
    }
    OperationObserver.observing(note) {
      _ = valueWithGradient(of: model) { meanSquaredError($0(data.features), target: data.targets) }
    }
    #expect(forward.filter { $0 == "tanh" }.count == 1 && forward.filter { $0 == "exp" }.count == 1)
    #expect(forward.filter { $0 == "linear" }.count == 3, "\(forward)")
    // The gradients of tanh and exp read what these put out.
    #expect(
      !again.contains("tanh") && !again.contains("exp") && !again.contains("linear") && !again.isEmpty, "\(again)")
  }

  @Test("D21: how much a weight and an input change the loss") func saliency() {
    let model = withSeed(1) {
      Sequential([Dense(3, 4, activation: .tanh, dtype: .float64), Dense(4, 1, dtype: .float64)])
    }
    let x = Tensor([[0.5, -1, 2.0]])
    let y = Tensor([[0.3]])
    func loss(_ x: Tensor) -> Tensor { meanSquaredError(model(x), target: y) }
    let (_, gradients, input) = valueWithGradient(of: model, at: x) { meanSquaredError($0($1), target: y) }
    let h = 1e-6
    // x₂ is the second input, w₁₁ the first weight of the first unit.
    let (up, down) = (Tensor([[0.5, -1 + h, 2]]), Tensor([[0.5, -1 - h, 2]]))
    #expect(abs((loss(up).item - loss(down).item) / (2 * h) - input[0, 1].item) < 1e-8)
    let weight = model.parameters[0]
    let original = weight.value
    func loss(changing change: Double) -> Double {
      var values = original.doubles
      values[0] += change
      weight.value = Tensor(values, shape: [4, 3])
      defer { weight.value = original }
      return loss(x).item
    }
    #expect(abs((loss(changing: h) - loss(changing: -h)) / (2 * h) - gradients.tensors[0][0, 0].item) < 1e-8)
  }

  // MARK: Batch normalisation

  private static func digits() throws -> (train: Dataset, test: Dataset) {
    let (train, test) = try Dataset.digits().split(testFraction: 0.3, seed: 1)
    return (train.replacing(features: train.features / 16), test.replacing(features: test.features / 16))
  }

  @Test("J7: statistics of activations over the training, with and without batch normalisation") func covariateShift()
    throws
  {
    let (train, _) = try Self.digits()
    func spread(isNormalised: Bool) throws -> [ActivationLog.Reading] {
      let model = withSeed(1) {
        Sequential {
          Dense(64, 48, activation: .relu)
          Dense(48, 32)
          if isNormalised { BatchNorm(32) } else { ActivationLayer(.identity) }
          ActivationLayer(.relu)
          Dense(32, 10)
        }
      }
      let log = ActivationLog(on: train.features[0..<400])
      let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), seed: 1)
      try trainer.fit(train, epochs: 8, batchSize: 64, progress: .silent, callbacks: [log.callback])
      #expect(log.epochs.count == 9)
      // The last entry is what the trained network puts out.
      let now = ActivationTrace(of: model, train.features[0..<400])["2"]!
      let last = try #require(log.readings(of: "2").last)
      #expect(abs(last.mean - now.mean().item) < 1e-5 && abs(last.deviation - now.standardDeviation().item) < 1e-5)
      return log.readings(of: "2")
    }
    func growth(_ readings: [ActivationLog.Reading]) -> Double {
      let deviations = readings.dropFirst().map(\.deviation)
      return deviations.max()! / deviations.min()!
    }
    let (plain, normalised) = (try spread(isNormalised: false), try spread(isNormalised: true))
    // Its inputs spread more and more as the layers before it learn; normalised they do not.
    #expect(growth(plain) > growth(normalised), "\(growth(plain)) \(growth(normalised))")
    #expect(plain.last!.deviation > 2 * normalised.last!.deviation)
    let chart = Chart.activationStatistics([("plain", plain), ("normalised", normalised)], layer: "2")
    #expect(chart.marks.count == 6)
  }

  @Test("J8: the noise that batch normalisation adds is larger with a batch of 64 than of 512") func regularisingNoise()
    throws
  {
    let (train, _) = try Self.digits()
    let norm = BatchNorm(64)
    // What the same ten examples become, in many batches of random others.
    func noise(_ size: Int) -> Double {
      var random = RandomSource(seed: 1)
      var outputs: [Tensor] = []
      for _ in 0..<40 {
        let others = (0..<size - 10).map { _ in Int.random(in: 10..<train.count, using: &random) }
        let batch = train.selecting(Array(0..<10) + others).features
        outputs.append(withTraining(random: &random) { norm(batch)[0..<10] })
      }
      return stack(outputs).variance(axes: [0]).mean().item.squareRoot()
    }
    let (small, large) = (noise(64), noise(512))
    // As 1/√n: √8 for eight times as many.
    #expect(abs(small / large - 8.0.squareRoot()) < 0.7, "\(small) \(large)")
  }

  @Test("J9: predicting uses running statistics, and evaluation does not change them") func runningStatistics() throws {
    let (train, test) = try Self.digits()
    let norm = BatchNorm(16)
    let model = withSeed(1) { Sequential([Dense(64, 16), norm, ActivationLayer(.relu), Dense(16, 10)]) }
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy])
    let start = norm.runningMean.value.floats
    try trainer.fit(train, epochs: 3, batchSize: 64, progress: .silent)
    let statistics = [norm.runningMean.value.floats, norm.runningVariance.value.floats]
    #expect(statistics[0] != start)
    let evaluation = try trainer.evaluate(test)
    #expect(evaluation.metrics["accuracy"]! > 0.8)
    // Alone or in company, an example is predicted alike.
    let all = try model.predict(test.features)
    let one = try model.predict(test.features[3..<4])
    #expect(abs(one - all[3..<4]).max().item < 1e-5)
    #expect([norm.runningMean.value.floats, norm.runningVariance.value.floats] == statistics)
  }

  @Test("J9: a batch of one example is refused in training") func batchOfOne() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var random = RandomSource(seed: 1)
      _ = withTraining(random: &random) { BatchNorm(3)(.ones([1, 3])) }
    }
    #expect(standardError(of: result).contains("training expected at least 2 examples of each feature"))
  }
}
