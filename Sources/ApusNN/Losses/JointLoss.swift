import ApusCore

extension Loss {
  /// The weighted sum of losses of a model's outputs, one for each (several tasks at once).
  ///
  /// ```swift
  /// let loss = Loss.joint(model, ["digit": (.softmaxCrossEntropy, 1), "slant": (.meanSquaredError, 0.5)])
  /// ```
  /// The target is one tensor (n, columns): side by side, in the order of the outputs, a label for each loss of classes and as many
  /// numbers as the output has for every other.
  /// - Parameter losses: a loss and its weight for every output's name.
  public static func joint(_ model: FunctionalModel, _ losses: [String: (loss: Loss, weight: Double)]) -> Loss {
    let names = model.results.map(\.name)
    guard Set(names) == Set(losses.keys) else {
      fatalError("Loss.joint: losses of \(losses.keys.sorted()) were found; expected one of each output \(names)")
    }
    return Loss("joint", task: .joint) { prediction, target, reduction in
      let outputs = model.outputs(in: prediction)
      var (start, sum) = (0, Tensor?.none)
      for name in names {
        let (loss, weight) = losses[name]!
        let output = outputs[name]!
        let isLabel = loss.task != .regression
        let width = isLabel ? 1 : output.count / max(1, output.shape[0])
        guard target.rank == 2, start + width <= target.shape[1] else {
          stop(
            ShapeError(
              "joint", "a target of shape \(target.shape) was found; expected at least \(start + width) columns"))
        }
        let columns = target[.all, start..<start + width]
        let own =
          isLabel ? columns.reshaped([target.shape[0]]).cast(to: .int32) : columns.reshaped(Array(output.shape))
        let term = loss(output, target: own, reduction: reduction) * weight
        sum = sum.map { $0 + term } ?? term
        start += width
      }
      return sum!
    }
  }
}
