import Synchronization
import Testing

@testable import ApusCore

@Suite struct GradientTests {
  @Test("D2: all paths of a diamond add up") func diamond() {
    // p over h1 and h2, each over z1 and z2, both over x: four paths.
    let x = Tensor(3 as Double)
    let (value, slope) = valueWithGradient(at: x) { x in
      let (z1, z2) = (x * 2, x * x)
      let (h1, h2) = (z1 * z2, z1 + z2)
      return h1 * h2
    }
    #expect(value.item == 810)
    #expect(slope.item == 1242)
  }

  @Test("D3: the product rule") func productRule() {
    let x = Tensor([0.3, -1.2, 2] as [Double])
    let product = gradient(at: x) { (sin($0) * exp($0)).sum() }
    let rule = cos(x) * exp(x) + sin(x) * exp(x)
    #expect(abs(product - rule).max().item < 1e-15)
  }

  @Test func gradientsOfSeveralInputs() {
    let (a, b, c) = (Tensor([1, 2] as [Float]), Tensor([3, 4] as [Float]), Tensor([5, 6] as [Float]))
    let (value, gradients) = valueWithGradient(at: [a, b, c]) { x in (x[0] * x[1]).sum() }
    #expect(value.item == 11)
    #expect(gradients.map(\.floats) == [[3, 4], [1, 2], [0, 0]])
    #expect(!value.isTracked && gradients.allSatisfy { !$0.isTracked })
  }

  @Test func oneTensorAsTwoInputs() {
    let x = Tensor([2, 3] as [Float])
    let (_, gradients) = valueWithGradient(at: [x, x]) { ($0[0] * $0[0] * $0[1]).sum() }
    #expect(gradients.map(\.floats) == [[8, 18], [4, 9]])
  }

  @Test func nestedScopesGiveHigherDerivatives() {
    func derivative(_ f: @escaping (Tensor) -> Tensor) -> (Tensor) -> Tensor { { x in gradient(at: x, of: f) } }
    let quartic: (Tensor) -> Tensor = { x in x * x * x * x }
    let x = Tensor(1.5 as Double)
    #expect(abs(derivative(quartic)(x).item - 13.5) < 1e-12)
    #expect(abs(derivative(derivative(quartic))(x).item - 27) < 1e-12)
    #expect(abs(derivative(derivative(derivative(quartic)))(x).item - 36) < 1e-12)
    #expect(abs(derivative(derivative(derivative(derivative(quartic))))(x).item - 24) < 1e-12)
  }

  @Test func anInnerScopeSeesOuterVariablesAsConstantsAndPassesTheirGradients() {
    // d/da of (d/dx a x²) at x = 3, which is 2x.
    let mixed = gradient(at: Tensor(5 as Double)) { a in gradient(at: Tensor(3 as Double)) { x in a * x * x } }
    #expect(mixed.item == 6)
    // The inner variable is the outer one: d/dx (2x) + ...
    let through = gradient(at: Tensor(3 as Double)) { x in
      let (value, slope) = valueWithGradient(at: x) { $0 * $0 }
      return value * slope
    }
    #expect(through.item == 54)  // d/dx x² 2x = 6 x²
  }

  @Test func hessianOfAQuadraticForm() {
    let a = Tensor([[2, 1], [1, 3]] as [[Double]])
    let x = Tensor([0.5, -1] as [Double])
    for i in 0..<2 {
      let row = gradient(at: x) { x in gradient(at: x) { x in dot(x, a • x) / 2 }[i] }
      #expect(row.doubles == a[i].doubles)
    }
  }

  @Test func stoppedGradientsDoNotFlow() {
    let slope = gradient(at: Tensor(3 as Double)) { x in x * x.stopGradient() }
    #expect(slope.item == 3)
    let none = gradient(at: Tensor([1, 2] as [Double])) { x in x.stopGradient().sum() }
    #expect(none.doubles == [0, 0])
  }

  @Test func nothingIsRecordedWithoutNeed() {
    let constant = Tensor([1, 2] as [Float])
    #expect(!(constant * 2).isTracked)
    _ = valueWithGradient(at: constant) { x in
      #expect(!(constant * 2).isTracked)
      #expect(!(x .> 0).isTracked)
      #expect(!x.cast(to: .int32).isTracked)
      #expect((x * 2).isTracked)
      return (x * constant).sum()
    }
  }

  /// x y z, noting which gradients are asked for.
  private struct Noting: Function {
    final class Notes: Sendable {
      let asked = Mutex<[Int]>([])
    }
    let notes = Notes()
    var name: String { "noting" }
    func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { x[0].type }
    func forward(_ x: [Tensor], into y: Tensor) {
      y.backend.copy(x[0].stopGradient() * x[1].stopGradient() * x[2].stopGradient(), into: y)
    }
    func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
      notes.asked.withLock { $0.append(i) }
      return x.indices.filter { $0 != i }.reduce(dy) { $0 * x[$1] }
    }
  }

  @Test func gradientsThatNobodyNeedsAreNotComputed() {
    let function = Noting()
    let (a, b) = (Tensor(2 as Double), Tensor(7 as Double))
    let slope = gradient(at: Tensor(3 as Double)) { x in apply(function, [a, x, b]) }
    #expect(slope.item == 14)
    #expect(function.notes.asked.withLock { $0 } == [1])
    // An inner scope asks for its own variable only, though the outer one is tracked too.
    let inner = Noting()
    _ = gradient(at: a) { outer in gradient(at: b) { apply(inner, [outer, $0, outer]) }.stopGradient() * outer }
    #expect(inner.notes.asked.withLock { $0 } == [1])
  }

  @Test func matrixProductsKeepOnlyTheOtherFactor() {
    let x = Tensor.ones([3, 2])
    _ = valueWithGradient(at: Tensor.ones([2, 4])) { weight in
      let y = x • weight
      #expect(y.node!.inputs[0].object.storage === x.object.storage)
      #expect(y.node!.inputs[1].object.storage == nil)
      return y.sum()
    }
  }

  @Test func parametersOfInnerAndOuterScopes() {
    let (w, b) = (Parameter(Tensor(2 as Double), name: "w"), Parameter(Tensor(1 as Double), name: "b"))
    let (value, gradients, inputs) = valueWithGradient(of: [w, b], at: [Tensor(3 as Double)]) { x in
      (w.value * x[0] + b.value) * w.value
    }
    #expect(value.item == 14)
    #expect(gradients.map(\.item) == [13, 2])  // 2 w x + b, w
    #expect(inputs[0].item == 4)
    // Inner scope for w, outer for both: d/dw of (d/dw w³ = 3 w²) is 6 w; and b's gradient passes through the inner one.
    let nested = valueWithGradient(of: [w, b], at: []) { _ in
      let inner = valueWithGradient(of: [w], at: []) { _ in w.value * w.value * w.value * b.value }
      return inner.parameters[0]
    }
    #expect(nested.value.item == 12)
    #expect(nested.parameters.map(\.item) == [12, 12])
    #expect(!w.value.isTracked)
  }

  @Test func errorsLeaveTheScope() {
    struct Stop: Error {}
    #expect(throws: Stop.self) { try valueWithGradient(at: Tensor(1 as Float)) { _ in throw Stop() } }
    #expect(GradientScope.current == nil)
    let x = Tensor(1 as Float)
    #expect(!(x * 2).isTracked)
  }

  @Test func longChainsDoNotOverflowTheStack() {
    let (value, slope) = valueWithGradient(at: Tensor(1 as Double)) { x in
      var y = x
      for i in 0..<200_000 { y = i % 3 == 0 ? y.reshaped([1]).reshaped([]) : y + 1e-6 }
      return y
    }
    #expect(abs(value.item - 1.133333) < 1e-5)
    #expect(slope.item == 1)
    // A chain with side branches, dropped without a reverse pass.
    _ = valueWithGradient(at: Tensor(1 as Double)) { x in
      var (y, z) = (x, x)
      for _ in 0..<50_000 { (y, z) = (y * 0.5 + z * 0.5, y) }
      return x
    }
  }

  @Test func aDroppedGraphIsFreed() {
    weak var node: Node?
    weak var object: TensorObject?
    _ = valueWithGradient(at: Tensor([1, 2] as [Float])) { x in
      let y = exp(x) * x
      (node, object) = (y.node, y.object)
      return (y + y).sum()
    }
    #expect(node == nil)
    #expect(object == nil)
  }

  @Test func trainingDoesNotLeak() async {
    await #expect(processExitsWith: .success) {
      let w = Parameter(Tensor.ones([4, 3]))
      let rule = Update(scalars: 1) { p, g, k in p = p - k[0] * g }
      let x = Tensor.ones([5, 4])
      let states: [Parameter] = []
      func step() {
        let (_, gradients, _) = valueWithGradient(of: [w], at: []) { _ in
          let y = tanh(x • w.value)
          let inner = gradient(at: y.stopGradient()) { ($0 * $0).sum() }
          return (square(y) + inner * y).mean()
        }
        rule(w, gradient: gradients[0], states: states, scalars: [0.01])
      }
      for _ in 0..<10 { step() }
      let before = Tensor.memoryUse
      for _ in 0..<10_000 { step() }
      #expect(Tensor.memoryUse == before)
    }
  }
}
