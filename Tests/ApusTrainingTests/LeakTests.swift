import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Memory: each test counts in a process of its own, as others run beside it.
@Suite struct LeakTests {
  @Test func twoThousandStepsKeepNothing() async {
    await #expect(processExitsWith: .success) {
      let data = Small.line(count: 40)
      let trainer = Trainer(
        Small.network(2, 1), loss: .meanSquaredError, optimizer: Adam(), metrics: [.meanAbsoluteError])
      // The first epochs make the optimiser's memory and the programs'.
      try trainer.fit(data, validation: data, epochs: 2, batchSize: 8, progress: .silent)
      let before = Tensor.memoryUse.live
      try trainer.fit(data, validation: data, epochs: 400, batchSize: 8, progress: .silent)
      #expect(trainer.optimizer.memory.step == 2010)
      #expect(Tensor.memoryUse.live == before)
    }
  }

  @Test func modelsAndOptimizersAreFreed() async {
    await #expect(processExitsWith: .success) {
      // Whatever is made once per process is made here.
      func train() throws {
        let trainer = Trainer(Small.network(2, 3), loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy])
        try trainer.fit(Small.blobs(), epochs: 2, progress: .silent)
        let x = Small.blobs().features
        _ = valueWithGradient(of: trainer.model, at: x) { model, x in
          gradient(at: x) { model($0).sum() }.sum()
        }
      }
      try train()
      let before = Tensor.memoryUse.live
      for _ in 0..<5 { try train() }
      #expect(Tensor.memoryUse.live == before)
    }
  }
}
