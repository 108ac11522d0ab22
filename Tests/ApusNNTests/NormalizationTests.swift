import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct NormalizationTests {
  @Test(arguments: [[5, 3], [2, 1], [2, 3, 4]] as [Shape]) func derivatives(shape: Shape) {
    let inputs = [normal(shape, seed: 1), normal([shape.last!], seed: 2), normal([shape.last!], seed: 3)]
    let cases: [([Tensor]) -> Tensor] = [
      { $0[0].layerNormalized(gain: $0[1], bias: $0[2], epsilon: 1e-2) },
      { $0[0].rmsNormalized(gain: $0[1], bias: nil, epsilon: 1e-2) },
      { square($0[0].layerNormalized(gain: nil, bias: $0[2], epsilon: 1e-2)) },
      { square($0[0].rmsNormalized(gain: nil, bias: nil, epsilon: 1e-2)) },
    ]
    for function in cases {
      let first = checkGradients(of: function, at: inputs)
      #expect(first.isPassed, "\(first)")
      let second = checkSecondGradients(of: { square(function($0)) }, at: inputs)
      #expect(second.isPassed, "\(second)")
    }
  }

  @Test func otherNormalizationsHaveSecondDerivatives() {
    let layers: [any Layer] = [
      GroupNorm(groups: 2, 4, epsilon: 1e-2, dtype: .float64), InstanceNorm(4, epsilon: 1e-2, dtype: .float64),
      LocalResponseNorm(3, alpha: 0.5, k: 1.5),
    ]
    for layer in layers {
      let report = checkSecondGradients(of: { square(layer($0[0])) }, at: [normal([2, 3, 4], seed: 4)])
      #expect(report.isPassed, "\(layer): \(report)")
    }
  }

  /// Rows far from 0 keep their digits: the variance is not a difference of large numbers.
  @Test func aLargeMeanCostsNoVariance() {
    let x = normal([40, 300], seed: 5) + 1e6
    let moments = LayerNorm(300, dtype: .float64)(x).transposed().moments()
    #expect(difference(moments[0], Swift.Array(repeating: 0, count: 40), 1e-9) == nil)
    #expect(difference(moments[1], Swift.Array(repeating: 1, count: 40), 1e-4) == nil)
    let wide = LayerNorm(5000)(normal([2, 5000], seed: 6).cast(to: .float32))
    #expect(difference(square(wide).mean(axes: [1]), [1, 1], 2e-5) == nil)
  }

  @Test func threadsAndProgramsDoNotChangeBits() async {
    await #expect(processExitsWith: .success) {
      func run(_ isProgram: Bool) throws -> [Float] {
        var random = RandomSource(seed: 4)
        return try ([[1001, 517], [40, 33, 96], [20_000, 6], [3, 20_000]] as [Shape]).flatMap { shape -> [Float] in
          let x = Tensor.randomNormal(shape, using: &random)
          let layer = Sequential([LayerNorm(shape.last!), RMSNorm(shape.last!)])
          func step(_ x: Tensor) -> [Tensor] {
            let (value, gradients, dx) = valueWithGradient(of: layer, at: x) { square($0($1) + 1).mean() }
            return [value, dx] + gradients.tensors
          }
          let program = Program { step($0[0]) }
          return (isProgram ? try (program([x]), program([x])).1 : step(x)).flatMap(\.floats)
        }
      }
      Threads.count = 1
      let alone = try run(false)
      Threads.count = 2
      #expect(try run(false) == alone)
      #expect(try run(true) == alone)
    }
  }

  @Test func theNormOfAPaperAndOfPyTorch() {
    // AlexNet's n = 5, alpha = 1e-4, k = 2, written with the division by n.
    let x = normal([1, 2, 8], seed: 7) * 10
    let y = LocalResponseNorm(5, alpha: 5e-4, k: 2)(x).doubles
    let elements = x.doubles
    for (i, found) in y.enumerated() {
      let (row, c) = (i / 8 * 8, i % 8)
      let sum = (max(0, c - 2)...min(7, c + 2)).reduce(0) { $0 + elements[row + $1] * elements[row + $1] }
      let expected = elements[i] / Tensor(2 + 1e-4 * sum).raised(to: 0.75)
      #expect(abs(found - expected) < 1e-12)
    }
  }

  @Test func wholeChannelsAreDropped() {
    var random = RandomSource(seed: 3)
    let x = Tensor.ones([50, 4, 3, 20])
    let y = withTraining(random: &random) { SpatialDropout(0.25)(x) }
    let channels = y.sum(axes: [1, 2]).doubles
    #expect(channels.allSatisfy { $0 == 0 || abs($0 - 12 / 0.75) < 1e-4 })
    let kept = Double(channels.filter { $0 > 0 }.count) / 1000
    #expect(abs(kept - 0.75) < 0.05)
    #expect(SpatialDropout(0.25)(x).floats == x.floats)
  }
}

extension Tensor {
  fileprivate func raised(to exponent: Double) -> Double { exp(log(self) * exponent).item }
}
