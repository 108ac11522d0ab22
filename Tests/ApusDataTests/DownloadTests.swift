import ApusFiles
import ApusTestSupport
import Testing

@testable import ApusData

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Downloads by programs that stand in for curl, wget and the others, and by the real curl from a file.
@Suite struct DownloadTests {
  private let directory = ScratchDirectory()

  /// A program of that name in a folder of the test's, which becomes the only place where programs are looked for.
  ///
  /// A shell writes it: a file that this process writes itself may stay open in a child that another test starts meanwhile, and the
  /// system starts no program that somebody is writing (ETXTBSY).
  private func tool(_ name: String, _ script: String) {
    let write = "mkdir -p \"${0%/*}\" && printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""
    #expect(Subprocess("/bin/sh", ["-c", write, directory.file("bin/\(name)"), script])?.status == 0)
  }

  private var tools: DownloadTools { DownloadTools(searchPath: directory.file("bin")) }

  /// Writes the text "swift" to what follows --output, or to what --output-document= names.
  private static let curl = """
    while [ "$1" != --output ]; do shift; done
    echo swift > "$2"
    """

  private static let checker = "echo \"0123abcd  $2\""

  private let one = Download(
    "birds", [.init("swift.txt", from: ["https://example.org/swift.txt"], checksum: .sha256("0123ABCD"))])

  @Test func fetchesOnceAndKeeps() throws {
    tool("curl", Self.curl + "\necho \"$@\" >> \(directory.file("calls"))")
    tool("sha256sum", Self.checker)
    let folder = directory.file("cache/birds")
    for _ in 0..<2 {
      #expect(try one.fetch(into: folder, tools: tools) == folder)
      #expect(ScratchDirectory.bytes(folder + "/swift.txt") == Array("swift\n".utf8))
    }
    let calls = String(decoding: ScratchDirectory.bytes(directory.file("calls")), as: UTF8.self)
    #expect(calls.split(separator: "\n").count == 1 && calls.hasSuffix("-- https://example.org/swift.txt\n"))
    #expect(try FileSystem.names(in: folder) == ["swift.txt"])
  }

  @Test func wgetAndShasumServeToo() throws {
    tool("wget", "for word; do case $word in --output-document=*) echo swift > \"${word#*=}\";; esac; done")
    tool("shasum", "[ \"$1 $2\" = '-a 256' ] && echo \"0123abcd  $3\"")
    _ = try one.fetch(into: directory.file("birds"), tools: tools)
    #expect(ScratchDirectory.bytes(directory.file("birds/swift.txt")) == Array("swift\n".utf8))
  }

  @Test func theSecondAddressMayWork() throws {
    tool("curl", "case \"$*\" in *first*) echo 'no such host' >&2; exit 6;; esac\n" + Self.curl)
    tool("md5sum", "echo 77")
    let both = Download("both", [.init("a", from: ["first", "second"], checksum: .md5("77"))])
    _ = try both.fetch(into: directory.path, tools: tools)
    #expect(ScratchDirectory.bytes(directory.file("a")) == Array("swift\n".utf8))
  }

  /// What goes wrong, and the reason that the message gives.
  private static let failures: [(tools: [String: String], reason: String)] = [
    ([:], "https://example.org/swift.txt: neither curl nor wget is installed"),
    (
      ["curl": "echo 'curl: (6) Could not resolve host: example.org' >&2; exit 6"],
      "https://example.org/swift.txt: curl: (6) Could not resolve host: example.org"
    ),
    (["wget": "exit 4"], "https://example.org/swift.txt: wget ended with 4"),
    (
      ["curl": curl],
      "https://example.org/swift.txt: sha256sum or shasum, which checks the file, is not installed"
    ),
    (
      ["curl": curl, "sha256sum": "echo 'ff  file'"],
      "https://example.org/swift.txt: the file that came has the checksum ff; expected 0123ABCD"
    ),
    (["curl": curl, "sha256sum": "exit 1"], "https://example.org/swift.txt: sha256sum cannot check the file"),
    (["curl": "kill -9 $$"], "https://example.org/swift.txt: curl ended with 137"),
  ]

  @Test(arguments: failures.indices) func offlineSaysWhatToDo(_ number: Int) throws {
    let (programs, reason) = Self.failures[number]
    mkdir(directory.file("bin"), 0o777)
    for (name, script) in programs { tool(name, script) }
    let folder = directory.file("birds")
    let error = #expect(throws: DatasetError.self) { try one.fetch(into: folder, tools: tools) }
    #expect(
      error?.description
        == "birds cannot be downloaded: \(reason). Put these files into \(folder) by hand:\n"
        + "  swift.txt  https://example.org/swift.txt  SHA-256 0123ABCD")
    // Nothing half done stays.
    #expect(try FileSystem.names(in: folder).isEmpty)
    // Whoever follows the advice needs no tools.
    directory.file("birds/swift.txt", [1])
    #expect(try one.fetch(into: folder, tools: tools) == folder)
  }

  /// The system's own curl, sha256sum and tar, from a file.
  @Test(
    .enabled(
      if: ["curl", "sha256sum", "tar"].allSatisfy { Subprocess.find($0) != nil }, "curl, sha256sum or tar is absent"))
  func realTools() throws {
    let source = directory.file("inner/a.txt", "swift\n".utf8)
    let tar = try #require(Subprocess.find("tar"))
    let archive = directory.file("inner.tar.gz")
    #expect(Subprocess(tar, ["-czf", archive, "-C", directory.path, "inner"])?.status == 0)
    let sha256sum = try #require(Subprocess.find("sha256sum"))
    let sum = try #require(Subprocess(sha256sum, [archive])).output.prefix(64)
    let set = Download(
      "set",
      [
        .init(
          "inner.tar.gz", from: ["file:///no/such", "file://\(archive)"], checksum: .sha256(String(sum)),
          unpackedInto: "inner"),
        // By the standard's example, FIPS 180-4: "abc".
        .init(
          "abc", from: ["file://" + directory.file("abc", "abc".utf8)],
          checksum: .sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
      ])
    let folder = directory.file("cache")
    _ = try set.fetch(into: folder, tools: DownloadTools())
    #expect(ScratchDirectory.bytes(folder + "/inner/a.txt") == ScratchDirectory.bytes(source))
    #expect(try FileSystem.names(in: folder) == ["abc", "inner", "inner.tar.gz"])
    let wrong = Download("wrong", [.init("abc", from: ["file://" + directory.file("abc")], checksum: .sha256("00"))])
    let error = #expect(throws: DatasetError.self) {
      try wrong.fetch(into: directory.file("wrong"), tools: DownloadTools())
    }
    #expect(error?.description.contains("has the checksum ba7816bf8f01cfea") == true)
  }

  private let archive = Download(
    "set", [.init("inner.tar.gz", from: ["x"], checksum: .md5("77"), unpackedInto: "inner")])

  @Test("an archive that ends too early leaves nothing behind, however often it is tried") func truncatedArchive()
    throws
  {
    tool("tar", "mkdir -p \"$4/inner/deep\"; echo half > \"$4/inner/deep/file\"; ln -s / \"$4/link\"; exit 2")
    directory.file("cache/inner.tar.gz", [1])
    let folder = directory.file("cache")
    for _ in 0..<3 {
      let error = #expect(throws: DatasetError.self) { try archive.fetch(into: folder, tools: tools) }
      #expect(error?.description.contains("\(folder)/inner.tar.gz cannot be unpacked; remove it") == true)
      #expect(try FileSystem.names(in: folder) == ["inner.tar.gz"])
    }
    tool("tar", "mkdir \"$4/other\"")
    let error = #expect(throws: DatasetError.self) { try archive.fetch(into: folder, tools: tools) }
    #expect(error?.description.contains("inner.tar.gz does not hold the folder inner; remove it") == true)
    #expect(try FileSystem.names(in: folder) == ["inner.tar.gz"])
  }

  @Test("of two that unpack at once the first one's folder stays, and both are content") func unpackingAtOnce() throws {
    let folder = directory.file("cache")
    directory.file("cache/inner.tar.gz", [1])
    // Meanwhile another process has finished.
    tool(
      "tar", "mkdir \"$4/inner\" \(folder)/inner; echo second > \"$4/inner/file\"; echo first > \(folder)/inner/file")
    #expect(try archive.fetch(into: folder, tools: tools) == folder)
    #expect(ScratchDirectory.bytes("\(folder)/inner/file") == Array("first\n".utf8))
    #expect(try FileSystem.names(in: folder) == ["inner", "inner.tar.gz"])
  }

  @Test("a file where the folder should be is said to be in the way") func aFileInTheWay() throws {
    let folder = directory.file("cache")
    directory.file("cache/inner.tar.gz", [1])
    tool("tar", "mkdir \"$4/inner\"; echo x > \(folder)/inner")
    let error = #expect(throws: DatasetError.self) { try archive.fetch(into: folder, tools: tools) }
    #expect(error?.description.contains("\(folder)/inner: Not a directory") == true, "\(error?.description ?? "")")
    #expect(try FileSystem.names(in: folder) == ["inner", "inner.tar.gz"])
  }

  /// In processes of their own: the environment belongs to the whole process.
  @Test("the cache's place is told by APUS_CACHE, then XDG_CACHE_HOME, then HOME") func cache() async {
    await #expect(processExitsWith: .success) {
      setenv("HOME", "/home/bird", 1)
      setenv("XDG_CACHE_HOME", "/cache", 1)
      setenv("APUS_CACHE", "/apus", 1)
      func expect(_ path: String) throws { try #require(try Download.cache() == path) }
      try expect("/apus")
      setenv("APUS_CACHE", "", 1)  // as if it were not there
      try expect("/cache/apus")
      unsetenv("XDG_CACHE_HOME")
      try expect("/home/bird/.cache/apus")
      unsetenv("HOME")
      #expect(
        throws: DatasetError("downloads have no place: set the environment variable APUS_CACHE to a directory")
      ) { try Download.cache() }
    }
  }

  @Test func knownSetsAreComplete() {
    for (set, count) in [(Download.mnist, 4), (.fashionMNIST, 4), (.cifar10, 1), (.cifar100, 1)] {
      #expect(set.files.count == count)
      for file in set.files {
        switch file.checksum {
        case .sha256(let digits): #expect(digits.count == 64 && digits.allSatisfy(\.isHexDigit))
        case .md5(let digits): #expect(digits.count == 32 && digits.allSatisfy(\.isHexDigit))
        }
        #expect(file.addresses.allSatisfy { $0.hasPrefix("http") && $0.hasSuffix(file.name) })
      }
    }
  }

  @Test(
    .enabled(if: sharedPath("mnist") != nil && Subprocess.find("sha256sum") != nil, "the data are not on this machine"))
  func publishedChecksumsFitTheRealFiles() throws {
    let folder = try #require(sharedPath("mnist"))
    let sum = try #require(Subprocess.find("sha256sum"))
    for file in Download.mnist.files where file.name.hasPrefix("t10k") {
      let found = try #require(Subprocess(sum, ["\(folder)/\(file.name)"])).output.prefix(64)
      #expect(file.checksum == .sha256(String(found)))
    }
  }
}
