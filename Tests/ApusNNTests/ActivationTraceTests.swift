import ApusCore
import ApusNN
import Testing

/// What layers put out, seen from outside.
@Suite struct ActivationTraceTests {
  private final class Residual: Layer {
    let inner: Sequential
    init(_ inner: Sequential) { self.inner = inner }
    func forward(_ x: Tensor) -> Tensor { x + inner(x) }
    func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  }

  private let model = withSeed(3) {
    Sequential {
      Dense(3, 3, activation: .tanh)
      Residual(
        Sequential {
          Dense(3, 3)
          Dropout(0.5)
        })
    }
  }
  private let x = Tensor([[1, -2, 0.5], [0, 1, 1]] as [[Float]])

  @Test("M7: what every layer puts out, in the order of finishing") func everyLayerInTheOrderOfFinishing() throws {
    let trace = ActivationTrace(of: model, x)
    #expect(trace.entries.map(\.name) == ["0", "1.inner.0", "1.inner.1", "1.inner", "1", ""])
    let first = try #require(model[0] as? Dense)
    #expect(trace["0"]?.floats == first(x).floats && trace[""]?.floats == model(x).floats)
    #expect(trace.entries[0].layer === first && trace["2"] == nil)
    // Dropout does nothing when predicting.
    #expect(trace["1.inner.1"]?.floats == trace["1.inner.0"]?.floats)
  }

  @Test func sharedLayersAppearAsOftenAsTheyRan() {
    let shared = Dense(3, 3)
    let trace = ActivationTrace(of: Sequential([shared, shared]), x)
    #expect(trace.entries.map(\.name) == ["0", "0", ""])
    #expect(trace["0"]?.floats == shared(shared(x)).floats)
  }

  @Test func onlyTheModelIsSeen() {
    let other = Dense(3, 2)
    let (value, trace) = recordingOutputs(of: other) { other in other(model(x)) }
    #expect(trace.entries.map(\.name) == [""] && trace[""]?.floats == value.floats)
    #expect(recordingOutputs(of: other) { _ in model(x) }.trace.entries.isEmpty)
  }

  @Test func recordingsNest() {
    let (inner, outer) = recordingOutputs(of: model) { model in ActivationTrace(of: model, x) }
    #expect(inner.entries.map(\.name) == outer.entries.map(\.name) && inner.entries.count == 6)
    #expect(ActivationTrace(of: model, x).entries.count == 6)
  }

  @Test func gradientsAreTheSame() {
    func loss(_ model: Sequential) -> Tensor { square(model(x)).mean() }
    let (seen, trace) = recordingOutputs(of: model) { model in valueWithGradient(of: model, loss) }
    let plain = valueWithGradient(of: model, loss)
    #expect(seen.gradients.tensors.map(\.floats) == plain.gradients.tensors.map(\.floats))
    #expect(trace.entries.allSatisfy { !$0.output.isTracked })
  }
}
