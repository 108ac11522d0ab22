import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Penalties on a network's slope, ((‖∂D/∂x‖ - 1)², as Wasserstein GANs have it), whose gradients take second derivatives through every
/// layer: compared with finite differences of the penalty in float64.
@Suite struct GradientPenaltyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let shape: Shape
    var isTraining = false
    let make: @Sendable () -> Sequential
    var testDescription: String { name }
  }

  static let cases: [Case] = [
    Case(name: "batch norm while training", shape: [3, 3, 4, 2], isTraining: true) {
      Sequential {
        Conv2D(2, 3, kernel: 2, dtype: .float64)
        BatchNorm(3, dtype: .float64)
        ActivationLayer(.tanh)
        Flatten()
        Dense(18, 1, dtype: .float64)
      }
    },
    Case(name: "batch norm while predicting", shape: [2, 5]) {
      Sequential {
        Dense(5, 4, activation: .tanh, dtype: .float64)
        BatchNorm(4, dtype: .float64)
        Dense(4, 1, activation: .sigmoid, dtype: .float64)
      }
    },
    Case(name: "group norm", shape: [2, 3, 3, 2]) {
      Sequential {
        Conv2D(2, 4, kernel: 2, dtype: .float64)
        GroupNorm(groups: 2, 4, dtype: .float64)
        ActivationLayer(.silu)
        GlobalAveragePool()
        Dense(4, 1, activation: .tanh, dtype: .float64)
      }
    },
    Case(name: "groups and dilation", shape: [2, 5, 4, 2]) {
      Sequential {
        Conv2D(2, 4, kernel: 2, dilation: [2, 1], padding: 1, groups: 2, activation: .tanh, dtype: .float64)
        DepthwiseConv2D(4, kernel: 2, dilation: 2, activation: .tanh, dtype: .float64)
        ConvTranspose2D(4, 2, kernel: 2, stride: 2, groups: 2, activation: .tanh, dtype: .float64)
        Flatten()
        Dense(2 * 6 * 6, 1, dtype: .float64)
      }
    },
    Case(name: "upsampling", shape: [2, 2, 3, 2]) {
      Sequential {
        Upsampling(2, 2)
        Conv2D(2, 2, kernel: 2, activation: .tanh, dtype: .float64)
        Upsampling(2, 1, mode: .linear)
        Conv2D(2, 1, kernel: 3, activation: .tanh, dtype: .float64)
        GlobalAveragePool()
      }
    },
    Case(name: "an LSTM", shape: [2, 4, 3]) {
      Sequential {
        LSTM(3, 3, isBidirectional: true, dtype: .float64)
        GRU(6, 2, returns: .last, dtype: .float64)
        Dense(2, 1, dtype: .float64)
      }
    },
  ]

  private func penalty(_ model: Sequential, _ x: Tensor) -> Tensor {
    let slope = gradient(at: x) { model($0).sum() }
    return square(slope.reshaped([slope.shape[0], -1]).norm(axes: [1]) - 1).mean()
  }

  @Test(arguments: cases) func gradients(test: Case) throws {
    let model = withSeed(7) { test.make() }
    let x = normal(test.shape, seed: 3)
    func run<R>(_ body: () -> R) -> R {
      guard test.isTraining else { return body() }
      var random = RandomSource(seed: 1)
      return withTraining(random: &random, body)
    }
    let (value, gradients) = run { valueWithGradient(of: model) { penalty($0, x) } }
    #expect(value.item > 1e-3)
    var variables: [GradientVariable] = []
    for (name, parameter) in model.namedParameters {
      let (shape, found) = (parameter.shape, try #require(gradients[parameter]))
      variables.append(
        GradientVariable(
          name: name, shape: shape, elements: parameter.value.doubles, gradient: found.doubles
        ) { parameter.value = Tensor($0, shape: shape) })
    }
    let report = compareGradients(of: variables, scale: value.item, step: 1e-4, tolerance: 1e-6) {
      run { penalty(model, x).item }
    }
    #expect(report.isPassed, "\(report)")
    // Not of noise alone: the penalty depends on most of them.
    #expect(gradients.tensors.filter { $0.doubles.contains { abs($0) > 1e-6 } }.count * 2 > gradients.tensors.count)
  }
}
