import ApusCore

/// The first place where two lists of numbers differ by more than `tolerance` relative to max(1, |expected|), in words; nil if none.
///
/// NaN equals NaN, an infinity only itself; the sign of a zero does not count. Positions that `isCompared` refuses are passed over.
public func firstDifference(
  _ found: [Double], _ expected: [Double], tolerance: Double, isCompared: (Int) -> Bool = { _ in true }
) -> String? {
  guard found.count == expected.count else { return "\(found.count) elements, expected \(expected.count)" }
  for (i, (a, b)) in zip(found, expected).enumerated() where isCompared(i) {
    if a == b || (a.isNaN && b.isNaN) { continue }
    if a.isFinite && b.isFinite && abs(a - b) <= tolerance * max(1, abs(b)) { continue }
    return "element \(i) is \(a), expected \(b)"
  }
  return nil
}

/// Arrangements of the same elements in memory that every operation must see through.
public enum Arrangement: String, Sendable, CaseIterable {
  /// Row-major without gaps.
  case dense
  /// The axes lie in reverse order in memory.
  case transposed
  /// Every second element of a larger tensor, along every axis, with an offset.
  case stepped
  /// The last axis lies backwards in memory.
  case backwards

  /// `tensor` arranged so.
  public func arrange(_ tensor: Tensor) -> Tensor {
    switch self {
    case .dense: return tensor
    case .transposed:
      let order = Array((0..<tensor.rank).reversed())
      return tensor.transposed(order).duplicated().transposed(order)
    case .stepped:
      // Garbage between the elements: each axis is twice as long and one longer.
      var result = tensor
      for axis in 0..<tensor.rank {
        let garbage = Tensor(filledWith: 77, shape: result.shape, dtype: tensor.dtype)
        let pairs = stack([garbage, result], axis: axis + 1)
        var shape = Array(result.shape)
        shape[axis] *= 2
        result = pairs.reshaped(shape)
      }
      for axis in 0..<tensor.rank { result = result.sliced(.from(1, by: 2), axis: axis) }
      return result
    case .backwards:
      return tensor.rank == 0 ? tensor : tensor.reversed(axis: -1).duplicated().reversed(axis: -1)
    }
  }
}

extension Tensor {
  /// The same elements in a dense memory of their own.
  fileprivate func duplicated() -> Tensor { concatenate([flattened()]).reshaped(Array(shape)) }
}
