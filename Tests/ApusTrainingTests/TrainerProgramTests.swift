import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Training as a program: the same numbers as operation by operation, to the bit.
@Suite struct TrainerProgramTests {
  private static func network(seed: UInt64) -> Sequential {
    withSeed(seed) {
      Sequential {
        Dense(2, 70, hasBias: false)
        BatchNorm(70)
        ActivationLayer(.relu)
        Dropout(0.3)
        Dense(70, 8, activation: .tanh)
        Dense(8, 3)
      }
    }
  }

  /// Everything that training computes, as bits.
  private static func bits(_ history: History, _ model: Sequential) -> [UInt64] {
    var numbers: [Double] = []
    for epoch in history.epochs {
      numbers += [epoch.loss, epoch.validationLoss ?? 0]
      for name in epoch.metrics.keys.sorted() { numbers.append(epoch.metrics[name]!) }
    }
    for (_, parameter) in model.namedParameters { numbers += parameter.value.doubles }
    for (_, buffer) in model.namedBuffers { numbers += buffer.value.doubles }
    return numbers.map(\.bitPattern)
  }

  @Test(arguments: ["sgd", "momentum", "adam"]) func trainsLikeSingleOperations(_ name: String) throws {
    func optimizer() -> any Optimizer {
      switch name {
      case "sgd": SGD(learningRate: 0.1)
      case "momentum": SGD(learningRate: 0.05, momentum: 0.9)
      default: Adam(learningRate: 0.01)
      }
    }
    var results: [[UInt64]] = []
    for runsEagerly in [false, true] {
      let model = Self.network(seed: 4)
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: optimizer(), metrics: [.accuracy], seed: 9,
        runsEagerly: runsEagerly)
      // The last batch of an epoch is smaller than the others.
      let history = try trainer.fit(
        Small.blobs(), validation: Small.blobs(), epochs: 5, batchSize: 16, progress: .silent)
      results.append(Self.bits(history, model))
    }
    #expect(results[0] == results[1])
  }

  @Test(arguments: Workload.all) func hundredStepsOfTheWorkloads(_ workload: Workload) throws {
    let batch = workload.makeBatch()
    func losses(isEager: Bool) throws -> [Double] {
      let (model, optimizer) = (workload.makeModel(), workload.makeOptimizer())
      let step = Program(workload.name, isEager: isEager) { [workload.step(model, optimizer, ($0[0], $0[1]))] }
      var random = RandomSource(seed: 5)
      // The largest networks need not take all hundred.
      let count = workload.isLarge ? 3 : workload.isOfImages ? 6 : workload.name.contains("mlpbn") ? 20 : 100
      return try (0..<count).map { _ in
        try withTraining(random: &random) { try step([batch.x, batch.y])[0].item }
      }
    }
    #expect(try losses(isEager: false) == losses(isEager: true))
  }

  @Test func freezingRecordsAnew() throws {
    let model = Self.network(seed: 1)
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: SGD(learningRate: 0.1))
    func change() throws -> [Bool] {
      let before = model.parameters.map(\.value.floats)
      try trainer.fit(Small.blobs(), epochs: 1, progress: .silent)
      return zip(before, model.parameters).map { $0 != $1.value.floats }
    }
    #expect(try change().allSatisfy { $0 })
    model.parameters[0].isTrainable = false
    #expect(try change() == [false] + Array(repeating: true, count: model.parameters.count - 1))
    model.parameters[0].isTrainable = true
    #expect(try change().allSatisfy { $0 })
  }

  @Test func learningRatesMayChange() throws {
    let (a, b) = (Self.network(seed: 1), Self.network(seed: 1))
    for (model, runsEagerly) in [(a, false), (b, true)] {
      let optimizer = Adam(learningRate: 0.1)
      let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: optimizer, runsEagerly: runsEagerly)
      try trainer.fit(Small.blobs(), epochs: 4, progress: .silent) { _ in optimizer.learningRate *= 0.5 }
    }
    #expect(zip(a.parameters, b.parameters).allSatisfy { $0.value.floats == $1.value.floats })
  }

  @Test func predictorsServeManyTasks() async {
    let model = Self.network(seed: 2)
    let predictor = Predictor(model)
    let inputs = (0..<40).map { Tensor([Float($0), 1], shape: [1, 2]) }
    let expected = inputs.map { x in withInference { model(x).floats } }
    let found = await withTaskGroup(of: (Int, [Float]).self) { group in
      for _ in 0..<5 {
        for (i, x) in inputs.enumerated() { group.addTask { (i, predictor(x).floats) } }
      }
      var all: [(Int, [Float])] = []
      for await result in group { all.append(result) }
      return all
    }
    #expect(found.count == 200)
    for (i, floats) in found { #expect(floats == expected[i]) }
  }
}
