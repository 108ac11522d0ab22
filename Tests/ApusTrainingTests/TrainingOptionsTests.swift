import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Parameter groups, accumulated gradients, penalties and constraints, in trainers and in loops of one's own.
@Suite struct TrainingOptionsTests {
  // MARK: Groups

  @Test(arguments: [false, true]) func groupsAreOptimisersOfTheirOwn(isEager: Bool) throws {
    func model() -> Sequential { Small.network(2, 3) }
    let (together, apart) = (model(), model())
    let (first, last) = (apart[0] as! Dense, apart[2] as! Dense)
    let groups = ParameterGroups(
      Adam(learningRate: 0.01), ((together[2] as! Dense).parameters, SGD(learningRate: 0.1, momentum: 0.9)))
    let (adam, sgd) = (Adam(learningRate: 0.01), SGD(learningRate: 0.1, momentum: 0.9))
    let batch = Small.blobs()
    func loss(_ model: Sequential) -> (value: Tensor, gradients: Gradients) {
      valueWithGradient(of: model) { softmaxCrossEntropy(logits: $0(batch.features), labels: batch.targets) }
    }
    let step = Program("step", isEager: isEager) { _ in
      let (value, gradients) = loss(together)
      groups.update(together, gradients)
      return [value]
    }
    for number in 0..<20 {
      if number == 10 {
        groups.learningRate = 0.005
        (adam.learningRate, sgd.learningRate) = (0.005, 0.05)
      }
      _ = try step([])
      let gradients = loss(apart).gradients
      for (layer, optimizer) in [(first, adam as any Optimizer), (last, sgd)] {
        let own = layer.parameters
        optimizer.update(layer, Gradients(parameters: own, tensors: own.map { gradients[$0]! }))
      }
    }
    #expect(Small.parameters(together) == Small.parameters(apart))
    #expect(groups.memory.step == 20 && adam.memory.step == 20)
    #expect(groups.description == "ParameterGroups(\(adam), \(sgd))")
  }

  @Test func groupsOfGroups() {
    let model = Sequential([Dense(2, 2, dtype: .float64), Dense(2, 2, dtype: .float64)])
    let inner = ParameterGroups(SGD(learningRate: 1), ([model.parameters[0]], SGD(learningRate: 2)))
    let outer = ParameterGroups(SGD(learningRate: 4), (model[0].parameters, inner))
    let before = model.parameters.map(\.value)
    let ones = before.map { Tensor.ones($0.shape, dtype: .float64) }
    outer.update(model, Gradients(parameters: model.parameters, tensors: ones))
    let steps = zip(before, model.parameters).map { ($0 - $1.value).max().item }
    #expect(firstDifference(steps, [2, 1, 4, 4], tolerance: 1e-12) == nil)
    outer.learningRate = 8
    #expect(inner.learningRate == 2 && inner.optimizers[1].learningRate == 4)
  }

  @Test func aParameterInTwoGroupsStops() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let layer = Dense(2, 3)
      _ = ParameterGroups(Adam(), (layer.parameters, Adam()), ([layer.weight], Adam()))
    }
    #expect(standardError(of: result).contains("the parameter weight of shape (3, 2) is in two groups"))
  }

  // MARK: Accumulation

  @Test("D8, F12: several small batches are one large one") func accumulatedGradients() {
    let model = Small.network(2, 1)
    let data = Small.line(count: 20)
    func gradients(_ rows: Range<Int>) -> Gradients {
      valueWithGradient(of: model) { meanSquaredError($0(data.features[rows]), target: data.targets[rows]) }.gradients
    }
    let accumulator = GradientAccumulator()
    for _ in 0..<2 {
      for rows in [0..<3, 3..<10, 10..<20] { accumulator.add(gradients(rows), count: rows.count) }
      #expect(accumulator.count == 20)
      let (mean, whole) = (accumulator.mean, gradients(0..<20))
      for (a, b) in zip(mean.tensors, whole.tensors) {
        #expect(firstDifference(a.doubles, b.doubles, tolerance: 1e-6) == nil)
      }
      accumulator.reset()
    }
    // What was infinite is forgotten.
    let broken = Gradients(
      parameters: model.parameters, tensors: model.parameters.map { Tensor(filledWith: .infinity, shape: $0.shape) })
    accumulator.add(broken)
    accumulator.reset()
    accumulator.add(gradients(0..<20))
    #expect(accumulator.mean.tensors.allSatisfy { $0.doubles.allSatisfy { $0.isFinite } })
  }

  @Test func trainersAccumulate() throws {
    func train(_ batchSize: Int, _ accumulation: Int, runsEagerly: Bool) throws -> (History, [[Float]], Int) {
      let model = withSeed(3) { Sequential([Dense(2, 16, activation: .tanh), Dense(16, 1)]) }
      let optimizer = Adam(learningRate: 0.02)
      let trainer = Trainer(
        model, loss: .meanSquaredError, optimizer: optimizer, accumulation: accumulation, seed: 5,
        runsEagerly: runsEagerly)
      // 64 examples: batches of 10, the last of 4; three of them are one of 30.
      let history = try trainer.fit(Small.line(), epochs: 4, batchSize: batchSize, progress: .silent)
      return (history, Small.parameters(model), optimizer.memory.step)
    }
    let small = try train(10, 3, runsEagerly: false)
    let eager = try train(10, 3, runsEagerly: true)
    #expect(small.0.numbers == eager.0.numbers && small.1 == eager.1)
    let large = try train(30, 1, runsEagerly: false)
    #expect(small.2 == 12 && large.2 == 12)
    for (a, b) in zip(small.1, large.1) {
      #expect(firstDifference(a.map(Double.init), b.map(Double.init), tolerance: 1e-4) == nil)
    }
    for (a, b) in zip(small.0.losses, large.0.losses) { #expect(abs(a - b) < 1e-4) }
  }

  // MARK: Cost and constraints

  @Test func trainersRegulariseAndConstrain() throws {
    func train(runsEagerly: Bool) throws -> (History, [[Float]]) {
      let model = Small.network(2, 3)
      let regularization = Regularization(of: model, .l2(0.1))
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: SGD(learningRate: 0.1), regularization: regularization,
        constraint: .maxNorm(0.6), seed: 4, runsEagerly: runsEagerly)
      let history = try trainer.fit(
        Small.blobs(), validation: Small.blobs(), epochs: 5, batchSize: 30, progress: .silent)
      let logits = withInference { model(Small.blobs().features) }
      let loss = softmaxCrossEntropy(logits: logits, labels: Small.blobs().targets).item
      // What is reported is the cost, with the penalty.
      #expect(abs(history.epochs[4].validationLoss! - (loss + regularization.penalty.item)) < 1e-6)
      for parameter in model.parameters where parameter.shape.rank == 2 {
        #expect(parameter.value.norm(axes: [1]).max().item < 0.6 + 1e-6)
      }
      return (history, Small.parameters(model))
    }
    let (program, eager) = (try train(runsEagerly: false), try train(runsEagerly: true))
    #expect(program.0.numbers == eager.0.numbers && program.1 == eager.1)
  }

  @Test("I6: L2 in the cost and weight decay in the optimiser are one") func penaltyAndDecay() throws {
    func train(_ optimizer: SGD, _ lambda: Double) throws -> [[Float]] {
      let model = withSeed(3) {
        Sequential([Dense(2, 8, activation: .tanh, hasBias: false), Dense(8, 1, hasBias: false)])
      }
      let regularization = lambda == 0 ? Regularization() : Regularization(of: model, .l2(lambda))
      let trainer = Trainer(
        model, loss: .meanSquaredError, optimizer: optimizer, regularization: regularization, seed: 1)
      try trainer.fit(Small.line(), epochs: 10, batchSize: 16, progress: .silent)
      return Small.parameters(model)
    }
    let penalty = try train(SGD(learningRate: 0.05, momentum: 0.9), 0.3)
    let decay = try train(SGD(learningRate: 0.05, momentum: 0.9, weightDecay: 0.3), 0)
    for (a, b) in zip(penalty, decay) {
      #expect(firstDifference(a.map(Double.init), b.map(Double.init), tolerance: 1e-5) == nil)
    }
    #expect(try penalty != train(SGD(learningRate: 0.05, momentum: 0.9), 0))
  }

  // MARK: Learning rates

  @Test func searchFindsARateAndLeavesNoTrace() throws {
    let model = Small.network(2, 3)
    let optimizer = Adam(learningRate: 0.123)
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: optimizer, seed: 8)
    try trainer.fit(Small.blobs(), epochs: 1, progress: .silent)
    let before = (Small.parameters(model), optimizer.memory.step, trainer.random)
    let search = try trainer.searchLearningRate(on: Small.blobs(), in: 1e-5...100, steps: 200)
    #expect(Small.parameters(model) == before.0 && optimizer.memory.step == before.1 && trainer.random == before.2)
    #expect(optimizer.learningRate == 0.123)
    #expect(search.rates.count == search.losses.count)
    #expect(abs(search.rates[0] - 1e-5) < 1e-18 && zip(search.rates, search.rates.dropFirst()).allSatisfy { $0 < $1 })
    let rate = try #require(search.suggestion)
    #expect((1e-4...1).contains(rate), "\(rate)")
    // Training goes on as if nothing had happened.
    let twin = Small.network(2, 3)
    let other = Trainer(twin, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.123), seed: 8)
    try other.fit(Small.blobs(), epochs: 3, progress: .silent)
    try trainer.fit(Small.blobs(), epochs: 2, progress: .silent)
    #expect(Small.parameters(model) == Small.parameters(twin))
  }

  @Test func searchEndsWhereTheLossGrows() throws {
    let trainer = Trainer(Dense(2, 1), loss: .meanSquaredError, optimizer: SGD(learningRate: 1))
    let search = try trainer.searchLearningRate(on: Small.line(), in: 1e-3...1e3, steps: 60)
    #expect(search.rates.count < 60 && search.losses.last! > 4 * search.losses.min()!)
    #expect((1e-3...1).contains(try #require(search.suggestion)))
  }

  @Test func searchRefusesNonsense() {
    let trainer = Trainer(Small.network(2, 3), loss: .softmaxCrossEntropy, optimizer: Adam())
    #expect(throws: TrainingError.self) { try trainer.searchLearningRate(on: Small.blobs(), in: 0...1) }
    #expect(throws: TrainingError.self) { try trainer.searchLearningRate(on: Small.blobs(), steps: 1) }
    #expect(LearningRateSearch(rates: [1, 2, 3, 4], losses: [1, 2, 3, 4]).suggestion == nil)
    #expect(LearningRateSearch(rates: [], losses: []).suggestion == nil)
  }
}
