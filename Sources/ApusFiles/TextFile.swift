/// Small text files.
public enum TextFile {
  /// The whole text of a file.
  /// - Parameter most: the bytes that are accepted.
  /// - Throws: `FileFormatError` if it cannot be read, is longer, or is not UTF-8.
  public static func read(_ path: String, atMost most: Int = 1 << 31) throws(FileFormatError) -> String {
    let bytes = try ByteStream(reading: path).rest(atMost: most)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FileFormatError(.malformed, path: path, "this is not a text in UTF-8")
    }
    return text
  }

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
