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
  func trainingStep(_ workload: Workload, _ model: Sequential, _ batch: Workload.Batch) throws -> () -> Tensor {
    switch self {
    case .eager:
      let optimizer = workload.makeOptimizer()
      return { workload.step(model, optimizer, batch) }
    case .program: throw Self.notYet
    }
  }

  /// One prediction, again and again. It is complete when it has been read.
  func prediction(_ model: Sequential, _ x: Tensor) throws -> @Sendable () -> [Float] {
    switch self {
    case .eager: return { model(x).floats }
    case .program: throw Self.notYet
    }
  }

  private static let notYet = BenchmarkError("Apus does not run programs yet; expected the mode eager.")
}
