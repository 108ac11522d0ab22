/// A recorded step, made ready for a device: everything is decided but the addresses of arguments, parameters and results.
package protocol Executable: AnyObject {
  /// Runs it once. The inputs have the types that were recorded, and are dense.
  /// - Throws: if a number that has to be finite is not; nothing after it has run then.
  func run(_ inputs: [Tensor], random: RandomSource?) throws(NotFiniteError) -> [Tensor]
  /// Runs it once, one instruction at a time, and reports how many nanoseconds each took.
  func profile(
    _ inputs: [Tensor], random: RandomSource?, _ report: (_ instruction: Int, _ nanoseconds: Double) -> Void
  ) throws(NotFiniteError) -> [Tensor]
}

/// A recorded step, simplified and scheduled: what every executable of it shares.
final class CompiledStep: Sendable {
  let recording: Recording
  let schedule: Schedule
  let memory: MemoryPlan

  init(_ recording: Recording) {
    var recording = recording
    recording.simplify()
    recording.selectMaxima()
    recording.fuse()
    recording.removeUnread()
    recording.dropUnused()
    self.recording = recording
    schedule = Schedule(recording)
    memory = MemoryPlan(recording, schedule)
  }

  /// The parameters, each with its buffer and whether it is written.
  var parameters: [(parameter: Parameter, buffer: Int, isWritten: Bool)] {
    let written = Set(recording.instructions.flatMap(\.writes))
    let used = written.union(recording.instructions.flatMap(\.reads))
    return recording.buffers.indices.compactMap { buffer in
      guard used.contains(buffer), let parameter = recording.buffers[buffer].parameter else { return nil }
      return (parameter, buffer, written.contains(buffer))
    }
  }
}
