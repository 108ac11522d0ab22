import ApusCore
import ApusNN
import Testing

@testable import ApusFormats

@Suite struct ModelFileTests {
  private let directory = TemporaryDirectory()

  private static func model(seed: UInt64 = 1) -> Sequential {
    withSeed(seed) {
      Sequential {
        Flatten()
        Dense(12, 16, activation: .relu)
        Dropout(0.25)
        Sequential {
          Dense(16, 8, activation: .elu(), hasBias: false)
          ActivationLayer(.tanh)
        }
        Dense(8, 3)
      }
    }
  }

  private static let input = Tensor((0..<60).map { Float($0) * 0.1 - 3 }, shape: [5, 3, 4])

  /// Writes a model file with this architecture and these tensors.
  private func file(_ architecture: String, _ tensors: [(name: String, tensor: Tensor)] = []) throws -> String {
    let path = directory.file("x.safetensors")
    let metadata = [ModelFile.Key.format: "1", ModelFile.Key.architecture: architecture]
    try SafetensorsFile.write(tensors, metadata: metadata, to: path)
    return path
  }

  @Test func roundTrip() throws {
    let path = directory.file("x.safetensors")
    let model = Self.model()
    try model.save(to: path, metadata: ["apus.preprocessing": "{}", "note": "ü"])
    let file = try ModelFile(path: path)
    #expect(file.metadata == ["apus.preprocessing": "{}", "note": "ü"])
    #expect(file.model.configuration == model.configuration)
    #expect(file.model.description == model.description)
    #expect(file.model.namedParameters.map(\.name) == model.namedParameters.map(\.name))
    #expect(bits(file.model(Self.input)) == bits(model(Self.input)))
  }

  @Test(arguments: [DType.float64, .bfloat16]) func otherTypes(_ dtype: DType) throws {
    let path = directory.file("x.safetensors")
    let model = Dense(2, 3, weights: .constant(0.3), dtype: dtype)
    try model.save(to: path)
    let read = try ModelFile(path: path).model
    #expect(read.namedParameters.map(\.parameter.dtype) == [dtype, dtype])
    #expect(bits(read.parameters[0].value) == bits(model.weight.value))
  }

  /// Running statistics are part of what a model predicts with.
  @Test func buffersAreSaved() throws {
    let path = directory.file("x.safetensors")
    let model = Sequential([Dense(12, 5), BatchNorm(5, momentum: 0.3), Dense(5, 2)])
    let x = Self.input.reshaped([5, 12])
    var random = RandomSource(seed: 1)
    withTraining(random: &random) { _ = model(x) }
    try model.save(to: path)
    let read = try ModelFile(path: path).model
    #expect(read.namedBuffers.map(\.name) == ["1.runningMean", "1.runningVariance"])
    #expect(bits(read(x)) == bits(model(x)))
    // A model that was read goes on training.
    withTraining(random: &random) { _ = (model(x), read(x)) }
    #expect(bits(read(x)) == bits(model(x)))

    let others = model.namedParameters.map { ($0.name, $0.parameter.value) }
    func refuse(_ variance: [(name: String, tensor: Tensor)], _ sentence: String) throws {
      let tensors = others + [("1.runningMean", .ones([5]))] + variance
      let configuration = try model.configuration.json().description
      expectError(.doesNotFitModel, try file(configuration, tensors), sentence) { _ = try ModelFile(path: path) }
    }
    try refuse([], "the file lacks 1 parameter: '1.runningVariance'")
    try refuse(
      [("1.runningVariance", .ones([6]))], "tensor '1.runningVariance' has the shape (6,); the model expects (5,)")
  }

  @Test func loadsIntoModels() throws {
    let path = directory.file("x.safetensors")
    let (model, other) = (Self.model(), Self.model(seed: 2))
    try model.saveParameters(to: path)
    #expect(bits(other(Self.input)) != bits(model(Self.input)))
    try other.loadParameters(from: path)
    #expect(bits(other(Self.input)) == bits(model(Self.input)))
    expectError(.wrongFormat, path, "this safetensors file holds no Apus model: its metadata lack 'apus.format'") {
      _ = try ModelFile(path: path)
    }
  }

  /// Nothing of the model changes when anything is wrong with the file.
  @Test func parametersThatDoNotFit() throws {
    let model = Dense(2, 3)
    let before = model.parameters.map { bits($0.value) }
    let path = directory.file("x.safetensors")
    let (weight, bias) = (Tensor.ones([3, 2]), Tensor.ones([3]))
    func refuse(_ tensors: [(name: String, tensor: Tensor)], _ sentence: String) throws {
      try SafetensorsFile.write(tensors, to: path)
      expectError(.doesNotFitModel, path, sentence) { try model.loadParameters(from: path) }
      #expect(model.parameters.map { bits($0.value) } == before)
    }
    try refuse([("weight", weight)], "the file lacks 1 parameter: 'bias'")
    try refuse([], "the file lacks 2 parameters: 'weight', 'bias'")
    try refuse(
      [("weight", weight), ("bias", bias), ("extra", bias)],
      "the file holds 1 parameter that the model does not have: 'extra'")
    try refuse(
      [("weight", weight), ("b", bias)],
      "the file lacks 1 parameter: 'bias'; it holds 1 parameter that the model does not have: 'b'")
    try refuse(
      [("weight", weight.transposed()), ("bias", bias)],
      "tensor 'weight' has the shape (2, 3); the model expects (3, 2)")
    try refuse(
      [("weight", weight), ("bias", Tensor.ones([3], dtype: .float64))],
      "tensor 'bias' has the type float64; the model expects float32")
    try SafetensorsFile.write([("weight", weight), ("bias", bias)], to: path)
    try model.loadParameters(from: path)
    #expect(model.weight.value.floats == [1, 1, 1, 1, 1, 1])
  }

  @Test func wrongMetadata() throws {
    let path = directory.file("x.safetensors")
    try SafetensorsFile.write([], metadata: [ModelFile.Key.format: "2"], to: path)
    expectError(.unsupported, path, "the model has version '2' of the format; this Apus reads version '1'") {
      _ = try ModelFile(path: path)
    }
    try SafetensorsFile.write([], metadata: [ModelFile.Key.format: "1"], to: path)
    expectError(.malformed, path, "the metadata lack 'apus.architecture'") { _ = try ModelFile(path: path) }
  }

  @Test(arguments: [
    ("[]", "a layer is an array; expected an object"),
    ("{}", "a layer has no kind"),
    (#"{"kind":1}"#, "a layer's kind is a whole number; expected a text"),
    (#"{"kind":"Flatten","settings":[]}"#, "a layer's settings are an array; expected an object"),
    (#"{"kind":"Flatten","settings":{"a":null}}"#, "the setting 'a' is null"),
    (#"{"kind":"Sequential","layers":{}}"#, "the layers inside a layer are an object; expected an array"),
    (#"{"kind":"Flatten","x":1}"#, "a layer has the unknown field 'x'"),
    (#"{"kind":"Nonesuch"}"#, "there is no layer of kind 'Nonesuch'"),
    (
      #"{"kind":"Dropout","settings":{"probability":1.5}}"#,
      "Dropout: 'probability' is 1.5; expected at least 0 and less than 1"
    ),
    (
      #"{"kind":"Dense","settings":{"inputs":99999999999,"outputs":1}}"#,
      "Dense: 'inputs' is 99999999999; expected 1 to 16777216"
    ),
    (
      #"{"kind":"Dense","settings":{"activation":"relu","bias":true,"dtype":"int32","inputs":1,"outputs":1}}"#,
      "Dense: there is no floating-point type 'int32'"
    ),
  ])
  func architecturesThatCannotBeBuilt(_ architecture: String, _ sentence: String) throws {
    let path = try file(architecture)
    expectError(.invalidArchitecture, path, "the network cannot be built: \(sentence)") {
      _ = try ModelFile(path: path)
    }
  }

  @Test func nesting() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: #"{"kind":"Sequential","layers":["#, count: depth) + #"{"kind":"Flatten","settings":{}}"#
        + String(repeating: "]}", count: depth)
    }
    #expect(try ModelFile(path: try file(nested(31))).model.parameters.isEmpty)
    let path = try file(nested(32))
    expectError(.invalidArchitecture, path, "the network cannot be built: layers are nested deeper than 32") {
      _ = try ModelFile(path: path)
    }
    _ = try file(nested(10_000))
    #expect { try ModelFile(path: path) } throws: { ($0 as? FileFormatError)?.kind == .malformed }

    // What could not be read is not written.
    let model = (0..<32).reduce(Flatten() as any ConfigurableLayer) { inner, _ in Sequential([inner]) }
    let other = directory.file("deep")
    expectError(.notRepresentable, other, "layers are nested deeper than 32") { try model.save(to: other) }
  }

  @Test func brokenJSON() throws {
    let path = try file("{")
    expectError(
      .malformed, path,
      "'apus.architecture' is not valid JSON (line 1, column 2: a key in double quotes should stand here)"
    ) { _ = try ModelFile(path: path) }
  }

  /// A file that asks for a layer of terabytes is refused before any memory is taken.
  @Test func lyingArchitecture() throws {
    let path = try file(
      #"{"kind":"Dense","settings":{"activation":"identity","bias":false,"inputs":16777216,"outputs":16777216}}"#,
      [("weight", Tensor.ones([1, 1]))])
    expectError(
      .doesNotFitModel, path, "tensor 'weight' has the shape (1, 1); the model expects (16777216, 16777216)"
    ) { _ = try ModelFile(path: path) }
  }

  private final class Doubling: ConfigurableLayer {
    static let kind = "Doubling"
    let configuration = LayerConfiguration(kind: Doubling.kind)
    init() {}
    init(configuration: LayerConfiguration) {}
    func forward(_ x: Tensor) -> Tensor { x + x }
    func outputShape(for input: Shape) -> Shape { input }
  }

  private final class Unconfigurable: Layer {
    let inner = Dense(2, 2)
    func forward(_ x: Tensor) -> Tensor { inner(x) }
    func outputShape(for input: Shape) -> Shape { input }
    var description: String { "Unconfigurable()" }
  }

  @Test func ownLayers() throws {
    let path = directory.file("x.safetensors")
    try Sequential([Sequential([Doubling()])]).save(to: path)
    expectError(.invalidArchitecture, path, "the network cannot be built: there is no layer of kind 'Doubling'") {
      _ = try ModelFile(path: path)
    }
    var registry = LayerRegistry.standard
    registry.register(Doubling.self)
    #expect(try ModelFile(path: path, registry: registry).model(Tensor([3 as Float])).item == 6)
  }

  @Test func layersWithoutConfiguration() {
    let path = directory.file("x.safetensors")
    let sentence = "Unconfigurable() cannot be written into a file: make it a ConfigurableLayer"
    expectError(.notRepresentable, path, sentence) { try Sequential([Sequential([Unconfigurable()])]).save(to: path) }
    expectError(.notRepresentable, path, "the metadata's key 'apus.format' is reserved") {
      try Self.model().save(to: path, metadata: ["apus.format": "1"])
    }
    // A user's own activation could not be found again; one that took a known name would come back as another function.
    for name in ["swish", "gelu"] {
      let own = Activation(Elementwise(name) { x in x * sigmoid(x) })
      let layers: [any ConfigurableLayer] = [
        Dense(2, 2, activation: own), ActivationLayer(own), GatedLinearUnit(gate: own),
        Conv1D(2, 2, kernel: 1, activation: own), Conv2D(2, 2, kernel: 1, activation: own),
        ConvTranspose2D(2, 2, kernel: 1, activation: own), DepthwiseConv2D(2, kernel: 1, activation: own),
        SeparableConv2D(2, 2, kernel: 1, activation: own), FeedForward(2, hidden: 2, activation: own),
        TransformerBlock(2, heads: 1, activation: own), Residual(Dense(2, 2, activation: own)),
        Parallel(.add, [Dense(2, 2, activation: own)]), TimeDistributed(Dense(2, 2, activation: own)),
      ]
      for layer in layers {
        let error = #expect(throws: FileFormatError.self, "\(layer)") { try Sequential([layer]).save(to: path) }
        let sentence = "its activation '\(name)' is the program's own, which files cannot hold"
        #expect(error?.description.contains(sentence) == true, "\(layer)")
      }
    }
    #expect(directory.names.isEmpty)
  }
}
