import CApus

/// Is told what the layers put out that run on this thread: a fact about the running code, as which layers these are.
package final class OutputObserver {
  private let body: (any RunningLayer, Tensor) -> Void
  private let parent: OutputObserver?

  private init(_ body: @escaping (any RunningLayer, Tensor) -> Void) {
    self.body = body
    parent = Self.current
  }

  /// The innermost observer; nil nearly always, which takes a nanosecond to see.
  package static var current: OutputObserver? {
    guard let pointer = apus_thread().pointee.output_observer else { return nil }
    return Unmanaged<OutputObserver>.fromOpaque(pointer).takeUnretainedValue()
  }

  package func note(_ layer: any RunningLayer, _ output: Tensor) {
    body(layer, output)
    parent?.note(layer, output)
  }

  /// Runs `body` while `note` is told every layer's output.
  package static func observing<R>(
    _ note: @escaping (any RunningLayer, Tensor) -> Void, _ body: () throws -> R
  ) rethrows -> R {
    let observer = OutputObserver(note)
    let thread = apus_thread()
    let before = thread.pointee.output_observer
    thread.pointee.output_observer = Unmanaged.passUnretained(observer).toOpaque()
    defer { thread.pointee.output_observer = before }
    return try withExtendedLifetime(observer) { try body() }
  }
}
