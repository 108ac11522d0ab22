import ApusCore
import ApusData
import ApusNN

extension Trainer {
  /// Measures where the time of a training step goes.
  ///
  /// The steps are real ones on shuffled batches: they train the model, 2 × `steps` + 1 times, and use the trainer's random numbers.
  /// Smaller batches at the end of the data are left out.
  /// - Parameters:
  ///   - batchSize: the examples of one step; all of them if there are fewer.
  ///   - steps: the number of batches, each of which is used twice: by a step as always, and by one that runs an instruction at a time.
  /// - Throws: `TrainingError` if the data do not fit the model or the loss stops being a number.
  public func profile(on data: Dataset, batchSize: Int = 32, steps: Int = 20) throws -> ProgramProfile {
    try check(DataLoader(data, batchSize: batchSize))
    guard steps > 0 else { throw TrainingError("a profile of \(steps) steps was asked for; expected at least 1") }
    let size = min(batchSize, data.count)
    var batches: [[Tensor]] = []
    while batches.count < steps {
      let shuffled = data.batches(of: size, shuffledBy: &random)
      for (x, y) in shuffled.prefix(steps - batches.count) where x.shape[0] == size { batches.append([x, y]) }
    }
    do { return try withTraining(random: &random) { try trainingStep.profile(over: batches) } } catch let error
      as NotFiniteError
    {
      throw TrainingError("the loss became \(error.value) while the steps were measured")
    }
  }
}
