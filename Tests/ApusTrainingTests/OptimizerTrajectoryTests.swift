import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// Every optimiser against PyTorch's hundred steps (two of them against their formulas in NumPy's notation), and in programs.
@Suite struct OptimizerTrajectoryTests {
  struct Run: Decodable {
    let options: Options
    let path: [[Double]]
  }
  struct Options: Decodable {
    let lr: Double
    let momentum, alpha, rho, eps, lrDecay, initialAccumulatorValue, momentumDecay, weightDecay, beta: Double?
    let betas: [Double]?
    let maxIter, historySize: Int?
    var pair: (Double, Double) { (betas![0], betas![1]) }
    var decay: Double { weightDecay ?? 0 }
  }
  private struct Fixture: Decodable { let runs: [String: Run] }

  static let runs: [String: Run] = {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try! Data(contentsOf: tests.appending(path: "ApusNNTests/Fixtures/optimizers.json"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try! decoder.decode(Fixture.self, from: data).runs
  }()

  private static let makers: [String: @Sendable (Options) -> any Optimizer] = [
    "sgd weightDecay": { SGD(learningRate: $0.lr, weightDecay: $0.decay) },
    "nesterov": { SGD(learningRate: $0.lr, momentum: $0.momentum!, form: .nesterov) },
    "momentum weightDecay": { SGD(learningRate: $0.lr, momentum: $0.momentum!, weightDecay: $0.decay) },
    "momentum average": { SGD(learningRate: $0.lr, momentum: $0.beta!, form: .averaged) },
    "adam": { Adam(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!) },
    "adam weightDecay": { Adam(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, weightDecay: $0.decay) },
    "adam amsgrad": { Adam(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, isAMSGrad: true) },
    "rmsProp": { RMSprop(learningRate: $0.lr, rho: $0.alpha!, epsilon: $0.eps!) },
    "rmsProp momentum": { RMSprop(learningRate: $0.lr, rho: $0.alpha!, momentum: $0.momentum!, epsilon: $0.eps!) },
    "rmsProp centered": { RMSprop(learningRate: $0.lr, rho: $0.alpha!, isCentered: true, epsilon: $0.eps!) },
    "rmsProp all": {
      RMSprop(
        learningRate: $0.lr, rho: $0.alpha!, momentum: $0.momentum!, isCentered: true, epsilon: $0.eps!,
        weightDecay: $0.decay)
    },
    "rmsProp keras": {
      RMSprop(learningRate: $0.lr, rho: $0.alpha!, epsilon: $0.eps!, epsilonPlacement: .underRoot)
    },
    "adagrad": { Adagrad(learningRate: $0.lr, epsilon: $0.eps!) },
    "adagrad decay": {
      Adagrad(
        learningRate: $0.lr, rateDecay: $0.lrDecay!, initialSum: $0.initialAccumulatorValue!, epsilon: $0.eps!,
        weightDecay: $0.decay)
    },
    "adadelta": { Adadelta(learningRate: $0.lr, rho: $0.rho!, epsilon: $0.eps!) },
    "adadelta weightDecay": { Adadelta(learningRate: $0.lr, rho: $0.rho!, epsilon: $0.eps!, weightDecay: $0.decay) },
    "adamax": { Adamax(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!) },
    "adamax weightDecay": { Adamax(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, weightDecay: $0.decay) },
    "nadam": { NAdam(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, momentumDecay: $0.momentumDecay!) },
    "nadam weightDecay": {
      NAdam(
        learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, momentumDecay: $0.momentumDecay!,
        weightDecay: $0.decay)
    },
    "nadam decoupled": {
      NAdam(
        learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, momentumDecay: $0.momentumDecay!,
        weightDecay: $0.decay, decouplesWeightDecay: true)
    },
    "radam": { RAdam(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!) },
    "radam weightDecay": { RAdam(learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, weightDecay: $0.decay) },
    "radam decoupled": {
      RAdam(
        learningRate: $0.lr, betas: $0.pair, epsilon: $0.eps!, weightDecay: $0.decay, decouplesWeightDecay: true)
    },
    "lion": { Lion(learningRate: $0.lr, betas: $0.pair, weightDecay: $0.decay) },
  ]
  static let names = makers.keys.sorted()

  static func value(_ function: String) -> @Sendable (Tensor) -> Tensor {
    { p in
      let (x, y) = (p[0], p[1])
      return function == "quadratic" ? (x * x + 10 * y * y) / 2 : square(1 - x) + 100 * square(y - x * x)
    }
  }

  @Test("F9, F10, F11: a hundred steps are PyTorch's", arguments: names, ["quadratic", "rosenbrock"])
  func hundredSteps(name: String, function: String) throws {
    let run = try #require(Self.runs["\(name) on \(function)"])
    let make = try #require(Self.makers[name])
    let optimizer = make(run.options)
    let point = Point(run.path[0])
    for (step, expected) in run.path.enumerated() {
      let problem = firstDifference(point.p.value.doubles, expected, tolerance: 1e-10)
      #expect(problem == nil, "after \(step) steps")
      if problem != nil { break }
      point.descend(Self.value(function), by: optimizer)
    }
    #expect(run.path.count == 101)
  }

  /// A hundred recorded steps, with a learning rate that changes and a parameter that starts later, have eager's bits.
  @Test(arguments: names) func programsGiveTheSameBits(name: String) throws {
    let options = try #require(Self.runs["\(name) on quadratic"]).options
    func run(isEager: Bool) throws -> [UInt32] {
      let model = withSeed(2) { Sequential([Dense(3, 70, activation: .tanh), Dense(70, 2)]) }
      let optimizer = Self.makers[name]!(options)
      model.parameters[3].isTrainable = false
      let step = Program("step", isEager: isEager) { x in
        let (loss, gradients) = valueWithGradient(of: model) { meanSquaredError($0(x[0]), target: x[1]) }
        optimizer.update(model, gradients)
        return [loss]
      }
      var random = RandomSource(seed: 4)
      let (x, y) = (
        Tensor.randomNormal([16, 3], using: &random), Tensor.randomNormal([16, 2], using: &random)
      )
      var bits: [UInt32] = []
      for number in 0..<100 {
        if number == 30 { model.parameters[3].isTrainable = true }
        if number % 10 == 0 { optimizer.learningRate *= 0.9 }
        bits.append(try step([x, y])[0].floats[0].bitPattern)
      }
      if !isEager { #expect(!step.description.contains("reads"), "\(step.description)") }
      return bits + model.parameters.flatMap { $0.value.floats.map(\.bitPattern) }
    }
    #expect(try run(isEager: false) == run(isEager: true))
  }

  // MARK: Worked numbers

  private func path(_ optimizer: any Optimizer) -> [Double] {
    let point = Point([1])
    return (0..<3).map { _ in
      point.descend({ ($0 * $0).sum() / 2 }, by: optimizer)
      return point.p.value.item
    }
  }

  @Test("N-35: three steps of every rule on a parabola") func goldens() {
    let cases: [(any Optimizer, [Double])] = [
      (SGD(learningRate: 0.1, momentum: 0.9, form: .nesterov), [0.81, 0.5751, 0.327321]),
      (SGD(learningRate: 0.1, weightDecay: 0.1), [0.89, 0.7921, 0.704969]),
      (Adagrad(learningRate: 0.1), [0.9, 0.8331035269, 0.7804561814]),
      (Adadelta(learningRate: 1), [0.9968377382, 0.9935981984, 0.9903090828]),
      (Adamax(learningRate: 0.1), [0.900000001, 0.8051683281, 0.7154994747]),
    ]
    for (optimizer, expected) in cases {
      #expect(firstDifference(path(optimizer), expected, tolerance: 1e-10) == nil, "\(optimizer)")
    }
    // PyTorch's own numbers: it keeps NAdam's product in float32 unless told otherwise.
    let nadam = path(NAdam(learningRate: 0.1))
    #expect(firstDifference(nadam, [0.8943548219, 0.81997307, 0.7527292664], tolerance: 1e-8) == nil)
  }

  @Test("F8, N-24, E-29: the averaged form, and what it is not") func averagedMomentum() {
    let averaged = path(SGD(learningRate: 0.1, momentum: 0.9, form: .averaged))
    #expect(firstDifference(averaged, [0.99, 0.9711, 0.944379], tolerance: 1e-14) == nil)
    let classical = path(SGD(learningRate: 0.1 * (1 - 0.9), momentum: 0.9))
    #expect(firstDifference(averaged, classical, tolerance: 1e-14) == nil)
    // PyTorch's dampening leaves the first gradient as it is: another algorithm.
    #expect(firstDifference(averaged, [0.9, 0.801, 0.70389], tolerance: 1e-2) != nil)
  }

  // MARK: Settings

  @Test func descriptionsAreAsWritten() {
    let texts: [(any Optimizer, String)] = [
      (
        SGD(learningRate: 0.1, momentum: 0.9, weightDecay: 0.5, form: .nesterov),
        "SGD(learningRate: 0.1, momentum: 0.9, weightDecay: 0.5, form: .nesterov)"
      ),
      (Adam(weightDecay: 0.1, isAMSGrad: true), "Adam(learningRate: 0.001, weightDecay: 0.1, isAMSGrad: true)"),
      (Adagrad(), "Adagrad(learningRate: 0.01)"), (Adadelta(), "Adadelta(learningRate: 1.0, rho: 0.9)"),
      (
        RMSprop(momentum: 0.5, isCentered: true, epsilonPlacement: .underRoot),
        "RMSprop(learningRate: 0.001, rho: 0.9, momentum: 0.5, isCentered: true, epsilonPlacement: .underRoot)"
      ),
      (Adamax(), "Adamax(learningRate: 0.002)"),
      (NAdam(weightDecay: 0.1), "NAdam(learningRate: 0.002, weightDecay: 0.1)"),
      (RAdam(), "RAdam(learningRate: 0.001)"), (Lion(), "Lion(learningRate: 0.0001)"),
    ]
    for (optimizer, text) in texts { #expect(optimizer.description == text) }
  }

  @Test func impossibleSettingsStop() async {
    let decay = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = SGD(learningRate: 0.1, weightDecay: -1)
    }
    #expect(standardError(of: decay).contains("SGD: the weight decay -1.0 must be finite and at least 0"))
    let rho = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { _ = RMSprop(rho: 1) }
    #expect(standardError(of: rho).contains("RMSprop: the rho 1.0 must be at least 0 and less than 1"))
  }
}
