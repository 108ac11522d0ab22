/// What may be added to a plain training: regularisation, batch normalisation, and an end before the last epoch.
public struct TrainingRefinements: Sendable, Hashable {
  /// A penalty on large weights.
  public enum Penalty: String, Sendable, Hashable, CaseIterable { case l1, l2, elastic }

  public var penalty: Penalty?
  /// λ of λ ‖w‖₁, λ/2 ‖w‖² or λ/2 (‖w‖₁ + ‖w‖²/2), beside the mean loss of an example.
  public var lambda = 1e-4
  /// How many epochs without a better validation loss end the training (without validation data: loss). The best epoch is kept.
  public var earlyStopping: Int?
  /// Whether hidden layers are normalised over the batch, before their activation.
  public var hasBatchNorm = false
  public var maximumSteps: Int?
  public var maximumSeconds: Double?

  public init() {}

  /// Refuses numbers out of their ranges.
  func check() throws(RunConfigurationError) {
    func require(_ condition: Bool, _ sentence: String) throws(RunConfigurationError) {
      if !condition { throw RunConfigurationError(sentence) }
    }
    try require(lambda >= 0 && lambda.isFinite, "the penalty's factor \(lambda) is not at least 0")
    if let earlyStopping { try require(earlyStopping >= 1, "\(earlyStopping) epochs of patience are not at least 1") }
    if let maximumSteps { try require(maximumSteps >= 1, "\(maximumSteps) steps are not at least 1") }
    if let maximumSeconds {
      try require(maximumSeconds > 0 && maximumSeconds <= 1e9, "\(maximumSeconds) seconds are not more than 0")
    }
  }

  /// The penalty on the weights of a network.
  func regularization(of model: some Layer) -> Regularization {
    switch penalty {
    case nil: Regularization()
    case .l1: Regularization(of: model, .l1(lambda))
    case .l2: Regularization(of: model, .l2(lambda))
    case .elastic: Regularization(of: model, .elasticNet(l1: lambda / 2, l2: lambda / 2))
    }
  }

  /// What ends the training early.
  func callbacks(hasValidation: Bool) -> [Callback] {
    var callbacks: [Callback] = []
    if let maximumSteps { callbacks.append(.maximumSteps(maximumSteps)) }
    if let maximumSeconds { callbacks.append(.maximumTime(.seconds(maximumSeconds))) }
    if let earlyStopping {
      callbacks.append(.earlyStopping(patience: earlyStopping, monitor: hasValidation ? .validationLoss : .loss))
    }
    return callbacks
  }

  /// A dense layer of a network; normalised, its activation comes after the normalisation.
  func hidden(_ inputs: Int, _ outputs: Int, activation: Activation) -> [any Layer] {
    guard hasBatchNorm else { return [Dense(inputs, outputs, activation: activation)] }
    return [
      Dense(inputs, outputs, weights: .suited(to: activation)), BatchNorm(outputs), ActivationLayer(activation),
    ]
  }

  /// Batches of the training data. Normalisation needs two examples in each: a last one alone is left out, in each epoch another.
  /// - Throws: `RunConfigurationError` if there are no two examples for a batch.
  func loader(_ training: Dataset, batchSize: Int, seed: UInt64) throws(RunConfigurationError) -> DataLoader {
    var loader = DataLoader(training, batchSize: batchSize, prefetchCount: 0, seed: seed)
    guard hasBatchNorm else { return loader }
    guard batchSize > 1, training.count > 1 else {
      throw RunConfigurationError(
        "batch normalisation needs at least 2 examples in a batch; there are \(min(batchSize, training.count))")
    }
    loader.dropsLast = training.count > batchSize && training.count % batchSize == 1
    return loader
  }

  /// For `config.json`.
  var members: [JSON.Member] {
    [
      JSON.Member("regularizer", penalty.map { .string($0.rawValue) } ?? .null),
      JSON.Member("lambda", penalty == nil ? .null : .number(lambda)),
      JSON.Member("early_stopping", earlyStopping.map { .integer($0) } ?? .null),
      JSON.Member("batch_norm", .bool(hasBatchNorm)),
      JSON.Member("max_steps", maximumSteps.map { .integer($0) } ?? .null),
      JSON.Member("max_seconds", maximumSeconds.map { .number($0) } ?? .null),
    ]
  }
}
