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
  /// Called before anything else.
  static func prepare() {
    // Whoever starts a process may close its standard files. The next file to be opened would take their place, and what is printed
    // would land in it; this one cannot be written.
    while true {
      let descriptor = open("/dev/null", O_RDONLY)
      guard descriptor >= 0 else { break }
      if descriptor > 2 {
        close(descriptor)
        break
      }
    }
    // A reader that has gone, or a file that may not grow further, is an error to report, not a reason to be killed.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }

  /// Writes lines to standard output. Names come from files that may hold anything: control characters are replaced.
  /// - Throws: `Failure` when nobody can take them, such as a full disk.
  static func print(_ text: String) throws { try write(harmless(text, but: ["\n"]) + "\n", to: 1) }

  /// Writes a piece of a text that a model makes to standard output; its layout stays.
  static func stream(_ text: String) throws { try write(harmless(text, but: ["\n", "\r", "\t"]), to: 1) }

  /// Writes a line to standard error.
  static func error(_ line: String) { try? write(harmless(line, but: []) + "\n", to: 2) }

  static func write(_ text: String, to descriptor: Int32) throws {
    var text = text
    try text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)[...]
      while !rest.isEmpty {
        let written = systemWrite(descriptor, rest.base.baseAddress! + rest.startIndex, rest.count)
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { throw failure(errno) }
        rest = rest.dropFirst(written)
      }
    }
  }

  private static func failure(_ code: Int32) -> Failure {
    // Somebody who reads only the first lines has what they wanted.
    if code == EPIPE { return Failure(sentence: "", code: Failure.input) }
    return Failure(
      sentence: "standard output cannot be written (\(String(cString: strerror(code)))).", code: Failure.input)
  }

  private static func harmless(_ text: String, but kept: [Unicode.Scalar]) -> String {
    func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.generalCategory == .control && !kept.contains(scalar)
    }
    guard text.unicodeScalars.contains(where: isHarmful) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(isHarmful(scalar) ? "\u{FFFD}" : scalar) }
    return String(result)
  }

  static func exit(_ code: Int32) -> Never { systemExit(code) }
}

// The system's functions, which methods of these names hide.
private let systemWrite = write
private func systemExit(_ code: Int32) -> Never { exit(code) }

extension JSON {
  /// A number; null for one that is not finite, which JSON does not have.
  static func finite(_ value: Double?) -> JSON { value.map { $0.isFinite ? .number($0) : .null } ?? .null }
}
