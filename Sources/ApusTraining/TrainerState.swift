import ApusCore
import ApusNN

extension Trainer {
  /// What a new trainer needs, beside the model's file, to go on from here bit for bit: the optimiser's state, the average's, and the
  /// random numbers. Taken between two epochs, as in `fit`'s `onEpoch`.
  public var state: TrainingState {
    var state = optimizer.state(of: model)
    if let average { state.add(average.state) }
    state["trainer.random"] = "\(random.seed) \(random.stream) \(random.position)"
    state["trainer.epochs"] = "\(epochsBegun)"
    return state
  }

  /// Goes on where the trainer stood whose state this is; the model's parameters come from its own file.
  /// - Throws: `TrainingError` if the state does not fit this trainer; nothing has changed then.
  public func restore(_ state: TrainingState) throws(TrainingError) {
    let text = try state.text("trainer.random")
    let numbers = text.split(separator: " ").compactMap { UInt64($0) }
    guard numbers.count == 3 else {
      throw TrainingError("the training state's 'trainer.random' is '\(text.prefix(80))'; expected three whole numbers")
    }
    let epochs = try state.text("trainer.epochs")
    guard let begun = Int(epochs), begun >= 0 else {
      throw TrainingError("the training state's 'trainer.epochs' is '\(epochs.prefix(80))'; expected a whole number")
    }
    // The average is looked at first, so that nothing changes if it does not fit.
    let before = average?.state
    if let average { try average.restore(state) }
    do throws(TrainingError) { try optimizer.restore(state, of: model) } catch {
      if let average, let before { try average.restore(before) }
      throw error
    }
    random = RandomSource(seed: numbers[0], stream: numbers[1], position: numbers[2])
    epochsBegun = begun
    forgetRecordings()
  }
}
