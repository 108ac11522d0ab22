import ApusFormats
import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Models of several inputs and outputs.
@Suite struct FunctionalModelTests {
  private static func twoInputs(_ dtype: DType = .float32) -> FunctionalModel {
    withSeed(4) {
      let image = SymbolicTensor.input("image", [4, 4, 1])
      let table = SymbolicTensor.input("table", [3])
      let seen = Sequential([
        Conv2D(1, 2, kernel: 3, activation: .tanh, dtype: dtype), Flatten(),
        Dense(8, 5, activation: .tanh, dtype: dtype),
      ])(image)
      let known = Dense(3, 5, activation: .tanh, dtype: dtype)(table)
      let joined = concatenate([seen, known, seen * known])
      return FunctionalModel(inputs: [image, table], output: Dense(15, 2, dtype: dtype)(joined))
    }
  }

  /// Whether the picture's left half is brighter, but the other way round if the first number of the row is negative: neither input alone
  /// tells.
  private static func data(_ count: Int) -> (images: Dataset, rows: Dataset) {
    var random = RandomSource(seed: 9)
    let images = Tensor.randomNormal([count, 4, 4, 1], using: &random)
    let rows = Tensor.randomNormal([count, 3], using: &random)
    let left = images[.all, .all, 0..<2].sum(axes: [1, 2, 3]) - images[.all, .all, 2..<4].sum(axes: [1, 2, 3])
    let labels = zip(left.floats, rows[.all, 0].floats).map { Int32(($0 > 0) == ($1 > 0) ? 1 : 0) }
    let kind = Dataset.Targets.classes(["no", "yes"])
    return (
      Dataset("images", features: images, targets: Tensor(labels), kind: kind),
      Dataset("rows", features: rows, targets: Tensor(labels), kind: kind)
    )
  }

  @Test func trainsOnTwoInputsByTheTrainer() throws {
    let (images, rows) = Self.data(600)
    let source = try JoinedSource([images, rows])
    #expect(source.featureType == TensorType([19], .float32) && source.count == 600)
    let model = Self.twoInputs()
    let trainer = Trainer(
      model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy], seed: 1)
    let history = try trainer.fit(DataLoader(source, batchSize: 50, seed: 1), epochs: 40, progress: .silent)
    #expect(try #require(history.epochs.last?.metrics["accuracy"]) > 0.9)
    #expect(!trainer.trainingStep.description.contains("operation by operation"))
    // By names, and side by side.
    let byName = model(["image": images.features, "table": rows.features])
    let (packed, _) = try source.batch(Array(0..<600))
    #expect(byName.floats == model(packed).floats && byName.shape == [600, 2])
    // With one input at random it cannot tell.
    let other = try JoinedSource([images, Self.data(700).rows.selecting(Array(100..<700))])
    let blind = try trainer.evaluate(DataLoader(other, batchSize: 100, isShuffled: false))
    #expect(try #require(blind.metrics["accuracy"]) < 0.6)
  }

  @Test func itsLayersAreFoundSummarisedSavedAndLoaded() throws {
    let directory = ScratchDirectory()
    let model = Self.twoInputs()
    #expect(
      model.namedParameters.map(\.name) == [
        "0.0.weight", "0.0.bias", "0.2.weight", "0.2.bias", "1.weight", "1.bias", "2.weight", "2.bias",
      ])
    let summary = try model.summary(inputShape: [1, 19])
    #expect(summary.rows.filter { !$0.isContainer }.map(\.name) == ["0.0", "0.1", "0.2", "1", "2"])
    let path = directory.file("model.safetensors")
    try model.save(to: path)
    let loaded = try #require(try ModelFile(path: path).model as? FunctionalModel)
    let (images, rows) = Self.data(7)
    let inputs = ["image": images.features, "table": rows.features]
    #expect(loaded(inputs).floats == model(inputs).floats)
    #expect(loaded.description == model.description && loaded.configuration == model.configuration)
    #expect(model.description == "FunctionalModel(image: (4, 4, 1), table: (3,) → output; 3 layers)")
  }

  @Test func aLayerUsedTwiceIsShared() {
    let (a, b) = (SymbolicTensor.input("a", [4]), SymbolicTensor.input("b", [4]))
    let shared = Dense(4, 3)
    let model = FunctionalModel(inputs: [a, b], output: shared(a) + shared(b))
    #expect(model.parameterCount == 15 && model.layers.count == 1)
    let x = Tensor.ones([2, 4])
    #expect(model(["a": x, "b": x]).floats == (shared(x) + shared(x)).floats)
  }

  @Test func wholeNumbersAndSeveralOutputs() throws {
    let model = withSeed(3) {
      let words = SymbolicTensor.input("words", [5], isWhole: true)
      let length = SymbolicTensor.input("length", [])
      let read = Sequential([Embedding(10, 4), Flatten()])(words)
      let joined = concatenate([read, Reshape(1)(length)])
      return FunctionalModel(
        inputs: [words, length], outputs: [("kind", Dense(21, 3)(joined)), ("score", Dense(21, 1)(joined))])
    }
    var random = RandomSource(seed: 2)
    let words = (0..<40 * 5).map { _ in Float(Int.random(in: 0..<10, using: &random)) }
    let features = model.packed([
      "words": Tensor(words, shape: [40, 5]), "length": Tensor.randomNormal([40], using: &random),
    ])
    let kinds = (0..<40).map { Float(Int(words[5 * $0]) % 3) }
    let scores = (0..<40).map { words[5 * $0 + 1] / 10 }
    let targets = Tensor(zip(kinds, scores).flatMap { [$0, $1] }, shape: [40, 2])
    let outputs = model.outputs(in: model(features))
    #expect(outputs["kind"]?.shape == [40, 3] && outputs["score"]?.shape == [40, 1])
    let loss = Loss.joint(model, ["kind": (.softmaxCrossEntropy, 1), "score": (.meanSquaredError, 10)])
    let expected =
      softmaxCrossEntropy(logits: outputs["kind"]!, labels: Tensor(kinds.map { Int32($0) })).item
      + 10 * meanSquaredError(outputs["score"]!, target: Tensor(scores, shape: [40, 1])).item
    #expect(abs(loss(model(features), target: targets).item - expected) < 1e-5)
    let data = Dataset("words", features: features, targets: targets, kind: .numbers(["kind", "score"]))
    let history = try Trainer(model, loss: loss, optimizer: Adam(learningRate: 0.03)).fit(
      data, epochs: 60, batchSize: 20, progress: .silent)
    #expect(history.losses[59] < 0.1 * history.losses[0])
  }

  @Test func wrongShapesAndFilesAreRefused() throws {
    let model = Self.twoInputs()
    let error = #expect(throws: ShapeError.self) { _ = try model.outputShape(for: [5, 20]) }
    #expect(error?.description.contains("an input of shape (5, 20) was found; expected (n, 19)") == true)
    #expect(throws: DatasetError.self) { _ = try JoinedSource([Self.data(3).images, Self.data(4).rows]) }
    var bad = model.configuration
    for (key, value) in [
      ("step.2", LayerConfiguration.Value.text("layer 9 0")), ("step.2", .text("layer 0 7")),
      ("step.0", .text("input 2")),
      ("step.2", .text("sum 0 1")), ("step.2", .text("")), ("steps", .integer(-1)), ("output.0.step", .integer(99)),
      ("input.1.name", .text("image")), ("input.0.extents.0", .integer(1 << 40)),
    ] {
      bad = model.configuration
      bad.settings[key] = value
      #expect(throws: ConfigurationError.self, "\(key)") { _ = try FunctionalModel(configuration: bad) }
    }
  }
}
