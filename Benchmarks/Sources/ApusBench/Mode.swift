import Apus
import ApusTestSupport
import ArgumentParser

/// How a network runs.
enum Mode: String, ExpressibleByArgument, CaseIterable {
  /// Operation by operation.
  case eager
  /// Captured once, then run as a whole.
  case program

  /// One whole training step, again and again: forward, loss, backward, update. It returns the loss.
  func trainingStep(_ workload: Workload, _ model: Sequential, _ batch: Workload.Batch) throws -> () throws -> Tensor {
    let optimizer = workload.makeOptimizer()
    switch self {
    case .eager: return { workload.step(model, optimizer, batch) }
    case .program:
      let step = Program(workload.name) { [workload.step(model, optimizer, ($0[0], $0[1]))] }
      var random = RandomSource(seed: 7)
      return { try withTraining(random: &random) { try step([batch.x, batch.y])[0] } }
    }
  }

  /// One prediction, again and again, by any number of threads at once. It is complete when it has been read.
  func prediction(_ model: Sequential, _ x: Tensor) throws -> @Sendable () -> [Float] {
    switch self {
    case .eager: return { model(x).floats }
    case .program:
      let predictor = Predictor(model)
      return { predictor(x).floats }
    }
  }
}
