import CApus

/// Is told of every operation that runs on this thread, forward and backward, with what it put out: for looking into a step that went
/// wrong. A recorded program replays kernels, not operations, so it has to run eagerly to be seen.
package final class OperationObserver {
  /// One run of an operation.
  package struct Call {
    package let name: String
    /// What distinguishes the call, such as axes; empty if nothing does.
    package let detail: String
    /// The layer that ran, or whose gradient is computed; nil outside of layers.
    package let layer: (any RunningLayer)?
    /// The operation whose gradient is computed; nil in the forward pass.
    package let gradientOf: String?
    package let inputs: [Tensor]
    package let outputs: [Tensor]
  }

  private let body: (Call) -> Void
  private var pulledBack: Node?

  private init(_ body: @escaping (Call) -> Void) { self.body = body }

  /// The observer; nil nearly always, which takes a nanosecond to see.
  static var current: OperationObserver? {
    guard let pointer = apus_thread().pointee.operation_observer else { return nil }
    return Unmanaged<OperationObserver>.fromOpaque(pointer).takeUnretainedValue()
  }

  func note(_ name: String, _ detail: String, _ inputs: [Tensor], _ outputs: [Tensor]) {
    let layer = pulledBack.map { $0.layer } ?? LayerFrame.current?.layer
    let call = Call(
      name: name, detail: detail, layer: layer, gradientOf: pulledBack?.function?.name, inputs: inputs, outputs: outputs
    )
    // What the body computes is its own business.
    Self.with(nil) { withoutGraph { body(call) } }
  }

  /// The gradient of what `node` did is computed from here on; nil: the forward pass again.
  func pullBack(through node: Node?) { pulledBack = node }

  private static func with<R>(_ observer: OperationObserver?, _ body: () throws -> R) rethrows -> R {
    let thread = apus_thread()
    let before = thread.pointee.operation_observer
    thread.pointee.operation_observer = observer.map { Unmanaged.passUnretained($0).toOpaque() }
    defer { thread.pointee.operation_observer = before }
    return try withExtendedLifetime(observer) { try body() }
  }

  /// Runs `body` while `note` is told of every operation.
  package static func observing<R>(_ note: @escaping (Call) -> Void, _ body: () throws -> R) rethrows -> R {
    try with(OperationObserver(note), body)
  }
}
