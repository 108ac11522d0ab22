import ApusCore
import ApusNN
import ApusTestSupport
import Testing

@testable import ApusFormats

/// Arrays that NumPy wrote, bytes as NumPy writes them, and files that are damaged.
@Suite struct NPYFileTests {
  private let directory = TemporaryDirectory()

  /// The numbers of `Fixtures/make_arrays.py`.
  private func numbers(_ count: Int, _ kind: Character) -> [Double] {
    (0..<count).map { i in
      let number = Double(i * 37 % 101 - 50)
      switch kind {
      case "f": return number / 2
      case "u": return abs(number)
      case "b": return number.remainder(dividingBy: 2) != 0 ? 1 : 0
      default: return number
      }
    }
  }

  @Test("M7: activations of every layer, for other tools") func activations() throws {
    let shared = Dense(3, 3, activation: .tanh)
    let model = Sequential([shared, shared, Dense(3, 2)])
    let trace = ActivationTrace(of: model, Tensor([[1, -2, 0.5], [0, 1, 1]] as [[Float]]))
    let path = "\(directory.path)/activations.npz"
    try trace.write(to: path)
    let file = try NPZFile(path: path)
    #expect(file.arrays.map(\.name) == ["0", "0#2", "2", "model"])
    #expect(file["0#2"]?.floats == trace["0"]?.floats && file["model"]?.floats == trace[""]?.floats)
    #expect(file["0"]?.shape == [2, 3] && file["2"]?.shape == [2, 2])
  }

  @Test(arguments: ["arrays.npz", "arrays_deflated.npz"]) func readsWhatNumPyWrites(_ name: String) throws {
    let file = try NPZFile(path: fixturePath(name))
    let types: [(String, DType)] = [
      ("f2", .float32), ("f4", .float32), ("f8", .float64), ("i1", .int32), ("i2", .int32), ("i4", .int32),
      ("i8", .int64),
      ("u1", .uint8), ("u2", .int32), ("u4", .int64), ("b1", .bool), ("big_f2", .float32), ("big_f4", .float32),
      ("big_f8", .float64), ("big_i2", .int32), ("big_i4", .int32), ("big_i8", .int64), ("big_u2", .int32),
      ("big_u4", .int64),
    ]
    for (name, type) in types {
      let tensor = try #require(file[name])
      #expect(tensor.type == TensorType([3, 5, 4], type), "\(name)")
      #expect(tensor.doubles == numbers(60, name.suffix(2).first!), "\(name)")
    }
    #expect(try #require(file["number"]).shape == [] && file["number"]?.item == -25)
    #expect(file["vector"]?.doubles == numbers(7, "f") && file["empty"]?.shape == [0, 3])
    let halves = try #require(file["half_limits"]).floats
    #expect(halves[..<2] == [0, 0] && halves[1].sign == .minus && halves[2] == 0x1p-24 && halves[3] == 0x1.ff8p-15)
    #expect(halves[4..<7] == [65504, .infinity, -.infinity] && halves[7].isNaN && halves[8] == 0x1.554p-2)
    #expect(file.arrays.count == types.count + 4 && file.arrays[0].name == "f2" && file["none"] == nil)
  }

  @Test func readsOtherOrdersAndVersions() throws {
    let major = try NPYFile.read(fixturePath("column_major.npy"))
    #expect(major.shape == [3, 5, 4] && major.doubles == numbers(60, "f"))
    #expect(try NPYFile.read(fixturePath("column_major_big.npy")).doubles == numbers(15, "i"))
    #expect(try NPYFile.read(fixturePath("version2.npy")).doubles == numbers(6, "i"))
  }

  @Test func writesNumPysBytes() throws {
    let path = directory.file("matrix.npy")
    try NPYFile.write(Tensor(numbers(15, "f").map(Float.init), shape: [3, 5]), to: path)
    #expect(contents(path) == contents(fixturePath("matrix.npy")))
  }

  @Test func readsWhatItWrites() throws {
    var random = RandomSource(seed: 1)
    var arrays: [(name: String, tensor: Tensor)] = []
    for shape: Shape in [[], [1], [0], [3, 4], [2, 0, 3], [2, 3, 4, 5]] {
      let x = Tensor.randomUniform(shape, in: -100..<100, using: &random)
      for type in DType.allCases { arrays.append(("\(shape) \(type) é", x.cast(to: type))) }
    }
    arrays.append(("turned", arrays.last!.tensor.transposed([3, 1, 0, 2])))
    let path = directory.file("all.npz")
    try NPZFile.write(arrays, to: path)
    let file = try NPZFile(path: path)
    #expect(file.arrays.map(\.name) == arrays.map(\.name))
    for (name, tensor) in arrays {
      let found = try #require(file[name])
      #expect(found.type == TensorType(tensor.shape, tensor.dtype == .bfloat16 ? .float32 : tensor.dtype), "\(name)")
      #expect(found.doubles == tensor.doubles, "\(name)")
      try NPYFile.write(tensor, to: directory.file("one.npy"))
      #expect(bits(try NPYFile.read(directory.file("one.npy"))) == bits(found))
    }
    try NPZFile.write([], to: path)
    #expect(try NPZFile(path: path).arrays.isEmpty)
    expectError(.notRepresentable, path, "the name 'a' is given to two arrays") {
      try NPZFile.write([("a", .ones([1])), ("a", .ones([1]))], to: path)
    }
  }

  // MARK: Damaged files

  private func npy(_ header: String, dataCount: Int = 0, version: UInt8 = 1) -> [UInt8] {
    let text = Array(header.utf8)
    let length = [UInt8(truncatingIfNeeded: text.count), UInt8(truncatingIfNeeded: text.count >> 8)]
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + text + Array(repeating: 1, count: dataCount)
  }

  @Test(
    arguments: [
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, .truncated,
        "the shape [2] needs more bytes than the file holds"
      ),
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, .malformed,
        "more bytes follow where the file should end"
      ),
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 8, .truncated,
        "the shape [4294967296, 4294967296] needs more bytes than the file holds"
      ),
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 8, .malformed,
        "the array's header has an extent beyond any array"
      ),
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }", 4, .unsupported,
        "there are 9 axes; tensors have at most 8"
      ),
      (
        "{'descr': '|b1', 'fortran_order': False, 'shape': (-1,), }", 4, .malformed,
        "the array's header lacks a whole number at byte 51"
      ),
      (
        "{'descr': '<f4', 'fortran_order': False, }", 4, .malformed,
        "the array's header lacks descr, fortran_order or shape"
      ),
      ("{'descr': '<f4', 'x': 1}", 4, .malformed, "the array's header has the unknown key 'x'"),
      ("{'descr': '<f4' 'shape': ()}", 4, .malformed, "the array's header lacks a comma"),
      ("{'descr': '<f4", 4, .malformed, "the array's header has a text without end"),
      ("", 0, .malformed, "the array's header lacks '{' at byte 0"),
      ("{'fortran_order': Maybe}", 4, .malformed, "the array's header lacks True or False at byte 18"),
      (
        "{'descr': '<f4', 'fortran_order': False, 'shape': 3}", 4, .malformed, "the array's header lacks '(' at byte 50"
      ),
    ] as [(String, Int, FileFormatError.Kind, String)])
  func damagedHeaders(header: String, dataCount: Int, kind: FileFormatError.Kind, sentence: String) {
    let path = directory.file("a.npy", npy(header, dataCount: dataCount))
    expectError(kind, path, sentence) { _ = try NPYFile.read(path) }
  }

  @Test func otherFiles() {
    for (name, sentence) in [
      ("complex.npy", "the elements are of type '<c16', which tensors cannot hold"),
      ("texts.npy", "the elements are of type '<U2', which tensors cannot hold"),
      ("records.npy", "the elements are records of several fields, which tensors cannot hold"),
    ] {
      expectError(.unsupported, fixturePath(name), sentence) { _ = try NPYFile.read(fixturePath(name)) }
    }
    let path = directory.file("a.npy", [1, 2, 3])
    expectError(.wrongFormat, path, "this is not an array in NumPy's format; the text NUMPY is absent") {
      _ = try NPYFile.read(path)
    }
    expectError(.wrongFormat, path, "this is not a ZIP archive; its directory is not found at the end") {
      _ = try NPZFile(path: path)
    }
    let old = directory.file("old.npy", npy("{}", version: 9))
    expectError(.unsupported, old, "the array has version 9 of NumPy's format; expected 1 to 3") {
      _ = try NPYFile.read(old)
    }
    var truth = npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,), }", dataCount: 2)
    truth[truth.count - 1] = 7
    let damaged = directory.file("truth.npy", truth)
    expectError(.malformed, damaged, "an array of truth values holds a 7; expected 0 or 1") {
      _ = try NPYFile.read(damaged)
    }
  }

  /// No bytes crash the readers, and whoever changes an element is found out by the checksum.
  @Test(arguments: ["arrays.npz", "arrays_deflated.npz"]) func mutatedArchives(_ name: String) throws {
    let seed = contents(fixturePath(name))
    let path = directory.file("fuzz.npz")
    let expected = try NPZFile(path: fixturePath(name))
    var random = TestRandom(seed: 4)
    var readable = 0
    for round in 0..<1500 {
      var bytes = seed
      if round % 3 == 0 {
        bytes.removeLast(Int.random(in: 1...bytes.count, using: &random))
      } else {
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          // The directory at the end is hit as often as all the rest.
          let first = Bool.random(using: &random) ? 0 : bytes.count - 1400
          bytes[Int.random(in: first..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        }
      }
      write(bytes, to: path)
      do throws(FileFormatError) {
        let file = try NPZFile(path: path)
        readable += 1
        for (name, tensor) in file.arrays {
          if let same = expected[name], same.type == tensor.type { #expect(bits(same) == bits(tensor), "\(name)") }
        }
      } catch {
        #expect(error.path == path && error.description.hasSuffix(".") && !error.description.utf8.contains(10))
      }
    }
    #expect(readable > 50)  // times and versions may be anything
  }

  @Test func mutatedArrays() throws {
    let seed = contents(fixturePath("matrix.npy"))
    var random = TestRandom(seed: 6)
    for _ in 0..<5000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 6..<80, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = .random(in: 0...255, using: &random)
        case 1:
          bytes.insert(contentsOf: Array("(,)'19{}<>".utf8).randomElement(using: &random).map { [$0] }!, at: place)
        default: bytes.remove(at: place)
        }
      }
      let path = directory.file("fuzz.npy", bytes)
      if let tensor = try? NPYFile.read(path) { #expect(tensor.type.byteCount <= 2 * bytes.count) }
    }
  }
}
