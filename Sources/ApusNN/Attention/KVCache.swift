import ApusCore

/// The keys and values of the positions that one attention layer has seen: what makes generating a further position cost one position.
///
/// ```swift
/// let cache = KVCache()
/// let first = attention(prompt, cache: cache)  // (n, t, width)
/// let next = attention(x, cache: cache)        // (n, 1, width)
/// ```
/// Memory doubles when it is full.
public final class KVCache {
  /// The number of positions so far.
  public private(set) var count = 0
  // (n, capacity, heads, width); only this object refers to them.
  private var keys: Tensor?
  private var values: Tensor?

  /// - Parameter capacity: the number of positions to make room for at first.
  public init(capacity: Int = 64) {
    guard capacity > 0 else { fatalError("KVCache: the capacity \(capacity) must be at least 1") }
    firstCapacity = capacity
  }
  private let firstCapacity: Int

  /// Forgets all positions.
  public func removeAll() { count = 0 }

  /// Adds the keys and values (n, t, heads, width) of further positions.
  /// - Returns: those of all positions. They are to be read before the next call.
  func append(_ k: Tensor, _ v: Tensor) -> (keys: Tensor, values: Tensor) {
    guard !k.isTracked, !v.isTracked else {
      stop(ShapeError("KVCache", "a gradient is asked for; expected a cache only when predicting"))
    }
    Recorder.current?.fail("a cache of keys and values grows from run to run")
    let end = count + k.shape[1]
    keys = room(keys, for: k, end)
    values = room(values, for: v, end)
    for (all, new) in [(keys!, k), (values!, v)] {
      all.backend.copy(new, into: all.sliced(.from(count, to: end), axis: 1))
    }
    count = end
    return (keys!.sliced(.from(0, to: end), axis: 1), values!.sliced(.from(0, to: end), axis: 1))
  }

  /// Memory like `new` for `end` positions, in which those so far stand.
  private func room(_ old: Tensor?, for new: Tensor, _ end: Int) -> Tensor {
    var shape = new.shape
    if let old, count > 0 {
      shape[1] = old.shape[1]
      guard old.type == TensorType(shape, new.dtype) else {
        stop(ShapeError("KVCache", "positions of type \(new.type) do not fit those before, \(old.type)"))
      }
      if old.shape[1] >= end { return old }
    } else if let old, old.shape[1] >= end {
      shape[1] = old.shape[1]
      if old.type == TensorType(shape, new.dtype) { return old }
    }
    shape[1] = max(firstCapacity, 2 * (count > 0 ? old!.shape[1] : 0), end)
    let larger = Tensor(uninitialized: shape, new.dtype, on: new.backend)
    if count > 0 {
      let part = AxisSlice.from(0, to: count)
      larger.backend.copy(old!.sliced(part, axis: 1), into: larger.sliced(part, axis: 1))
    }
    return larger
  }
}
