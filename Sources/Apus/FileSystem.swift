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

  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Makes a directory and those above it.
  /// - Throws: `DatasetError`-like sentences as `FileFormatError`.
  package static func makeDirectory(_ path: String) throws(FileFormatError) {
    if path.isEmpty || isDirectory(path) { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { try makeDirectory(String(path[..<slash])) }
    if mkdir(path, 0o777) != 0 && !isDirectory(path) {
      throw FileFormatError(.unwritable, path: path, "the directory cannot be made (\(String(cString: strerror(errno))))")
    }
  }
}
