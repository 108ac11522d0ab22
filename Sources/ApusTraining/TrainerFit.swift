import ApusCore
import ApusData
import ApusNN

/// The batch that is all of the data: one accurate, slow update for each pass (notes F4).
public enum WholeSet: Sendable { case all }

extension Trainer {
  /// Goes `epochs` times through `training`, in an order that depends on the trainer's seed and the epoch.
  /// - Parameters:
  ///   - validation: evaluated after each epoch, never trained on.
  ///   - batchSize: the examples of one update (notes F5; 1: an update for every example, F6). The last batch of an epoch has what is
  ///     left; a ``DataLoader`` with `dropsLast` leaves it out instead.
  ///   - progress: where to report; by default a bar on a terminal, plain lines elsewhere, on standard error.
  ///   - callbacks: what else happens: early stopping, limits, logs.
  ///   - onEpoch: called after each epoch.
  /// - Throws: `TrainingError` if the data do not fit the model or the loss stops being a number, saying where; the parameters are
  ///   then those of the last complete update. Whatever callbacks and `onEpoch` throw.
  @discardableResult
  public func fit(
    _ training: Dataset, validation: Dataset? = nil, epochs: Int, batchSize: Int = 32,
    progress: Progress = .automatic, callbacks: [Callback] = [], onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    try fit(
      DataLoader(training, batchSize: batchSize, prefetchCount: 0, seed: random.seed),
      validation: validation.map { Self.inOrder($0, batchSize: 1024) }, epochs: epochs, progress: progress,
      callbacks: callbacks, onEpoch: onEpoch)
  }

  /// Batch gradient descent: one update for each pass, along the gradient of the whole cost (notes F4).
  /// - Throws: as ``fit(_:validation:epochs:batchSize:progress:callbacks:onEpoch:)-(_,_,_,Int,_,_,_)``.
  @discardableResult
  public func fit(
    _ training: Dataset, validation: Dataset? = nil, epochs: Int, batchSize: WholeSet,
    progress: Progress = .automatic, callbacks: [Callback] = [], onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    try fit(
      training, validation: validation, epochs: epochs, batchSize: max(1, training.count), progress: progress,
      callbacks: callbacks, onEpoch: onEpoch)
  }

  /// Goes `epochs` times through the batches of `training`.
  ///
  /// The loader's own seed decides the order and the augmentations; its batches may be prepared ahead, which changes no result.
  /// - Throws: `TrainingError` if the data do not fit the model or the loss stops being a number; whatever callbacks, `onEpoch` and the
  ///   loaders' sources throw.
  @discardableResult
  public func fit(
    _ training: DataLoader, validation: DataLoader? = nil, epochs: Int, progress: Progress = .automatic,
    callbacks: [Callback] = [], onEpoch: (Epoch) throws -> Void = { _ in }
  ) throws -> History {
    try check(training)
    let validation = validation.flatMap { $0.source.count > 0 ? $0 : nil }
    if let validation { try check(validation) }
    let run = TrainingRun(
      model: model, optimizer: optimizer, loss: loss, epochs: epochs, history: History(metricNames: metrics.map(\.name))
    )
    var reporter = ProgressReporter(progress, epochs: epochs)
    for callback in callbacks { try callback.willBegin?(run) }
    let onStep = callbacks.compactMap(\.onStep)
    for number in stride(from: 1, through: epochs, by: 1) {
      let start = ContinuousClock.now
      let (loss, scores) = try trainEpoch(training, number: number, run, onStep) { done in
        reporter.batch(epoch: number, fraction: done)
      }
      let checked = try validation.map { try evaluate($0) }
      let epoch = Epoch(
        number: number, loss: loss, metrics: scores, validationLoss: checked?.loss,
        validationMetrics: checked?.metrics ?? [:], seconds: (ContinuousClock.now - start).seconds)
      run.history.epochs.append(epoch)
      for callback in callbacks { try callback.onEpoch?(epoch, run) }
      reporter.epoch(epoch, metricNames: run.history.metricNames, stopReason: run.stopReason)
      try onEpoch(epoch)
      if run.stopReason != nil { break }
    }
    for callback in callbacks { try callback.didEnd?(run) }
    return run.history
  }

  /// Goes once through the batches, or until a callback ends the training.
  private func trainEpoch(
    _ training: DataLoader, number: Int, _ run: TrainingRun, _ onStep: [(TrainingStep, TrainingRun) throws -> Void],
    _ report: (Double) -> Void
  ) throws -> (loss: Double, metrics: [String: Double]) {
    var totals = Totals(metrics.count)
    var batchesDone = 0
    let epoch = epochsBegun
    let batches = training.batches(epoch: epoch)
    epochsBegun += 1
    while let (x, y) = try batches.next() {
      if let schedule { optimizer.learningRate = schedule(optimizer.memory.step) }
      let randomBefore = random
      let results: [Tensor]
      do { results = try withTraining(random: &random) { try trainingStep([x, y]) } } catch let error as NotFiniteError
      {
        let place = BatchPlace(loader: training, epoch: epoch, number: batchesDone)
        throw failure(error, on: (x, y), from: place, epoch: number, random: randomBefore)
      }
      totals.add(results, count: x.shape[0])
      batchesDone += 1
      if batchesDone % accumulation == 0 { try updateFromAccumulated() }
      run.stepCount += 1
      if !onStep.isEmpty {
        let step = TrainingStep(
          number: run.stepCount, epoch: number, loss: results[0].item, learningRate: optimizer.learningRate,
          exampleCount: x.shape[0])
        for body in onStep { try body(step, run) }
      }
      report(Double(totals.count) / Double(training.exampleCount))
      if run.stopReason != nil { break }
    }
    try updateFromAccumulated()
    return (totals.loss, Dictionary(uniqueKeysWithValues: zip(metrics.map(\.name), totals.scores)))
  }
}
