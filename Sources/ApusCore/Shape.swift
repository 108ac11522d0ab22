/// The extents of a tensor's axes, outermost first; the shape of a single number is `[]`.
///
/// A tensor has at most ``maximumRank`` axes; every extent is 0 or more.
public struct Shape: Sendable {
  /// The largest number of axes.
  public static let maximumRank = 8

  var extents: InlineArray<8, Int>
  /// The number of axes.
  public private(set) var rank: Int

  /// The shape of a single number.
  public init() {
    extents = InlineArray(repeating: 0)
    rank = 0
  }

  /// A shape of the given extents; at most eight, none negative.
  public init(_ extents: some Sequence<Int>) {
    self.init()
    for extent in extents { append(extent) }
  }

  /// The number of elements: the product of the extents, 1 for `[]`.
  public var elementCount: Int {
    var product = 1
    for axis in 0..<rank { product *= extents[axis] }
    return product
  }

  /// The element count, or nil when it does not fit an `Int` or an extent is negative: for shapes that come from outside.
  ///
  /// The strides must fit too: an extent of 0 does not excuse the others.
  public static func checkedElementCount(_ extents: some Sequence<Int>) -> Int? {
    var (product, isEmpty) = (1, false)
    for extent in extents {
      guard extent >= 0 else { return nil }
      if extent == 0 { isEmpty = true }
      let (next, overflow) = product.multipliedReportingOverflow(by: Swift.max(1, extent))
      guard !overflow else { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }

  /// The shape of an operation's result.
  /// - Throws: `ShapeError` when its elements could not be counted: a shape that comes from a file may grow beyond any memory.
  package static func result(
    _ extents: [Int], of operation: String, input: Shape
  ) throws(ShapeError) -> Shape {
    guard extents.count <= maximumRank, checkedElementCount(extents) != nil else {
      throw ShapeError(operation, "an input of shape \(input) was found; expected one with a result of fewer elements")
    }
    return Shape(extents)
  }

  /// Adds an axis at the end.
  public mutating func append(_ extent: Int) {
    guard rank < Self.maximumRank else { fatalError("a tensor has at most \(Self.maximumRank) axes") }
    guard extent >= 0 else { fatalError("an extent of \(extent) is negative") }
    extents[rank] = extent
    rank += 1
  }

  /// Takes the axis at `position` away.
  @discardableResult
  public mutating func remove(at position: Int) -> Int {
    let removed = self[position]
    for axis in position..<(rank - 1) { extents[axis] = extents[axis + 1] }
    rank -= 1
    extents[rank] = 0
    return removed
  }

  /// Puts an axis at `position`, before the one that is there.
  public mutating func insert(_ extent: Int, at position: Int) {
    append(extent)
    for axis in stride(from: rank - 1, to: position, by: -1) { extents[axis] = extents[axis - 1] }
    extents[position] = extent
  }

  /// The axis `axis` counted from the front; negative ones count from the end. Nil when there is no such axis.
  public func resolve(axis: Int) -> Int? {
    let resolved = axis < 0 ? axis + rank : axis
    return resolved >= 0 && resolved < rank ? resolved : nil
  }

  /// Strides, in elements, of the dense row-major arrangement.
  package var denseStrides: Strides {
    var strides = Strides(repeating: 0)
    var step = 1
    for axis in stride(from: rank - 1, through: 0, by: -1) {
      strides[axis] = step
      step *= extents[axis]
    }
    return strides
  }
}

/// Steps between neighbours along each axis, in elements.
package typealias Strides = InlineArray<8, Int>

extension Shape: RandomAccessCollection, ExpressibleByArrayLiteral, CustomStringConvertible {
  public init(arrayLiteral elements: Int...) { self.init(elements) }
  public var startIndex: Int { 0 }
  public var endIndex: Int { rank }
  public subscript(axis: Int) -> Int {
    get {
      precondition(axis >= 0 && axis < rank, "axis out of range")
      return extents[axis]
    }
    set {
      precondition(axis >= 0 && axis < rank && newValue >= 0, "axis or extent out of range")
      extents[axis] = newValue
    }
  }

  /// As in NumPy and PyTorch: `(2, 3)`, `(5,)`, `()`.
  public var description: String {
    rank == 1 ? "(\(self[0]),)" : "(" + map(String.init).joined(separator: ", ") + ")"
  }
}

extension Shape: Hashable {
  public static func == (left: Shape, right: Shape) -> Bool {
    guard left.rank == right.rank else { return false }
    for axis in 0..<left.rank where left.extents[axis] != right.extents[axis] { return false }
    return true
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(rank)
    for axis in 0..<rank { hasher.combine(extents[axis]) }
  }
}

extension Shape {
  /// The common shape of two operands under NumPy's rules: aligned at the last axis, an extent of 1 stretches.
  public func broadcast(with other: Shape) -> Shape? {
    if self == other { return self }
    var result = rank >= other.rank ? self : other
    let offset = rank - other.rank
    for axis in 0..<result.rank {
      let left = offset >= 0 ? extents[axis] : (axis + offset >= 0 ? extents[axis + offset] : 1)
      let right = offset <= 0 ? other.extents[axis] : (axis - offset >= 0 ? other.extents[axis - offset] : 1)
      guard left == right || left == 1 || right == 1 else { return nil }
      result.extents[axis] = left == 1 ? right : left
    }
    return result
  }
}

/// A set of axes, by number: small enough to be copied for free.
struct AxisSet: Hashable, Sendable {
  private(set) var bits: UInt8

  /// The axes 0..<rank.
  init(all rank: Int) { bits = UInt8(truncatingIfNeeded: (1 << rank) - 1) }

  /// The given axes.
  init(_ axes: some Sequence<Int>) { bits = axes.reduce(0) { $0 | 1 << UInt8($1) } }

  func contains(_ axis: Int) -> Bool { bits & (1 << UInt8(axis)) != 0 }
  mutating func insert(_ axis: Int) { bits |= 1 << UInt8(axis) }
  var count: Int { bits.nonzeroBitCount }
  /// The first axis; 0 of none.
  var first: Int { bits == 0 ? 0 : bits.trailingZeroBitCount }
  /// Whether no other axis lies between two of these.
  var isContiguous: Bool { bits == 0 || Int(bits) >> first == (1 << count) - 1 }
  /// In ascending order.
  var axes: [Int] { (0..<8).filter(contains) }
}

/// An order of axes: position j holds the number of an axis, in four bits.
struct AxisOrder: Hashable, Sendable {
  private var bits: UInt32 = 0

  init(_ order: some Sequence<Int>) {
    for (position, axis) in order.enumerated() { self[position] = axis }
  }

  /// The axes 0..<rank in their order, but for two that are exchanged.
  init(rank: Int, swapping a: Int, _ b: Int) {
    for axis in 0..<rank { self[axis] = axis == a ? b : axis == b ? a : axis }
  }

  subscript(position: Int) -> Int {
    get { Int(bits >> UInt32(4 * position) & 15) }
    set { bits = bits & ~(15 << UInt32(4 * position)) | UInt32(newValue) << UInt32(4 * position) }
  }
}

/// What an operation promises about its result before it runs.
public struct TensorType: Hashable, Sendable, CustomStringConvertible {
  public var shape: Shape
  public var dtype: DType

  public init(_ shape: Shape, _ dtype: DType) {
    self.shape = shape
    self.dtype = dtype
  }

  public var byteCount: Int { shape.elementCount * dtype.byteCount }
  public var description: String { "\(dtype)\(shape)" }
}

/// Operands that do not fit an operation: the operation and, in one clause, what was found and what was expected.
public struct ShapeError: Error, Hashable, CustomStringConvertible {
  /// The operation or layer that refused its operands.
  public var operation: String
  /// What was found and what was expected.
  public var reason: String
  /// The layers that were running, outermost first, as they were written; empty outside of layers.
  public var path: [String] = []

  public init(_ operation: String, _ reason: String, path: [String] = []) {
    self.operation = operation
    self.reason = reason
    self.path = path
  }

  public var description: String {
    let place = path.isEmpty ? "" : " (in \(path.joined(separator: " > ")))"
    return "\(operation): \(reason)\(place)"
  }
}
