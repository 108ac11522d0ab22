import ApusFiles

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads a whole file into memory.
///
/// It is read, not mapped: a mapped file that another process shortens meanwhile would kill this one.
///
/// - Throws: A `CSVError` if there is no such file, it is a directory or a device, it cannot be read, or it is larger
///   than the machine's memory.
func bytesOfFile(_ path: String) throws(CSVError) -> [UInt8] {
  // C would end the path at a zero character and open another file.
  guard !path.utf8.contains(0) else { throw CSVError(.fileNotFound, file: path) }
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { throw fileError(errno, path) }
  defer { close(descriptor) }

  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw fileError(errno, path) }
  switch status.st_mode & S_IFMT {
  case S_IFDIR: throw CSVError(.isDirectory, file: path)
  // A device such as /dev/zero may never end.
  case S_IFCHR, S_IFBLK: throw CSVError(.unreadable(reason: "it is a device"), file: path)
  default: break
  }

  let memory = Machine.memory
  let size = Int(status.st_size)
  guard size < memory else { throw CSVError(.tooLarge, file: path) }

  // One byte more than the size, so that the end shows in the first read; a pipe has no size and comes in pieces.
  var bytes = try readBytes(descriptor, atMost: max(size + 1, 1 << 16), path)
  guard bytes.count > size else { return bytes }
  while true {
    let more = try readBytes(descriptor, atMost: 1 << 20, path)
    if more.isEmpty { return bytes }
    bytes += more
    guard bytes.count < memory else { throw CSVError(.tooLarge, file: path) }
  }
}

/// The next bytes of the file: `limit` of them unless it ends before.
private func readBytes(_ descriptor: Int32, atMost limit: Int, _ path: String) throws(CSVError) -> [UInt8] {
  var failure: Int32 = 0
  let bytes = [UInt8](unsafeUninitializedCapacity: limit) { target, count in
    while count < limit {
      let result = read(descriptor, target.baseAddress! + count, limit - count)
      if result > 0 {
        count += result
      } else if result == 0 {
        break
      } else if errno != EINTR {
        failure = errno
        break
      }
    }
  }
  guard failure == 0 else { throw fileError(failure, path) }
  return bytes
}

private func fileError(_ code: Int32, _ path: String) -> CSVError {
  switch code {
  case ENOENT, ENOTDIR: CSVError(.fileNotFound, file: path)
  case EISDIR: CSVError(.isDirectory, file: path)
  default: CSVError(.unreadable(reason: String(cString: strerror(code))), file: path)
  }
}
