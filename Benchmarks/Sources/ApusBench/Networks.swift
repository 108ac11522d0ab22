import Apus
import ApusTestSupport

// The networks are those of the tests: ApusTestSupport draws their initial parameters and data as NumPy does, and Peers/workloads.py
// too. They can be read from files instead.

extension Workload {
  /// The name on the command line: "mlp784" of "W3 mlp784".
  var shortName: String { String(name.split(separator: " ").last!) }

  static func named(_ name: String) -> Workload? { all.first { $0.shortName == name } }

  /// The number of parameters that the definition asks for.
  var parameterCount: Int { arrays.reduce(0) { $0 + $1.shape.elementCount } }

  /// The network, its initial parameters read from `directory` if one is given.
  func makeModel(from directory: String?) throws -> Sequential {
    let model = makeModel()
    guard let directory else { return model }
    for (parameter, array) in zip(model.parameters, arrays) {
      let path = "\(directory)/\(shortName)/\(array.name).npy"
      let value = array.arranged(try NPYFile.read(path))
      guard value.type == parameter.value.type else {
        throw BenchmarkError("\(path) holds \(value.type); expected \(parameter.value.type)")
      }
      parameter.value = value
    }
    return model
  }

  /// The batch, read from `directory` if one is given.
  func makeBatch(from directory: String?) throws -> Batch {
    guard let directory else { return makeBatch() }
    let path = "\(directory)/\(shortName)"
    return (try NPYFile.read(path + "/_x.npy").channelsLast(), try NPYFile.read(path + "/_y.npy"))
  }

  /// One sample of normal numbers: the first of the batch, without drawing the others.
  func makeSample(from directory: String?) throws -> Tensor {
    if let directory { return try NPYFile.read("\(directory)/\(shortName)/_x.npy").channelsLast()[0..<1] }
    var random = NumPyRandomState(seed: 7)
    let shape: Shape = isOfImages ? [1, 28, 28, 1] : [1, widths[0]]
    return Tensor(random.randn(count: shape.elementCount).map { Float($0) }, shape: shape)
  }
}
