#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The path of a file in the folder `Fixtures` beside the test that asks.
public func fixturePath(_ name: String, beside test: String = #filePath) -> String {
  String(test[...test.lastIndex(of: "/")!]) + "Fixtures/" + name
}

/// A file of data that lies outside of the package, beside it, where a machine has it; nil where not.
public func sharedPath(_ name: String, test: String = #filePath) -> String? {
  // The tests lie in <package>/Tests/<target>/.
  let path = test.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/../shared/data/\(name)"
  return access(path, F_OK) == 0 ? path : nil
}

/// A directory of a test's own, which disappears with the test and everything in it.
public final class ScratchDirectory: Sendable {
  public let path: String

  public init() {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "no temporary directory can be made")
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  /// The names in it.
  public var names: [String] { Self.names(path) }

  /// The path of a file in it, after making it and the folders above it.
  @discardableResult
  public func file(_ name: String, _ bytes: some Collection<UInt8>) -> String {
    let target = "\(path)/\(name)"
    for (i, character) in name.enumerated() where character == "/" { mkdir("\(path)/\(name.prefix(i))", 0o777) }
    let file = fopen(target, "w")!
    let bytes = Array(bytes)
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
    return target
  }

  /// The path of a file that need not be there.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The bytes of a file; empty if there is none.
  public static func bytes(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&piece, 1, piece.count, file), count > 0 { bytes += piece[..<count] }
    return bytes
  }

  private static func names(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func remove(_ path: String) {
    for name in names(path) { remove("\(path)/\(name)") }
    if unlink(path) != 0 { rmdir(path) }
  }
}
