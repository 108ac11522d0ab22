import ApusCore
import ApusData
import ApusNN

/// Which batch of which epoch a loader made.
struct BatchPlace {
  let loader: DataLoader
  let epoch: Int
  let number: Int

  /// The number of the example in a row of the batch, among those of the source.
  func example(row: Int) -> Int { loader.order(epoch: epoch)[number * loader.batchSize + row] }

  /// What is not finite in the batch itself; nil if that is finite.
  func fault(in batch: Batch) -> String? {
    if let (row, column, value) = batch.features.firstNotFinitePlace {
      let names = (loader.source as? Dataset)?.featureNames ?? []
      let name = column.flatMap { names.indices.contains($0) ? " '\(names[$0])'" : nil } ?? ""
      return "the feature\(name) of example \(example(row: row)) (counted from 0) is \(value)"
    }
    if let (row, _, value) = batch.targets.firstNotFinitePlace {
      return "the target of example \(example(row: row)) (counted from 0) is \(value)"
    }
    return nil
  }
}

extension Trainer {
  /// The sentence for a step that was not finite: what is to blame, found by computing the batch again.
  /// - Parameter random: the random numbers as they were before the step, so that dropout drops the same.
  func failure(
    _ error: NotFiniteError, on batch: Batch, from place: BatchPlace, epoch: Int, random: RandomSource
  ) -> TrainingError {
    let beginning = "the loss became \(error.value) in epoch \(epoch), after \(optimizer.memory.step) updates"
    if let fault = place.fault(in: batch) {
      return TrainingError("\(place.loader.source.name): \(beginning): \(fault)")
    }
    let advice = "; try a smaller learning rate than \(optimizer.learningRate), or scale the features"
    guard let origin = notFiniteOrigin(on: batch, random: random) else { return TrainingError(beginning + advice) }
    // Its own loss was finite: `checksGradients` has found it.
    let isLoss = origin.gradientOf == nil
    let what =
      isLoss
      ? beginning
      : "the gradients stopped being finite in epoch \(epoch), after "
        + "\(optimizer.memory.step) updates"
    return TrainingError("\(what): \(origin)\(advice)")
  }

  private func notFiniteOrigin(on batch: Batch, random: RandomSource) -> NotFiniteOrigin? {
    var random = random
    let (cost, precision) = (Self.cost(loss, regularization), precision)
    return withTraining(random: &random) {
      findNotFinite(in: model) { model in
        cost(withPrecision(precision) { model(batch.features) }, batch.targets)
      }
    }
  }
}

extension Tensor {
  /// The first element that is not finite: its row, its column if the rows are vectors, and itself.
  fileprivate var firstNotFinitePlace: (row: Int, column: Int?, value: Double)? {
    guard let value = firstNotFinite, let position = doubles.firstIndex(where: { !$0.isFinite }) else { return nil }
    let rowCount = count / shape[0]
    return (position / rowCount, rank == 2 ? position % rowCount : nil, value)
  }
}
