import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

@Suite("Gradient clipping (M3)") struct GradientClippingTests {
  private let gradients = Gradients(
    parameters: [Parameter(.zeros([2], dtype: .float64)), Parameter(.zeros([1, 2], dtype: .float64))],
    tensors: [Tensor([3.0, -4]), Tensor([[12.0, 0]])])

  private func clipped(_ clipping: GradientClipping) -> [[Double]] {
    gradients.clipped(clipping).tensors.map(\.doubles)
  }

  @Test("by value") func value() { #expect(clipped(.value(3.5)) == [[3, -3.5], [3.5, 0]]) }

  @Test("by each parameter's norm") func norm() {
    let result = clipped(.norm(6))
    #expect(result[0] == [3, -4])  // of length 5
    #expect(firstDifference(result[1], [6, 0], tolerance: 1e-15) == nil)
  }

  @Test("by the norm of all: 5 and 12 make 13") func globalNorm() {
    #expect(abs(gradients.globalNorm.item - 13) < 1e-14)
    let result = clipped(.globalNorm(6.5))
    #expect(firstDifference(result.flatMap(\.self), [1.5, -2, 6, 0], tolerance: 1e-15) == nil)
    #expect(clipped(.globalNorm(13)) == [[3, -4], [12, 0]])
    #expect(clipped(.globalNorm(100)) == [[3, -4], [12, 0]])
  }

  @Test("zeros stay zeros, and no gradients are no trouble") func zeros() {
    let zeros = Gradients(parameters: [Parameter(.zeros([2]))], tensors: [.zeros([2])])
    for clipping in [GradientClipping.value(1), .norm(1), .globalNorm(1)] {
      #expect(zeros.clipped(clipping).tensors[0].floats == [0, 0])
      #expect(Gradients(parameters: [], tensors: []).clipped(clipping).tensors.isEmpty)
    }
    #expect(Gradients(parameters: [], tensors: []).globalNorm.item == 0)
  }

  @Test(
    "the trainer clips, the same in a program",
    arguments: [GradientClipping.value(0.01), .norm(0.02), .globalNorm(0.03)])
  func trainer(clipping: GradientClipping) throws {
    var ends: [[[Float]]] = []
    for runsEagerly in [false, true] {
      let model = Small.network(2, 3)
      let before = Small.parameters(model)
      let trainer = Trainer(
        model, loss: .softmaxCrossEntropy, optimizer: SGD(learningRate: 1), clipping: clipping, seed: 3,
        runsEagerly: runsEagerly)
      try trainer.fit(Small.blobs(), epochs: 1, batchSize: 90, progress: .silent)
      let moved = zip(before, Small.parameters(model)).map { zip($0, $1).map { Double($1 - $0) } }
      let norms = moved.map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
      // With a rate of 1, the only step is the clipped gradient; unclipped it is longer.
      switch clipping {
      case .value(let limit): #expect(abs(moved.joined().map(abs).max()! - limit) < 1e-6)
      case .norm(let limit): #expect(abs(norms.max()! - limit) < 1e-6)
      case .globalNorm(let limit):
        #expect(abs(norms.reduce(0) { $0 + $1 * $1 }.squareRoot() - limit) < 1e-6)
      }
      ends.append(Small.parameters(model))
    }
    #expect(ends[0] == ends[1])
  }
}
