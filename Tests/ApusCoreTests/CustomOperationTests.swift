import ApusCore
import Testing

@Suite struct CustomOperationTests {
  /// A layer as in the notes: forward and backward in one place.
  private static let affine = CustomOperation("affine") { x in
    x[0] • x[1] + x[2]
  } gradient: { dy, x, y in
    [dy • x[1].transposed(), x[0].transposed() • dy, dy.sum(axes: [0])]
  }

  @Test("D11, D14, D15: a layer with its own forward and backward") func ownLayer() {
    var random = RandomSource(seed: 5)
    let x = Tensor.randomNormal([4, 3], dtype: .float64, using: &random)
    let w = Tensor.randomNormal([3, 2], dtype: .float64, using: &random)
    let b = Tensor.randomNormal([2], dtype: .float64, using: &random)
    #expect(Self.affine(x, w, b).doubles == (x • w + b).doubles)
    let report = checkGradients(of: { tanh(Self.affine($0[0], $0[1], $0[2])) }, at: [x, w, b])
    #expect(report.isPassed, "\(report)")
    let second = checkSecondGradients(of: { tanh(Self.affine($0[0], $0[1], $0[2])) }, at: [x, w, b])
    #expect(second.isPassed, "\(second)")
  }

  @Test func theGivenGradientCounts() {
    let straightThrough = CustomOperation("straightThrough") { x in
      round(x)
    } gradient: { dy, x, y in
      dy
    }
    let (value, slope) = valueWithGradient(at: Tensor([0.4, 1.6] as [Float])) { (straightThrough($0) * 3).sum() }
    #expect(value.item == 6)
    #expect(slope.floats == [3, 3])
  }

  @Test func outputAndInputsAreAtHand() {
    let exponential = CustomOperation("exponential") { x in
      exp(x)
    } gradient: { dy, x, y in
      dy * y
    }
    let report = checkSecondGradients(of: { exponential($0[0]) }, at: [Tensor([0.5, -1] as [Double])])
    #expect(report.isPassed, "\(report)")
  }

  @Test func theForwardIsOneNode() {
    let cube = CustomOperation("cube") { x in
      x * x * x
    } gradient: { dy, x, y in
      dy * 3 * x * x
    }
    _ = valueWithGradient(at: Tensor(2 as Double)) { x in
      let y = cube(x)
      #expect(ComputationGraph(of: y).vertices.map(\.name) == ["variable 1", "cube"])
      return y
    }
    #expect(!cube(Tensor(2 as Double)).isTracked)
  }

  @Test func viewsAsResults() {
    let turned = CustomOperation("turned") { x in
      x.transposed()
    } gradient: { dy, x, y in
      dy.transposed() * y.sum()
    }
    let x = Tensor([[1, 2], [3, 4]] as [[Double]])
    let (_, slope) = valueWithGradient(at: x) { (turned($0) * Tensor([[1, 10], [100, 1000]] as [[Double]])).sum() }
    #expect(slope.doubles == [10, 1000, 100, 10000])
    let part = CustomOperation("part") { x in
      x[1]
    } gradient: { dy, x, y in
      stack([dy * 0, dy * y])
    }
    #expect(gradient(at: x) { part($0).sum() }.doubles == [0, 0, 3, 4])
  }

  @Test func inputsWithoutGradient() {
    let picked = CustomOperation("picked") { x in
      x[0].gathering(x[1])
    } gradient: { dy, x, y in
      [Tensor.zeros(x[0].shape).addingSlices(dy, at: x[1]), nil]
    }
    let slope = gradient(at: Tensor([1, 2, 3] as [Float])) { picked($0, Tensor([2, 2] as [Int])).sum() }
    #expect(slope.floats == [0, 0, 2])
  }

  @Test func wrongGradientsAreNamed() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let wrong = CustomOperation("wrong") { x in
        x * 2
      } gradient: { dy, x, y in
        dy.sum()
      }
      _ = gradient(at: Tensor([1, 2] as [Float])) { wrong($0).sum() }
    }
    let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(
      message.contains("wrong: the gradient for input 0 is of type float32(); expected that input's, float32(2,)"))
  }
}
