/// Trains a network to tell what images show.
public struct ImageRun: NetworkRun {
  /// The networks by their names.
  public enum Network: String, Sendable, Hashable, CaseIterable {
    case mlp
    case lenet
    case resnet18
  }

  public let data: ImageData
  public let network: Network
  public let model: ImageModel
  private let plan: TrainingPlan
  private let augmentations: [Augmentation]
  /// What was asked for, for `config.json`.
  private let (directory, hidden, validationFraction): (String?, [Int], Double)
  private let (training, validation, test): (Dataset, Dataset, Dataset)

  /// Reads the data and builds the network.
  /// - Parameters:
  ///   - directory: where the data's files are; nil: the cache.
  ///   - hidden: the units of an mlp's hidden layers.
  ///   - validationFraction: the share of the training images that is held back to watch progress.
  ///   - isAugmented: whether every training image is shifted by up to two pixels at random, and mirrored where that changes nothing
  ///     of what it shows.
  /// - Throws: `DatasetError` or `FileFormatError` for data that cannot be used, `RunConfigurationError` for choices that do not fit.
  public init(
    _ data: ImageData, directory: String? = nil, network: Network, hidden: [Int] = [256, 128],
    validationFraction: Double = 0, isAugmented: Bool = false, choices: TrainingChoices = TrainingChoices()
  ) throws {
    self.data = data
    self.network = network
    (self.directory, self.hidden, self.validationFraction) = (directory, hidden, validationFraction)
    plan = try Self.usualPlan(network).applying(choices)
    let (all, test) = try data.load(directory: directory)
    (training, validation) = all.split(testFraction: validationFraction, seed: plan.seed)
    self.test = test
    guard training.count > 0 else { throw TrainingError("\(all.name): there are no images left to train on") }
    _ = try plan.refinements.loader(training, batchSize: plan.batchSize, seed: plan.seed)
    let isMirrored = data == .cifar10 || data == .cifar100
    augmentations =
      isAugmented ? [.shift(upTo: 2)] + (isMirrored ? [.flipHorizontally()] : []) : []
    let shape = Array(all.features.shape.dropFirst())
    let classes = all.classNames.count
    // LeNet's two convolutions without padding and its poolings leave nothing of smaller images.
    guard network != .lenet || shape[0] == shape[1] && shape[0] >= 12 else {
      throw RunConfigurationError(
        "the network lenet is for square images of at least 12 x 12 pixels; those of \(data.rawValue) are "
          + "\(shape[0]) x \(shape[1])")
    }
    let (dropout, refinements) = (plan.dropout, plan.refinements)
    let (sizes, batchSize) = ([shape.reduce(1, *)] + hidden, min(plan.batchSize, training.count))
    if network == .mlp { try MemoryNeed(denseLayers: sizes + [classes]).checkDense(batchSize: batchSize) }
    let layers = withSeed(plan.seed) {
      switch network {
      case .mlp:
        return Sequential {
          Flatten()
          for (inputs, outputs) in zip(sizes, hidden) {
            refinements.hidden(inputs, outputs, activation: .relu)
            if dropout > 0 { Dropout(dropout) }
          }
          Dense(sizes[sizes.count - 1], classes)
        }
      case .lenet: return .leNet5(classes: classes, inputs: shape[2], imageSize: shape[0])
      case .resnet18: return .resNet(.resNet18, classes: classes, inputs: shape[2], stem: .small)
      }
    }
    let need = MemoryNeed(parameters: layers.parameterCount, units: try layers.unitCount(Shape(shape)))
    try need.check(batchSize: batchSize, advice: "smaller batches")
    model = ImageModel(network: layers, imageShape: Shape(shape), classNames: all.classNames)
  }

  private static func usualPlan(_ network: Network) -> TrainingPlan {
    TrainingPlan(
      optimizer: .adam, learningRate: network == .lenet ? 4e-3 : 1e-3, schedule: .cosine,
      epochs: network == .resnet18 ? 5 : 20, batchSize: 64, dropout: network == .mlp ? 0.2 : 0)
  }

  public var announcement: String {
    get throws {
      "\(data.rawValue): \(training.count) training, \(validation.count) validation and \(test.count) test images of "
        + "\(model.imageShape), \(model.classNames.count) classes\n"
        + (try model.network.summary(inputShape: Shape([1] + model.imageShape)).description)
    }
  }

  public var settings: JSON {
    plan.json(
      [
        JSON.Member("data", .string(data.rawValue)), JSON.Member("directory", directory.map { .string($0) } ?? .null),
        JSON.Member("model", .string(network.rawValue)),
        JSON.Member("hidden", network == .mlp ? .array(hidden.map { .integer($0) }) : .null),
        JSON.Member("augmented", .bool(!augmentations.isEmpty)), JSON.Member("validation", .number(validationFraction)),
      ] + plan.refinements.members)
  }

  public func train(progress: Progress, onEpoch: (Epoch) throws -> Void) throws -> History {
    var loader = try plan.refinements.loader(training, batchSize: plan.batchSize, seed: plan.seed)
    (loader.augmentations, loader.prefetchCount) = (augmentations, 2)
    let held = DataLoader(validation, batchSize: 256, isShuffled: false)
    return try trainer(of: model.network, steps: plan.epochs * loader.batchCount).fit(
      loader, validation: validation.count > 0 ? held : nil, epochs: plan.epochs, progress: progress,
      callbacks: plan.refinements.callbacks(hasValidation: validation.count > 0), onEpoch: onEpoch)
  }

  public func profile() throws -> ProgramProfile? {
    try trainer(of: try model.network.copy(), steps: 1).profile(on: training, batchSize: plan.batchSize, steps: 20)
  }

  private func trainer(of network: Sequential, steps: Int) -> Trainer<Sequential> {
    plan.useThreads()
    return Trainer(
      network, loss: .softmaxCrossEntropy, optimizer: plan.makeOptimizer(), metrics: [.accuracy],
      schedule: plan.makeSchedule(steps: steps), regularization: plan.refinements.regularization(of: network),
      seed: plan.seed, precision: plan.precision)
  }

  public func scores(of epoch: Epoch) -> [Score] {
    [
      Score("loss", epoch.loss), Score("accuracy", epoch.metrics["accuracy"]),
      Score("validation_loss", epoch.validationLoss),
      Score("validation_accuracy", epoch.validationMetrics["accuracy"]),
    ]
  }

  public func result() throws -> RunResult {
    let (onTraining, onTest) = (try model.evaluate(training), try model.evaluate(test))
    try model.network.requireNumbers([onTraining.loss, onTest.loss])
    return RunResult(
      scores: [
        Score("loss", onTraining.loss), Score("accuracy", onTraining.report.accuracy),
        Score("test_loss", onTest.loss), Score("test_accuracy", onTest.report.accuracy),
      ], text: "test: loss \(onTest.loss.formatted(precision: 4)), \(onTest.report)")
  }

  public func save(to path: String) throws { try model.save(to: path) }
}

/// A network that tells what images show, with the shape of the images and the names of the classes.
public struct ImageModel: Sendable {
  public let network: Sequential
  /// (height, width, channels) of the images, pixels from 0 to 1.
  public let imageShape: Shape
  public let classNames: [String]

  public init(network: Sequential, imageShape: Shape, classNames: [String]) {
    self.network = network
    self.imageShape = imageShape
    self.classNames = classNames
  }

  private static let key = "apus.images"

  /// Whether a model file holds one.
  static func isHeld(by file: ModelFile) -> Bool { file.metadata[key] != nil }

  /// The model in a file.
  /// - Throws: `FileFormatError` if there is none, or not as it should be.
  public init(_ file: ModelFile, path: String) throws(FileFormatError) {
    func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
    guard let text = file.metadata[Self.key], let json = try? JSON(parsing: text),
      let extents = json["shape"]?.array?.compactMap(\.integer), Shape.isOfPicture(extents),
      let names = json["classes"]?.array?.compactMap(\.string),
      !names.isEmpty
    else { throw malformed("the metadata '\(Self.key)' are missing or not an image shape and class names") }
    guard let network = file.model as? Sequential else {
      throw malformed("the network is a \(type(of: file.model)); expected a Sequential")
    }
    let output: Shape
    do { output = try network.outputShape(for: Shape([1] + extents)) } catch {
      throw malformed("the network does not fit images of shape \(Shape(extents)): \(error)")
    }
    guard output == [1, names.count] else {
      throw malformed("the network's output of shape \(output) does not fit \(names.count) classes")
    }
    try file.requireFloat32(path)
    self.init(network: network, imageShape: Shape(extents), classNames: names)
  }

  /// Writes network, shape and class names into one file, as a whole or not at all.
  public func save(to path: String) throws(FileFormatError) {
    let json = JSON.object([
      JSON.Member("shape", .array(imageShape.map { .integer($0) })),
      JSON.Member("classes", .array(classNames.map { .string($0) })),
    ])
    try network.save(to: path, metadata: [Self.key: json.text()])
  }

  /// The probability of each class for one picture, which is resized and converted to what the model was trained on.
  /// - Throws: `TrainingError` if the network does not fit it.
  public func probabilities(_ image: Image) throws -> Tensor {
    let fitted = image.resized(height: imageShape[0], width: imageShape[1]).converted(toChannels: imageShape[2])
    let x = fitted.tensor.cast(to: .float32).reshaped([1] + Array(imageShape)) / 255
    return softmax(try network.predict(x))[0]
  }

  /// The loss, and how the predictions compare with the truth.
  /// - Throws: `DatasetError` if there are none, or the images or classes are not those of the model.
  public func evaluate(_ data: Dataset) throws -> (loss: Double, report: ClassificationReport) {
    guard data.count > 0 else { throw DatasetError("\(data.name): there are no images") }
    guard data.features.shape.dropFirst().elementsEqual(imageShape), data.classNames == classNames else {
      throw DatasetError(
        "\(data.name): there are examples of shape \(Shape(data.features.shape.dropFirst())) in \(data.classNames.count) "
          + "classes; the model was trained on images of \(imageShape) in \(classNames.count) classes")
    }
    let logits = concatenate(try data.parts(of: 256).map { try network.predict(data.pixels($0)) })
    return (
      softmaxCrossEntropy(logits: logits, labels: data.targets).item,
      ClassificationReport(
        labels: data.targets.ints, predictions: logits.argMax(axis: 1).ints, classNames: classNames)
    )
  }
}
