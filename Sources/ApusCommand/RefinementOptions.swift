import Apus
import ArgumentParser

/// What `apus train` may add to a plain training.
struct RefinementOptions: ParsableArguments {
  @Option(help: "A penalty on large weights: l1, l2 or elastic; l2 for linear, logistic and softmax regression.")
  var regularizer: TrainingRefinements.Penalty?
  @Option(
    help:
      "The penalty's factor: l1 adds lambda |w|, l2 lambda/2 w^2, elastic half of each (default: \(Self.usual.lambda))."
  )
  var lambda: Double?
  @Option(
    help: "End after so many epochs without a better validation loss, and keep the best epoch.")
  var earlyStopping: Int?
  @Flag(help: "Normalise the hidden layers of an mlp over the batch, before their activation.")
  var batchNorm = false
  @Option(help: "End after so many updates.")
  var maxSteps: Int?
  @Option(help: "End after so many seconds; the result then depends on the machine.")
  var maxTime: Double?

  private static let usual = TrainingRefinements()

  func validate() throws {
    if let lambda {
      try require(lambda >= 0 && lambda.isFinite, "--lambda \(lambda): expected at least 0.")
      try require(regularizer != nil, "--lambda: this is the factor of a penalty; name it with --regularizer.")
    }
    if let earlyStopping { try require(earlyStopping >= 1, "--early-stopping \(earlyStopping): expected at least 1.") }
    if let maxSteps { try require(maxSteps >= 1, "--max-steps \(maxSteps): expected at least 1.") }
    if let maxTime { try require(maxTime > 0 && maxTime <= 1e9, "--max-time \(maxTime): expected more than 0.") }
  }

  /// Which options were given, but for the one about the network itself.
  var given: [(option: String, isGiven: Bool)] {
    [
      ("--early-stopping", earlyStopping != nil),
      ("--max-steps", maxSteps != nil),
      ("--max-time", maxTime != nil),
    ]
  }

  var refinements: TrainingRefinements {
    var result = TrainingRefinements()
    result.penalty = regularizer
    if let lambda { result.lambda = lambda }
    result.earlyStopping = earlyStopping
    result.hasBatchNorm = batchNorm
    result.maximumSteps = maxSteps
    result.maximumSeconds = maxTime
    return result
  }
}
