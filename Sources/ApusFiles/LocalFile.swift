#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// An open file to read from at any place.
///
/// It is read, not mapped: a mapped file that another process shortens meanwhile would kill this one.
package final class LocalFile: Sendable {
  /// As it was named.
  package let path: String
  /// In bytes, when it was opened.
  package let size: Int
  private let descriptor: Int32

  /// - Throws: `FileFormatError` if there is no such file, or it is not a regular one, or may not be read.
  package init(reading path: String) throws(FileFormatError) {
    // C would end the path at a zero character and open another file.
    guard !path.isEmpty && !path.utf8.contains(0) else { throw FileFormatError(system: ENOENT, .read, path: path) }
    // Without O_NONBLOCK, opening a pipe would wait until somebody writes into it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileFormatError(system: errno, .read, path: path) }
    self.path = path
    self.descriptor = descriptor

    var status = stat()
    let code = fstat(descriptor, &status) == 0 ? 0 : errno
    size = Int(status.st_size)
    guard code == 0 else { throw FileFormatError(system: code, .read, path: path) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw FileFormatError(directory: path)
    default: throw FileFormatError(irregular: path)
    }
  }

  deinit { close(descriptor) }

  /// Fills `buffer` with the bytes that begin at `offset`.
  /// - Throws: `FileFormatError` if the system cannot read them, or the file has become shorter.
  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileFormatError) {
    var done = 0
    while done < buffer.count {
      // Systems limit a single call to 2 GB.
      let count = pread(descriptor, buffer.baseAddress! + done, min(buffer.count - done, 1 << 30), off_t(offset + done))
      if count > 0 {
        done += count
      } else if count == 0 {
        throw FileFormatError(.truncated, path: path, "the file became shorter while it was read")
      } else if errno != EINTR {
        throw FileFormatError(system: errno, .read, path: path)
      }
    }
  }

  /// `count` bytes that begin at `offset`.
  package func bytes(at offset: Int, count: Int) throws(FileFormatError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    // A closure that throws would lose its error's type on the way through `withUnsafeMutableBytes`.
    let result = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(FileFormatError) in try read(at: offset, into: buffer) }
    }
    try result.get()
    return bytes
  }
}
