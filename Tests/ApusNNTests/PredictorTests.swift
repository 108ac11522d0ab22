import Apus
import Testing

@Suite("Predictions of one sample") struct PredictorTests {
  private static func network() -> Sequential {
    withSeed(3) {
      Sequential([
        Dense(784, 512, activation: .relu), Dense(512, 512, activation: .relu), Dense(512, 512, activation: .tanh),
        Dense(512, 600, hasBias: false), Dense(600, 10),
      ])
    }
  }

  private static func sample(_ seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomNormal([1, 784], using: &random)
  }

  private static func bits(_ tensor: Tensor) -> [UInt32] { tensor.floats.map(\.bitPattern) }

  @Test("have the bits of the layers one by one, run after run, and follow the parameters") func bits() {
    let model = Self.network()
    let predictor = Predictor(model)
    func expectSame(_ what: String) {
      for run in 0..<4 as Range<UInt64> {
        let x = Self.sample(run)
        #expect(Self.bits(predictor(x)) == Self.bits(withInference { model(x) }), "\(what), run \(run)")
      }
    }
    expectSame("at first")
    // Replaced: other memory.
    for parameter in model.parameters { parameter.value = parameter.value * 0.5 }
    expectSame("replaced")
    // Overwritten in place, once the second weights have been packed.
    let optimizer = SGD(learningRate: 0.1)
    let (_, gradients) = valueWithGradient(of: model) { square($0(Self.sample(9))).sum() }
    optimizer.update(model, gradients)
    expectSame("overwritten")
    // Before every prediction.
    for _ in 0..<3 {
      let (_, gradients) = valueWithGradient(of: model) { square($0(Self.sample(9))).sum() }
      optimizer.update(model, gradients)
      let x = Self.sample(5)
      #expect(Self.bits(predictor(x)) == Self.bits(withInference { model(x) }))
    }
  }

  @Test("pass by the weights of two layers at a time") func pairs() throws {
    let model = Self.network()
    let program = Program { [model($0[0])] }
    _ = try withInference { try program([Self.sample(1)]) }
    #expect(program.description.contains("3 instructions in 3 groups"), "\(program.description)")
    // What somebody else reads is not left out.
    let both = Program { x in
      let hidden = model.layers[0](x[0])
      return [model.layers[1](hidden), hidden]
    }
    let found = try withInference { try both([Self.sample(2)]) }
    let hidden = withInference { model.layers[0](Self.sample(2)) }
    #expect(Self.bits(found[1]) == Self.bits(hidden))
    #expect(Self.bits(found[0]) == Self.bits(withInference { model.layers[1](hidden) }))
  }
}
