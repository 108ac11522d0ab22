#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Files that are fetched once, checked and kept.
///
/// The system's own tools do the work: `curl` or `wget` fetch, `sha256sum`, `md5sum` or `shasum` check, `tar` unpacks. So a program that never
/// downloads carries no network and no cryptography, and proxies and certificates are those of the system.
///
/// ```swift
/// let corpus = Download(
///   "corpus", [.init("corpus.txt", from: ["https://example.org/corpus.txt"], checksum: .sha256("86c4…"))])
/// let path = try corpus.fetch() + "/corpus.txt"
/// ```
public struct Download: Sendable, Hashable {
  /// What a file must be.
  public enum Checksum: Sendable, Hashable, CustomStringConvertible {
    /// In hexadecimal digits.
    case sha256(String)
    /// For files of which the publisher gives no other: it reveals damage, but not a forgery.
    case md5(String)

    public var description: String {
      switch self {
      case .sha256(let digits): "SHA-256 \(digits)"
      case .md5(let digits): "MD5 \(digits)"
      }
    }
  }

  /// One of the files.
  public struct File: Sendable, Hashable {
    public let name: String
    /// Where it is found; the first that works is used.
    public let addresses: [String]
    public let checksum: Checksum
    /// If it is an archive (.tar.gz), the folder that it holds, into which it is unpacked.
    public let folder: String?

    public init(_ name: String, from addresses: [String], checksum: Checksum, unpackedInto folder: String? = nil) {
      (self.name, self.addresses, self.checksum, self.folder) = (name, addresses, checksum, folder)
    }
  }

  /// Of the set, and of its folder in the cache.
  public let name: String
  public let files: [File]

  public init(_ name: String, _ files: [File]) { (self.name, self.files) = (name, files) }

  /// Where downloads are kept: `$APUS_CACHE`, or `apus` in `$XDG_CACHE_HOME` or in `~/.cache`.
  /// - Throws: `DatasetError` if none of these variables and no home is set.
  public static func cache() throws(DatasetError) -> String {
    func value(_ name: String) -> String? {
      getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
    if let path = value("APUS_CACHE") { return path }
    if let path = value("XDG_CACHE_HOME") { return path + "/apus" }
    if let path = value("HOME") { return path + "/.cache/apus" }
    throw DatasetError("downloads have no place: set the environment variable APUS_CACHE to a directory")
  }

  /// Fetches the files that are not there yet.
  ///
  /// A file takes its name only after its checksum was found right. Files that are there already are used as they are.
  /// - Parameter directory: where they are kept; by default a folder of the set's name in the ``cache()``.
  /// - Returns: the directory.
  /// - Throws: `DatasetError` if that fails, as without a network: it names the directory, and for every file that is missing its addresses and
  ///   its checksum, for fetching them by hand. `FileFormatError` if the directory cannot be made.
  @discardableResult
  public func fetch(into directory: String? = nil) throws -> String {
    try fetch(into: directory ?? "\(Self.cache())/\(name)", tools: DownloadTools())
  }

  func fetch(into directory: String, tools: DownloadTools) throws -> String {
    let missing = files.filter { !exists("\(directory)/\($0.folder ?? $0.name)") }
    guard !missing.isEmpty else { return directory }
    try FileSystem.makeDirectory(directory)
    do throws(DownloadTools.Failure) {
      for file in missing {
        let path = "\(directory)/\(file.name)"
        // An archive may have come by hand.
        if !exists(path) { try tools.fetch(file, to: path) }
        if let folder = file.folder { try tools.unpack(path, folder: folder, into: directory) }
      }
    } catch {
      let left = files.filter { !exists("\(directory)/\($0.folder ?? $0.name)") }
      throw DatasetError(
        "\(name) cannot be downloaded: \(error.reason). Put these files into \(directory) by hand:",
        details: left.map { "\($0.name)  \($0.addresses.joined(separator: " or "))  \($0.checksum)" })
    }
    return directory
  }

  private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}

/// The programs that do the work.
struct DownloadTools {
  struct Failure: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  /// Where programs are looked for; nil for where the shell does.
  var searchPath: String?

  /// Fetches a file to `path`, which it only gets if its checksum is right.
  func fetch(_ file: Download.File, to path: String) throws(Failure) {
    var reasons: [String] = []
    let temporary = "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36)).part"
    defer { unlink(temporary) }
    for address in file.addresses {
      do throws(Failure) {
        try load(address, to: temporary)
        try check(temporary, file.checksum)
        guard rename(temporary, path) == 0 else { throw Failure("\(path): \(String(cString: strerror(errno)))") }
        return
      } catch { reasons.append("\(address): \(error.reason)") }
    }
    throw Failure(reasons.joined(separator: "; "))
  }

  private func load(_ address: String, to path: String) throws(Failure) {
    // An address that begins with a hyphen would be an option.
    let choices = [
      (
        "curl",
        [
          "--fail", "--silent", "--show-error", "--location", "--retry", "2", "--connect-timeout", "20", "--output",
          path, "--", address,
        ]
      ),
      ("wget", ["--quiet", "--tries=3", "--timeout=20", "--output-document=\(path)", "--", address]),
    ]
    for (name, arguments) in choices {
      guard let program = Subprocess.find(name, in: searchPath) else { continue }
      if isatty(2) == 1 { report("downloading \(address)\n") }
      guard let run = Subprocess(program, arguments) else { throw Failure("\(name) cannot be started") }
      guard run.status == 0 else {
        let text =
          run.output.split(whereSeparator: \.isNewline).last.map(String.init) ?? "\(name) ended with \(run.status)"
        throw Failure(shown(text, limit: 200))
      }
      return
    }
    throw Failure("neither curl nor wget is installed")
  }

  private func report(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress!, $0.count) } }

  private func check(_ path: String, _ checksum: Download.Checksum) throws(Failure) {
    let (expected, choices): (String, [(String, [String])]) =
      switch checksum {
      case .sha256(let digits): (digits, [("sha256sum", ["--", path]), ("shasum", ["-a", "256", path])])
      case .md5(let digits): (digits, [("md5sum", ["--", path]), ("md5", ["-q", path])])
      }
    for (name, arguments) in choices {
      guard let program = Subprocess.find(name, in: searchPath) else { continue }
      guard let run = Subprocess(program, arguments), run.status == 0 else {
        throw Failure("\(name) cannot check the file")
      }
      // A name with strange characters is announced by a backslash.
      let found = run.output.drop { $0 == "\\" }.prefix { $0.isHexDigit }
      guard found.lowercased() == expected.lowercased() else {
        throw Failure("the file that came has the checksum \(found); expected \(expected)")
      }
      return
    }
    throw Failure("\(choices.map(\.0).joined(separator: " or ")), which checks the file, is not installed")
  }

  /// Unpacks an archive beside itself; `folder` gets its name when it is complete. Of several processes that do so at once the first
  /// one's folder stays.
  func unpack(_ path: String, folder: String, into directory: String) throws(Failure) {
    let temporary = "\(directory)/.\(String(UInt64.random(in: .min ... .max), radix: 36)).part"
    guard mkdir(temporary, 0o777) == 0 else { throw Failure("\(temporary): \(String(cString: strerror(errno)))") }
    defer { FileSystem.remove(temporary) }
    guard let tar = Subprocess.find("tar", in: searchPath) else {
      throw Failure("tar, which unpacks \(path), is not installed")
    }
    guard let run = Subprocess(tar, ["-xzf", path, "-C", temporary]), run.status == 0 else {
      throw Failure("\(path) cannot be unpacked; remove it")
    }
    let (unpacked, target) = ("\(temporary)/\(folder)", "\(directory)/\(folder)")
    guard FileSystem.isDirectory(unpacked) else {
      throw Failure("\(path) does not hold the folder \(folder); remove it")
    }
    if rename(unpacked, target) == 0 { return }
    let code = errno
    // Renaming replaces no folder with files in it: another process was faster.
    guard code == EEXIST || code == ENOTEMPTY, FileSystem.isDirectory(target) else {
      throw Failure("\(target): \(String(cString: strerror(code)))")
    }
  }
}
