import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// The course's 2-4-1 network on XOR, against NumPy's run of the course's program.
@Suite struct PlanarXORTests {
  private struct Fixture: Decodable {
    let x: [[Double]]
    let y: [[Double]]
    let runs: [Run]
  }

  private struct Run: Decodable {
    let learningRate: Double
    let start: Parameters
    let costs: [String: Double]
    let end: Parameters
    let outputs: [[Double]]
  }

  private struct Parameters: Decodable {
    let w1: [[Double]]
    let b1: [[Double]]
    let w2: [[Double]]
    let b2: [[Double]]

    private enum CodingKeys: String, CodingKey {
      case w1 = "W1"
      case b1
      case w2 = "W2"
      case b2
    }

    func network() -> Sequential {
      Sequential {
        dense(w1, bias: b1.map { $0[0] }, activation: .tanh)
        dense(w2, bias: b2.map { $0[0] })
      }
    }
  }

  @Test("N-22, F2, F3, A11: 10,000 steps on XOR", arguments: [1.2, 0.001]) func trainsAsNumPyDoes(learningRate: Double)
    throws
  {
    let fixture: Fixture = try fixture("planar_xor.json")
    let run = try #require(fixture.runs.first { $0.learningRate == learningRate })
    // The course keeps examples in columns.
    let (x, y) = (Tensor(fixture.x).transposed(), Tensor(fixture.y).transposed())
    let model = run.start.network()
    let optimizer = SGD(learningRate: learningRate)
    var compared = 0
    for step in 0...10_000 {
      let (cost, gradients) = valueWithGradient(of: model) { binaryCrossEntropy(logits: $0(x), target: y) }
      if let expected = run.costs["\(step)"] {
        compared += 1
        #expect(abs(cost.item - expected) <= 1e-11, "after \(step) steps: \(cost.item), expected \(expected)")
      }
      if step < 10_000 { optimizer.update(model, gradients) }
    }
    #expect(compared == run.costs.count && compared == 10)
    for (found, expected) in zip(model.parameters, run.end.network().parameters) {
      #expect(difference(found.value, expected.value, 1e-9) == nil)
    }
    let outputs = sigmoid(model(x))
    #expect(difference(outputs, run.outputs[0], 1e-9) == nil)
    // The course's own learning rate solves the problem, the other deck's default never leaves the plateau.
    let isSolved = zip(outputs.doubles, [0.0, 1, 1, 0]).allSatisfy { abs($0 - $1) < 0.01 }
    #expect(isSolved == (learningRate == 1.2))
    if learningRate == 0.001 { #expect(outputs.doubles.allSatisfy { abs($0 - 0.5) < 1e-4 }) }
  }
}
