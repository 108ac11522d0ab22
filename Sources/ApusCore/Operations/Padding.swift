// Borders that repeat what is there, and slices taken by position.

/// What stands in the border around a tensor.
public enum PaddingMode: Sendable, Hashable {
  /// One number.
  case constant(Double)
  /// The elements mirrored at the first and the last, which do not occur twice: c b | a b c | b a.
  case reflection
  /// The first and the last element: a a | a b c | c c.
  case replication
  /// The elements over again, as on a circle: b c | a b c | a b.
  case circular

  /// The positions along an axis of `extent` that a border of the given widths shows; nil where there are not enough of them.
  fileprivate func positions(before: Int, after: Int, extent: Int) -> [Int]? {
    let last = extent - 1
    let all = -before..<(extent + after)
    switch self {
    case .constant: return nil
    case .reflection: return max(before, after) > last ? nil : all.map { $0 < 0 ? -$0 : $0 > last ? 2 * last - $0 : $0 }
    case .replication: return extent == 0 ? nil : all.map { min(max($0, 0), last) }
    case .circular: return max(before, after) > extent ? nil : all.map { ($0 + extent) % max(1, extent) }
    }
  }

  /// Why a border does not fit an axis; nil if it does.
  package func problem(before: Int, after: Int, extent: Int) -> String? {
    if before < 0 || after < 0 { return "widths \(before) and \(after) were found; expected none below 0" }
    if case .constant = self { return nil }
    if before == 0 && after == 0 || positions(before: before, after: after, extent: extent) != nil { return nil }
    return "an extent of \(extent) has too few elements for a \(self) of \(before) before and \(after) after"
  }
}

extension Tensor {
  /// This tensor with a border: `widths` gives the elements before and after, for each axis.
  ///
  /// A reflection may be as wide as the extent less 1, a circular border as the extent.
  public func padded(_ widths: [(before: Int, after: Int)], mode: PaddingMode) -> Tensor {
    if case .constant(let value) = mode { return padded(widths, value: value) }
    guard widths.count == rank else {
      stop(ShapeError("pad", "\(widths.count) pairs of widths do not fit the \(rank) axes of shape \(shape)"))
    }
    var result = self
    for (axis, (before, after)) in widths.enumerated() where before != 0 || after != 0 {
      if let problem = mode.problem(before: before, after: after, extent: shape[axis]) {
        stop(ShapeError("pad", "\(problem), along axis \(axis) of shape \(shape)"))
      }
      let positions = mode.positions(before: before, after: after, extent: shape[axis])!
      result = result.taking(positions, axis: axis)
    }
    return result
  }

  /// The slices at `positions` along `axis`, which lie within its extent.
  package func taking(_ positions: [Int], axis: Int) -> Tensor {
    precondition(positions.allSatisfy { $0 >= 0 && $0 < shape[axis] })
    return apply(Gather(axis: axis), [self, Tensor(positions.map { Int64($0) })])
  }
}
