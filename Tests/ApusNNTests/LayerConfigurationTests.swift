import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusNN

/// Descriptions of layers from files, which may hold anything.
@Suite struct LayerConfigurationTests {
  private func layer(_ json: String) throws -> any Layer {
    let configuration = try JSONDecoder().decode(LayerConfiguration.self, from: Data(json.utf8))
    return try LayerRegistry.standard.layer(configuration)
  }

  private static func dense(_ settings: String) -> String {
    #"{"kind": "Dense", "settings": {\#(settings)}, "layers": []}"#
  }

  @Test func wellFormed() throws {
    let text = Self.dense(#""inputs": 3, "outputs": 2, "bias": true, "activation": "elu", "activation.alpha": 2"#)
    #expect(try layer(text).description == "Dense(3, 2, activation: .elu(alpha: 2.0))")
    #expect(try layer(text).parameters.map(\.shape) == [[2, 3], [2]])
  }

  @Test(arguments: [
    (#"{"kind": "Conv9D", "settings": {}, "layers": []}"#, "there is no layer of kind 'Conv9D'"),
    (dense(""), "Dense: the setting 'inputs' is absent or not a whole number"),
    (dense(#""inputs": 0, "outputs": 2, "bias": true, "activation": "relu""#), "'inputs' is 0; expected 1 to 16777216"),
    (dense(#""inputs": 3, "outputs": -2, "bias": true, "activation": "relu""#), "'outputs' is -2"),
    (dense(#""inputs": 3, "outputs": 9000000000, "bias": true, "activation": "relu""#), "'outputs' is 9000000000"),
    (dense(#""inputs": 3.5, "outputs": 2, "bias": true, "activation": "relu""#), "'inputs' is absent or not a whole"),
    (dense(#""inputs": "3", "outputs": 2, "bias": true, "activation": "relu""#), "'inputs' is absent or not a whole"),
    (dense(#""inputs": 3, "outputs": 2, "bias": 1, "activation": "relu""#), "'bias' is absent or not true or false"),
    (dense(#""inputs": 3, "outputs": 2, "bias": true, "activation": "rely""#), "there is no activation 'rely'"),
    (dense(#""inputs": 3, "outputs": 2, "bias": true, "activation": 7"#), "'activation' is absent or not a text"),
    (
      dense(#""inputs": 3, "outputs": 2, "bias": true, "activation": "relu", "dtype": "int32""#),
      "there is no floating-point type 'int32'"
    ),
    (#"{"kind": "Dropout", "settings": {"probability": 1}, "layers": []}"#, "expected at least 0 and less than 1"),
    (
      #"{"kind": "Dropout", "settings": {"probability": true}, "layers": []}"#,
      "'probability' is absent or not a number"
    ),
    (#"{"kind": "ActivationLayer", "settings": {}, "layers": []}"#, "'activation' is absent"),
    (
      #"{"kind": "Sequential", "settings": {}, "layers": [{"kind": "Nothing", "settings": {}, "layers": []}]}"#,
      "there is no layer of kind 'Nothing'"
    ),
  ])
  func mistakesAreSentences(json: String, part: String) {
    #expect {
      try layer(json)
    } throws: {
      "\($0)".contains(part) && $0 is ConfigurationError
    }
  }

  /// The largest sizes that a file may ask for take no memory before there are numbers to fill them.
  @Test func hugeLayersCostNothingBeforeTheyAreRead() throws {
    let text = Self.dense(#""inputs": 16777216, "outputs": 16777216, "bias": true, "activation": "relu""#)
    #expect(try layer(text).parameterCount == (1 << 48) + (1 << 24))
  }

  @Test func float64SurvivesAFile() throws {
    let original = Sequential { Dense(3, 2, dtype: .float64) }
    let data = try JSONEncoder().encode(original.configuration)
    let copy = try LayerRegistry.standard.layer(JSONDecoder().decode(LayerConfiguration.self, from: data))
    #expect(copy.parameters.map(\.dtype) == [.float64, .float64])
    // Files of float32 layers do not mention it.
    #expect(Dense(3, 2).configuration.settings["dtype"] == nil)
  }

  /// A user's layer that files may hold.
  private final class Twice: ConfigurableLayer {
    static var kind: String { "Twice" }
    init() {}
    init(configuration: LayerConfiguration) throws {}
    var configuration: LayerConfiguration { LayerConfiguration(kind: Self.kind) }
    func forward(_ x: Tensor) -> Tensor { x * 2 }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  }

  @Test func registeredLayersMayStandInsideOthers() throws {
    let configuration = Sequential { Sequential { Twice() } }.configuration
    #expect(throws: ConfigurationError.self) { try LayerRegistry.standard.layer(configuration) }
    var registry = LayerRegistry.standard
    registry.register(Twice.self)
    let copy = try registry.layer(configuration)
    #expect(copy(Tensor([1.0, 2])).doubles == [2, 4])
    #expect(copy.description == "Sequential(Sequential(Twice))")
  }

  @Test func wholeNumbersAreEqualHoweverTheyAreWritten() {
    typealias Value = LayerConfiguration.Value
    #expect(Value.number(1) == .integer(1) && Value.number(1).hashValue == Value.integer(1).hashValue)
    #expect(Value.number(1.5) != .integer(1) && Value.integer(1) != .flag(true) && Value.text("1") != .integer(1))
    #expect(Value.integer(.max) != .integer(.max - 1))
  }

  @Test func shapesBeyondMemoryAreRefused() {
    #expect(throws: ShapeError.self) { try Flatten().outputShape(for: [1, 1 << 40, 1 << 40]) }
  }
}
