import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Training that cannot go on says why, and leaves the model as it was.
@Suite struct TrainingErrorTests {
  /// The sentence of the error that `body` throws.
  private func sentence(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "nothing was thrown"
    } catch { return (error as? TrainingError)?.description ?? "another error: \(error)" }
  }

  private func fit(_ data: Dataset, _ model: some Layer, _ loss: Loss, validation: Dataset? = nil, batchSize: Int = 32)
    -> String
  {
    let before = Small.parameters(model)
    let trainer = Trainer(model, loss: loss, optimizer: Adam())
    let text = sentence {
      _ = try trainer.fit(data, validation: validation, epochs: 1, batchSize: batchSize, progress: .silent)
    }
    #expect(Small.parameters(model) == before)
    return text
  }

  @Test func dataThatDoNotFit() throws {
    let iris = try Dataset.iris()
    #expect(
      fit(iris, Sequential([Dense(5, 3)]), .softmaxCrossEntropy)
        == "iris.csv: Dense(5, 3): an input of shape (150, 4) was found; expected 5 along the last axis "
        + "(in Sequential, layer 0)"
    )
    #expect(
      fit(iris, Dense(4, 2), .softmaxCrossEntropy)
        == "iris.csv: softmaxCrossEntropy: the network's output has shape (150, 2); expected (n, 3), "
        + "a logit for each class"
    )
    #expect(fit(iris, Dense(4, 1), .binaryCrossEntropy).contains("there are 3 classes; expected (n, 1) and 2 classes"))
    #expect(fit(Small.line(), Dense(2, 2), .softmaxCrossEntropy).contains("the targets are numbers"))
    #expect(fit(Small.line(), Dense(2, 1), .binaryCrossEntropy).contains("the targets are numbers"))
    #expect(fit(Small.line(), Dense(2, 3), .meanSquaredError).contains("(64, 3), the targets have shape (64, 1)"))
    #expect(fit(Small.blobs(), Dense(2, 3), .softmaxCrossEntropy, validation: iris).hasPrefix("iris.csv: Dense(2, 3):"))
    #expect(fit(Small.line(), Dense(2, 1), .meanSquaredError, batchSize: 0).contains("batch size is 0"))
    #expect(fit(Small.line(), Dense(2, 1), .meanSquaredError, batchSize: -1).contains("batch size is -1"))
    let nothing = Small.line().selecting([])
    #expect(fit(nothing, Dense(2, 1), .meanSquaredError) == "line: there are no examples")
    let trainer = Trainer(Dense(2, 1), loss: .meanSquaredError, optimizer: Adam())
    #expect(sentence { _ = try trainer.evaluate(nothing) } == "line: there are no examples")
    #expect(sentence { _ = try trainer.predict(.zeros([3, 5])) }.contains("(3, 5) was found; expected 2"))
    #expect(sentence { _ = try trainer.predict(.zeros([])) }.contains("() was found; expected 2"))
    // Without parameters nothing can refuse a shape but the trainer itself.
    #expect(sentence { _ = try Dropout(0.5).predict(.zeros([])) }.contains("()"))
  }

  @Test func divergingLossLeavesTheParametersFinite() {
    let data = Small.line()
    let far = data.replacing(features: data.features * 1000)
    let model = Dense(2, 1, weights: .constant(1))
    let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 1000))
    let text = sentence { _ = try trainer.fit(far, epochs: 50, batchSize: 64, progress: .silent) }
    #expect(
      text.hasPrefix("the loss became inf in epoch 3, after 2 updates: ")
        && text.hasSuffix("; try a smaller learning rate than 1000.0, or scale the features"), "\(text)")
    #expect(trainer.optimizer.memory.step == 2)
    #expect(model.parameters.allSatisfy { $0.value.doubles.allSatisfy { $0.isFinite } })
  }

  @Test func featuresThatAreNoNumbersChangeNothing() {
    let data = Small.line()
    let broken = data.replacing(features: data.features * Double.nan)
    let model = Dense(2, 1, weights: .constant(1))
    let trainer = Trainer(model, loss: .meanSquaredError, optimizer: SGD(learningRate: 0.1))
    let text = sentence { _ = try trainer.fit(broken, epochs: 5, progress: .silent) }
    #expect(
      text.hasPrefix("line: the loss became nan in epoch 1, after 0 updates: the feature 'a' of example "), "\(text)")
    #expect(model.weight.value.doubles == [1, 1] && model.bias!.value.doubles == [0])
  }
}
