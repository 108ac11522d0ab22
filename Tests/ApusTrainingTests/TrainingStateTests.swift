import Apus
import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusTraining

/// Runs that are interrupted and resumed, through files, to the bit.
@Suite struct TrainingStateTests {
  private static let optimizers: [String: @Sendable () -> any Optimizer] = [
    "sgd": { SGD(learningRate: 0.05) }, "momentum": { SGD(learningRate: 0.05, momentum: 0.9) },
    "adam": { Adam(learningRate: 0.01) }, "amsgrad": { Adam(learningRate: 0.01, isAMSGrad: true) },
    "rmsprop": { RMSprop(learningRate: 1e-3, momentum: 0.5, isCentered: true) }, "nadam": { NAdam() },
    "adadelta": { Adadelta() }, "radam": { RAdam(learningRate: 0.01) }, "lion": { Lion(learningRate: 1e-3) },
  ]

  private static func network() -> Sequential {
    withSeed(6) {
      Sequential {
        Dense(2, 16, activation: .tanh)
        BatchNorm(16)
        Dropout(0.3)
        Dense(16, 3)
      }
    }
  }

  private static func trainer(_ model: Sequential, _ name: String) -> (Trainer<Sequential>, WeightAverage) {
    let average = WeightAverage(of: model, .exponential(decay: 0.9))
    return (
      Trainer(model, loss: .softmaxCrossEntropy, optimizer: optimizers[name]!(), average: average, seed: 12), average
    )
  }

  private static func bits(_ model: Sequential, _ average: WeightAverage) -> [UInt32] {
    (model.parameters + model.namedBuffers.map(\.buffer) + average.averages).flatMap {
      $0.stored.floats.map(\.bitPattern)
    }
  }

  private static func withDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let directory = FileManager.default.temporaryDirectory.appending(path: "apus-state-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try body(directory.path)
  }

  @Test(arguments: optimizers.keys.sorted()) func resumedRunsHaveTheSameBits(name: String) throws {
    // Without interruption: 5 epochs, frozen for the first one, with a rate that falls.
    func run(_ trainer: Trainer<Sequential>, epochs: Range<Int>) throws {
      for epoch in epochs {
        trainer.model.parameters[0].isTrainable = epoch > 0
        try trainer.fit(Small.blobs(), epochs: 1, batchSize: 20, progress: .silent)
        trainer.optimizer.learningRate *= 0.9
      }
    }
    let (whole, average) = Self.trainer(Self.network(), name)
    try run(whole, epochs: 0..<5)

    try Self.withDirectory { directory in
      let (first, _) = Self.trainer(Self.network(), name)
      try run(first, epochs: 0..<2)
      try first.model.save(to: directory + "/model")
      try first.state.save(to: directory + "/state")

      let model = try #require(ModelFile(path: directory + "/model").model as? Sequential)
      let (second, resumedAverage) = Self.trainer(model, name)
      try second.restore(TrainingState(path: directory + "/state"))
      try run(second, epochs: 2..<5)
      #expect(Self.bits(model, resumedAverage) == Self.bits(whole.model, average))
      #expect(second.optimizer.memory.step == whole.optimizer.memory.step)
    }
  }

  /// Back to where the same trainer was before.
  @Test func restoringInPlace() throws {
    let (trainer, average) = Self.trainer(Self.network(), "adam")
    try trainer.fit(Small.blobs(), epochs: 1, batchSize: 20, progress: .silent)
    let state = trainer.state
    let values = (trainer.model.parameters + trainer.model.namedBuffers.map(\.buffer)).map { ($0, $0.stored) }
    try trainer.fit(Small.blobs(), epochs: 2, batchSize: 20, progress: .silent)
    let expected = Self.bits(trainer.model, average)
    for (parameter, value) in values { parameter.value = value }
    try trainer.restore(state)
    try trainer.fit(Small.blobs(), epochs: 2, batchSize: 20, progress: .silent)
    #expect(Self.bits(trainer.model, average) == expected)
  }

  @Test func loopsOfOnesOwn() throws {
    let (a, b) = (Small.network(2, 1), Small.network(2, 1))
    func step(_ model: Sequential, _ optimizer: any Optimizer) {
      let data = Small.line()
      optimizer.update(
        model, valueWithGradient(of: model) { meanSquaredError($0(data.features), target: data.targets) }.gradients)
    }
    let (one, other) = (NAdam(learningRate: 0.01), NAdam(learningRate: 0.5))
    for _ in 0..<5 { step(a, one) }
    for (from, to) in zip(a.parameters, b.parameters) { to.value = from.value }
    try other.restore(one.state(of: a), of: b)
    for _ in 0..<5 {
      step(a, one)
      step(b, other)
    }
    #expect(Small.parameters(a) == Small.parameters(b) && other.learningRate == 0.01)
  }

  // MARK: Mistakes

  private func problem(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "none"
  }

  @Test func whatDoesNotFitIsRefusedAndChangesNothing() throws {
    let (trainer, average) = Self.trainer(Self.network(), "adam")
    try trainer.fit(Small.blobs(), epochs: 1, progress: .silent)
    let good = trainer.state
    let before = Self.bits(trainer.model, average)
    func refuses(_ part: String, _ change: (inout TrainingState) -> Void) {
      var state = good
      change(&state)
      let found = problem { try trainer.restore(state) }
      #expect(found.contains(part), "\(found)")
      #expect(trainer.state.metadata == good.metadata && Self.bits(trainer.model, average) == before)
    }
    refuses("belongs to the optimiser 'SGD', not 'Adam'") { $0["optimizer"] = "SGD" }
    refuses("lacks 'optimizer'") { $0["optimizer"] = nil }
    refuses("'optimizer.learningRate' is 'much'") { $0["optimizer.learningRate"] = "much" }
    refuses("'optimizer.learningRate' is 'nan'") { $0["optimizer.learningRate"] = "nan" }
    refuses("'optimizer.steps.0.weight' is '-3'") { $0["optimizer.steps.0.weight"] = "-3" }
    refuses("'optimizer.steps.0.weight' is '99999999999999999999'") {
      $0["optimizer.steps.0.weight"] = "99999999999999999999"
    }
    refuses("of a model with the parameter '9.weight', which") { $0["optimizer.steps.9.weight"] = "1" }
    refuses("tensor 'optimizer.0.weight.1' is of type float32(3, 3); the model expects float32(16, 2)") {
      $0[tensor: "optimizer.0.weight.1"] = .zeros([3, 3])
    }
    refuses("three whole numbers") { $0["trainer.random"] = "1 2" }
    refuses("lacks 'average.count'") { $0["average.count"] = nil }
    refuses("belongs to an average '.equal'") { $0["average"] = ".equal" }
    refuses("lacks the tensor 'optimizer.3.bias.1'") { state in
      state = TrainingState(
        tensors: state.tensors.filter { $0.name != "optimizer.3.bias.1" }, metadata: state.metadata)
    }
    #expect(problem { try trainer.restore(good) } == "none")
    #expect(problem { try Self.trainer(Self.network(), "sgd").0.restore(good) }.contains("'Adam', not 'SGD'"))
  }

  @Test func filesThatAreNoStates() throws {
    try Self.withDirectory { directory in
      #expect(problem { _ = try TrainingState(path: directory + "/none") }.contains("there is no such file"))
      try Self.network().save(to: directory + "/model")
      #expect(
        problem { _ = try TrainingState(path: directory + "/model") }.contains("holds no training state of version 1"))
      try Data("nonsense".utf8).write(to: URL(filePath: directory + "/text"))
      #expect(problem { _ = try TrainingState(path: directory + "/text") } != "none")
    }
  }
}
