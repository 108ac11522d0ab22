#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The little of the file system that a run needs.
package enum FileSystem {
  package static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Makes a directory and those above it; returns whether it was not there before.
  /// - Throws: `FileFormatError` if the system refuses it.
  @discardableResult
  package static func makeDirectory(_ path: String) throws(FileFormatError) -> Bool {
    if path.isEmpty || isDirectory(path) { return false }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeDirectory(String(path[..<slash])) }
    if mkdir(path, 0o777) == 0 { return true }
    let code = errno
    if isDirectory(path) { return false }
    throw refusal(code, path)
  }

  /// Makes a directory; returns false if something of that name is there already.
  /// - Throws: `FileFormatError` if the system refuses it.
  package static func makeNewDirectory(_ path: String) throws(FileFormatError) -> Bool {
    if mkdir(path, 0o777) == 0 { return true }
    guard errno == EEXIST else { throw refusal(errno, path) }
    return false
  }

  /// Removes a directory unless there are files in it.
  package static func removeEmptyDirectory(_ path: String) { rmdir(path) }

  private static func refusal(_ code: Int32, _ path: String) -> FileFormatError {
    let reason = code == EEXIST ? "a file of this name is there" : String(cString: strerror(code))
    return FileFormatError(.unwritable, path: path, "the directory cannot be made (\(reason))")
  }
}
