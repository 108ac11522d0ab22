import CApus

/// Runs `body` with element-wise operations that refuse to stretch more than one side.
///
/// Under NumPy's rules a column (32, 1) and a vector (32) make a matrix (32, 32), which is seldom what was meant: a target of the wrong
/// shape turns a loss into an average over all pairs. Here the common shape has to be that of one of the operands, so a bias (4) still
/// meets a batch (32, 4), and the column and the vector stop with a sentence that names both shapes (notes B9).
///
/// ```swift
/// withStrictBroadcasting { prediction - target }
/// ```
public func withStrictBroadcasting<R>(_ body: () throws -> R) rethrows -> R {
  let thread = apus_thread()
  let before = thread.pointee.broadcasts_strictly
  thread.pointee.broadcasts_strictly = true
  defer { thread.pointee.broadcasts_strictly = before }
  return try body()
}

/// Whether the running code asked for ``withStrictBroadcasting(_:)``.
var broadcastsStrictly: Bool { apus_thread().pointee.broadcasts_strictly }
