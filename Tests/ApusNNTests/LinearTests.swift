import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// The fused product, bias and activation against its composed twin.
@Suite struct LinearTests {
  struct Case: Sendable, CustomStringConvertible {
    let activation: Activation
    let hasBias: Bool
    let shape: Shape
    var description: String { "\(activation), \(hasBias ? "bias" : "no bias"), \(shape)" }
  }

  static let cases = [Activation.identity, .relu, .tanh, .sigmoid].flatMap { activation in
    [true, false].flatMap { hasBias in
      [[5, 3], [1, 3], [0, 3], [2, 4, 3], [3]].map { Case(activation: activation, hasBias: hasBias, shape: Shape($0)) }
    }
  }

  private static func inputs(_ test: Case) -> [Tensor] {
    [normal(test.shape, seed: 1), normal([4, 3], seed: 2)] + (test.hasBias ? [normal([4], seed: 3)] : [])
  }

  private static func fused(_ x: [Tensor], _ activation: Activation) -> Tensor {
    linear(x[0], weight: x[1], bias: x.count > 2 ? x[2] : nil, activation: activation.epilogue!)
  }

  private static func composed(_ x: [Tensor], _ activation: Activation) -> Tensor {
    let product = x[0] • x[1].transposed()
    return activation(x.count > 2 ? product + x[2] : product)
  }

  @Test(arguments: cases) func fusedIsComposed(test: Case) {
    let x = Self.inputs(test)
    let (fused, composed) = (Self.fused(x, test.activation), Self.composed(x, test.activation))
    #expect(difference(fused, composed, 1e-13) == nil)
    // Gradients, with a weight for each output so that none cancels another.
    let weights = normal(fused.shape, seed: 4)
    let (_, left) = valueWithGradient(at: x) { (Self.fused($0, test.activation) * weights).sum() }
    let (_, right) = valueWithGradient(at: x) { (Self.composed($0, test.activation) * weights).sum() }
    for (a, b) in zip(left, right) { #expect(difference(a, b, 1e-12) == nil) }
    // The gradient of the gradients' squares.
    func second(_ function: ([Tensor], Activation) -> Tensor) -> [Tensor] {
      valueWithGradient(at: x) { x in
        let (_, gradients) = valueWithGradient(at: x) { (function($0, test.activation) * weights).sum() }
        return gradients.map { ($0 * $0).sum() }.reduce(Tensor(0.0), +)
      }.gradients
    }
    for (a, b) in zip(second(Self.fused), second(Self.composed)) { #expect(difference(a, b, 1e-11) == nil) }
  }

  @Test(arguments: cases.filter { $0.shape.elementCount > 0 }) func gradientsAreFiniteDifferences(test: Case) {
    let x = Self.inputs(test)
    let first = checkGradients(of: { Self.fused($0, test.activation) }, at: x)
    #expect(first.isPassed, "\(first)")
    let second = checkSecondGradients(of: { Self.fused($0, test.activation) }, at: x)
    #expect(second.isPassed, "\(second)")
  }

  /// A layer chooses the fused form where there is one, and gives the same numbers where there is none.
  @Test(arguments: Activation.all) func layerIsItsFormula(activation: Activation) {
    let layer = withSeed(3) {
      Dense(3, 4, activation: activation, biases: .normal(standardDeviation: 1), dtype: .float64)
    }
    let x = normal([6, 3], seed: 5)
    let formula = activation(x • layer.weight.value.transposed() + layer.bias!.value)
    #expect(difference(layer(x), formula, 1e-13) == nil)
  }

  @Test func wrongShapesStopWithTheLayersName() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let model = Sequential {
        Dense(3, 2)
        Dense(4, 1)
      }
      print(model(Tensor.zeros([5, 3])))
    }
    let message = standardError(of: result)
    for part in ["Dense(4, 1)", "Sequential", "(5, 2)", "(1, 4)"] { #expect(message.contains(part), "\(message)") }
  }
}
