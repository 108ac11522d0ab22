import ApusCore
import FoundationEssentials

/// A tensor in a fixture file.
public struct FixtureTensor: Sendable {
  public let dtype: DType
  public let shape: [Int]
  /// The elements, exact for every type: wide integers stay text.
  private let data: [JSON]

  init(_ json: JSON) throws {
    guard let name = json["dtype"]?.string, let dtype = DType.allCases.first(where: { $0.description == name }),
      let shape = json["shape"]?.array?.compactMap(\.int), let data = json["data"]?.array
    else { throw Fixture.FormatError(problem: "a tensor lacks dtype, shape or data") }
    self.dtype = dtype
    self.shape = shape
    self.data = data
  }

  /// The elements as numbers.
  public var doubles: [Double] {
    data.map { $0.number ?? Double($0.string ?? "") ?? .nan }
  }

  /// The elements of an integer or bool tensor.
  public var integers: [Int64] {
    data.map { $0.number.flatMap { Int64(exactly: $0) } ?? Int64($0.string ?? "") ?? .min }
  }

  /// The tensor itself; floating-point ones as `type`.
  public func tensor(as type: DType? = nil) -> Tensor {
    let shape = Shape(self.shape)
    if dtype.isFloatingPoint { return Tensor(doubles, shape: shape).cast(to: type ?? dtype) }
    return Tensor(integers, shape: shape).cast(to: dtype)
  }
}

/// One line of an `operations_<family>.jsonl` file: an operation, its inputs and what it gives. See the fixtures' README.
public struct Fixture: Sendable, CustomStringConvertible {
  public let operation: String
  public let name: String
  public let inputs: [FixtureTensor]
  public let attributes: Attributes
  public let outputs: [FixtureTensor]
  /// For each output, the weights of its elements in the sum whose gradients are given; nil for an output without gradients.
  public let weights: [[Double]?]?
  /// For each input, the gradient; nil where it is not to be compared.
  public let gradients: [[Double]?]?
  /// Positions of the first input at which the derivative is a convention.
  public let kinks: Set<Int>

  public struct FormatError: Error { public let problem: String }

  /// The arguments that are not tensors.
  @dynamicMemberLookup
  public struct Attributes: Sendable {
    let json: JSON
    public subscript(dynamicMember name: String) -> JSON { json[name] ?? .null }
  }

  public var description: String { "\(operation)/\(name)" }

  init(_ json: JSON) throws {
    guard let operation = json["op"]?.string, let name = json["case"]?.string, let inputs = json["inputs"]?.array,
      let outputs = json["outputs"]?.array, let attributes = json["attributes"]
    else { throw FormatError(problem: "a fixture lacks op, case, inputs, attributes or outputs") }
    self.operation = operation
    self.name = name
    self.inputs = try inputs.map(FixtureTensor.init)
    self.attributes = Attributes(json: attributes)
    self.outputs = try outputs.map(FixtureTensor.init)
    func numbers(_ key: String) -> [[Double]?]? {
      json[key]?.array.map { $0.map { $0.array?.map { $0.number ?? Double($0.string ?? "") ?? .nan } } }
    }
    weights = numbers("weights")
    gradients = numbers("gradients")
    kinks = Set(json["kinks"]?.array?.compactMap(\.int) ?? [])
  }

  /// The fixtures of a JSON-lines file.
  public static func load(_ path: String) throws -> [Fixture] {
    let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
    return try text.split(separator: "\n").map { try Fixture(try JSON($0)) }
  }
}
