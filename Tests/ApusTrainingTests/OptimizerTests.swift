import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// A model that is nothing but its parameters.
final class Point: Layer {
  let p: Parameter
  init(_ start: [Double]) { p = Parameter(Tensor(start), name: "p") }
  func forward(_ x: Tensor) -> Tensor { x }
  func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }

  /// One step down `function`.
  func descend(_ function: (Tensor) -> Tensor, by optimizer: any Optimizer) {
    optimizer.update(self, valueWithGradient(of: self) { function($0.p.value) }.gradients)
  }
}

@Suite struct OptimizerTests {
  /// Of two parameters with gradients of 0, only the matrix shrinks.
  @Test func onlySomeParametersDecay() {
    let model = Sequential([Dense(2, 3, biases: .constant(1), dtype: .float64)])
    let before = model.parameters.map(\.value)
    let optimizer = AdamW(learningRate: 0.1, weightDecay: 0.5, decays: AdamW.matrices)
    for _ in 0..<2 {
      let zeros = before.map { Tensor.zeros($0.shape, dtype: .float64) }
      optimizer.update(model, Gradients(parameters: model.parameters, tensors: zeros))
    }
    #expect(abs(model.parameters[0].value - before[0] * (0.95 * 0.95)).max().item < 1e-15)
    #expect(model.parameters[1].value.doubles == [1, 1, 1])
    #expect(optimizer.memory.step == 2)
  }

  // MARK: PyTorch's trajectories

  private struct Fixture: Decodable {
    struct Run: Decodable {
      let function: String
      let options: Options
      let path: [[Double]]
    }
    struct Options: Decodable {
      let lr: Double
      let momentum: Double?
      let weightDecay: Double?
      let betas: [Double]?
      let eps: Double?
      let beta: Double?
    }
    let runs: [String: Run]
  }

  private static let fixture: Result<Fixture, any Error> = Result {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let data = try Data(contentsOf: tests.appending(path: "ApusNNTests/Fixtures/optimizers.json"))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Fixture.self, from: data)
  }

  @Test(
    arguments: [
      "sgd", "sgd weightDecay", "momentum", "momentum weightDecay", "momentum average", "adam", "adam betas",
      "adamW", "adamW strong",
    ], ["quadratic", "rosenbrock"])
  func hundredStepsAsInPyTorch(name: String, function: String) throws {
    let run = try #require(try Self.fixture.get().runs["\(name) on \(function)"])
    let options = run.options
    let optimizer: any Optimizer
    switch name {
    case "momentum average":
      let beta = try #require(options.beta)
      optimizer = SGD(learningRate: options.lr * (1 - beta), momentum: beta)
    case "adam", "adam betas":
      let betas = try #require(options.betas)
      optimizer = Adam(learningRate: options.lr, betas: (betas[0], betas[1]), epsilon: try #require(options.eps))
    case "adamW", "adamW strong":
      let betas = try #require(options.betas)
      optimizer = AdamW(
        learningRate: options.lr, betas: (betas[0], betas[1]), epsilon: try #require(options.eps),
        weightDecay: try #require(options.weightDecay))
    default:
      optimizer = SGD(
        learningRate: options.lr, momentum: try #require(options.momentum), weightDecay: options.weightDecay ?? 0)
    }
    func value(_ p: Tensor) -> Tensor {
      let (x, y) = (p[0], p[1])
      return function == "quadratic" ? (x * x + 10 * y * y) / 2 : square(1 - x) + 100 * square(y - x * x)
    }
    let point = Point(run.path[0])
    for (step, expected) in run.path.enumerated() {
      #expect(firstDifference(point.p.value.doubles, expected, tolerance: 1e-10) == nil, "after \(step) steps")
      point.descend(value, by: optimizer)
    }
    #expect(run.path.count == 101)
  }

  // MARK: Worked numbers

  private func path(_ optimizer: any Optimizer, _ function: (Tensor) -> Tensor) -> [Double] {
    let point = Point([1])
    return (0..<3).map { _ in
      point.descend(function, by: optimizer)
      return point.p.value.item
    }
  }
  private func half(_ w: Tensor) -> Tensor { (w * w).sum() / 2 }

  @Test("N-23, F8: averaged momentum on a slope of 1") func momentumOnASlope() {
    // v = βv + (1 - β)g, w = w - αv is classical momentum with α(1 - β) for α.
    let found = path(SGD(learningRate: 0.1 * (1 - 0.9), momentum: 0.9)) { $0.sum() }
    #expect(firstDifference(found, [0.99, 0.971, 0.9439], tolerance: 1e-14) == nil)
  }

  @Test("N-24, F8: averaged and classical momentum on a parabola") func momentumOnAParabola() {
    let average = path(SGD(learningRate: 0.1 * (1 - 0.9), momentum: 0.9), half)
    #expect(firstDifference(average, [0.99, 0.9711, 0.944379], tolerance: 1e-14) == nil)
    let classical = path(SGD(learningRate: 0.1, momentum: 0.9), half)
    #expect(firstDifference(classical, [0.9, 0.72, 0.486], tolerance: 1e-14) == nil)
  }

  @Test("N-35: gradient descent and Adam on a parabola") func goldens() {
    #expect(firstDifference(path(SGD(learningRate: 0.1), half), [0.9, 0.81, 0.729], tolerance: 1e-14) == nil)
    let adam = path(Adam(learningRate: 0.1), half)
    #expect(firstDifference(adam, [0.900000001, 0.8004122297, 0.7015862745], tolerance: 1e-10) == nil)
  }

  // MARK: What is updated

  @Test("F1: all gradients are those before the step") func simultaneousUpdate() {
    let model = Sequential([Dense(1, 1, hasBias: false, weights: .constant(2), dtype: .float64)])
    let second = Dense(1, 1, hasBias: false, weights: .constant(3), dtype: .float64)
    let both = Sequential(model.layers + [second])
    let x = Tensor([[1.0]])
    let (_, gradients) = valueWithGradient(of: both) { $0(x).sum() }
    SGD(learningRate: 0.1).update(both, gradients)
    // 2 - 0.1 * 3 and 3 - 0.1 * 2; one after the other, the second would be 3 - 0.1 * 1.7.
    #expect(firstDifference(both.parameters.map { $0.value.item }, [1.7, 2.8], tolerance: 1e-15) == nil)
  }

  @Test(arguments: [true, false]) func frozenParametersStay(isAdam: Bool) {
    let optimizer: any Optimizer = isAdam ? Adam(learningRate: 0.1) : SGD(learningRate: 0.1, momentum: 0.9)
    let model = withSeed(1) { Dense(2, 2, dtype: .float64) }
    let frozen = model.weight.value.doubles
    let x = Tensor([[1.0, 2], [3, 4]])
    func step() { optimizer.update(model, valueWithGradient(of: model) { square($0(x)).sum() }.gradients) }
    model.weight.isTrainable = false
    for _ in 0..<3 { step() }
    #expect(model.weight.value.doubles == frozen && model.bias!.value.doubles != [0, 0])
    // Freezing between gradients and update counts, too.
    model.weight.isTrainable = true
    let gradients = valueWithGradient(of: model) { square($0(x)).sum() }.gradients
    model.weight.isTrainable = false
    optimizer.update(model, gradients)
    #expect(model.weight.value.doubles == frozen)
    model.weight.isTrainable = true
    step()
    #expect(model.weight.value.doubles != frozen)
  }

  /// The correction for Adam's start from zero counts a parameter's own steps, as in PyTorch: after freezing a layer
  /// for a long time, its first step must be as long as any first step.
  @Test func adamsFirstStepIsTheSameWheneverItComes() {
    let (early, late) = (Parameter(Tensor([1.0])), Parameter(Tensor([1.0])))
    final class Two: Layer {
      let early: Parameter
      let late: Parameter
      init(_ early: Parameter, _ late: Parameter) { (self.early, self.late) = (early, late) }
      func forward(_ x: Tensor) -> Tensor { x }
      func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
    }
    let model = Two(early, late)
    let adam = Adam(learningRate: 0.1)
    late.isTrainable = false
    func step() {
      adam.update(model, valueWithGradient(of: model) { ($0.early.value + $0.late.value).sum() }.gradients)
    }
    for _ in 0..<20 { step() }
    late.isTrainable = true
    for _ in 0..<3 { step() }
    #expect(abs(late.value.item - 0.7) < 1e-8)
    #expect(abs(early.value.item - (1 - 2.3)) < 1e-7)
    #expect(adam.memory.step == 23)
  }

  /// One optimiser may serve two models in turn, and keeps what it knows of each apart.
  @Test func memoryBelongsToTheParameter() {
    let (a, b, alone) = (Point([1, 2]), Point([5]), Point([1, 2]))
    let (shared, own) = (SGD(learningRate: 0.1, momentum: 0.9), SGD(learningRate: 0.1, momentum: 0.9))
    for _ in 0..<5 {
      a.descend({ square($0).sum() }, by: shared)
      b.descend({ square($0).sum() * 3 }, by: shared)
      alone.descend({ square($0).sum() }, by: own)
    }
    #expect(a.p.value.doubles == alone.p.value.doubles)
  }

  @Test func valuesReadBeforeAStepStayAsTheyWere() {
    let point = Point([1, 2, 3])
    let before = point.p.value
    point.descend({ $0.sum() }, by: SGD(learningRate: 1))
    #expect(before.doubles == [1, 2, 3] && point.p.value.doubles == [0, 1, 2])
  }

  @Test func learningRateMayChange() {
    let point = Point([1])
    let optimizer = SGD(learningRate: 0.5)
    point.descend({ $0.sum() }, by: optimizer)
    optimizer.learningRate = 0.125
    point.descend({ $0.sum() }, by: optimizer)
    #expect(point.p.value.item == 0.375)
  }

  @Test func descriptionsAreAsWritten() {
    #expect(SGD(learningRate: 0.1).description == "SGD(learningRate: 0.1)")
    #expect(SGD(learningRate: 0.1, momentum: 0.9).description == "SGD(learningRate: 0.1, momentum: 0.9)")
    #expect(Adam().description == "Adam(learningRate: 0.001)")
  }

  @Test func impossibleSettingsStop() async {
    let momentum = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = SGD(learningRate: 0.1, momentum: 1)
    }
    #expect(standardError(of: momentum).contains("the momentum 1.0 must be"))
    let betas = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Adam(betas: (0.9, 1.2))
    }
    #expect(standardError(of: betas).contains("Adam: both betas"))
  }
}
