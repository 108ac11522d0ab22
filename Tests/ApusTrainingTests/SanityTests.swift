import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Learning a batch by heart, and freezing.
@Suite struct SanityTests {
  @Test func aSoundModelLearnsABatchByHeart() throws {
    let model = Small.network(2, 3)
    let trainer = Trainer(
      model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.02), metrics: [.accuracy], seed: 1)
    try trainer.fit(Small.blobs(), epochs: 1, progress: .silent)
    let (before, state) = (Small.parameters(model), trainer.state)
    let check = try trainer.overfit(Small.blobs(count: 12), steps: 150)
    #expect(check.isPassed && check.losses.count == 151 && check.losses[150] < 0.05 * check.losses[0], "\(check)")
    #expect(check.description.hasSuffix("the model can learn it by heart"))
    // Nothing is left of it.
    #expect(Small.parameters(model) == before && trainer.optimizer.memory.step == 3)
    #expect(trainer.state.metadata == state.metadata)
  }

  @Test func aBrokenModelDoesNot() throws {
    // All units dead: only the biases of the last layer learn.
    let model = Sequential([Dense(2, 8, activation: .relu, biases: .constant(-100)), Dense(8, 3)])
    let check = try Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.02)).overfit(
      Small.blobs(count: 12), steps: 100)
    #expect(!check.isPassed && check.remainder > 0.9, "\(check)")
    #expect(check.description.contains("does not learn even a single batch"))
  }

  // MARK: Freezing

  @Test func frozenParametersGetNoGradientAndStay() throws {
    let model = Small.network(2, 3)
    #expect(model.freeze { $0.hasPrefix("0.") } == 2)
    let frozen = Small.parameters(model)
    let data = Small.blobs()
    let (_, gradients) = valueWithGradient(of: model) {
      softmaxCrossEntropy(logits: $0(data.features), labels: data.targets)
    }
    #expect(gradients.parameters.count == 2 && gradients[model.parameters[0]] == nil)
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), seed: 1)
    try trainer.fit(data, epochs: 2, batchSize: 30, progress: .silent)
    let after = Small.parameters(model)
    #expect(after[..<2] == frozen[..<2] && after[2] != frozen[2] && after[3] != frozen[3])
    // The recorded step is shorter, and is recorded anew when that changes.
    let short = instructionCount(trainer)
    #expect(model.unfreeze() == 4)
    try trainer.fit(data, epochs: 1, batchSize: 30, progress: .silent)
    #expect(instructionCount(trainer) > short)
    #expect(zip(Small.parameters(model), after).allSatisfy { $0 != $1 })
  }

  private func instructionCount(_ trainer: Trainer<Sequential>) -> Int {
    guard case .recorded(let step, _)? = trainer.trainingStep.latest?.version.kind else { return -1 }
    return step.recording.instructions.count
  }
}
