// The environment is a variable of C's, which nobody changes here.
#if canImport(Glibc)
  @preconcurrency import Glibc
#elseif canImport(Musl)
  @preconcurrency import Musl
#elseif canImport(Darwin)
  @preconcurrency import Darwin
#endif

/// A program of the system's, run to its end.
package struct Subprocess {
  /// What it returned; 128 and more if a signal ended it.
  package let status: Int32
  /// What it wrote to its standard output and standard error.
  package let output: String

  /// The executable called `name` in one of the directories of `searchPath`, which are separated by colons; nil if there is none.
  package static func find(_ name: String, in searchPath: String? = nil) -> String? {
    let directories = searchPath ?? getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
    return directories.split(separator: ":").map { "\($0)/\(name)" }.first {
      access($0, X_OK) == 0 && !FileSystem.isDirectory($0)
    }
  }

  /// Runs `executable` with these arguments, no input, and this process's environment; nil if the system cannot start it.
  package init?(_ executable: String, _ arguments: [String]) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    defer { close(ends[0]) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
    #else
      var actions = posix_spawn_file_actions_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var child = pid_t()
    let code = posix_spawn(&child, executable, &actions, nil, &words, environ)
    close(ends[1])  // so that the output ends when the program does
    guard code == 0 else { return nil }
    output = Self.rest(of: ends[0])
    var state: Int32 = 0
    while waitpid(child, &state, 0) < 0 && errno == EINTR {}
    // As in C's macros: the lowest seven bits are the signal, 0 for none.
    status = state & 0x7f == 0 ? state >> 8 & 0xff : 128 + state & 0x7f
  }

  private static func rest(of descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(descriptor, &piece, piece.count)
      if count > 0 { bytes += piece[..<count] } else if count == 0 || errno != EINTR { break }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
