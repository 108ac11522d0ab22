#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Writing a file as a whole or not at all.
///
/// The bytes go into a temporary file beside the target, which takes the target's name only when all of them are on the
/// disk. Whoever reads the target, also after the machine lost power, finds the old file or the new one.
package enum AtomicFile {
  /// Replaces or makes the file at `path` with what `body` writes. If anything fails, an existing file stays as it is.
  package static func write(
    to path: String, _ body: (FileWriter) throws(FileFormatError) -> Void
  ) throws(FileFormatError) {
    let target = try Target(path)
    let (descriptor, temporary) = try makeTemporary(in: target.directory, for: path)
    var isOpen = true
    do throws(FileFormatError) {
      // A file that only its owner may read does not become readable for all.
      if let mode = target.mode { try check(fchmod(descriptor, mode), path) }
      try body(FileWriter(descriptor: descriptor, path: path))
      try check(fsync(descriptor), path)
      // Network file systems report here what they could not write.
      isOpen = false
      try check(close(descriptor), path)
      try check(rename(temporary, target.path), path)
    } catch {
      if isOpen { close(descriptor) }
      unlink(temporary)
      throw error
    }
    try synchronizeDirectory(target.directory, for: path)
  }

  /// Checks that ``write(to:_:)`` could write a file at `path`, without changing what is there.
  package static func check(_ path: String) throws(FileFormatError) {
    let (descriptor, temporary) = try makeTemporary(in: try Target(path).directory, for: path)
    close(descriptor)
    unlink(temporary)
  }

  /// Where to write, checked as far as that is possible beforehand.
  private struct Target {
    /// Behind symbolic links: those stay, and what they point to is replaced.
    let path: String
    let directory: String
    /// The permissions of the file that is there.
    let mode: mode_t?

    init(_ path: String) throws(FileFormatError) {
      guard !path.isEmpty && !path.utf8.contains(0) else { throw FileFormatError(system: ENOENT, .write, path: path) }
      guard path.utf8.last != UInt8(ascii: "/") else { throw FileFormatError(directory: path) }
      var status = stat()
      if stat(path, &status) == 0 {
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw FileFormatError(directory: path)
        // Its name could be taken, but writing to /dev/null should not destroy it.
        default: throw FileFormatError(irregular: path)
        }
        // Replacing needs no permission to write the old file; who took it away wants to keep the file.
        try check(access(path, W_OK), path)
        guard let resolved = realpath(path, nil) else { throw FileFormatError(system: errno, .write, path: path) }
        defer { free(resolved) }
        self.path = String(cString: resolved)
        mode = status.st_mode & 0o777
      } else {
        guard errno == ENOENT else { throw FileFormatError(system: errno, .write, path: path) }
        self.path = path
        mode = nil
      }
      if let slash = self.path.lastIndex(of: "/") {
        directory = slash == self.path.startIndex ? "/" : String(self.path[..<slash])
      } else {
        directory = "."
      }
    }
  }

  /// A new empty file in `directory`. Its name does not contain the target's, which may be as long as names can be.
  private static func makeTemporary(
    in directory: String, for path: String
  ) throws(FileFormatError) -> (descriptor: Int32, path: String) {
    while true {
      let name = "\(directory)/.apus-\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
      let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 { return (descriptor, name) }
      switch errno {
      case EEXIST, EINTR: continue
      case ENOENT:
        throw FileFormatError(.notFound, path: path, "there is no directory '\(shown(directory, limit: 400))'")
      default: throw FileFormatError(system: errno, .write, path: path)
      }
    }
  }

  /// Puts the new name on the disk: without it a loss of power may bring the old file back.
  private static func synchronizeDirectory(_ directory: String, for path: String) throws(FileFormatError) {
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC)
    // A directory may be open for writing and closed for reading; the file itself is complete.
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // Some file systems cannot do it for directories.
    if fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP {
      throw FileFormatError(system: errno, .write, path: path)
    }
  }

  private static func check(_ result: Int32, _ path: String) throws(FileFormatError) {
    guard result == 0 else { throw FileFormatError(system: errno, .write, path: path) }
  }
}

/// Appends bytes to an open file.
package struct FileWriter {
  let descriptor: Int32
  /// For messages.
  let path: String

  package func write(_ bytes: UnsafeRawBufferPointer) throws(FileFormatError) {
    var done = 0
    while done < bytes.count {
      // Systems limit a single call to 2 GB.
      let count = systemWrite(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
      if count >= 0 {
        done += count
      } else if errno != EINTR {
        throw FileFormatError(system: errno, .write, path: path)
      }
    }
  }

  package func write(_ bytes: [UInt8]) throws(FileFormatError) {
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(FileFormatError) in try write(buffer) }
    }
    try result.get()
  }
}

/// The system's `write`, which the methods of that name would hide.
private let systemWrite = write
