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

/// A directory of a test's own, which disappears with the test.
final class TemporaryDirectory {
  let path: String

  init() {
    var template = Array("/tmp/apus-formats-XXXXXX".utf8CString)
    _ = mkdtemp(&template)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in names { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The files in it.
  var names: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes a file of these bytes.
  func file(_ name: String, _ bytes: [UInt8]) -> String {
    write(bytes, to: file(name))
    return file(name)
  }
}

/// Writes a file, plainly.
func write(_ bytes: [UInt8], to path: String) {
  let file = fopen(path, "w")!
  fwrite(bytes, 1, bytes.count, file)
  fclose(file)
}

func contents(_ path: String) -> [UInt8] {
  guard let file = try? LocalFile(reading: path), let bytes = try? file.bytes(at: 0, count: file.size) else {
    return []
  }
  return bytes
}

/// The bytes of a safetensors file with this header and `dataCount` zeros.
func safetensors(_ header: String, dataCount: Int = 0) -> [UInt8] {
  let header = Array(header.utf8)
  return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header
    + Array(repeating: 0, count: dataCount)
}

/// The elements as they lie in memory.
func bits(_ tensor: Tensor) -> [UInt8] { tensor.withHostBytes { Array($0) } }

/// Checks that `body` fails with this kind and sentence; `$` in it stands for the path.
func expectError(
  _ kind: FileFormatError.Kind, _ path: String, _ sentence: String, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("nothing was thrown; expected '\(sentence)'", sourceLocation: sourceLocation)
  } catch {
    guard let error = error as? FileFormatError else {
      Issue.record("\(error) is no FileFormatError", sourceLocation: sourceLocation)
      return
    }
    #expect(error.kind == kind, sourceLocation: sourceLocation)
    #expect(error.path == path, sourceLocation: sourceLocation)
    #expect(error.description == "\(path): \(sentence).", sourceLocation: sourceLocation)
  }
}

/// A small reproducible generator (SplitMix64).
struct TestRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
