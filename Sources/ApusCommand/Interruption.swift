#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What Ctrl-C and other requests to end leave behind: neither an empty directory nor half of the files of a run.
///
/// A handler may run at any moment and on any thread: it touches plain words, and calls only functions that POSIX allows there.
enum Interruption {
  /// The directory to remove if nothing else is in it.
  nonisolated(unsafe) private static var directory: UnsafeMutablePointer<CChar>?
  /// What to remove first: files that were written while the run went on.
  nonisolated(unsafe) private static var files: UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>?
  nonisolated(unsafe) private static var isDeferred = false
  nonisolated(unsafe) private static var pending: Int32 = 0

  /// From now on an interruption removes `path`, a directory of this run's own, with `files` in it, unless there are others.
  static func removes(_ path: String, with files: [String]) {
    let paths = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: files.count)
    _ = paths.initialize(from: files.map { strdup($0) })
    (Self.files, directory) = (paths, strdup(path))
    for number in [SIGINT, SIGTERM, SIGHUP] {
      // Who started the process may have asked to ignore it, as nohup does.
      let previous = unsafeBitCast(signal(number, handler), to: Int.self)
      if previous == unsafeBitCast(SIG_IGN, to: Int.self) { signal(number, SIG_IGN) }
    }
  }

  /// The run's files are complete: they stay.
  static func keepsFiles() { files = nil }

  /// Removes what an interruption would.
  static func removeNow() {
    if let files { for i in 0..<files.count { unlink(files[i]!) } }
    if let directory { rmdir(directory) }
  }

  /// Runs `body`; an interruption takes effect only afterwards.
  static func deferred<R>(_ body: () throws -> R) rethrows -> R {
    isDeferred = true
    defer {
      isDeferred = false
      if pending != 0 { handler(pending) }
    }
    return try body()
  }

  private static let handler: @convention(c) (Int32) -> Void = { number in
    if isDeferred {
      pending = number
      return
    }
    removeNow()
    signal(number, SIG_DFL)
    raise(number)
  }
}
