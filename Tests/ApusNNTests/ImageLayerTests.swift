import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// The layers of images, signals and volumes through the harness of all layers, and what is theirs alone.
@Suite struct ImageLayerTests {
  static let checks: [LayerCheck] = [
    LayerCheck(
      "Conv2D(3, 4, kernel: 3)", accepts: [[2, 4, 5, 3], [1, 3, 3, 3], [0, 3, 4, 3]],
      refuses: [[2, 4, 5, 2], [4, 5, 3], [2, 2, 5, 3], []]
    ) { Conv2D(3, 4, kernel: 3, dtype: $0) },
    LayerCheck(
      "Conv2D(2, 4, kernel: [3, 2], stride: [2, 1], padding: .same, groups: 2, activation: .relu)",
      accepts: [[2, 5, 4, 2], [1, 1, 1, 2]], refuses: [[2, 5, 4, 3]]
    ) {
      Conv2D(
        2, 4, kernel: [3, 2], stride: [2, 1], padding: .same, groups: 2, activation: .relu,
        biases: .normal(standardDeviation: 1), dtype: $0)
    },
    LayerCheck(
      "Conv2D(2, 3, kernel: 2, dilation: 2, padding: .explicit(before: 0, after: [1, 2]), activation: .tanh, hasBias: false)",
      accepts: [[1, 3, 3, 2]], refuses: [[1, 1, 3, 2]]
    ) {
      Conv2D(
        2, 3, kernel: 2, dilation: 2, padding: .explicit(before: 0, after: [1, 2]), activation: .tanh, hasBias: false,
        dtype: $0)
    },
    LayerCheck("Conv1D(2, 3, kernel: 3, padding: 1)", accepts: [[2, 4, 2]], refuses: [[2, 4, 4, 2]]) {
      Conv1D(2, 3, kernel: 3, padding: 1, dtype: $0)
    },
    LayerCheck(
      "Conv3D(1, 2, kernel: 2, padding: .both([0, 1, 1]))", accepts: [[1, 2, 2, 3, 1], [0, 2, 2, 3, 1]],
      refuses: [[2, 4, 1]]
    ) {
      Conv3D(1, 2, kernel: 2, padding: .both([0, 1, 1]), dtype: $0)
    },
    LayerCheck(
      "ConvTranspose2D(3, 2, kernel: 4, stride: 2, padding: 1, activation: .tanh)",
      accepts: [[2, 2, 3, 3], [0, 1, 1, 3]], refuses: [[2, 2, 3, 2], [2, 3, 3]]
    ) { ConvTranspose2D(3, 2, kernel: 4, stride: 2, padding: 1, activation: .tanh, dtype: $0) },
    LayerCheck(
      "ConvTranspose2D(2, 4, kernel: 3, stride: 2, padding: 1, groups: 2, outputPadding: 1, hasBias: false)",
      accepts: [[1, 2, 3, 2]]
    ) {
      ConvTranspose2D(
        2, 4, kernel: 3, stride: 2, padding: 1, groups: 2, outputPadding: 1, hasBias: false, dtype: $0)
    },
    LayerCheck("ConvTranspose1D(2, 2, kernel: 3, stride: 3)", accepts: [[2, 3, 2], [0, 3, 2]], refuses: [[2, 3, 3]]) {
      ConvTranspose1D(2, 2, kernel: 3, stride: 3, dtype: $0)
    },
    LayerCheck("ConvTranspose1D(2, 2, kernel: 2, stride: 3, padding: .same)", accepts: [[2, 3, 2]]) {
      ConvTranspose1D(2, 2, kernel: 2, stride: 3, padding: .same, dtype: $0)
    },
    LayerCheck(
      "ConvTranspose3D(1, 2, kernel: 2)", accepts: [[1, 2, 1, 2, 1], [0, 2, 1, 2, 1]], refuses: [[1, 2, 2, 1]]
    ) {
      ConvTranspose3D(1, 2, kernel: 2, dtype: $0)
    },
    LayerCheck(
      "DepthwiseConv2D(3, kernel: 3, stride: 2, padding: 1)", accepts: [[2, 4, 5, 3]], refuses: [[2, 4, 5, 2]]
    ) { DepthwiseConv2D(3, kernel: 3, stride: 2, padding: 1, dtype: $0) },
    LayerCheck(
      "DepthwiseConv2D(2, kernel: 2, dilation: 2, multiplier: 2, activation: .silu, hasBias: false)",
      accepts: [[1, 4, 3, 2]]
    ) { DepthwiseConv2D(2, kernel: 2, dilation: 2, multiplier: 2, activation: .silu, hasBias: false, dtype: $0) },
    LayerCheck(
      "DepthwiseConv1D(3, kernel: 3, padding: 1, multiplier: 2)", accepts: [[2, 4, 3], [0, 4, 3]], refuses: [[2, 4, 2]]
    ) { DepthwiseConv1D(3, kernel: 3, padding: 1, multiplier: 2, dtype: $0) },
    LayerCheck(
      "DepthwiseConv3D(2, kernel: [1, 2, 2], stride: [1, 2, 1], activation: .relu)", accepts: [[1, 2, 4, 3, 2]],
      refuses: [[1, 4, 3, 2]]
    ) {
      DepthwiseConv3D(
        2, kernel: [1, 2, 2], stride: [1, 2, 1], activation: .relu, biases: .normal(standardDeviation: 1), dtype: $0)
    },
    LayerCheck(
      "SeparableConv1D(DepthwiseConv1D(3, kernel: 3, hasBias: false), Conv1D(3, 2, kernel: 1))", accepts: [[2, 5, 3]],
      refuses: [[2, 5, 2]]
    ) { SeparableConv1D(3, 2, kernel: 3, dtype: $0) },
    LayerCheck(
      "SeparableConv3D(DepthwiseConv3D(2, kernel: 2, multiplier: 2, hasBias: false), "
        + "Conv3D(4, 3, kernel: 1, activation: .tanh, hasBias: false))", accepts: [[1, 2, 3, 2, 2]],
      refuses: [[1, 3, 2, 2]]
    ) { SeparableConv3D(2, 3, kernel: 2, multiplier: 2, activation: .tanh, hasBias: false, dtype: $0) },
    LayerCheck(
      "ConvTranspose1D(2, 3, kernel: 2, dilation: 3, padding: 1, outputPadding: 2)", accepts: [[2, 3, 2]],
      refuses: [[2, 3, 3]]
    ) { ConvTranspose1D(2, 3, kernel: 2, dilation: 3, padding: 1, outputPadding: 2, dtype: $0) },
    LayerCheck(
      "SeparableConv2D(DepthwiseConv2D(3, kernel: 3, padding: .same, hasBias: false), "
        + "Conv2D(3, 4, kernel: 1, activation: .sigmoid))",
      accepts: [[2, 4, 3, 3]], refuses: [[2, 4, 3, 4]]
    ) { SeparableConv2D(3, 4, kernel: 3, padding: .same, activation: .sigmoid, dtype: $0) },
    LayerCheck("MaxPool2D(2)", accepts: [[2, 4, 5, 3], [0, 2, 2, 1]], refuses: [[2, 1, 5, 3], [2, 4, 3]]) { _ in
      MaxPool2D(2)
    },
    LayerCheck("MaxPool2D(3, stride: 2, padding: 1, roundsUp: true)", accepts: [[1, 6, 5, 2]]) { _ in
      MaxPool2D(3, stride: 2, padding: 1, roundsUp: true)
    },
    LayerCheck("MaxPool2D([2, 1], stride: 1, dilation: 2)", accepts: [[1, 3, 2, 2]], refuses: [[1, 2, 2, 2]]) { _ in
      MaxPool2D([2, 1], stride: 1, dilation: 2)
    },
    LayerCheck("MaxPool1D(3)", accepts: [[2, 7, 2]], refuses: [[2, 4, 4, 2]]) { _ in MaxPool1D(3) },
    LayerCheck("MaxPool3D(2)", accepts: [[1, 2, 3, 2, 2]], refuses: [[2, 4, 4, 2]]) { _ in MaxPool3D(2) },
    LayerCheck("AveragePool2D(2)", accepts: [[2, 4, 5, 3], [0, 2, 2, 1]], refuses: [[2, 1, 5, 3]]) { _ in
      AveragePool2D(2)
    },
    LayerCheck(
      "AveragePool2D(3, stride: 2, padding: 1, roundsUp: true, countsPadding: false)", accepts: [[1, 6, 5, 2]]
    ) { _ in AveragePool2D(3, stride: 2, padding: 1, roundsUp: true, countsPadding: false) },
    LayerCheck("AveragePool1D(3, stride: 1)", accepts: [[2, 7, 2]]) { _ in AveragePool1D(3, stride: 1) },
    LayerCheck("AveragePool3D(2)", accepts: [[1, 2, 3, 2, 2]]) { _ in AveragePool3D(2) },
    LayerCheck(
      "GlobalAveragePool()", accepts: [[2, 3, 4, 2], [2, 5, 3], [1, 2, 2, 2, 1], [0, 2, 2, 1]],
      refuses: [[3, 2], [2, 0, 3, 1]]
    ) { _ in GlobalAveragePool() },
    LayerCheck(
      "GlobalMaxPool()", accepts: [[2, 3, 4, 2], [2, 5, 3], [0, 2, 2, 1]], refuses: [[3, 2], [2, 0, 3, 1]]
    ) {
      _ in GlobalMaxPool()
    },
    LayerCheck(
      "AdaptiveAveragePool([2, 3])", accepts: [[2, 5, 4, 2], [1, 1, 1, 1], [0, 5, 4, 2]], refuses: [[2, 5, 4]]
    ) { _ in
      AdaptiveAveragePool([2, 3])
    },
    LayerCheck("AdaptiveMaxPool(2)", accepts: [[2, 5, 4, 2], [2, 5, 3], [0, 5, 3]], refuses: [[2, 5]]) { _ in
      AdaptiveMaxPool(2)
    },
  ]

  @Test(arguments: checks) func layerIsSound(check: LayerCheck) { #expect(check.problems() == []) }

  @Test("N-34: filters and pools on the matrix of N-11") func workedNumbers() {
    let x = Tensor([1.0, 2, 1, 0, 1, 0, 2, 3, 4], shape: [1, 3, 3, 1])
    let filter = Tensor([1.0, 0, 0, -1], shape: [1, 2, 2, 1])
    #expect(convolution(x, weight: filter).doubles == [0, 2, -3, -3])
    #expect(x.maxPooled(2, stride: 1).doubles == [2, 2, 3, 4])
    #expect(x.averagePooled(2, stride: 1).doubles == [1, 1, 1.5, 2])
  }

  @Test("weights and images in PyTorch's order become ours, and back") func arrangements() {
    let weight = normal([4, 3, 2, 5], seed: 1)
    let ours = weight.channelsLast()
    #expect(ours.shape == [4, 2, 5, 3])
    #expect(ours[3, 1, 4, 2].item == weight[3, 2, 1, 4].item)
    #expect(ours.channelsFirst().doubles == weight.doubles)
    #expect(normal([4, 3], seed: 1).channelsLast().shape == [4, 3])
  }

  @Test("initial weights have the variance of their fan-in and fan-out") func initialWeights() {
    func variance(_ tensor: Tensor) -> Double { square(tensor).mean().item }
    let he = withSeed(1) { Conv2D(16, 64, kernel: 5, activation: .relu) }
    #expect(abs(variance(he.weight.value) / (2 / (16.0 * 25)) - 1) < 0.05)
    let glorot = withSeed(1) { Conv2D(32, 64, kernel: 5, groups: 2) }
    #expect(abs(variance(glorot.weight.value) / (2 / (16.0 * 25 + 64 * 25)) - 1) < 0.05)
    let transposed = withSeed(1) { ConvTranspose2D(64, 16, kernel: 5, activation: .relu) }
    #expect(abs(variance(transposed.weight.value) / (2 / (16.0 * 25)) - 1) < 0.05)
  }

  @Test("numbers that describe no filter are refused in files, in one sentence") func hostileFiles() throws {
    let good = try Conv2D(2, 4, kernel: 3, padding: .explicit(before: 1, after: [0, 2])).configuration
    let broken: [(String, LayerConfiguration.Value?)] = [
      ("groups", .integer(3)), ("groups", .integer(0)), ("inputs", .integer(-1)), ("kernel", .integer(0)),
      ("kernel", .text("wide")), ("stride", nil), ("dilation", .number(1.5)), ("padding", .text("around")),
      ("padding.after.1", nil), ("outputs", .integer(1 << 40)), ("dtype", .text("int32")), ("activation", .text("?")),
    ]
    for (name, value) in broken {
      var configuration = good
      configuration.settings[name] = value
      #expect(throws: ConfigurationError.self, "\(name)") { try LayerRegistry.standard.layer(configuration) }
    }
    var large = good
    for name in ["inputs", "outputs", "kernel"] { large.settings[name] = .integer(1 << 24) }
    #expect(throws: ConfigurationError.self) { try LayerRegistry.standard.layer(large) }
    let other = LayerConfiguration(kind: "SeparableConv2D", layers: [good, good])
    #expect(throws: ConfigurationError.self) { try LayerRegistry.standard.layer(other) }
    #expect(try LayerRegistry.standard.layer(good).configuration == good)
  }

  /// An image network's penalty on its slope: second derivatives by PyTorch.
  @Test func gradientPenalty() throws {
    struct Array: Decodable {
      let shape: [Int]
      let data: [Double]
      var tensor: Tensor { Tensor(data, shape: Shape(shape)) }
    }
    struct Case: Decodable {
      let name: String
      let penalty: Double
      let x, first, second, dx, dfirst, dsecond: Array
    }
    let cases: [Case] = try fixture("double_backward.json")
    #expect(cases.count == 3)
    for test in cases {
      func critic(_ x: Tensor, _ w: [Tensor]) -> Tensor {
        let z = convolution(x, weight: w[0], padding: 1)
        switch test.name {
        case "transposed": return tanh(transposedConvolution(tanh(z), weight: w[1], stride: 2)).sum()
        case "max": return tanh(convolution(tanh(z.maxPooled(3, stride: 2, padding: 1)), weight: w[1])).sum()
        default: return tanh(convolution(tanh(z.averagePooled(2)), weight: w[1])).sum()
        }
      }
      let (penalty, gradients) = valueWithGradient(at: [test.x.tensor, test.first.tensor, test.second.tensor]) { v in
        let slope = gradient(at: v[0]) { critic($0, [v[1], v[2]]) }
        let norms = slope.reshaped([slope.shape[0], -1]).norm(axes: [1])
        return square(norms - 1).mean()
      }
      #expect(abs(penalty.item - test.penalty) < 1e-11 * test.penalty, "\(test.name)")
      for (found, expected) in zip(gradients, [test.dx, test.dfirst, test.dsecond]) {
        #expect(difference(found, expected.tensor, 1e-10) == nil, "\(test.name)")
      }
    }
  }

  @Test("windows that would only see padding are refused") func emptyWindows() {
    #expect(throws: ShapeError.self) { try MaxPool2D(2, padding: 3).outputShape(for: [1, 4, 4, 2]) }
    #expect(throws: ShapeError.self) { try AveragePool2D(2, padding: 3).outputShape(for: [1, 4, 4, 2]) }
  }

  @Test("a network of images is summed up, saved shapes and all") func summary() throws {
    let model = Sequential {
      Conv2D(1, 6, kernel: 5, padding: 2, activation: .relu)
      MaxPool2D(2)
      Flatten()
      Dense(14 * 14 * 6, 10)
    }
    let text = try model.summary(inputShape: [1, 28, 28, 1]).description
    #expect(text.contains("(n, 14, 14, 6)") && text.contains("11,926 parameters"), "\(text)")
  }
}
