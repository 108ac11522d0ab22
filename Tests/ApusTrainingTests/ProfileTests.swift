import Testing

@testable import Apus
@testable import ApusTraining

/// Profiles of training steps, and their traces.
@Suite struct TrainerProfileTests {
  private func trainer(_ model: Sequential, _ loss: Loss, runsEagerly: Bool = false) -> Trainer<Sequential> {
    Trainer(model, loss: loss, optimizer: Adam(learningRate: 0.01), runsEagerly: runsEagerly)
  }

  @Test func classificationNamesLayersAsModelFilesDo() throws {
    let profile = try trainer(Small.network(2, 3), .softmaxCrossEntropy).profile(
      on: Small.blobs(), batchSize: 16, steps: 7)
    #expect(profile.name == "training step(float32(16, 2), int32(16,)), training")
    let layers = profile.byLayer.map(\.name).filter { !$0.isEmpty }
    #expect(layers.sorted() == ["0: Dense(2, 16, activation: .tanh)", "1: Dropout(0.1)", "2: Dense(16, 3)"])
    #expect(profile.steps.count == 7)
    #expect(profile.rows.filter { $0.operation == "random" }.map(\.layer) == ["1: Dropout(0.1)"])
    #expect(profile.rows.contains { $0.phase == .update && $0.layer.hasPrefix("2: ") })
  }

  @Test func regression() throws {
    let profile = try trainer(Small.network(2, 1), .meanSquaredError).profile(on: Small.line(), steps: 3)
    #expect(profile.byPhase.allSatisfy { $0.nanoseconds > 0 } && profile.steps.count == 3)
  }

  @Test func stepsTrain() throws {
    let (model, other) = (Small.network(2, 1), Small.network(2, 1))
    let trainer = trainer(model, .meanSquaredError)
    _ = try trainer.profile(on: Small.line(), steps: 3)
    #expect(trainer.optimizer.memory.step == 7)
    #expect(Small.parameters(model) != Small.parameters(other))
  }

  @Test func ofFewExamplesABatchIsAll() throws {
    let profile = try trainer(Small.network(2, 1), .meanSquaredError).profile(on: Small.line(count: 5), steps: 2)
    #expect(profile.name.contains("float32(5, 2)"))
  }

  @Test func anEagerStepSaysWhy() throws {
    let profile = try trainer(Small.network(2, 3), .softmaxCrossEntropy, runsEagerly: true).profile(
      on: Small.blobs(), steps: 2)
    #expect(profile.rows.isEmpty && profile.description.contains("since that was asked for"))
    #expect(try JSON(parsing: profile.trace().text())["traceEvents"]?.array?.count == 2)
  }

  @Test func wrongUseIsAnError() {
    let trainer = trainer(Small.network(2, 3), .softmaxCrossEntropy)
    for (size, steps) in [(0, 1), (1, 0)] {
      #expect(throws: TrainingError.self) { try trainer.profile(on: Small.blobs(), batchSize: size, steps: steps) }
    }
    #expect(throws: TrainingError.self) { try trainer.profile(on: Small.line()) }
  }

  @Test func aLossThatIsNoNumberIsAnError() throws {
    let model = Small.network(2, 1)
    model.parameters[0].value = .zeros([16, 2]) + .infinity
    #expect(throws: TrainingError.self) { try trainer(model, .meanSquaredError).profile(on: Small.line()) }
  }

  @Test func aTraceHoldsStepsWithTheirInstructions() throws {
    let profile = try trainer(Small.network(2, 3), .softmaxCrossEntropy).profile(on: Small.blobs(), steps: 6)
    let trace = try JSON(parsing: profile.trace(steps: 4).text())
    let all = try #require(trace["traceEvents"]?.array)
    let events = all.filter { $0["ph"]?.string == "X" }
    #expect(all.count == events.count + 2)
    var (step, end) = ((begin: 0.0, end: 0.0), 0.0)
    var names: [String] = []
    for event in events {
      let (start, duration) = (try #require(event["ts"]?.number), try #require(event["dur"]?.number))
      #expect(duration > 0 && event["pid"] == 1 && event["tid"] == 1)
      // Decimal fractions of microseconds.
      #expect(start >= end - 1e-6, "\(event)")
      if event["cat"]?.string == "step" {
        names.append(event["name"]?.string ?? "")
        #expect(start >= step.end - 1e-6)
        (step, end) = ((start, start + duration), start)
      } else {
        #expect(["forward", "backward", "update"].contains(event["cat"]?.string))
        #expect(start + duration <= step.end + 1e-6)
        let arguments = try #require(event["args"])
        #expect(arguments["layer"]?.string != nil && arguments["results"]?.array != nil)
        #expect(arguments["bytes"]?.integer != nil && arguments["flops"]?.integer != nil)
        end = start + duration
      }
    }
    #expect(names == (3...6).map { "step \($0)" })
    #expect(events.count == 4 + profile.steps.suffix(4).reduce(0) { $0 + $1.events.count })
  }

  @Test func aRunOnATableKeepsItsNetwork() throws {
    var configuration = RunConfiguration(data: "iris")
    (configuration.epochs, configuration.dropout) = (1, 0.25)
    let run = try TabularRun(configuration)
    _ = try run.train(progress: .silent)
    let before = Small.parameters(run.model.network)
    #expect(try run.profile(steps: 2).rows.count > 10)
    #expect(Small.parameters(run.model.network) == before)
  }
}
