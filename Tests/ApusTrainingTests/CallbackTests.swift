import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// What callbacks see and do, and how long a training goes on.
@Suite struct CallbackTests {
  private func trainer(_ model: some Layer, rate: Double = 0.05) -> Trainer<some Layer> {
    Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: rate), seed: 3)
  }

  // MARK: Batches

  @Test("F4, F5, F6, N-15b: updates of an epoch: n / batch size, one for each example, one in all")
  func updates() throws {
    // The notes' numbers: 5,000,000 examples in batches of 1000.
    let huge = DataLoader(Nothing(count: 5_000_000), batchSize: 1000)
    #expect(huge.batchCount == 5000)
    #expect(DataLoader(Nothing(count: 5_000_000), batchSize: 1).batchCount == 5_000_000)
    #expect(DataLoader(Nothing(count: 5_000_000), batchSize: 5_000_000).batchCount == 1)
    // And counted while it happens: 64 examples; the last batch of 10 has 4 of them.
    for (size, updates) in [(10, 7), (1, 64), (64, 1), (1000, 1)] {
      let trainer = trainer(Dense(2, 1))
      let log = StepLog()
      try trainer.fit(Small.line(), epochs: 2, batchSize: size, progress: .silent, callbacks: [log.callback])
      #expect(trainer.optimizer.memory.step == 2 * updates && log.steps.count == 2 * updates)
      #expect(log.steps.map(\.exampleCount).reduce(0, +) == 128)
      #expect(log.steps[updates - 1].exampleCount == (size == 10 ? 4 : min(size, 64)))
      #expect(log.steps.map(\.number) == Array(1...2 * updates) && log.steps.last?.epoch == 2)
    }
    // Left out instead, if the loader says so.
    let trainer = trainer(Dense(2, 1))
    try trainer.fit(DataLoader(Small.line(), batchSize: 10, dropsLast: true), epochs: 1, progress: .silent)
    #expect(trainer.optimizer.memory.step == 6)
  }

  @Test("F4: batch gradient descent is the hand-written loop over the whole set") func wholeSet() throws {
    let (model, byHand) = (Dense(2, 1, weights: .constant(0.5)), Dense(2, 1, weights: .constant(0.5)))
    let data = Small.line()
    let losses = try trainer(model).fit(data, epochs: 30, batchSize: .all, progress: .silent).losses
    let optimizer = SGD(learningRate: 0.05)
    for i in 0..<30 {
      let (loss, gradients) = valueWithGradient(of: byHand) {
        meanSquaredError($0(data.features), target: data.targets)
      }
      optimizer.update(byHand, gradients)
      // The order of the examples differs, and with it the rounding of their sum.
      #expect(abs(loss.item - losses[i]) < 1e-5 * loss.item + 1e-7)
    }
    #expect(zip(losses, losses.dropFirst()).allSatisfy { $0 > $1 })
    #expect(abs(model.weight.value - byHand.weight.value).max().item < 1e-5)
  }

  @Test("F6: batches of one example are noisy, the whole set is not") func noise() throws {
    func jumps(_ size: Int) throws -> Double {
      let log = StepLog()
      try trainer(Dense(2, 1, weights: .constant(0.5)), rate: 0.01).fit(
        Small.line(), epochs: 4, batchSize: size, progress: .silent, callbacks: [log.callback])
      // How often the loss rises from one update to the next.
      let rises = zip(log.losses, log.losses.dropFirst()).filter { $1 > $0 }.count
      return Double(rises) / Double(log.losses.count - 1)
    }
    #expect(try jumps(1) > 0.3)
    #expect(try jumps(64) == 0)
  }

  // MARK: Limits

  @Test("F3: training is bounded by epochs, or by steps") func limits() throws {
    func start() -> Dense { Dense(2, 1, weights: .constant(0.5)) }
    let (byEpochs, bySteps) = (trainer(start()), trainer(start()))
    let whole = try byEpochs.fit(Small.line(), epochs: 3, batchSize: 16, progress: .silent)
    #expect(whole.epochs.count == 3 && whole.stopReason == nil && byEpochs.optimizer.memory.step == 12)
    let history = try bySteps.fit(
      Small.line(), epochs: 100, batchSize: 16, progress: .silent, callbacks: [.maximumSteps(10)])
    #expect(bySteps.optimizer.memory.step == 10 && history.epochs.count == 3)
    #expect(history.stopReason == "10 steps are done")
    // The last epoch has seen half of the examples.
    #expect(history.losses[..<2] == whole.losses[..<2] && history.losses[2] != whole.losses[2])
  }

  @Test func timeEnds() throws {
    let history = try trainer(Dense(2, 1)).fit(
      Small.line(), epochs: 10_000_000, progress: .silent, callbacks: [.maximumTime(.milliseconds(50))])
    #expect(history.stopReason?.contains("is over") == true && history.epochs.count < 10_000_000)
  }

  // MARK: Early stopping

  /// Random labels: what is learnt of them helps nobody.
  private func noisyData() -> (Dataset, Dataset) {
    var random = RandomSource(seed: 5)
    func data(_ count: Int) -> Dataset {
      let labels = (0..<count).map { _ in Int32.random(in: 0..<2, using: &random) }
      return Dataset(
        "noise", features: .randomNormal([count, 8], using: &random), targets: Tensor(labels),
        kind: .classes(["a", "b"]))
    }
    return (data(40), data(40))
  }

  private func overfitting(_ callbacks: [Callback], epochs: Int = 200) throws -> (Sequential, History) {
    let model = withSeed(2) { Sequential([Dense(8, 64, activation: .relu), BatchNorm(64), Dense(64, 2)]) }
    let (training, validation) = noisyData()
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 3e-3), metrics: [.accuracy])
    let history = try trainer.fit(
      training, validation: validation, epochs: epochs, batchSize: 8, progress: .silent, callbacks: callbacks)
    return (model, history)
  }

  @Test("I10: early stopping ends where the validation loss no longer improves, with the best epoch's weights")
  func earlyStopping() throws {
    let (model, history) = try overfitting([.earlyStopping(patience: 4)])
    let best = try #require(history.bestEpoch())
    #expect(history.epochs.count == best.number + 4 && history.epochs.count < 200)
    #expect(
      history.stopReason == "the validation loss has not improved for 4 epochs; it was best in epoch \(best.number)")
    // Weights and running statistics are those of that epoch.
    let evaluation = try Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam()).evaluate(noisyData().1)
    #expect(evaluation.loss == best.validationLoss)
    // The training before is the same as without.
    let (_, plain) = try overfitting([], epochs: history.epochs.count)
    #expect(plain.losses == history.losses && plain.stopReason == nil)
    // Not restored, the last epoch stays.
    let (last, _) = try overfitting([.earlyStopping(patience: 4, restoresBest: false)])
    let after = try Trainer(last, loss: .softmaxCrossEntropy, optimizer: Adam()).evaluate(noisyData().1)
    #expect(after.loss == history.epochs.last?.validationLoss && after.loss > evaluation.loss)
  }

  @Test func earlyStoppingByOtherNumbers() throws {
    let (_, byAccuracy) = try overfitting([.earlyStopping(patience: 3, monitor: .validationMetric("accuracy"))])
    let best = try #require(byAccuracy.bestEpoch(by: .validationMetric("accuracy")))
    #expect(byAccuracy.epochs.count == best.number + 3)
    // What improves by less than asked for is no improvement.
    let (_, impatient) = try overfitting([.earlyStopping(patience: 2, monitor: .loss, minimumImprovement: 100)])
    #expect(impatient.epochs.count == 3)
    let error = #expect(throws: TrainingError.self) {
      _ = try trainer(Dense(2, 1)).fit(
        Small.line(), epochs: 2, progress: .silent, callbacks: [.earlyStopping()])
    }
    #expect(error?.description.contains("the validation loss is watched, but epoch 1 has none") == true)
  }

  @Test func everyFitBeginsAnew() throws {
    let callback = Callback.earlyStopping(patience: 2, monitor: .loss, minimumImprovement: 100)
    for _ in 0..<2 {
      let history = try trainer(Dense(2, 1)).fit(Small.line(), epochs: 9, progress: .silent, callbacks: [callback])
      #expect(history.epochs.count == 3)
    }
  }

  @Test func bestCheckpointsAreSaved() throws {
    var saved: [Int] = []
    let (_, history) = try overfitting([.bestCheckpoint { saved.append($0.number) }], epochs: 20)
    var lowest = Double.infinity
    let expected = history.epochs.filter { epoch in
      defer { lowest = min(lowest, epoch.validationLoss!) }
      return epoch.validationLoss! < lowest
    }
    #expect(saved == expected.map(\.number) && saved.last == history.bestEpoch()?.number)
  }

  // MARK: Programs

  @Test func callbacksLeaveStepsRecorded() throws {
    func run(_ callbacks: [Callback]) throws -> ([Double], [[Float]], String) {
      let model = Small.network(2, 3)
      let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), seed: 4)
      let history = try trainer.fit(Small.blobs(), epochs: 3, batchSize: 30, progress: .silent, callbacks: callbacks)
      return (history.losses, Small.parameters(model), trainer.trainingStep.description)
    }
    let plain = try run([])
    let log = StepLog()
    let observed = try run([log.callback, GradientLog(on: Small.blobs(count: 9)).callback])
    #expect(plain.0 == observed.0 && plain.1 == observed.1)
    #expect(plain.2 == observed.2 && !plain.2.contains("runs operation by operation"))
    #expect(log.csv.hasPrefix("step,epoch,loss,learning_rate,examples\n1,1,") && log.steps.count == 9)
  }

  @Test func learningRatesAreLogged() throws {
    let log = StepLog()
    let trainer = Trainer(
      Dense(2, 1), loss: .meanSquaredError, optimizer: SGD(learningRate: 1),
      schedule: .linear(from: 0.1, to: 0, steps: 4))
    try trainer.fit(Small.line(), epochs: 1, batchSize: 16, progress: .silent, callbacks: [log.callback])
    for (rate, expected) in zip(log.steps.map(\.learningRate), [0.1, 0.075, 0.05, 0.025]) {
      #expect(abs(rate - expected) < 1e-12)
    }
  }
}

/// Examples that nobody asks for.
private struct Nothing: ExampleSource {
  let name = "nothing"
  let count: Int
  let featureType = TensorType([1], .float32)
  let targetType = TensorType([1], .float32)
  let kind = Dataset.Targets.numbers(["y"])
  func batch(_ indices: [Int]) throws -> Batch { fatalError("asked for") }
}
