import Apus

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Standard output and standard error, written at once: a reader of a pipe sees each line when it is made.
enum Console {
  /// Writes a line to standard output.
  /// - Throws: `Failure` when nobody can take it, such as a full disk.
  static func print(_ line: String) throws { try write(line + "\n", to: 1) }

  /// Writes a line to standard error.
  static func error(_ line: String) { try? write(line + "\n", to: 2) }

  static func write(_ text: String, to descriptor: Int32) throws {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress!, $0.count) }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else {
        throw Failure(
          sentence: "standard output cannot be written (\(String(cString: strerror(errno))))", code: Failure.input)
      }
      rest = rest.dropFirst(written)
    }
  }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  #if canImport(Glibc)
    Glibc.write(descriptor, bytes, count)
  #elseif canImport(Musl)
    Musl.write(descriptor, bytes, count)
  #else
    Darwin.write(descriptor, bytes, count)
  #endif
}

extension JSON {
  /// A number; null for one that is not finite, which JSON does not have.
  static func finite(_ value: Double?) -> JSON { value.map { $0.isFinite ? .number($0) : .null } ?? .null }
}
