import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

@Suite struct LBFGSTests {
  @Test(arguments: ["lbfgs", "lbfgs calls"], ["quadratic", "rosenbrock"])
  func pathAsInPyTorch(name: String, function: String) throws {
    let run = try #require(OptimizerTrajectoryTests.runs["\(name) on \(function)"])
    let optimizer = LBFGS(learningRate: run.options.lr, historySize: try #require(run.options.historySize))
    let point = Point(run.path[0])
    let value = OptimizerTrajectoryTests.value(function)
    for (call, expected) in run.path.enumerated() {
      let problem = firstDifference(point.p.value.doubles, expected, tolerance: 1e-10)
      #expect(problem == nil, "after \(call) calls")
      if problem != nil { break }
      try optimizer.minimize(point, iterations: run.options.maxIter!) { value($0.p.value) }
    }
  }

  /// Least squares: the minimum in closed form, in far fewer evaluations than gradient descent takes.
  @Test(arguments: [DType.float32, .float64]) func leastSquares(dtype: DType) throws {
    var random = RandomSource(seed: 3)
    let x = Tensor.randomNormal([200, 6], dtype: dtype, using: &random)
    let truth = Tensor([1.0, -2, 3, 0.5, 0, -1], shape: [6, 1]).cast(to: dtype)
    let y = (x • truth) + 0.25
    let layer = Dense(6, 1, dtype: dtype)
    let result = try LBFGS(lineSearch: .strongWolfe, changeTolerance: 1e-15).minimize(layer, iterations: 50) {
      meanSquaredError($0(x), target: y)
    }
    let tolerance = dtype == .float32 ? 1e-4 : 1e-6
    #expect(firstDifference(layer.weight.value.doubles, truth.doubles, tolerance: tolerance) == nil)
    #expect(abs(layer.bias!.value.item - 0.25) < tolerance)
    #expect(result.isConverged && result.evaluations < 40 && result.cost < 1e-8 && result.initialCost > 1)
  }

  @Test func rosenbrocksValley() throws {
    let point = Point([-1.2, 1])
    let value = OptimizerTrajectoryTests.value("rosenbrock")
    let result = try LBFGS(lineSearch: .strongWolfe, changeTolerance: 1e-14).minimize(
      point, iterations: 100, evaluations: 200
    ) { value($0.p.value) }
    #expect(firstDifference(point.p.value.doubles, [1, 1], tolerance: 1e-6) == nil)
    #expect(result.isConverged && result.evaluations < 80, "\(result)")
  }

  /// Whatever the function, the search ends at a point that satisfies both conditions, if it has enough evaluations.
  @Test(arguments: [1e-4, 0.01, 1, 30, 1e4]) func wolfeConditions(first: Double) throws {
    let functions: [(name: String, f: (Double) -> (Double, Double))] = [
      ("parabola", { ($0 * $0 / 2 - 3 * $0, $0 - 3) }),
      ("quartic", { (($0 - 2) * ($0 - 2) * ($0 - 2) * ($0 - 2), 4 * ($0 - 2) * ($0 - 2) * ($0 - 2)) }),
      (
        "waves",
        { x in
          let t = Tensor(x)
          return ((0.1 * t * t - sin(3 * t) - 2 * t).item, (0.2 * t - 3 * cos(3 * t) - 2).item)
        }
      ),
      ("wall", { $0 < 5 ? (-$0 + 0.01 / (5 - $0), -1 + 0.01 / ((5 - $0) * (5 - $0))) : (.infinity, .nan) }),
    ]
    let nothing = Tensor([0.0])
    for (name, f) in functions {
      let (start, slope) = f(0)
      let search = WolfeSearch(start: CostPoint(cost: start, gradient: nothing), slope: slope, smallestStep: 1e-12)
      let found = try search.run(first: first, evaluations: 100) {
        let (cost, slope) = f($0)
        return (CostPoint(cost: cost, gradient: nothing), slope)
      }
      #expect(found.size > 0 && found.point.cost <= start + 1e-4 * found.size * slope, "\(name) from \(first)")
      #expect(abs(found.slope) <= 0.9 * abs(slope), "\(name) from \(first)")
    }
  }

  @Test func fewEvaluationsStillGoDown() throws {
    let point = Point([-1.2, 1])
    let value = OptimizerTrajectoryTests.value("rosenbrock")
    let optimizer = LBFGS(lineSearch: .strongWolfe)
    var last = value(point.p.value).item
    for _ in 0..<60 {
      try optimizer.minimize(point, iterations: 1, evaluations: 2) { value($0.p.value) }
      let cost = value(point.p.value).item
      #expect(cost <= last)
      last = cost
    }
  }

  @Test func frozenParametersStay() throws {
    let layer = dense([[1, 2]], bias: [3])
    layer.bias!.isTrainable = false
    let x = Tensor([[1.0, 0], [0, 1], [1, 1]])
    try LBFGS(lineSearch: .strongWolfe).minimize(layer) { square($0(x)).sum() }
    #expect(layer.bias!.value.item == 3)
    #expect(firstDifference(layer.weight.value.doubles, [-2, -2], tolerance: 1e-6) == nil)
  }

  @Test func costsThatAreNoNumbers() {
    let point = Point([1])
    #expect(throws: NotFiniteError.self) { try LBFGS().minimize(point) { log($0.p.value - 2).sum() } }
    #expect(point.p.value.item == 1)
  }

  private func dense(_ weight: [[Double]], bias: [Double]) -> Dense {
    let layer = Dense(weight[0].count, weight.count, weights: .zeros, dtype: .float64)
    layer.weight.value = Tensor(weight)
    layer.bias!.value = Tensor(bias)
    return layer
  }
}
