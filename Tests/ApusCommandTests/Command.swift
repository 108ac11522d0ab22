import Apus
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The command line, run as a process. One after the other: each uses all cores.
@Suite(.serialized) struct CommandTests {}

/// What a process left.
struct Outcome {
  /// The exit code; negative, the signal that killed it.
  let code: Int32
  let output: String
  let error: String

  var outputLines: [String] { output.split(separator: "\n").map(String.init) }
}

/// A directory of a test's own, which disappears with the test; processes run in it.
final class Workspace {
  let path: String

  init() {
    var template = Array("/tmp/apus-command-XXXXXX".utf8CString)
    _ = mkdtemp(&template)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { Self.remove(path) }

  private static func remove(_ path: String) {
    for name in names(path) {
      let inner = "\(path)/\(name)"
      if unlink(inner) != 0 { remove(inner) }
    }
    rmdir(path)
  }

  /// The names of what is in a directory; none if there is no such directory.
  private static func names(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  func names(_ name: String = ".") -> [String] { Self.names("\(path)/\(name)").filter { !$0.hasPrefix(".captured-") } }

  /// Makes a file.
  func write(_ text: String, to name: String) { write(Array(text.utf8), to: name) }

  func write(_ bytes: [UInt8], to name: String) {
    let file = fopen("\(path)/\(name)", "w")!
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
  }

  /// The bytes of a file; none if there is no such file.
  func bytes(_ name: String) -> [UInt8] {
    guard let file = fopen("\(path)/\(name)", "r") else { return [] }
    defer { fclose(file) }
    var status = stat()
    fstat(fileno(file), &status)
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
  }

  func text(_ name: String) -> String { String(decoding: bytes(name), as: UTF8.self) }

  func json(_ name: String) throws -> JSON { try JSON(parsing: text(name)) }

  // MARK: Processes

  /// The built executable, beside the tests.
  static let executable: String = {
    // Processes run in other directories, and this path may be a relative one.
    let resolved = realpath(CommandLine.arguments[0], nil)!
    defer { free(resolved) }
    let tests = String(cString: resolved)
    return tests.prefix(upTo: tests.lastIndex(of: "/")!) + "/apus"
  }()

  @discardableResult
  func apus(_ arguments: String...) -> Outcome { run([Self.executable] + arguments) }

  /// Runs a shell's command line, in which `$APUS` is the executable.
  func shell(_ script: String) -> Outcome { run(["/bin/sh", "-c", "APUS='\(Self.executable)'; \(script)"]) }

  /// Runs a process that may take so many megabytes of addresses.
  func run(_ arguments: [String], megabytes: Int) -> Outcome {
    run(["/bin/sh", "-c", "ulimit -v \(megabytes << 10); exec \"$0\" \"$@\""] + arguments)
  }

  func run(_ arguments: [String]) -> Outcome {
    let arguments = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", path] + arguments
    let (output, error) = ("\(path)/.captured-output", "\(path)/.captured-error")
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, error, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    let words = arguments.map { strdup($0) }
    defer { for word in words { free(word) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, arguments[0], &actions, nil, words + [nil], environ)
    guard failure == 0 else {
      Issue.record("\(arguments[0]) cannot be started: \(String(cString: strerror(failure)))")
      return Outcome(code: .min, output: "", error: "")
    }
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0 && errno == EINTR {}
    let isKilled = status & 0x7F != 0
    return Outcome(
      code: isKilled ? -(status & 0x7F) : status >> 8 & 0xFF, output: text(".captured-output"),
      error: text(".captured-error"))
  }
}

/// Checks that a process ended well and said nothing on standard error.
func expectSuccess(_ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation) {
  #expect(outcome.code == 0, "\(outcome.error)", sourceLocation: sourceLocation)
  #expect(outcome.error == "", sourceLocation: sourceLocation)
}

/// Checks that a process ended with `code` and one sentence that contains `parts`, and did nothing else.
func expectFailure(
  _ outcome: Outcome, _ code: Int32, _ parts: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.code == code, "\(outcome.error)", sourceLocation: sourceLocation)
  #expect(outcome.output == "", sourceLocation: sourceLocation)
  #expect(outcome.error.hasPrefix("apus: "), "\(outcome.error)", sourceLocation: sourceLocation)
  #expect(
    outcome.error.hasSuffix(".\n") && !outcome.error.hasSuffix("..\n"), "\(outcome.error)",
    sourceLocation: sourceLocation)
  #expect(outcome.error.split(separator: "\n").count == 1, "\(outcome.error)", sourceLocation: sourceLocation)
  for part in parts {
    #expect(outcome.error.contains(part), "'\(part)' in '\(outcome.error)'", sourceLocation: sourceLocation)
  }
}

extension JSON {
  /// The keys of an object, in order.
  var keys: [String] { object?.map(\.key) ?? [] }
}
