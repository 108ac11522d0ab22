import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Parameters of whole models: names, sharing, freezing, and the table of layers.
@Suite struct ModelTests {
  // MARK: Sharing and freezing

  /// Encodes and decodes with the same matrix.
  private final class Tied: Layer {
    let encoder: Dense
    let decoder: Parameter

    init() {
      encoder = dense([[0.5, -1, 2], [1, 0.25, -0.5]])
      decoder = encoder.weight
    }
    func forward(_ x: Tensor) -> Tensor { encoder(x) • decoder.value }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape {
      _ = try encoder.outputShape(for: input)
      return input
    }
  }

  @Test func tiedWeightsAppearOnceAndTheirGradientIsTheSum() throws {
    let model = Tied()
    let x = normal([4, 3], seed: 1)
    #expect(model.namedParameters.map(\.name) == ["encoder.weight"])
    #expect(model.parameterCount == 6)
    let (_, gradients) = valueWithGradient(of: model) { meanSquaredError($0(x), target: x) }
    #expect(gradients.tensors.count == 1)
    let w = model.encoder.weight.value
    let (_, parts) = valueWithGradient(at: [w, w]) { w in
      meanSquaredError(linear(x, weight: w[0]) • w[1], target: x)
    }
    let found = try #require(gradients[model.encoder.weight])
    #expect(difference(found, parts[0] + parts[1], 1e-13) == nil)
    #expect(difference(found, parts[0], 1e-3) != nil, "one of the two parts was zero")
  }

  @Test func layerUsedTwiceIsCountedOnce() {
    let layer = Dense(3, 3)
    let model = Sequential([layer, ActivationLayer(.relu), layer])
    #expect(model.namedParameters.map(\.name) == ["0.weight", "0.bias"])
    #expect(model.parameterCount == 12 && model.children.count == 3)
  }

  @Test func frozenParametersHaveNoGradient() throws {
    let (first, second) = (dense([[1, 2], [3, 4]], bias: [0, 0]), dense([[1, 1]], bias: [0]))
    let model = Sequential([first, second])
    first.weight.isTrainable = false
    let x = normal([4, 2], seed: 2)
    let (_, gradients) = valueWithGradient(of: model) { $0(x).sum() }
    #expect(gradients.parameters == [first.bias!, second.weight, second.bias!])
    #expect(gradients[first.weight] == nil && gradients[second.weight] != nil)
    let summary = try model.summary(inputShape: [1, 2])
    #expect(summary.parameterCount == 9 && summary.trainableCount == 5)
    #expect(summary.description.contains("9 parameters, of which 5 are trainable"))
    first.weight.isTrainable = true
    #expect(valueWithGradient(of: model) { $0(x).sum() }.gradients.parameters.count == 4)
  }

  @Test func gradientsOfOtherModelsAreNotTaken() {
    let (model, other) = (dense([[2]]), dense([[3]]))
    let (value, gradients) = valueWithGradient(of: model) { other($0(Tensor([[5.0]]))).sum() }
    #expect(value.item == 30)
    #expect(gradients.parameters == [model.weight] && gradients.tensors[0].doubles == [15])
    #expect(gradients[other.weight] == nil)
  }

  @Test func gradientWithRespectToTheInput() {
    let model = dense([[2, 3]], bias: [1])
    let x = Tensor([[1.0, 1], [2, 0]])
    let (value, gradients, dx) = valueWithGradient(of: model, at: x) { square($0($1)).sum() }
    // z = (6, 5): dz = (12, 10).
    #expect(value.item == 61)
    #expect(dx.doubles == [24, 36, 20, 30])
    #expect(gradients[model.weight]!.doubles == [32, 12])
  }

  @Test func gradientsDoNotAccumulate() {
    let model = dense([[2]])
    let x = Tensor([[3.0]])
    for _ in 0..<3 {
      #expect(valueWithGradient(of: model) { $0(x).sum() }.gradients.tensors[0].doubles == [3])
    }
  }

  // MARK: Finding parameters

  /// A user's layer without `visit`: parameters and layers in every kind of property.
  private final class Varied: Layer {
    let scale = Parameter(Tensor([1.0]), name: "scale")
    let absent: Parameter? = nil
    let present: Parameter? = Parameter(Tensor([1.0]))
    let noLayer: Dense? = nil
    let layer: (any Layer)? = Dense(1, 1, hasBias: false)
    let list = [Dense(1, 1, hasBias: false), Dense(1, 1, hasBias: false)]
    let mixed: [any Layer] = [ActivationLayer(.relu), Dense(1, 1, hasBias: false)]
    let byName = ["b": Dense(1, 1, hasBias: false), "a": Dense(1, 1, hasBias: false)]
    let byNumber = [2: Parameter(Tensor([1.0])), 1: Parameter(Tensor([1.0]))]
    let pair = (Dense(1, 1, hasBias: false), left: Parameter(Tensor([1.0])))
    let size = 3
    let title = "varied"

    func forward(_ x: Tensor) -> Tensor { x }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  }

  @Test func reflectionFindsEverything() {
    let layer = Varied()
    #expect(
      layer.namedParameters.map(\.name) == [
        "scale", "present", "layer.weight", "list.0.weight", "list.1.weight", "mixed.1.weight", "byName.a.weight",
        "byName.b.weight", "byNumber.1", "byNumber.2", "pair.0.weight", "pair.left",
      ])
    #expect(
      layer.children.map(\.name) == [
        "layer", "list.0", "list.1", "mixed.0", "mixed.1", "byName.a", "byName.b", "pair.0",
      ])
    #expect(layer.description == "Varied")
  }

  // MARK: Sequential

  @Test func builderTakesConditionsAndLoops() {
    func model(_ depth: Int, dropout: Bool, wide: Bool) -> [String] {
      Sequential {
        Dense(2, 8)
        for i in 0..<depth { ActivationLayer(i == 0 ? .relu : .tanh) }
        if dropout { Dropout(0.5) }
        if wide { Dense(8, 100) } else { Dense(8, 10) }
        [Flatten(), Flatten()]
      }.layers.map(\.description)
    }
    let (relu, tanh) = ("ActivationLayer(.relu)", "ActivationLayer(.tanh)")
    #expect(model(0, dropout: false, wide: true) == ["Dense(2, 8)", "Dense(8, 100)", "Flatten()", "Flatten()"])
    #expect(
      model(2, dropout: true, wide: false) == [
        "Dense(2, 8)", relu, tanh, "Dropout(0.5)", "Dense(8, 10)", "Flatten()", "Flatten()",
      ])
    #expect(Sequential {}.layers.isEmpty)
    #expect(Sequential([Dense(2, 3), Dropout(0.5)])[1].description == "Dropout(0.5)")
  }

  @Test func layersRunInOrder() {
    let model = Sequential([dense([[2]], bias: [1]), ActivationLayer(.relu), dense([[-1]], bias: [0.5])])
    #expect(model(Tensor([[3.0], [-4]])).doubles == [-6.5, 0.5])
    #expect(Sequential([])(Tensor([1.0])).doubles == [1])
  }

  @Test func errorNamesTheLayer() {
    let model = Sequential {
      Dense(4, 3)
      Sequential { Dense(2, 1) }
    }
    #expect {
      try model.outputShape(for: [7, 4])
    } throws: { error in
      "\(error)"
        == "Dense(2, 1): an input of shape (7, 3) was found; expected 2 along the last axis "
        + "(in Sequential, layer 1 > Sequential, layer 0)"
    }
  }

  // MARK: Summary

  @Test func summaryOfTheDigitsModel() throws {
    let model = Sequential {
      Dense(64, 128, activation: .relu)
      Dropout(0.2)
      Dense(128, 10)
    }
    let text = """
         layer                              output    parameters
      ----------------------------------------------------------
      0  Dense(64, 128, activation: .relu)  (n, 128)       8,320
      1  Dropout(0.2)                       (n, 128)           0
      2  Dense(128, 10)                     (n, 10)        1,290
      ----------------------------------------------------------
      9,610 parameters; 2 layers with parameters (3 counting the input)
      """
    #expect(try model.summary(inputShape: [1, 64]).description == text)
    #expect(try model.summary(inputShape: [1797, 64]).description == text)
  }

  @Test func summaryOfOneLayerAndOfAWrongInput() throws {
    let summary = try Dense(1000, 1000).summary(inputShape: [5, 1000])
    #expect(
      summary.rows == [.init(name: "", layer: "Dense(1000, 1000)", outputShape: [5, 1000], parameterCount: 1_001_000)])
    #expect(summary.description.contains("1,001,000 parameters; 1 layer with parameters (2 counting the input)"))
    #expect(throws: ShapeError.self) { try Sequential([Dense(3, 2)]).summary(inputShape: [1, 4]) }
  }
}
