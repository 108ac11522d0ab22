import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// Ten training steps from the same parameters and data, loss by loss as PyTorch computes them.
@Suite struct WorkloadTests {
  private struct Reference: Decodable {
    struct Array: Decodable {
      let name: String?
      let shape: [Int]
      let first: [Double]
      let sum: Double
      let fnv1a: String
    }
    struct After: Decodable {
      let first: [Double]
      let sum: Double
    }
    let parameters: [Array]
    let data: [String: Array]
    let losses: [Double]
    let losses32: [Double]
    let after10: [String: After]
  }

  private struct MissingReference: Error { let workload: String }

  private static func reference(_ workload: Workload) throws -> Reference {
    for file in ["workloads.json", "charlstm.json", "image_workloads.json"] {
      let all: [String: Reference] = try fixture(file)
      if let reference = all[workload.name] { return reference }
    }
    throw MissingReference(workload: workload.name)
  }

  /// Fowler, Noll and Vo's hash over the elements' bit patterns.
  private static func hash(_ tensor: Tensor) -> String {
    let words = tensor.dtype == .int32 ? tensor.ints.map { UInt32($0) } : tensor.floats.map(\.bitPattern)
    let hash = words.reduce(UInt64(0xcbf2_9ce4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  @Test(arguments: Workload.all) func startsFromTheSameNumbers(workload: Workload) throws {
    let reference = try Self.reference(workload)
    let model = workload.makeModel()
    let batch = workload.makeBatch()
    #expect(model.parameters.count == reference.parameters.count)
    #expect(workload.arrays.map(\.name) == reference.parameters.map(\.name))
    for ((parameter, array), expected) in zip(zip(model.parameters, workload.arrays), reference.parameters) {
      let drawn = array.drawn(parameter.value)
      #expect(Array(drawn.shape) == expected.shape)
      #expect(Self.hash(drawn) == expected.fnv1a, "\(expected.name ?? "")")
    }
    for (tensor, key) in [(batch.x.channelsFirst(), "x"), (batch.y, "y")] {
      let expected = try #require(reference.data[key])
      #expect(Array(tensor.shape) == expected.shape)
      #expect(Self.hash(tensor) == expected.fnv1a, "\(key)")
    }
  }

  @Test(
    "O2: from the same weights, ten steps of every network have the reference's losses",
    arguments: Workload.deterministic)
  func tenStepsInFloat64(workload: Workload) throws {
    let reference = try Self.reference(workload)
    let model = workload.makeModel(dtype: .float64)
    let (optimizer, batch) = (workload.makeOptimizer(), workload.makeBatch(dtype: .float64))
    let count = workload.isLarge ? 2 : 10
    let losses = (0..<count).map { _ in workload.step(model, optimizer, batch).item }
    for (step, (found, expected)) in zip(losses, reference.losses).enumerated() {
      #expect(abs(found - expected) <= 1e-10 * expected, "step \(step + 1): \(found), expected \(expected)")
    }
    guard count == 10 else { return }
    for ((parameter, array), expected) in zip(zip(model.parameters, workload.arrays), reference.parameters) {
      let after = try #require(reference.after10[expected.name ?? ""])
      let drawn = array.drawn(parameter.value).flattened()
      #expect(difference(drawn[0..<after.first.count], after.first, 1e-8) == nil)
      let size = abs(parameter.value).sum().item
      #expect(abs(parameter.value.sum().item - after.sum) <= 1e-8 * size)
    }
  }

  /// With dropout, the losses of other frameworks are a range: their masks differ.
  @Test func dropoutWorkload() {
    let workload = Workload.mlpbn
    let (model, optimizer, batch) = (workload.makeModel(), workload.makeOptimizer(), workload.makeBatch())
    #expect(model.parameterCount == 1_865_738)
    let losses = (0..<10).map { _ in workload.step(model, optimizer, batch).item }
    #expect((2.46...2.54).contains(losses[0]) && (1.93...2.07).contains(losses[9]), "\(losses)")
  }

  /// Float32 against PyTorch's float64. Rounding errors grow with the steps; PyTorch's own float32 is as far from its
  /// float64.
  @Test(arguments: Workload.deterministic) func tenStepsInFloat32(workload: Workload) throws {
    let reference = try Self.reference(workload)
    let model = workload.makeModel()
    let (optimizer, batch) = (workload.makeOptimizer(), workload.makeBatch())
    var own = 0.0
    for (step, expected) in reference.losses.enumerated() {
      let loss = workload.step(model, optimizer, batch).item
      // Networks with normalised images are so far from linear that PyTorch's own distance says more than a fixed one: the largest so
      // far, since a distance passes zero now and then.
      own = max(own, abs(reference.losses32[step] - expected) / expected)
      let tolerance = max(step < 5 ? 1e-6 : 3e-6, workload.isOfImages ? 10 * own : 0)
      #expect(abs(loss - expected) <= tolerance * expected, "step \(step + 1): \(loss), expected \(expected)")
    }
  }
}
