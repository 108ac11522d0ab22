import ApusCore
import Testing

@testable import ApusFiles
@testable import ApusFormats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A failed write leaves the old file as it was and nothing beside it.
@Suite struct AtomicFileTests {
  private let directory = TemporaryDirectory()
  private static let old: [UInt8] = Array("the old file".utf8)
  private static let tensors = [("a", Tensor((0..<100_000).map(Double.init)))]

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  @Test func replaces() throws {
    let path = directory.file("x", Self.old)
    chmod(path, 0o640)
    try SafetensorsFile.write(Self.tensors, to: path)
    #expect(try SafetensorsFile(path: path)["a"]?.count == 100_000)
    #expect(mode(path) == 0o640)
    #expect(directory.names == ["x"])
  }

  @Test func keepsSymbolicLinks() throws {
    let path = directory.file("x", Self.old)
    let link = directory.file("link")
    symlink("x", link)
    try SafetensorsFile.write(Self.tensors, to: link)
    #expect(try SafetensorsFile(path: path)["a"]?.count == 100_000)
    var status = stat()
    #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
  }

  @Test func longNames() throws {
    let path = directory.file(String(repeating: "n", count: 255))
    try SafetensorsFile.write(Self.tensors, to: path)
    #expect(try SafetensorsFile(path: path).tensors.count == 1)
    let longer = directory.file(String(repeating: "n", count: 256))
    expectError(.unwritable, longer, "the file cannot be written (File name too long)") {
      try SafetensorsFile.write(Self.tensors, to: longer)
    }
    #expect(directory.names.count == 1)
  }

  @Test func wrongPaths() {
    func refuse(_ kind: FileFormatError.Kind, _ path: String, _ sentence: String) {
      expectError(kind, path, sentence) { try SafetensorsFile.write(Self.tensors, to: path) }
    }
    let path = directory.path
    refuse(.notFound, "\(path)/absent/x", "there is no directory '\(path)/absent'")
    refuse(.isDirectory, path, "this is a directory; name a file")
    refuse(.isDirectory, "\(path)/absent/", "this is a directory; name a file")
    refuse(.notFound, "", "there is no such file; check the path")
    refuse(.notARegularFile, "/dev/null", "this is a device, a pipe or a socket; name a file")
    refuse(.unwritable, directory.file("f", [1]) + "/x", "the file cannot be written (Not a directory)")
  }

  @Test func failureInTheMiddle() {
    let path = directory.file("x", Self.old)
    let failure = FileFormatError(.malformed, path: path, "made for this test")
    #expect(throws: failure) {
      try AtomicFile.write(to: path) { (writer) throws(FileFormatError) in
        try writer.write(Array(repeating: 7, count: 100_000))
        throw failure
      }
    }
    #expect(contents(path) == Self.old)
    #expect(directory.names == ["x"])
  }

  #if os(Linux)
    @Test func fullDisk() {
      let descriptor = open("/dev/full", O_WRONLY)
      defer { close(descriptor) }
      expectError(.diskFull, "model", "the file cannot be written (No space left on device)") {
        try FileWriter(descriptor: descriptor, path: "model").write([1, 2, 3])
      }
    }

    /// The process may write files of at most 4,096 bytes.
    @Test func limitedFileSize() async {
      let path = directory.file("x", Self.old)
      await #expect(processExitsWith: .success) { [path = path as String] in
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: 4096, rlim_max: 4096)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        do throws(FileFormatError) {
          try SafetensorsFile.write([("a", Tensor((0..<100_000).map(Double.init)))], to: path)
          exit(1)
        } catch {
          exit(error.description == "\(path): the file cannot be written (File too large)." ? 0 : 2)
        }
      }
      #expect(contents(path) == Self.old)
      #expect(directory.names == ["x"])
    }

    /// A directory that the user may not write into.
    @Test func forbiddenDirectory() async {
      let path = directory.file("x", Self.old)
      chmod(path, 0o666)
      chmod(directory.path, 0o555)
      await #expect(processExitsWith: .success) { [path = path as String] in
        // The administrator may write anywhere.
        if geteuid() == 0 { setuid(65534) }
        do throws(FileFormatError) {
          try SafetensorsFile.write([("a", Tensor([1.0]))], to: path)
          exit(1)
        } catch {
          exit(error.description == "\(path): the file may not be written (Permission denied)." ? 0 : 2)
        }
      }
      chmod(directory.path, 0o755)
      #expect(contents(path) == Self.old)
    }

    /// A file that was made read-only is not replaced, although its directory would allow that.
    @Test func readOnlyFile() async {
      let path = directory.file("x", Self.old)
      chmod(path, 0o444)
      chmod(directory.path, 0o777)
      await #expect(processExitsWith: .success) { [path = path as String] in
        if geteuid() == 0 { setuid(65534) }
        do throws(FileFormatError) {
          try SafetensorsFile.write([("a", Tensor([1.0]))], to: path)
          exit(1)
        } catch {
          exit(error.kind == .permissionDenied ? 0 : 2)
        }
      }
      #expect(contents(path) == Self.old)
    }

    /// The process is killed while it writes.
    @Test func killed() async {
      let path = directory.file("x", Self.old)
      await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
        try AtomicFile.write(to: path) { (writer) throws(FileFormatError) in
          try writer.write(Array(repeating: 7, count: 100_000))
          kill(getpid(), SIGKILL)
        }
      }
      #expect(contents(path) == Self.old)
    }
  #endif
}
