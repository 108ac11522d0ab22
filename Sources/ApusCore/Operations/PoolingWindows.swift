/// The windows that an image is divided into for pooling.
package enum PoolingWindows: Hashable, Sendable {
  /// A window that slides; `roundsUp`: see ``SlidingWindow/positions(in:roundsUp:)``; `countsPadding`: whether a mean counts the zeros of
  /// the padding.
  case sliding(SlidingWindow, roundsUp: Bool, countsPadding: Bool)
  /// So many windows along each axis, of equal size or nearly, that together cover the image.
  case adaptive(SIMD3<Int>, rank: Int)

  var rank: Int {
    switch self {
    case .sliding(let window, _, _): window.rank
    case .adaptive(_, let rank): rank
    }
  }

  var detail: String {
    switch self {
    case .sliding(let window, let roundsUp, _): window.detail + (roundsUp ? ", rounded up" : "")
    case .adaptive(let extents, let rank): "to \(PerAxis((3 - rank..<3).map { extents[$0] }))"
    }
  }

  /// The spatial shape of the result for an image with these extents; nil where a window would hold nothing.
  func positions(in input: SIMD3<Int>) -> SIMD3<Int>? {
    switch self {
    case .sliding(let window, let roundsUp, _):
      guard let positions = window.positions(in: input, roundsUp: roundsUp) else { return nil }
      for axis in 0..<3 {
        let (windows, last) = (along(axis, input[axis]), positions[axis] - 1)
        // Windows between the first and the last lie between them. They too can miss the image only if it fits between two taps.
        let isLoose = window.dilation[axis] > input[axis]
        guard windows.window(at: last).count > 0,
          (0...(isLoose ? last : 0)).allSatisfy({ windows.window(at: $0).count > 0 })
        else { return nil }
      }
      return positions
    case .adaptive(let extents, _):
      for axis in 0..<3 where extents[axis] < 1 || input[axis] < 1 { return nil }
      return extents
    }
  }

  /// The number of elements in the largest window; nil if there are more than an int32 can number.
  func taps(in input: SIMD3<Int>) -> Int? {
    let count = Shape.checkedElementCount((0..<3).map { along($0, input[$0]).kernel })
    return count.flatMap { $0 <= Int(Int32.max) ? $0 : nil }
  }

  /// The shape rule of all poolings, for images of shape (n, spatial…, channels) with as many spatial axes as the windows have.
  package func pooled(_ input: Shape, _ operation: String) throws(ShapeError) -> Shape {
    let extents = SlidingWindow.aligned(input.dropFirst().dropLast())
    guard let positions = positions(in: extents) else {
      throw ShapeError(
        operation,
        "an input of shape \(input) is too small for its windows (\(detail)); expected an element in each")
    }
    guard taps(in: extents) != nil else {
      throw ShapeError(
        operation,
        "an input of shape \(input) was found (\(detail)); expected windows of at most \(Int32.max) elements")
    }
    return try .result(
      [input[0]] + (3 - rank..<3).map { positions[$0] } + [input[input.rank - 1]], of: operation, input: input)
  }

  /// The windows along one axis.
  func along(_ axis: Int, _ extent: Int) -> AxisWindows {
    switch self {
    case .sliding(let window, _, let countsPadding):
      .sliding(
        extent: extent, kernel: window.kernel[axis], stride: window.stride[axis], dilation: window.dilation[axis],
        before: window.before[axis], after: window.after[axis], countsPadding: countsPadding)
    case .adaptive(let extents, _): .adaptive(extent: extent, count: extents[axis])
    }
  }
}

/// The windows along one axis of the given extent.
enum AxisWindows {
  case sliding(
    extent: Int, kernel: Int, stride: Int, dilation: Int, before: Int, after: Int, countsPadding: Bool)
  case adaptive(extent: Int, count: Int)

  /// The part of a window that lies in the image.
  struct Window {
    /// The first element, how many there are, and the number of the first within the window.
    let (first, count, tap): (Int, Int, Int)
    /// How many elements a mean counts.
    let size: Int
  }

  func window(at position: Int) -> Window {
    switch self {
    case .sliding(let extent, let kernel, let stride, let dilation, let before, let after, let countsPadding):
      let start = position * stride - before
      let tap = start < 0 ? (-start + dilation - 1) / dilation : 0
      let last = extent - 1 - start < 0 ? -1 : min(kernel - 1, (extent - 1 - start) / dilation)
      let count = max(0, last - tap + 1)
      let size = countsPadding ? min(start + kernel, extent + after) - start : count
      return Window(first: start + tap * dilation, count: count, tap: tap, size: size)
    case .adaptive(let extent, let number):
      let (first, end) = (position * extent / number, ((position + 1) * extent + number - 1) / number)
      return Window(first: first, count: end - first, tap: 0, size: end - first)
    }
  }

  var dilation: Int { if case .sliding(_, _, _, let dilation, _, _, _) = self { dilation } else { 1 } }

  /// The extent of the largest window.
  var kernel: Int {
    switch self {
    case .sliding(_, let kernel, _, _, _, _, _): kernel
    case .adaptive(_, let count): (0..<count).map { window(at: $0).count }.max() ?? 1
    }
  }
}
