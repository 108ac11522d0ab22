#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The little of the file system that is needed beside single files.
package enum FileSystem {
  package static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a directory, in order; "." and ".." are left out.
  /// - Throws: `FileFormatError` if it cannot be read.
  package static func names(in path: String) throws(FileFormatError) -> [String] {
    guard !path.utf8.contains(0), let stream = opendir(path) else {
      let code = path.utf8.contains(0) ? ENOENT : errno
      let kind: FileFormatError.Kind = code == ENOENT || code == ENOTDIR ? .notFound : .unreadable
      let reason =
        kind == .notFound
        ? "there is no such directory" : "the directory cannot be read (\(String(cString: strerror(code))))"
      throw FileFormatError(kind, path: path, reason)
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    // By their bytes: the same order everywhere.
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
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

  /// Removes a file, or a directory with all that is in it, as far as the system lets it; links are removed, not followed.
  package static func remove(_ path: String) {
    if unlink(path) == 0 { return }
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
    for name in (try? names(in: path)) ?? [] { remove("\(path)/\(name)") }
    rmdir(path)
  }

  private static func refusal(_ code: Int32, _ path: String) -> FileFormatError {
    let reason = code == EEXIST ? "a file of this name is there" : String(cString: strerror(code))
    return FileFormatError(.unwritable, path: path, "the directory cannot be made (\(reason))")
  }
}
