import ApusCore
import Testing

@testable import ApusFormats

/// No bytes may crash the reader, make it take memory that the file does not have, or give tensors that differ from the
/// file.
@Suite struct SafetensorsFuzzTests {
  private let directory = TemporaryDirectory()

  private static let seed: [UInt8] = {
    let header =
      #"{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
      + #""e":{"dtype":"I64","shape":[0],"data_offsets":[24,24]},"#
      + #""m":{"dtype":"BOOL","shape":[2],"data_offsets":[24,26]}}"#
    return safetensors(header, dataCount: 26)
  }()

  private static let pieces: [[UInt8]] = [
    "0", "1", "9", "-", "e", ".", ",", "[", "]", "{", "}", "\"", "9223372036854775807", "18446744073709551616", "F64",
    "U8",
    "BF16", "F16", "shape", "null", "true", "4294967296,4294967296", "\\u", "\\ud800", "é", " ",
  ].map { Array($0.utf8) }

  private func check(_ bytes: [UInt8]) throws {
    let path = directory.file("fuzz", bytes)
    do throws(FileFormatError) {
      let file = try SafetensorsFile(path: path)
      let size = file.tensors.reduce(0) { $0 + $1.tensor.type.byteCount }
      #expect(size <= bytes.count)
      #expect(Set(file.tensors.map(\.name)).count == file.tensors.count)
    } catch {
      #expect(error.path == path && error.description.hasSuffix(".") && !error.description.utf8.contains(10))
    }
  }

  @Test func truncations() throws {
    for count in 0..<Self.seed.count { try check(Array(Self.seed.prefix(count))) }
    try check(Self.seed)
    _ = try SafetensorsFile(path: directory.file("fuzz"))
  }

  @Test func mutations() throws {
    var random = TestRandom(seed: 11)
    let headerCount = Int(Self.seed[0]) | Int(Self.seed[1]) << 8
    for round in 0..<5_000 {
      var bytes = Self.seed
      var header = headerCount
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 8..<(8 + max(1, min(header, bytes.count - 8))), using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[min(place, bytes.count - 1)] = UInt8.random(in: 0...255, using: &random)
        case 1, 2:
          let piece = Self.pieces.randomElement(using: &random)!
          bytes.insert(contentsOf: piece, at: min(place, bytes.count))
          header += piece.count
        default:
          let end = min(bytes.count, place + Int.random(in: 0...3, using: &random))
          guard end - 9 > place else { continue }
          bytes.removeSubrange(place..<end)
          header -= end - place
        }
      }
      // Most files keep a length that is right, so that the errors behind it are reached.
      if round % 8 == 0 {
        bytes[Int.random(in: 0..<8, using: &random)] = UInt8.random(in: 0...255, using: &random)
      } else {
        for i in 0..<8 { bytes[i] = UInt8(truncatingIfNeeded: header >> (8 * i)) }
      }
      try check(bytes)
    }
  }

  @Test func randomNumbersInValidHeaders() throws {
    var random = TestRandom(seed: 12)
    let numbers = ["-1", "0", "1", "2", "3", "4", "8", "24", "26", "4611686018427387904", "9223372036854775807"]
    func number() -> String { numbers.randomElement(using: &random)! }
    for _ in 0..<4_000 {
      let tensors = (0..<Int.random(in: 1...3, using: &random)).map { i in
        let shape = (0..<Int.random(in: 0...9, using: &random)).map { _ in number() }.joined(separator: ",")
        let type = ["U8", "F32", "BOOL", "F64"].randomElement(using: &random)!
        return "\"\(i)\":{\"dtype\":\"\(type)\",\"shape\":[\(shape)],\"data_offsets\":[\(number()),\(number())]}"
      }
      try check(safetensors("{\(tensors.joined(separator: ","))}", dataCount: Int.random(in: 0...26, using: &random)))
    }
  }
}
