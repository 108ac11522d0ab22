import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// The courses of learning rates, against PyTorch's schedulers.
@Suite struct FurtherScheduleTests {
  struct Fixture: Decodable {
    struct Plateau: Decodable { let losses, rates: [Double] }
    let step, milestones, exponential, polynomial, cosine, cosineRestarts, cosineRestartsGrowing: [Double]
    let oneCycle, oneCycleSlow, exponentialAverage, equalAverage: [Double]
    let plateau, plateauCooldown: Plateau
  }
  static let fixture: Fixture = {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try! Data(contentsOf: tests.appending(path: "ApusNNTests/Fixtures/schedules.json"))
    return try! JSONDecoder().decode(Fixture.self, from: data)
  }()

  @Test func coursesAsInPyTorch() {
    let f = Self.fixture
    let cases: [(LearningRateSchedule, [Double])] = [
      (.staircase(from: 0.5, factor: 0.5, every: 7), f.step),
      (.milestones(from: 0.5, factor: 0.3, at: [40, 5, 11]), f.milestones),
      (.exponential(from: 0.5, factor: 0.95), f.exponential),
      (.polynomial(from: 0.5, power: 1.7, steps: 50), f.polynomial),
      (.cosine(from: 0.5, to: 0.02, steps: 60), f.cosine),
      (.cosineRestarts(from: 0.5, to: 0.01, period: 8), f.cosineRestarts),
      (.cosineRestarts(from: 0.5, to: 0.01, period: 5, growth: 2), f.cosineRestartsGrowing),
      (.oneCycle(peak: 0.5, steps: 60), f.oneCycle),
      (.oneCycle(peak: 0.5, steps: 40, rise: 0.5), f.oneCycleSlow),
    ]
    for (schedule, expected) in cases {
      let problem = firstDifference(expected.indices.map { schedule($0) }, expected, tolerance: 1e-12)
      #expect(problem == nil, "\(schedule)")
    }
  }

  @Test func coursesEndAndBegin() {
    #expect(LearningRateSchedule.polynomial(from: 1, to: 0.25, power: 2, steps: 10)(10) == 0.25)
    #expect(LearningRateSchedule.polynomial(from: 1, to: 0.25, power: 2, steps: 10)(1000) == 0.25)
    let cycle = LearningRateSchedule.oneCycle(peak: 1, steps: 100)
    #expect(abs(cycle(99) - 4e-6) < 1e-15 && abs(cycle(5000) - 4e-6) < 1e-15)
    #expect(abs((0..<100).map { cycle($0) }.max()! - 1) < 1e-12)
    for steps in [1, 2, 3] {
      let all = (0..<5).map { LearningRateSchedule.oneCycle(peak: 1, steps: steps)($0) }
      #expect(all.allSatisfy { $0.isFinite && $0 > 0 && $0 <= 1 }, "\(steps): \(all)")
    }
    #expect(
      "\(LearningRateSchedule.cosineRestarts(from: 1, period: 3, growth: 2))"
        == ".cosineRestarts(from: 1.0, to: 0.0, period: 3, growth: 2)")
  }

  @Test func plateausAsInPyTorch() {
    let settings = [
      (PlateauDecay(factor: 0.5, patience: 2), Self.fixture.plateau),
      (
        PlateauDecay(factor: 0.1, patience: 1, threshold: 0.05, cooldown: 3, smallestRate: 0.02),
        Self.fixture.plateauCooldown
      ),
    ]
    for (settings, expected) in settings {
      var plateau = settings
      let optimizer = SGD(learningRate: 0.5)
      for (loss, rate) in zip(expected.losses, expected.rates) {
        let before = optimizer.learningRate
        let isLowered = plateau.observe(loss, optimizer)
        #expect(isLowered == (rate != before))
        #expect(abs(optimizer.learningRate - rate) < 1e-15)
      }
    }
    // A loss that is no number is no improvement.
    var plateau = PlateauDecay(factor: 0.5, patience: 0)
    let isLowered = plateau.observe(.nan, SGD(learningRate: 1))
    #expect(isLowered)
  }

  // MARK: Averages

  @Test(arguments: [WeightAverage.Kind.exponential(decay: 0.8), .equal], [false, true])
  func averagesAsInPyTorch(kind: WeightAverage.Kind, isEager: Bool) throws {
    let point = Point([0])
    let average = WeightAverage(of: point, kind)
    let expected = kind == .equal ? Self.fixture.equalAverage : Self.fixture.exponentialAverage
    // The parameter is the input of the step.
    let step = Program("step", isEager: isEager) { x in
      point.p.value = x[0]
      average.update()
      return [x[0] + 0]
    }
    for (i, value) in expected.enumerated() {
      _ = try step([Tensor([Double((i + 1) * (i + 1))])])
      #expect(abs(average.averages[0].stored.item - value) < 1e-12 * value)
    }
    #expect(average.count == 10)
    let inside = average.whileApplied { point.p.value.item }
    #expect(abs(inside - expected[9]) < 1e-12 * inside && point.p.value.item == 100)
    average.apply()
    #expect(point.p.value.item == inside)
  }

  @Test func averagesWhileTraining() throws {
    func train(runsEagerly: Bool) throws -> [[Float]] {
      let model = Small.network(2, 3)
      let average = WeightAverage(of: model, .exponential(decay: 0.9))
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), average: average, seed: 2,
        runsEagerly: runsEagerly)
      try trainer.fit(Small.blobs(), epochs: 3, batchSize: 20, progress: .silent)
      #expect(average.count == 15)
      let own = try trainer.evaluate(Small.blobs()).loss
      let averaged = try average.whileApplied { try trainer.evaluate(Small.blobs()).loss }
      let again = try trainer.evaluate(Small.blobs()).loss
      #expect(own != averaged && again == own)
      return Small.parameters(model) + average.averages.map { $0.stored.floats }
    }
    #expect(try train(runsEagerly: true) == train(runsEagerly: false))
  }
}
