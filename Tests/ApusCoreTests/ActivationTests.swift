import ApusCore
import Foundation
import Testing

/// The activation functions' rows of the requirements, G1 to G16.
@Suite struct ActivationTests {
  private static let points = Tensor([-1, -0.5, 0, 0.7, 2] as [Double])
  private typealias Row = (activation: Activation, values: [Double], slopes: [Double])
  private static let table: [String: Row] = [
    "G1": (.identity, [-1, -0.5, 0, 0.7, 2], [1, 1, 1, 1, 1]),
    "G2": (.step, [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]),
    "G3": (
      .sigmoid, [0.268941421, 0.377540669, 0.5, 0.668187772, 0.880797078],
      [0.196611933, 0.235003712, 0.25, 0.221712873, 0.104993585]
    ),
    "G4": (
      .tanh, [-0.761594156, -0.462117157, 0, 0.604367777, 0.964027580],
      [0.419974342, 0.786447733, 1, 0.634739590, 0.070650825]
    ),
    "G5": (.arctan, [-0.785398163, -0.463647609, 0, 0.610725964, 1.107148718], [0.5, 0.8, 1, 0.671140940, 0.2]),
    "G6": (.relu, [0, 0, 0, 0.7, 2], [0, 0, 0, 1, 1]),
    "G7": (.leakyRelu(), [-0.01, -0.005, 0, 0.7, 2], [0.01, 0.01, 0.01, 1, 1]),
    "G9": (.elu(), [-0.632120559, -0.393469340, 0, 0.7, 2], [0.367879441, 0.606530660, 1, 1, 1]),
    "G10": (
      .softplus, [0.313261688, 0.474076984, 0.693147181, 1.103186049, 2.126928011],
      [0.268941421, 0.377540669, 0.5, 0.668187772, 0.880797078]
    ),
  ]

  @Test(
    "G1, G2, G3, G4, G5, G6, G7, G9, G10: values and derivatives at -1, -½, 0, 0.7 and 2",
    arguments: ["G1", "G2", "G3", "G4", "G5", "G6", "G7", "G9", "G10"])
  func valuesAndDerivatives(row: String) throws {
    let (activation, values, slopes) = try #require(Self.table[row])
    let x = Self.points
    for (found, expected) in zip(activation(x).doubles, values) { #expect(abs(found - expected) < 1e-9) }
    let found = gradient(at: x) { activation($0).sum() }.doubles
    for (found, expected) in zip(found, slopes) { #expect(abs(found - expected) < 1e-9) }
    for (found, expected) in zip(activation(x.cast(to: .float32)).doubles, values) {
      #expect(abs(found - expected) < 2e-7)
    }
  }

  @Test("E-12: the slope of ReLU at 0 is 0") func slopeOfReLUAtZero() {
    let zero = Tensor([0, -0.0] as [Float])
    #expect(gradient(at: zero) { Activation.relu($0).sum() }.floats == [0, 0])
    #expect(gradient(at: zero) { relu($0).sum() }.floats == [0, 0])
    #expect(gradient(at: zero) { Activation.leakyRelu(slope: 0.25)($0).sum() }.floats == [0.25, 0.25])
    #expect(gradient(at: zero) { Activation.elu(alpha: 2)($0).sum() }.floats == [2, 2])
  }

  @Test("G4: three formulas of tanh agree") func tanhFormulas() {
    let x = Tensor.linearSpace(from: -4, to: 4, count: 81, dtype: .float64)
    let quotient = (exp(x) - exp(-x)) / (exp(x) + exp(-x))
    let scaled = 2 / (1 + exp(x * -2)) - 1
    #expect(abs(Activation.tanh(x) - quotient).max().item < 1e-15)
    #expect(abs(Activation.tanh(x) - scaled).max().item < 1e-15)
  }

  @Test("G11: the Jacobian of softmax is diag(p) - p pᵀ") func softmaxJacobian() {
    let x = Tensor([0.3, -1, 2] as [Double])
    let p = softmax(x)
    let expected = Tensor.identity(3, dtype: .float64) * p - outer(p, p)
    for i in 0..<3 {
      let row = gradient(at: x) { softmax($0)[i] }
      #expect(abs(row - expected[i]).max().item < 1e-15)
    }
  }

  @Test("G12: ranges", arguments: [DType.float32, .float64]) func ranges(dtype: DType) {
    let x = Tensor.linearSpace(from: -30, to: 30, count: 6001, dtype: dtype)
    let s = Activation.sigmoid(x)
    #expect(s.min().item > 0 && s.max().item <= 1)
    #expect(abs(Activation.tanh(x)).max().item <= 1)
    #expect(Activation.relu(x).min().item == 0)
    #expect(Activation.softplus(x).min().item > 0)
    for activation in [Activation.sigmoid, .tanh, .arctan, .softplus, .softsign] {
      let values = activation(x).doubles
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 <= $1 + 2e-7 }, "\(activation) falls somewhere")
    }
  }

  @Test("G14: two linear layers collapse into one") func linearCollapse() {
    var random = RandomSource(seed: 3)
    let x = Tensor.randomNormal([5, 4], dtype: .float64, using: &random)
    let (w1, b1) = (
      Tensor.randomNormal([6, 4], dtype: .float64, using: &random),
      Tensor.randomNormal([6], dtype: .float64, using: &random)
    )
    let (w2, b2) = (
      Tensor.randomNormal([3, 6], dtype: .float64, using: &random),
      Tensor.randomNormal([3], dtype: .float64, using: &random)
    )
    let two = linear(linear(x, weight: w1, bias: b1), weight: w2, bias: b2)
    let one = linear(x, weight: w2 • w1, bias: w2 • b1 + b2)
    #expect(abs(two - one).max().item < 1e-12)
  }

  @Test("G15: slopes vanish for large inputs, and nothing becomes NaN", arguments: [DType.float32, .float64])
  func saturation(dtype: DType) {
    let x = Tensor([-1e30, -800, -100, 100, 800, 1e30] as [Double]).cast(to: dtype)
    for activation in Activation.all where activation != .exponential {
      let slopes = gradient(at: x) { activation($0).sum() }.doubles
      #expect(slopes.allSatisfy { $0.isFinite }, "\(activation): \(slopes)")
      #expect(activation(x).doubles.allSatisfy { !$0.isNaN }, "\(activation)")
    }
    for activation in [Activation.sigmoid, .tanh, .hardTanh, .hardSigmoid] {
      #expect(gradient(at: x) { activation($0).sum() }.doubles.allSatisfy { abs($0) < 1e-40 }, "\(activation)")
    }
  }

  @Test func nanStaysNaN() {
    // What is computed is a choice: of what lies in no interval, the last branch.
    for activation in Activation.all where activation.name != "step" {
      #expect(activation(Tensor(Float.nan)).item.isNaN, "\(activation)")
    }
  }

  @Test func everyActivationIsFoundByName() {
    for activation in Activation.all + Activation.rowwise {
      #expect(Activation.named(activation.name) == activation)
      #expect(!activation.equation.isEmpty && !activation.formula.isEmpty && !activation.derivative.isEmpty)
      for other in Activation.all + Activation.rowwise where other.name != activation.name {
        #expect(activation != other)
      }
    }
    #expect(Activation.named("softShrink", parameters: ["lambda": 2]) == .softShrink(lambda: 2))
    #expect(Activation.softmax.isElementwise == false && Activation.relu.isElementwise)
    #expect(Activation.named("leakyRelu", parameters: ["slope": 0.3]) == .leakyRelu(slope: 0.3))
    #expect(Activation.named("nonsense") == nil)
    #expect(Activation.leakyRelu(slope: 0.3) != .leakyRelu())
    #expect(Activation.elu(alpha: 0.5).description == ".elu(alpha: 0.5)")
    #expect(Activation.leakyRelu().formula == "select(x > 0, x, slope * x)")
    #expect(Activation.silu.formula == "x * sigmoid(x)")
    #expect(Activation.sigmoid.derivative == "y * (1 - y)")
    #expect(
      Activation.elu().summary == "x for x > 0, else α(eˣ − 1); derivative α at 0 (Clevert et al., 2015; notes G9)")
  }

  /// The value that an entry gives for its kinks is the one that training uses.
  @Test func derivativesAtKinks() {
    let cases: [(Activation, [Double], [Double])] = [
      (.step, [0], [0]), (.relu, [0], [0]), (.leakyRelu(slope: 0.2), [0], [0.2]), (.elu(alpha: 2), [0], [2]),
      (.selu, [0], [1.0507009873554805 * 1.6732632423543772]), (.celu(alpha: 3), [0], [1]), (.relu6, [0, 6], [0, 0]),
      (.hardSigmoid, [-3, 3], [0, 0]), (.hardSilu, [-3, 3], [0, 1]), (.hardTanh, [-1, 1], [0, 0]),
      (.hardShrink(lambda: 2), [-2, 2], [0, 0]), (.softShrink(lambda: 2), [-2, 2], [0, 0]), (.squaredRelu, [0], [0]),
    ]
    for (activation, points, slopes) in cases {
      let found = gradient(at: Tensor(points)) { activation($0).sum() }.doubles
      #expect(zip(found, slopes).allSatisfy { abs($0 - $1) < 1e-15 }, "\(activation): \(found)")
    }
    // Everything else that is made of choices is smooth where they meet.
    let choosing = Activation.all.filter { $0.formula.contains("select") }.map(\.name)
    #expect(Set(choosing).isSubset(of: cases.map(\.0.name)))
  }

  @Test func activationsOfRows() {
    let x = Tensor([[0.3, -1, 2], [0, 0, 0]] as [[Double]])
    #expect(abs(Activation.softmax(x) - softmax(x)).max().item == 0)
    #expect(abs(exp(Activation.logSoftmax(x)) - softmax(x)).max().item < 1e-15)
  }

  /// The kernel of float32 agrees with the formula in float64, in value, slope and curvature.
  @Test func geluKernel() throws {
    let x = Tensor.linearSpace(from: -9, to: 9, count: 3001, dtype: .float64)
    func derivatives(_ x: Tensor) -> [Tensor] {
      let slope = gradient(at: x) { Activation.gelu($0).sum() }
      let curvature = gradient(at: x) { x in gradient(at: x) { Activation.gelu($0).sum() }.sum() }
      return [Activation.gelu(x), slope, curvature]
    }
    let single = x.cast(to: .float32)
    let (found, expected) = (derivatives(single), derivatives(single.cast(to: .float64)))
    for (found, expected) in zip(found, expected) {
      for (a, b) in zip(found.doubles, expected.doubles) { #expect(abs(a - b) <= 6e-7 * max(0.5, abs(b))) }
    }
    // Small values keep their digits: of x Φ(x) far to the left, the formula in float32 would have none.
    for x in [-1.0, -3, -5] {
      let (value, exact) = (Activation.gelu(Tensor(Float(x))).item, 0.5 * x * Foundation.erfc(-x / 2.0.squareRoot()))
      #expect(abs(value - exact) < 1e-5 * abs(exact), "\(x)")
    }
    // With a gradient and without, recorded and not: the same bits.
    var tracked: [Float] = []
    _ = gradient(at: single) { x in
      let y = Activation.gelu(x)
      tracked = y.stopGradient().floats
      return y.sum()
    }
    #expect(tracked == found[0].floats)
    let program = Program { [Activation.gelu($0[0])] }
    for _ in 0..<2 { #expect(try program([single])[0].floats == tracked) }
    #expect(Activation.gelu(single.reshaped([1, 3001]).transposed()).floats == tracked)
  }

  @Test func aUserActivation() {
    let swish = Activation(Elementwise("swish") { x in x * sigmoid(x) })
    let x = Tensor([-1, 0.5] as [Double])
    #expect(abs(swish(x) - Activation.silu(x)).max().item == 0)
    #expect(swish != .silu && swish == swish)
  }
}
