import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

@Suite struct TrainerTests {
  // MARK: Reproducible

  private func run(seed: UInt64, validation: Dataset? = nil) throws -> (History, [[Float]]) {
    let model = Small.network(2, 3)
    let trainer = Trainer(
      model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy], seed: seed)
    let history = try trainer.fit(Small.blobs(), validation: validation, epochs: 4, batchSize: 16, progress: .silent)
    return (history, Small.parameters(model))
  }

  @Test func seedDecidesEverything() throws {
    let (first, second, other) = (try run(seed: 1), try run(seed: 1), try run(seed: 2))
    #expect(first.0.numbers == second.0.numbers && first.1 == second.1)
    #expect(first.0.numbers != other.0.numbers && first.1 != other.1)
  }

  @Test func validationChangesNothing() throws {
    let (without, with) = (try run(seed: 1), try run(seed: 1, validation: Small.blobs(count: 33)))
    #expect(without.0.losses == with.0.losses && without.1 == with.1)
    #expect(without.0.epochs.allSatisfy { $0.validationLoss == nil && $0.validationMetrics.isEmpty })
    #expect(with.0.epochs.allSatisfy { $0.validationLoss != nil && $0.validationMetrics["accuracy"] != nil })
  }

  @Test func evaluationAndPredictionChangeNothing() throws {
    let model = Small.network(2, 3)
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy])
    let before = Small.parameters(model)
    let (first, second) = (try trainer.evaluate(Small.blobs()), try trainer.evaluate(Small.blobs()))
    #expect(first == second && first.count == 90)
    _ = try trainer.predict(Small.blobs().features)
    #expect(Small.parameters(model) == before)
  }

  @Test func continuingIsOneRun() throws {
    let (whole, parts) = (Small.network(2, 3), Small.network(2, 3))
    func trainer(_ model: Sequential) -> Trainer<Sequential> {
      Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01))
    }
    let (one, two) = (trainer(whole), trainer(parts))
    let losses = try one.fit(Small.blobs(), epochs: 5, batchSize: 16, progress: .silent).losses
    let first = try two.fit(Small.blobs(), epochs: 2, batchSize: 16, progress: .silent).losses
    let second = try two.fit(Small.blobs(), epochs: 3, batchSize: 16, progress: .silent).losses
    #expect(losses == first + second && Small.parameters(whole) == Small.parameters(parts))
  }

  // MARK: It learns

  @Test func learnsDigits() throws {
    let (train, test) = try Dataset.digits().split(testFraction: 0.2, seed: 1)
    let preprocessing = try Preprocessing(fittedTo: train)
    let model = withSeed(1) {
      Sequential {
        Dense(64, 128, activation: .relu)
        Dropout(0.2)
        Dense(128, 10)
      }
    }
    let trainer = Trainer(
      model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 3e-3), metrics: [.accuracy], seed: 1)
    let before = try #require(try trainer.evaluate(preprocessing(test)).metrics["accuracy"])
    let history = try trainer.fit(preprocessing(train), epochs: 6, progress: .silent)
    let after = try trainer.evaluate(preprocessing(test))
    #expect(before < 0.3)
    #expect(try #require(after.metrics["accuracy"]) >= 0.95, "\(after)")
    #expect(history.losses[5] < history.losses[0] / 4)
    // The accuracy again, by the predictions.
    let report = ClassificationReport(
      labels: test.targets.ints, predictions: try trainer.predict(preprocessing(test).features).argMax(axis: 1).ints,
      classNames: test.classNames)
    #expect(abs(report.accuracy - after.metrics["accuracy"]!) < 1e-6)
  }

  @Test func learnsDigitsInBFloat16() throws {
    let (train, test) = try Dataset.digits().split(testFraction: 0.2, seed: 1)
    let preprocessing = try Preprocessing(fittedTo: train, scaling: .minMax)
    let model = withSeed(1) {
      // Large enough for the products to be bfloat16.
      Sequential([Dense(64, 256, activation: .relu), Dense(256, 256, activation: .relu), Dense(256, 10)])
    }
    func trainer(_ precision: Precision) -> Trainer<Sequential> {
      Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy], seed: 1, precision: precision)
    }
    try trainer(.bfloat16).fit(preprocessing(train), epochs: 20, batchSize: 64, progress: .silent)
    let half = try trainer(.bfloat16).evaluate(preprocessing(test))
    let single = try trainer(.float32).evaluate(preprocessing(test))
    #expect(try #require(half.metrics["accuracy"]) >= 0.97, "\(half)")
    #expect(half.loss != single.loss && abs(half.loss - single.loss) < 0.01)
    #expect(model.parameters.allSatisfy { $0.dtype == .float32 })
    let (x, y) = (
      try trainer(.bfloat16).predict(preprocessing(test).features), try model.predict(preprocessing(test).features)
    )
    #expect(x.floats != y.floats)
  }

  @Test(arguments: [("iris", 0.93), ("wine", 0.95), ("breast-cancer", 0.95)])
  func learnsTables(name: String, accuracy: Double) throws {
    let (train, test) = try Dataset(named: name).split(testFraction: 0.3, seed: 2)
    let preprocessing = try Preprocessing(fittedTo: train)
    let model = withSeed(2) {
      Sequential([Dense(train.features.shape[1], 16, activation: .relu), Dense(16, train.classNames.count)])
    }
    let trainer = Trainer(
      model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy], seed: 2)
    try trainer.fit(preprocessing(train), epochs: 40, progress: .silent)
    let found = try trainer.evaluate(preprocessing(test))
    #expect(try #require(found.metrics["accuracy"]) >= accuracy, "\(found)")
  }

  @Test func learnsTwoClassesFromOneLogit() throws {
    let data = try Dataset(named: "moons")
    let model = withSeed(3) { Sequential([Dense(2, 16, activation: .tanh), Dense(16, 1)]) }
    let trainer = Trainer(
      model, loss: .binaryCrossEntropy, optimizer: Adam(learningRate: 0.02), metrics: [.accuracy], seed: 3)
    try trainer.fit(data, epochs: 60, progress: .silent)
    #expect(try #require(try trainer.evaluate(data).metrics["accuracy"]) >= 0.97)
  }

  @Test func learnsALine() throws {
    let model = Dense(2, 1, weights: .zeros)
    let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1))
    try trainer.fit(Small.line(), epochs: 60, progress: .silent)
    #expect(
      firstDifference(model.weight.value.doubles + model.bias!.value.doubles, [2, -1, 0.5], tolerance: 1e-5) == nil)
  }

  // MARK: Batches

  @Test(arguments: [(64, 1), (1000, 1), (63, 2), (20, 4), (1, 64)])
  func updatesOfAnEpoch(batchSize: Int, updates: Int) throws {
    let trainer = Trainer(Dense(2, 1), loss: .meanSquaredError, optimizer: SGD(learningRate: 1e-3))
    try trainer.fit(Small.line(), epochs: 3, batchSize: batchSize, progress: .silent)
    #expect(trainer.optimizer.memory.step == 3 * updates)
  }

  /// Without learning, the mean over batches of different sizes is the loss of the whole set.
  @Test(arguments: [1, 7, 64, 65]) func lossIsTheMeanOverExamples(batchSize: Int) throws {
    let model = withSeed(4) { Dense(2, 1) }
    let trainer = Trainer(
      model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0), metrics: [.meanAbsoluteError])
    let whole = try trainer.evaluate(Small.line())
    let epoch = try trainer.fit(Small.line(), epochs: 1, batchSize: batchSize, progress: .silent).epochs[0]
    #expect(abs(epoch.loss - whole.loss) < 1e-6 * whole.loss)
    #expect(abs(epoch.metrics["mean_absolute_error"]! - whole.metrics["mean_absolute_error"]!) < 1e-6)
    let parts = try trainer.evaluate(Small.line(), batchSize: batchSize)
    #expect(abs(parts.loss - whole.loss) < 1e-6 * whole.loss)
  }

  @Test func noEpochsAndNoValidation() throws {
    let model = Small.network(2, 3)
    let before = Small.parameters(model)
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam())
    let none = try trainer.fit(Small.blobs(), epochs: 0, progress: .silent).epochs
    let negative = try trainer.fit(Small.blobs(), epochs: -3, progress: .silent).epochs
    #expect(none.isEmpty && negative.isEmpty)
    #expect(Small.parameters(model) == before)
    let nothing = Small.blobs().selecting([])
    let history = try trainer.fit(Small.blobs(), validation: nothing, epochs: 1, progress: .silent)
    #expect(history.epochs.count == 1 && history.epochs[0].validationLoss == nil)
  }

  @Test func epochsAreReportedInOrder() throws {
    struct Enough: Error {}
    let trainer = Trainer(Dense(2, 1), loss: .meanSquaredError, optimizer: SGD(learningRate: 1e-3))
    var seen: [Int] = []
    let history = try trainer.fit(Small.line(), epochs: 3, progress: .silent) { seen.append($0.number) }
    #expect(seen == [1, 2, 3] && history.epochs.map(\.number) == seen)
    #expect(throws: Enough.self) {
      try trainer.fit(Small.line(), epochs: 5, progress: .silent) { if $0.number == 2 { throw Enough() } }
    }
  }

  @Test func trainingModeIsOnlyForTraining() throws {
    final class Probe: Layer {
      let inner = Dense(2, 1)
      let seen = Seen()
      final class Seen: @unchecked Sendable { var modes: [Bool] = [] }
      func forward(_ x: Tensor) -> Tensor {
        seen.modes.append(isTraining)
        return inner(x)
      }
      func outputShape(for input: Shape) throws(ShapeError) -> Shape { try inner.outputShape(for: input) }
    }
    let model = Probe()
    let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 1e-3), runsEagerly: true)
    try trainer.fit(Small.line(), validation: Small.line(), epochs: 2, batchSize: 64, progress: .silent)
    #expect(model.seen.modes == [true, false, true, false])
    _ = try trainer.predict(Small.line().features)
    #expect(model.seen.modes.last == false)
  }

  // MARK: Prediction

  @Test func predictionsDoNotDependOnTheBatchSize() throws {
    let model = Small.network(2, 3)
    let x = Small.blobs().features
    let whole = model(x)
    for size in [1, 7, 90, 1000] {
      let found = try model.predict(x, batchSize: size)
      #expect(found.shape == [90, 3] && firstDifference(found.doubles, whole.doubles, tolerance: 1e-6) == nil)
    }
    #expect(try model.predict(x[0..<0]).shape == [0, 3])
  }
}
