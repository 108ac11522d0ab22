/// Small text files.
public enum TextFile {
  /// Writes `text` as a whole or not at all; an existing file stays intact if anything fails.
  /// - Throws: `FileFormatError` naming the path.
  public static func write(_ text: String, to path: String) throws(FileFormatError) {
    try write(Array(text.utf8), to: path)
  }

  /// Writes bytes likewise.
  package static func write(_ bytes: [UInt8], to path: String) throws(FileFormatError) {
    try AtomicFile.write(to: path) { file throws(FileFormatError) in try file.write(bytes) }
  }

  /// Checks, before long work, that a file can be written at `path`; nothing is changed.
  /// - Throws: `FileFormatError` naming the path, as writing would.
  public static func checkWritable(_ path: String) throws(FileFormatError) { try AtomicFile.check(path) }
}
