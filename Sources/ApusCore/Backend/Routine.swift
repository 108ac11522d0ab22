/// A computation on dense tensors that a device provides beyond the calls of ``Backend``, as a value: its kind and its settled numbers,
/// such as the geometry of a convolution.
///
/// An operation's `forward` calls `y.backend.run(routine, inputs, into: outputs)`. The processor runs routines that are `CPURoutine`s.
/// Recording, replaying, sharing equal calls, costs and profiles need nothing else, so a routine is one file beside its kernel.
package protocol Routine: Hashable, Sendable {
  /// What it is called in descriptions of programs.
  var name: String { get }
  /// The additions, multiplications and so on of one call.
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int
  /// Whether arithmetic limits its speed rather than memory.
  var isArithmetic: Bool { get }
  /// Whether it adds to what its outputs hold.
  var accumulates: Bool { get }
}

extension Routine {
  package var isArithmetic: Bool { false }
  package var accumulates: Bool { false }
}
