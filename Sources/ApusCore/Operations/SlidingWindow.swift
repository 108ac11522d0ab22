// How filters and pooling windows move over the spatial axes of images (batch, height, width, channels), of signals (batch, width, channels)
// and of volumes (batch, depth, height, width, channels).

/// One number for all spatial axes, or one for each, outermost first: `3` or `[3, 5]`.
public struct PerAxis: Sendable, Hashable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
  CustomStringConvertible
{
  /// One number, or as many as there are axes.
  public let values: [Int]

  public init(_ value: Int) { values = [value] }
  public init(_ values: [Int]) { self.values = values.count > 1 && Set(values).count == 1 ? [values[0]] : values }
  public init(integerLiteral value: Int) { self.init(value) }
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The number for each of `rank` axes; nil if there are as many numbers as no such axes.
  public func callAsFunction(rank: Int) -> [Int]? {
    if values.count == 1 { return Array(repeating: values[0], count: rank) }
    return values.count == rank ? values : nil
  }

  public var description: String { values.count == 1 ? "\(values[0])" : "\(values)" }
}

/// What surrounds an image before a filter or a window moves over it: zeros, or nothing that a maximum would choose.
public enum Padding: Sendable, Hashable, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// Nothing: the filter stays inside.
  case valid
  /// So much that there are ⌈extent / stride⌉ positions; if that is odd, one more behind than in front.
  case same
  /// As much in front of every axis as behind it.
  case both(PerAxis)
  /// In front of every axis, and behind it.
  case explicit(before: PerAxis, after: PerAxis)

  public init(integerLiteral value: Int) { self = value == 0 ? .valid : .both(PerAxis(value)) }

  public var description: String {
    switch self {
    case .valid: ".valid"
    case .same: ".same"
    case .both(let extents): extents.values.count == 1 ? "\(extents)" : ".both(\(extents))"
    case .explicit(let before, let after): ".explicit(before: \(before), after: \(after))"
    }
  }
}

/// A filter or window with all its numbers settled, along depth, height and width: axes that an image does not have come first and have a
/// kernel of 1.
package struct SlidingWindow: Sendable, Hashable {
  /// The number of spatial axes: 1, 2 or 3.
  package private(set) var rank: Int
  package private(set) var kernel: SIMD3<Int>
  package private(set) var stride = SIMD3(1, 1, 1)
  package private(set) var dilation = SIMD3(1, 1, 1)
  package private(set) var before = SIMD3(0, 0, 0)
  package private(set) var after = SIMD3(0, 0, 0)

  /// - Parameters:
  ///   - kernel: the extents of the window, one for each axis.
  ///   - input: the spatial extents that `.same` refers to.
  ///   - operation: who asks, for errors.
  package init(
    _ kernel: [Int], stride: PerAxis, dilation: PerAxis, padding: Padding, input: [Int], operation: String
  ) throws(ShapeError) {
    func wrong(_ found: String) -> ShapeError { ShapeError(operation, found) }
    let rank = kernel.count
    self.rank = rank
    guard (1...3).contains(rank) else {
      throw wrong("\(rank) spatial axes were found; expected 1 to 3 between the batch and the channels")
    }
    func settled(_ name: String, _ values: PerAxis, least: Int) throws(ShapeError) -> SIMD3<Int> {
      guard let all = values(rank: rank), all.allSatisfy({ $0 >= least && $0 <= Self.largest }) else {
        throw wrong(
          "a \(name) of \(values) was found; expected one number, or one for each of the \(rank) spatial axes, at least \(least)"
        )
      }
      return Self.aligned(all, filler: least)
    }
    guard input.allSatisfy({ $0 <= Self.largestImage }) else {
      throw wrong("an image of extents \(input) was found; expected at most \(Self.largestImage) along an axis")
    }
    self.kernel = try settled("kernel", PerAxis(kernel), least: 1)
    self.stride = try settled("stride", stride, least: 1)
    self.dilation = try settled("dilation", dilation, least: 1)
    switch padding {
    case .valid: break
    case .both(let extents):
      before = try settled("padding", extents, least: 0)
      after = before
    case .explicit(let first, let last):
      before = try settled("padding", first, least: 0)
      after = try settled("padding", last, least: 0)
    case .same:
      guard input.count == rank else {
        throw wrong("\(input.count) spatial axes were found; expected as many as the window has: \(rank)")
      }
      let input = Self.aligned(input, filler: 1)
      for axis in 0..<3 {
        let positions = (input[axis] + self.stride[axis] - 1) / self.stride[axis]
        let total = max(0, (positions - 1) * self.stride[axis] + reach(axis) + 1 - input[axis])
        before[axis] = total / 2
        after[axis] = total - total / 2
      }
    }
  }

  /// Beyond this no number can mean anything.
  static let largest = 1 << 24

  /// Longer axes cannot be held; below it no sum or product of a window's numbers overflows.
  static let largestImage = 1 << 32

  /// The spatial extents of three axes from those of `rank`, at most three.
  package static func aligned(_ extents: some Collection<Int>, filler: Int = 1) -> SIMD3<Int> {
    var result = SIMD3(repeating: filler)
    for (i, extent) in extents.enumerated() { result[3 - extents.count + i] = extent }
    return result
  }

  /// Makes the padding behind an axis smaller, by `count` or by what there is.
  /// - Returns: by how much.
  mutating func takePadding(_ axis: Int, _ count: Int) -> Int {
    let taken = min(count, after[axis])
    after[axis] -= taken
    return taken
  }

  /// How far the last tap lies from the first.
  package func reach(_ axis: Int) -> Int { (kernel[axis] - 1) * dilation[axis] }

  /// The number of positions along each axis; nil where the window does not fit into the input with its padding.
  /// - Parameter roundsUp: whether a last position whose window goes beyond the padding counts, as long as it begins before it.
  package func positions(in input: SIMD3<Int>, roundsUp: Bool = false) -> SIMD3<Int>? {
    var result = SIMD3(1, 1, 1)
    for axis in 0..<3 {
      let room = input[axis] + before[axis] + after[axis] - reach(axis) - 1
      guard room >= 0, input[axis] > 0 else { return nil }
      result[axis] = (room + (roundsUp ? stride[axis] - 1 : 0)) / stride[axis] + 1
      if roundsUp && (result[axis] - 1) * stride[axis] >= input[axis] + before[axis] { result[axis] -= 1 }
    }
    return result
  }

  /// The last `rank` of three extents.
  package func extents(_ all: SIMD3<Int>) -> [Int] { (3 - rank..<3).map { all[$0] } }

  /// Says in a few words what is not usual.
  var detail: String {
    var parts = ["kernel \(PerAxis(extents(kernel)))"]
    if stride != SIMD3(1, 1, 1) { parts.append("stride \(PerAxis(extents(stride)))") }
    if dilation != SIMD3(1, 1, 1) { parts.append("dilation \(PerAxis(extents(dilation)))") }
    if before != after {
      parts.append("padding \(PerAxis(extents(before))) and \(PerAxis(extents(after)))")
    } else if before != SIMD3(0, 0, 0) {
      parts.append("padding \(PerAxis(extents(before)))")
    }
    return parts.joined(separator: ", ")
  }
}

extension Tensor {
  /// The extents between the batch and the channels.
  package var spatialExtents: [Int] { Array(shape.dropFirst().dropLast()) }
}
