import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

@Suite("Schedules of the learning rate") struct LearningRateScheduleTests {
  private func close(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-15 }

  @Test("courses, by their formulas") func courses() {
    #expect(LearningRateSchedule.constant(0.3)(0) == 0.3 && LearningRateSchedule.constant(0.3)(999) == 0.3)
    let linear = LearningRateSchedule.linear(from: 1, to: 0.2, steps: 4)
    #expect(zip((0..<6).map { linear($0) }, [1, 0.8, 0.6, 0.4, 0.2, 0.2]).allSatisfy(close))
    let cosine = LearningRateSchedule.cosine(from: 1, to: 0, steps: 4)
    let half = 0.5.squareRoot() / 2
    #expect(zip((0..<6).map { cosine($0) }, [1, 0.5 + half, 0.5, 0.5 - half, 0, 0]).allSatisfy(close))
    let staircase = LearningRateSchedule.staircase(from: 8, factor: 0.5, every: 2)
    #expect((0..<6).map { staircase($0) } == [8, 8, 4, 4, 2, 2])
    let exponential = LearningRateSchedule.exponential(from: 1, factor: 0.9)
    #expect(close(exponential(3), 0.729))
    let warm = LearningRateSchedule.linear(from: 1, to: 0, steps: 2).warmedUp(over: 4)
    #expect((0..<8).map { warm($0) } == [0.25, 0.5, 0.75, 1, 1, 0.5, 0, 0])
    #expect("\(warm)" == ".linear(from: 1.0, to: 0.0, steps: 2).warmedUp(over: 4)")
  }

  /// With a constant gradient, the parameter after k steps is the sum of the rates.
  @Test("the trainer follows it, the same in a program", arguments: [false, true]) func trainer(runsEagerly: Bool)
    throws
  {
    let schedule = LearningRateSchedule.cosine(from: 0.1, to: 0.01, steps: 5).warmedUp(over: 2)
    func train(_ schedule: LearningRateSchedule?) throws -> [[Float]] {
      let model = Small.network(2, 1)
      let trainer = Trainer(
        model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1), schedule: schedule, seed: 3,
        runsEagerly: runsEagerly)
      try trainer.fit(Small.line(), epochs: 4, batchSize: 32, progress: .silent)
      if let schedule { #expect(trainer.optimizer.learningRate == schedule(7)) }
      return Small.parameters(model)
    }
    // By hand.
    let model = Small.network(2, 1)
    let optimizer = SGD(learningRate: 99)
    var random = RandomSource(seed: 3, stream: 0x74_7261_696e)
    var step = 0
    for epoch in 0..<4 {
      let batches = DataLoader(Small.line(), batchSize: 32, prefetchCount: 0, seed: 3).batches(epoch: epoch)
      while let (x, y) = try batches.next() {
        optimizer.learningRate = schedule(step)
        step += 1
        withTraining(random: &random) {
          let (_, gradients) = valueWithGradient(of: model) { Loss.meanSquaredError($0(x), target: y) }
          optimizer.update(model, gradients)
        }
      }
    }
    let scheduled = try train(schedule)
    #expect(scheduled == Small.parameters(model))
    #expect(try scheduled != train(nil))
  }
}
