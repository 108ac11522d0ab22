/// Trains a network that makes or reproduces images: an autoencoder, a variational one, or a pair of generator and discriminator.
public struct GenerativeRun: NetworkRun {
  /// The networks by their names.
  public enum Network: String, Sendable, Hashable, CaseIterable {
    case autoencoder
    case vae
    case gan
    case dcgan

    /// Whether it is a pair of networks that makes images of noise alone.
    var isPair: Bool { self == .gan || self == .dcgan }
  }

  public let data: ImageData
  public let network: Network
  public let model: GenerativeModel
  private let directory: String?
  private let plan: TrainingPlan
  private let (training, test): (Dataset, Dataset)

  /// Reads the data and builds the network.
  /// - Throws: `DatasetError` or `FileFormatError` for data that cannot be used, `RunConfigurationError` for choices that do not fit.
  public init(
    _ data: ImageData, directory: String? = nil, network: Network, choices: TrainingChoices = TrainingChoices()
  ) throws {
    self.data = data
    self.network = network
    self.directory = directory
    plan = try Self.usualPlan(network).applying(choices)
    (training, test) = try data.load(directory: directory)
    let shape = Shape(training.features.shape.dropFirst())
    let pixels = "those of \(data.rawValue) are \(shape[0]) x \(shape[1])"
    guard network != .dcgan || shape[0] == 28 && shape[1] == 28 else {
      throw RunConfigurationError("the network dcgan makes images of 28 x 28 pixels; \(pixels)")
    }
    guard network != .autoencoder || shape[0] == shape[1] && shape[0] % 4 == 0 else {
      throw RunConfigurationError(
        "the network autoencoder is for square images whose extent is a multiple of 4; \(pixels)")
    }
    let layers: any ConfigurableLayer = withSeed(plan.seed) {
      switch network {
      case .autoencoder: Autoencoder.convolutional(imageSize: shape[0], channels: shape[2])
      case .vae: VariationalAutoencoder.dense(inputs: shape.reduce(1, *))
      case .gan: GAN.dense(imageShape: shape)
      case .dcgan: GAN.dcgan(channels: shape[2])
      }
    }
    model = GenerativeModel(network: layers, imageShape: shape)
    let need = MemoryNeed(parameters: layers.parameterCount, units: try model.unitCount)
    try need.check(batchSize: min(plan.batchSize, training.count), advice: "smaller batches")
  }

  private static func usualPlan(_ network: Network) -> TrainingPlan {
    TrainingPlan(
      optimizer: .adam, learningRate: network.isPair ? 2e-4 : 1e-3, schedule: .constant,
      epochs: network == .gan ? 50 : network == .dcgan ? 20 : 10, batchSize: 64)
  }

  public var announcement: String {
    "\(data.rawValue): \(training.count) training and \(test.count) test images of \(model.imageShape)\n"
      + "\(network.rawValue): \(model.network.parameterCount) parameters"
  }

  public var settings: JSON {
    plan.json([
      JSON.Member("data", .string(data.rawValue)), JSON.Member("directory", directory.map { .string($0) } ?? .null),
      JSON.Member("model", .string(network.rawValue)),
    ])
  }

  private var metricNames: [String] { network.isPair ? ["generator_loss"] : [] }

  public func train(progress: Progress, onEpoch: (Epoch) throws -> Void) throws -> History {
    plan.useThreads()
    let loader = DataLoader(training, batchSize: plan.batchSize, dropsLast: true, seed: plan.seed)
    guard loader.batchCount > 0 else {
      throw TrainingError("\(training.name): there are \(training.count) images; a batch has \(plan.batchSize)")
    }
    let rates = plan.makeSchedule(steps: plan.epochs * loader.batchCount)
    let step = model.makeStep(plan)
    var random = RandomSource(seed: plan.seed, stream: 0x74_7261_696e)  // as the trainer's: "train"
    var history = History(metricNames: metricNames)
    var reporter = ProgressReporter(progress, epochs: plan.epochs)
    var steps = 0
    for number in 1...plan.epochs {
      let start = ContinuousClock.now
      var totals = [Double](repeating: 0, count: 1 + metricNames.count)
      let batches = loader.batches(epoch: number - 1)
      var done = 0
      while let batch = try batches.next() {
        step.learningRate = rates(steps)
        do {
          let inputs = step.inputs(batch.features, using: &random)
          let losses = try withTraining(random: &random) { try step.run(inputs) }
          for i in totals.indices { totals[i] += losses[i] }
        } catch let error as NotFiniteError {
          throw TrainingError(
            "the loss became \(error.value) in epoch \(number); try a smaller learning rate than \(plan.learningRate)")
        }
        (steps, done) = (steps + 1, done + 1)
        reporter.batch(epoch: number, fraction: Double(done) / Double(loader.batchCount))
      }
      let means = totals.map { $0 / Double(done) }
      let epoch = Epoch(
        number: number, loss: means[0],
        metrics: Dictionary(uniqueKeysWithValues: zip(metricNames, means.dropFirst())),
        seconds: (ContinuousClock.now - start) / .seconds(1))
      history.epochs.append(epoch)
      reporter.epoch(epoch, metricNames: metricNames)
      try onEpoch(epoch)
    }
    return history
  }

  public func scores(of epoch: Epoch) -> [Score] {
    [Score("loss", epoch.loss)] + metricNames.map { Score($0, epoch.metrics[$0]) }
  }

  public func result() throws -> RunResult {
    let error = try model.reconstructionError(on: test)
    try model.network.requireNumbers(error.map { [$0] } ?? [])
    guard let error else {
      return RunResult(scores: [], text: "the samples are in samples.png")
    }
    return RunResult(
      scores: [Score("test_error", error)],
      text:
        "test: mean squared error of the reproduced pixels \(error.formatted(precision: 5)); see reconstructions.png")
  }

  public func save(to path: String) throws { try model.save(to: path) }

  public var extraFiles: [String] {
    switch network {
    case .autoencoder: [Self.reconstructionsName]
    case .vae: [Self.samplesName, Self.reconstructionsName]
    case .gan, .dcgan: [Self.samplesName]
    }
  }

  private static let (samplesName, reconstructionsName) = ("samples.png", "reconstructions.png")

  /// samples.png: what the network makes of noise, the same every time, so that one sees the pictures become better;
  /// reconstructions.png: test images, and below each what became of it.
  public func writeExtras(to directory: String) throws {
    var random = RandomSource(seed: plan.seed, stream: 0x73_616d_706c_65)  // a stream of its own: "sample"
    if let samples = model.generate(64, using: &random) {
      try Image(gridOf: samples, columns: 8).write(to: "\(directory)/\(Self.samplesName)")
    }
    let shown = test.pixels(0..<min(10, test.count))
    if let copies = model.reconstruct(shown) {
      try Image(gridOf: concatenate([shown, copies], axis: 0), columns: shown.shape[0])
        .write(to: "\(directory)/\(Self.reconstructionsName)")
    }
  }
}

/// A network that makes or reproduces images, with their shape.
public struct GenerativeModel: Sendable {
  /// An ``Autoencoder``, a ``VariationalAutoencoder`` or a ``GAN``.
  public let network: any ConfigurableLayer
  /// (height, width, channels) of the images, pixels from 0 to 1.
  public let imageShape: Shape

  private static let key = "apus.generated"

  /// Whether a model file holds one.
  static func isHeld(by file: ModelFile) -> Bool { file.metadata[key] != nil }

  init(network: any ConfigurableLayer, imageShape: Shape) {
    self.network = network
    self.imageShape = imageShape
  }

  /// The model in a file.
  /// - Throws: `FileFormatError` if there is none, or not as it should be.
  public init(_ file: ModelFile, path: String) throws(FileFormatError) {
    func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
    guard let text = file.metadata[Self.key], let json = try? JSON(parsing: text),
      let extents = json.array?.compactMap(\.integer), Shape.isOfPicture(extents)
    else { throw malformed("the metadata '\(Self.key)' are missing or not the shape of images") }
    let shape = Shape(extents)
    let (input, expected): (Shape, Shape)
    switch file.model {
    case is Autoencoder: (input, expected) = (Shape([1] + extents), Shape([1] + extents))
    case is VariationalAutoencoder: (input, expected) = ([1, shape.reduce(1, *)], [1, shape.reduce(1, *)])
    case let gan as GAN: (input, expected) = ([1, gan.noiseSize], Shape([1] + extents))
    default: throw malformed("the network is a \(type(of: file.model)); expected one that makes images")
    }
    let output: Shape
    do { output = try file.model.outputShape(for: input) } catch {
      throw malformed("the network does not fit images of shape \(shape): \(error)")
    }
    guard output == expected else { throw malformed("the network makes \(output); expected \(expected)") }
    try file.requireFloat32(path)
    self.init(network: file.model, imageShape: shape)
  }

  /// Writes network and image shape into one file, as a whole or not at all.
  public func save(to path: String) throws(FileFormatError) {
    try network.save(to: path, metadata: [Self.key: JSON.array(imageShape.map { .integer($0) }).text()])
  }

  /// The numbers that a training step computes for one image.
  var unitCount: Int {
    get throws(ShapeError) {
      switch network {
      case let model as Autoencoder:
        let code = try model.encoder.outputShape(for: Shape([1] + imageShape))
        return try model.encoder.unitCount(imageShape) + model.decoder.unitCount(Shape(code.dropFirst()))
      case let vae as VariationalAutoencoder:
        return try vae.encoder.unitCount([imageShape.reduce(1, *)]) + vae.decoder.unitCount([vae.code])
      case let gan as GAN:
        // The generator for both networks, and what the discriminator says of real and made images, and of made ones again.
        return try 2 * gan.generator.unitCount([gan.noiseSize]) + 3 * gan.discriminator.unitCount(imageShape)
      default: return 0
      }
    }
  }

  /// `count` new images, pixels from 0 to 1; nil for a network that only reproduces.
  public func generate(_ count: Int, using random: inout RandomSource) -> Tensor? {
    let shape = [count] + Array(imageShape)
    switch network {
    case let vae as VariationalAutoencoder: return vae.generate(count, using: &random).reshaped(shape)
    case let gan as GAN:
      let noise = gan.noise(count, using: &random)
      return withInference { (gan.generator(noise) + 1) / 2 }.reshaped(shape)
    default: return nil
    }
  }

  /// What the network makes of images (n, height, width, channels); nil for one that makes them of noise alone.
  public func reconstruct(_ images: Tensor) -> Tensor? {
    withInference {
      switch network {
      case let model as Autoencoder: return sigmoid(model(images))
      case let vae as VariationalAutoencoder:
        return sigmoid(vae(images.reshaped([images.shape[0], imageShape.reduce(1, *)]))).reshaped(images.shape)
      default: return nil
      }
    }
  }

  /// The mean squared difference of pixels and reproduced ones; nil for a network that makes images of noise alone.
  /// - Throws: `DatasetError` if there are no images, or not of the model's shape.
  public func reconstructionError(on data: Dataset) throws -> Double? {
    guard data.count > 0, data.features.shape.dropFirst().elementsEqual(imageShape) else {
      throw DatasetError("\(data.name): there are no images of \(imageShape), which the model was trained on")
    }
    var total = 0.0
    for range in data.parts(of: 256) {
      let part = data.pixels(range)
      guard let copies = reconstruct(part) else { return nil }
      total += square(part - copies).sum().item
    }
    return total / Double(data.features.count)
  }
}
