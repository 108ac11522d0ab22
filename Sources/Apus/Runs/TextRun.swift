/// Trains a network to go on with a text, character by character.
public struct TextRun: NetworkRun {
  /// The networks by their names.
  public enum Network: String, Sendable, Hashable, CaseIterable {
    case lstm = "char-lstm"
    case gru = "char-gru"
    case gpt = "char-gpt"
  }

  public let path: String
  public let network: Network
  public let model: TextModel
  private let plan: TrainingPlan
  private let (training, test): (TokenText, TokenText)
  /// At most as many windows as the text holds.
  private let batchSize: Int

  /// The characters that the network sees at once.
  private static let length = 64

  /// Reads the text and builds the network. The last tenth of the text is held back to measure.
  /// - Throws: `FileFormatError` if the file cannot be read or is no UTF-8 text, `DatasetError` if it is too short.
  public init(path: String, network: Network, choices: TrainingChoices = TrainingChoices()) throws {
    self.path = path
    self.network = network
    plan = try Self.usualPlan(network).applying(choices)
    let text = try TextFile.read(path)
    let tokenizer = CharacterTokenizer(trainedOn: text)
    let tokens = try TokenText(path, text, by: tokenizer)
    guard tokens.count >= 20 * (Self.length + 1) else {
      throw DatasetError("\(path): there are \(tokens.count) characters; expected at least \(20 * (Self.length + 1))")
    }
    (training, test) = tokens.split()
    batchSize = min(plan.batchSize, training.count / Self.length)
    let (count, dropout) = (tokenizer.vocabularySize, plan.dropout)
    let layers: any ConfigurableLayer = withSeed(plan.seed) {
      switch network {
      case .lstm: RecurrentLanguageModel(.lstm, vocabulary: count, dropout: dropout)
      case .gru: RecurrentLanguageModel(.gru, vocabulary: count, dropout: dropout)
      case .gpt:
        GPT(vocabulary: count, context: Self.length, blocks: 4, heads: 4, width: 128, dropout: dropout)
      }
    }
    model = TextModel(network: layers, tokenizer: tokenizer)
    let need = MemoryNeed(parameters: layers.parameterCount, units: Self.length * Self.units(of: layers))
    try need.check(batchSize: batchSize, advice: "smaller batches")
  }

  /// The numbers that a network computes for a character, up to small ones.
  private static func units(of network: any ConfigurableLayer) -> Int {
    switch network {
    // A block: two normalisations, queries, keys, values and what attention makes of them, twice 4 inside, two sums.
    case let model as GPT: model.blocks.count * 16 * model.width + model.vocabulary
    // The embedding; at most four gates, memory, output, and what dropout leaves of it.
    case let model as RecurrentLanguageModel: model.embedding.features + 7 * model.head.inputs + model.head.outputs
    default: 0
    }
  }

  private static func usualPlan(_ network: Network) -> TrainingPlan {
    switch network {
    case .lstm, .gru:
      TrainingPlan(
        optimizer: .adam, learningRate: 4e-3, schedule: .linear, epochs: 20, batchSize: 64, dropout: 0.2)
    case .gpt:
      TrainingPlan(optimizer: .adam, learningRate: 1e-3, schedule: .cosine, epochs: 20, batchSize: 32, dropout: 0.1)
    }
  }

  public var announcement: String {
    "\(path): \(training.count) characters to train on and \(test.count) to test on, \(model.tokenizer.vocabularySize) "
      + "different ones\n\(model.network): \(model.network.parameterCount) parameters"
  }

  public var settings: JSON {
    plan.json([JSON.Member("data", .string(path)), JSON.Member("model", .string(network.rawValue))])
  }

  /// An epoch is as many characters as there are to train on, in windows from random places, which depend on seed and epoch alone.
  public func train(progress: Progress, onEpoch: (Epoch) throws -> Void) throws -> History {
    plan.useThreads()
    let optimizer = plan.makeOptimizer()
    let perEpoch = training.count / (batchSize * Self.length)
    let schedule = plan.makeSchedule(steps: plan.epochs * perEpoch)
    let (layer, precision) = (model.network, plan.precision)
    let step = Program("training step") { batch in
      let (loss, gradients) = valueWithGradient(of: layer) { model in
        softmaxCrossEntropy(logits: withPrecision(precision) { model(batch[0]) }, labels: batch[1])
      }
      try requireFinite(loss)
      optimizer.update(layer, gradients.clipped(.globalNorm(1)))
      return [loss]
    }
    var random = RandomSource(seed: plan.seed, stream: 0x74_7261_696e)  // as the trainer's: "train"
    var history = History(metricNames: [])
    var reporter = ProgressReporter(progress, epochs: plan.epochs)
    for number in 1...plan.epochs {
      let start = ContinuousClock.now
      var (total, done) = (0.0, 0)
      var places = RandomSource(seed: plan.seed, stream: UInt64(number) << 32 | 0x77_696e_64)  // "wind"
      let windows = try training.randomWindows(count: perEpoch * batchSize, length: Self.length, using: &places)
      let batches = DataLoader(windows, batchSize: batchSize, isShuffled: false).batches()
      while let batch = try batches.next() {
        optimizer.learningRate = schedule(optimizer.memory.step)
        do {
          total += try withTraining(random: &random) { try step([batch.features, batch.targets])[0].item }
        } catch let error as NotFiniteError {
          throw TrainingError(
            "the loss became \(error.value) in epoch \(number); try a smaller learning rate than \(plan.learningRate)")
        }
        done += 1
        reporter.batch(epoch: number, fraction: Double(done) / Double(perEpoch))
      }
      let epoch = Epoch(
        number: number, loss: total / Double(perEpoch), validationLoss: try model.evaluate(test).loss,
        seconds: (ContinuousClock.now - start) / .seconds(1))
      history.epochs.append(epoch)
      reporter.epoch(epoch, metricNames: [])
      try onEpoch(epoch)
    }
    return history
  }

  public func scores(of epoch: Epoch) -> [Score] {
    [Score("loss", epoch.loss), Score("validation_loss", epoch.validationLoss)]
  }

  public func result() throws -> RunResult {
    let loss = try model.evaluate(test).loss
    try model.network.requireNumbers([loss])
    return RunResult(
      scores: [Score("test_loss", loss)],
      text: "test: \(loss.formatted(precision: 4)) nats for each character on the last tenth of the text")
  }

  public func save(to path: String) throws { try model.save(to: path) }
}
