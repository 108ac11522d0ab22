import ApusCore
import ApusTestSupport
import Testing

/// All fixtures, by operation.
private let fixtures: [String: [Fixture]] = {
  let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
  let families = ["elementwise", "reduce", "shape", "matmul", "losses", "convolution"]
  let all = families.flatMap { family -> [Fixture] in
    do { return try Fixture.load("/\(folder)/Fixtures/operations_\(family).jsonl") } catch {
      Issue.record("the \(family) fixtures cannot be read: \(error)")
      return []
    }
  }
  return Dictionary(grouping: all, by: \.operation)
}()

private let operations = fixtures.keys.sorted()

/// Cases that finite differences say nothing about, each with the reason.
private let notDifferentiable: [String: String] = [
  "power/negative base": "not real beside a whole exponent",
  "power/zero base": "not real beside a base of 0",
  "standardDeviation/large mean": "the differences are rounding noise",
]

/// The same for second derivatives.
private let notTwiceDifferentiable: [String: String] = [
  "product/zeros": "the gradient takes zeros for constants (see Reduce.productOfOthers)"
]

/// Gradients that the reference has in float32 only: its constant 1/6 is one.
private let looseGradients: Set<String> = ["hardSigmoid", "hardSilu"]

/// Every operation of the fixture files: values, element types, gradients, arrangements in memory.
@Suite struct FixtureTests {
  @Test func everyFixtureIsThere() {
    #expect(fixtures.values.map(\.count).reduce(0, +) == 1458)
    let missing = operations.filter { operationTable[$0] == nil }
    #expect(missing.isEmpty, "fixtures without an operation")
    let unused = operationTable.keys.filter { fixtures[$0] == nil }
    #expect(unused.isEmpty, "operations without a fixture")
  }

  @Test(arguments: operations) func valuesInFloat64(operation: String) throws {
    try forEachFixture(of: operation) { fixture, call in
      for arrangement in Arrangement.allCases {
        let outputs = call(fixture.inputs.map { arrangement.arrange($0.tensor()) }, fixture.attributes)
        try #require(outputs.count == fixture.outputs.count, "\(fixture)")
        for (found, expected) in zip(outputs, fixture.outputs) {
          #expect(found.dtype == expected.dtype, "\(fixture)")
          #expect(Array(found.shape) == expected.shape, "\(fixture), \(arrangement)")
          if expected.dtype.isFloatingPoint {
            let difference = firstDifference(found.doubles, expected.tensor().doubles, tolerance: 1e-12)
            #expect(difference == nil, "\(fixture), \(arrangement)")
          } else {
            #expect(found.elements(as: Int64.self) == expected.integers, "\(fixture), \(arrangement)")
          }
        }
      }
    }
  }

  @Test(arguments: operations) func valuesInFloat32(operation: String) throws {
    try forEachFixture(of: operation) { fixture, call in
      guard fixture.inputs.contains(where: { $0.dtype == .float64 }), operation != "cast" else { return }
      let outputs = call(fixture.inputs.map { $0.tensor(as: .float32) }, fixture.attributes)
      let exact = fixture.inputs.map { $0.doubles.map { Double(Float($0)) == $0 || $0.isNaN } }
      let isExact = exact.allSatisfy { $0.allSatisfy { $0 } }
      for (found, expected) in zip(outputs, fixture.outputs) {
        #expect(found.dtype == (expected.dtype.isFloatingPoint ? .float32 : expected.dtype), "\(fixture)")
        // Where an input has no exact float32, only the elements that do not see it can be compared.
        let isAligned = fixture.inputs.allSatisfy { $0.shape == expected.shape }
        guard isExact || isAligned else { continue }
        let difference = firstDifference(
          found.doubles, expected.doubles.map { expected.dtype.isFloatingPoint ? Double(Float($0)) : $0 },
          tolerance: Self.float32Tolerance[fixture.description] ?? 3e-6
        ) { position in isExact || exact.allSatisfy { $0[position] } }
        #expect(difference == nil, "\(fixture)")
      }
    }
  }

  /// Sums in which large numbers cancel, or which are long.
  private static let float32Tolerance: [String: Double] = [:]

  @Test(arguments: operations) func gradients(operation: String) throws {
    try forEachFixture(of: operation) { fixture, call in
      guard let expected = fixture.gradients else { return }
      for arrangement in Arrangement.allCases {
        let inputs = fixture.inputs.map { arrangement.arrange($0.tensor()) }
        let isLoose = fixture.attributes.name.string.map(looseGradients.contains) ?? false
        compare(
          gradientsOf(fixture, call, inputs), expected, tolerance: isLoose ? 1e-7 : 1e-10,
          "\(fixture), \(arrangement)")
      }
    }
  }

  @Test(arguments: operations) func gradientsInFloat32(operation: String) throws {
    try forEachFixture(of: operation) { fixture, call in
      guard let expected = fixture.gradients, !Self.illConditioned.contains(fixture.description) else { return }
      guard fixture.inputs.allSatisfy({ $0.doubles.allSatisfy { Double(Float($0)) == $0 } }) else { return }
      let inputs = fixture.inputs.map { $0.tensor(as: .float32) }
      compare(gradientsOf(fixture, call, inputs), expected, tolerance: 1e-4, "\(fixture)")
    }
  }

  /// Gradients that float32 cannot hold.
  private static let illConditioned: Set<String> = []

  @Test(arguments: operations) func gradientsAgreeWithDifferences(operation: String) throws {
    try forEachFixture(of: operation) { fixture, call in
      guard isSmooth(fixture) else { return }
      let report = checkGradients(
        of: { joined(call($0, fixture.attributes)) }, at: fixture.inputs.map { $0.tensor() },
        kinks: [0: kinks(fixture)])
      #expect(report.isPassed, "\(fixture): \(report)")
    }
  }

  @Test(arguments: operations) func secondGradientsAgreeWithDifferences(operation: String) throws {
    try forEachFixture(of: operation) { fixture, call in
      guard isSmooth(fixture), notTwiceDifferentiable[fixture.description] == nil,
        fixture.inputs.map(\.doubles.count).reduce(0, +) <= 60
      else { return }
      let report = checkSecondGradients(
        of: { joined(call($0, fixture.attributes)) }, at: fixture.inputs.map { $0.tensor() },
        kinks: [0: kinks(fixture)])
      #expect(report.isPassed, "\(fixture): \(report)")
    }
  }

  /// The declared kinks, and 0 where the second derivative jumps there.
  private func kinks(_ fixture: Fixture) -> Set<Int> {
    guard let name = fixture.attributes.name.string, ["elu", "softsign"].contains(name) else { return fixture.kinks }
    return fixture.kinks.union(fixture.inputs[0].doubles.enumerated().filter { $0.element == 0 }.map(\.offset))
  }

  /// Whether differences mean something: gradients are given, and all numbers are finite.
  private func isSmooth(_ fixture: Fixture) -> Bool {
    fixture.gradients != nil && notDifferentiable[fixture.description] == nil
      && fixture.inputs.allSatisfy { $0.doubles.allSatisfy(\.isFinite) }
      && fixture.outputs.allSatisfy { $0.doubles.allSatisfy(\.isFinite) }
  }

  private func forEachFixture(
    of operation: String, _ body: (Fixture, ([Tensor], Fixture.Attributes) -> [Tensor]) throws -> Void
  ) throws {
    let call = try #require(operationTable[operation], "no call for the fixtures' operation \(operation)")
    for fixture in try #require(fixtures[operation]) { try body(fixture, call) }
  }

  private func compare(_ found: [[Double]?], _ expected: [[Double]?], tolerance: Double, _ name: String) {
    for (input, (found, expected)) in zip(found, expected).enumerated() {
      guard let expected else { continue }
      let difference = found.map { firstDifference($0, expected, tolerance: tolerance) } ?? "there is no gradient"
      #expect(difference == nil, "\(name), input \(input)")
    }
  }

  /// The gradients of the fixture's weighted sum; nil for inputs that are not floating point.
  private func gradientsOf(
    _ fixture: Fixture, _ call: ([Tensor], Fixture.Attributes) -> [Tensor], _ inputs: [Tensor]
  ) -> [[Double]?] {
    let varied = inputs.indices.filter { inputs[$0].dtype.isFloatingPoint }
    let (_, gradients) = valueWithGradient(at: varied.map { inputs[$0] }) { variables in
      var x = inputs
      for (i, variable) in zip(varied, variables) { x[i] = variable }
      var total = Tensor(filledWith: 0, shape: [], dtype: variables[0].dtype)
      for (output, weights) in zip(call(x, fixture.attributes), fixture.weights!) {
        guard let weights else { continue }
        total += (output * Tensor(weights, shape: output.shape).cast(to: output.dtype)).sum()
      }
      return total
    }
    var found = [[Double]?](repeating: nil, count: inputs.count)
    for (i, gradient) in zip(varied, gradients) { found[i] = gradient.doubles }
    return found
  }

  /// The floating-point outputs as one tensor.
  private func joined(_ outputs: [Tensor]) -> Tensor {
    concatenate(outputs.filter(\.dtype.isFloatingPoint).map { $0.flattened() })
  }
}
