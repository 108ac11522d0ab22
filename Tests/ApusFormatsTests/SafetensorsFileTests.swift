import ApusCore
import Testing

@testable import ApusFormats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite struct SafetensorsFileTests {
  private let directory = TemporaryDirectory()

  /// The contents of Fixtures/reference.safetensors: see make_safetensors.py.
  private static let tensors: [(name: String, tensor: Tensor)] = [
    ("matrix", Tensor([0.5, -1.25, 3e38, .infinity, -0.0, .leastNonzeroMagnitude] as [Float], shape: [2, 3])),
    ("double", Tensor([0.1, -1e300, .leastNonzeroMagnitude] as [Double])),
    ("int32", Tensor([.min, 0, .max] as [Int32])),
    ("int64", Tensor([.min, .max] as [Int64], shape: [2, 1])),
    ("bytes", Tensor([0, 1, 254, 255] as [UInt8])),
    ("flags", Tensor([true, false, true])),
    ("half", Tensor([BFloat16(1), BFloat16(-2.5), BFloat16(3.140625)])),
    ("scalar ü \"'", Tensor(7 as Float)),
    ("empty", Tensor([] as [Float], shape: [0, 3])),
  ]
  private static let metadata = ["made by": "the reference, in \"quotes\"\nü 😀"]
  private static let reference: String = {
    #filePath.split(separator: "/").dropLast().reduce(into: "") { $0 += "/\($1)" } + "/Fixtures/reference.safetensors"
  }()

  private func expectContents(_ file: SafetensorsFile, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(Set(file.tensors.map(\.name)) == Set(Self.tensors.map(\.name)), sourceLocation: sourceLocation)
    for (name, tensor) in Self.tensors {
      guard let found = file[name] else { continue }
      #expect(found.type == tensor.type, sourceLocation: sourceLocation)
      #expect(bits(found) == bits(tensor), "\(name)", sourceLocation: sourceLocation)
    }
    #expect(file.metadata == Self.metadata, sourceLocation: sourceLocation)
    #expect(file["absent"] == nil, sourceLocation: sourceLocation)
  }

  @Test func readsTheReference() throws {
    expectContents(try SafetensorsFile(path: Self.reference))
  }

  @Test func writesWhatTheReferenceWrites() throws {
    let path = getenv("APUS_KEEP_FILE").map { String(cString: $0) } ?? directory.file("x.safetensors")
    try SafetensorsFile.write(Self.tensors, metadata: Self.metadata, to: path)
    expectContents(try SafetensorsFile(path: path))
    #expect(contents(path) == contents(Self.reference))
  }

  @Test func nothing() throws {
    let path = directory.file("x.safetensors")
    try SafetensorsFile.write([], to: path)
    #expect(contents(path) == safetensors("{}      "))
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.isEmpty && file.metadata.isEmpty)
  }

  @Test func extremeShapes() throws {
    let path = directory.file("x.safetensors")
    let tensors = [
      ("rank 8", Tensor((0..<256).map { UInt8($0) }, shape: [2, 2, 2, 2, 2, 2, 2, 2])), ("", Tensor([1.5])),
      ("empty 8", Tensor([] as [Double], shape: [3, 0, 1, 0, 5, 1, 1, 9])),
    ]
    try SafetensorsFile.write(tensors, to: path)
    let file = try SafetensorsFile(path: path)
    for (name, tensor) in tensors {
      #expect(file[name]?.shape == tensor.shape)
      #expect(file[name].map(bits) == bits(tensor))
    }
  }

  @Test func views() throws {
    let path = directory.file("x.safetensors")
    let matrix = Tensor((0..<24).map(Float.init), shape: [2, 3, 4])
    let views = [
      ("transposed", matrix.transposed()), ("slice", matrix[1]), ("inner", matrix.transposed()[0][1]),
      ("tracked", matrix.reshaped([6, 4])),
    ]
    try SafetensorsFile.write(views, to: path)
    let file = try SafetensorsFile(path: path)
    for (name, view) in views {
      #expect(file[name]?.shape == view.shape)
      #expect(file[name]?.floats == view.floats, "\(name)")
    }
  }

  /// Larger than any single buffer on the way.
  @Test func manyBytes() throws {
    let path = directory.file("x.safetensors")
    let tensor = Tensor((0..<3_000_000).map { Int32($0) }, shape: [1000, 3000])
    try SafetensorsFile.write([("a", tensor), ("b", Tensor([true]))], to: path)
    let file = try SafetensorsFile(path: path)
    #expect(file["a"].map(bits) == bits(tensor))
  }

  @Test func readsSingleTensors() throws {
    let reader = try SafetensorsReader(path: Self.reference)
    let entry = try #require(reader.entries.first { $0.name == "matrix" })
    #expect(entry.type == TensorType([2, 3], .float32))
    #expect(try bits(reader.tensor(entry)) == bits(Self.tensors[0].tensor))
  }

  /// The header may list the tensors in any order, with any blanks behind it.
  @Test func acceptsOtherWriters() throws {
    let header = """
      {"b":{"shape":[2],"data_offsets":[4,6],"dtype":"U8"}, "z":{"dtype":"F64","shape":[7,0],"data_offsets":[4,4]},
       "a":{"dtype":"I32","shape":[],"data_offsets":[0,4]},"__metadata__":{}}\n\t 
      """
    let path = directory.file("x", safetensors(header, dataCount: 6))
    let file = try SafetensorsFile(path: path)
    #expect(file.tensors.map(\.name) == ["b", "z", "a"])
    #expect(file["a"]?.ints == [0] && file["b"]?.shape == [2] && file["z"]?.shape == [7, 0])
  }

  @Test func refusesToWriteWhatTheFormatCannotHold() {
    let path = directory.file("x.safetensors")
    let x = Tensor([1.0])
    expectError(.notRepresentable, path, "the name 'a' is given to two tensors") {
      try SafetensorsFile.write([("a", x), ("a", x)], to: path)
    }
    expectError(.notRepresentable, path, "the name '__metadata__' is reserved by the format") {
      try SafetensorsFile.write([("__metadata__", x)], to: path)
    }
    expectError(.notRepresentable, path, "tensor 'a' is a placeholder without elements") {
      try SafetensorsFile.write([("a", Tensor(placeholder: TensorType([2], .float32)))], to: path)
    }
    #expect(directory.names.isEmpty)
  }
}
