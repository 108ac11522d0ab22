import CApus

// Moving elements: copies with conversion, gather and scatter, sorting.

/// Copies between two arrangements of the same elements.
struct CopyKernel: CPUKernel {
  private let extents: InlineArray<8, Int>
  private let (from, to): (Strides, Strides)
  private let (rank, size): (Int, Int)
  private let isDense: Bool
  private let step: Int
  /// What the pieces divide: all elements, or the first axis.
  private let extent: Int
  var pieces: Int { (extent + step - 1) / step }
  let cost: Double

  init(_ x: Tensor, _ y: Tensor) {
    extents = x.rank == 0 ? InlineArray(repeating: 1) : x.shape.extents
    (from, to) = (x.object.strides, y.object.strides)
    (rank, size) = (x.rank, x.dtype.byteCount)
    isDense = x.object.isDense && y.object.isDense
    let count = x.count
    extent = isDense ? count : x.rank == 0 ? 1 : x.shape[0]
    step = isDense ? 1 << 16 : max(1, (1 << 15) / max(1, count / max(1, extent)))
    cost = Double(count) * (isDense ? 0.1 : 0.5) + 20
  }

  func run(_ p: Addresses, piece: Int) {
    let (begin, end) = (piece * step, min((piece + 1) * step, extent))
    if isDense {
      (p[1] + begin * size).copyMemory(from: p[0] + begin * size, byteCount: (end - begin) * size)
      return
    }
    Self.withPointer(extents) { extents in
      Self.withPointer(from) { from in
        Self.withPointer(to) { to in
          apus_copy_strided(Int64(size), Int32(rank), extents, p[0], from, p[1], to, Int64(begin), Int64(end))
        }
      }
    }
  }

  private static func withPointer(_ array: InlineArray<8, Int>, _ body: (UnsafePointer<Int64>) -> Void) {
    withUnsafePointer(to: array) { $0.withMemoryRebound(to: Int64.self, capacity: 8, body) }
  }
}

/// Converts dense elements to another type.
struct ConversionKernel: CPUKernel {
  private let (from, to): (DType, DType)
  private let count: Int
  private static let step = 1 << 15
  var pieces: Int { (count + Self.step - 1) / Self.step }
  // float32 to bfloat16, where 0.05 to 0.07 were measured; other conversions take up to four times as long.
  var cost: Double { Double(count) * 0.06 + 20 }

  /// - Parameters: a dense source, and a dense target of the same shape.
  init(_ x: Tensor, _ y: Tensor) {
    precondition(x.object.isDense && y.object.isDense)
    (from, to, count) = (x.dtype, y.dtype, x.count)
  }

  func run(_ p: Addresses, piece: Int) {
    let (begin, end) = (piece * Self.step, min((piece + 1) * Self.step, count))
    apus_convert(p[1] + begin * to.byteCount, to.c, p[0] + begin * from.byteCount, from.c, Int64(end - begin))
  }
}

extension CPUBackend {
  func copy(_ x: Tensor, into y: Tensor) {
    precondition(x.shape == y.shape)
    guard x.count > 0 else { return }
    if x.dtype == y.dtype {
      Team.run(CopyKernel(x, y), inputs: [x], outputs: [y])
    } else {
      let dense = x.dense
      Team.run(ConversionKernel(dense, y), inputs: [dense], outputs: [y])
    }
  }

  func gather(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    Team.run(
      GatherKernel(x.dtype, outer: outer, count: count, indices: indices.count, inner: inner), inputs: [x, indices],
      outputs: [y])
  }

  func scatterAdd(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    Team.run(
      ScatterAddKernel(x.dtype, outer: outer, count: count, indices: indices.count, inner: inner),
      inputs: [x, indices],
      outputs: [y])
  }

  func gatherElements(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    apus_gather_elements(
      Int64(x.dtype.byteCount), x.object.address, indices.indexAddress, y.object.address, Int64(outer), Int64(count),
      Int64(indices.count / max(1, outer * inner)), Int64(inner))
  }

  func scatterAddElements(_ x: Tensor, _ indices: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    apus_scatter_add_elements(
      x.dtype.c, x.object.address, indices.indexAddress, y.object.address, Int64(outer), Int64(count),
      Int64(indices.count / max(1, outer * inner)), Int64(inner))
  }

  func range(of indices: Tensor) -> ClosedRange<Int>? {
    guard indices.count > 0 else { return nil }
    var (smallest, largest): (Int64, Int64) = (0, 0)
    apus_index_range(indices.indexAddress, Int64(indices.count), &smallest, &largest)
    return Int(smallest)...Int(largest)
  }

  func argSort(_ x: Tensor, outer: Int, count: Int, inner: Int, descending: Bool, into y: Tensor) {
    func sort<Element: Comparable>(_ type: Element.Type, isNaN: (Element) -> Bool) {
      let source = x.object.address.assumingMemoryBound(to: Element.self)
      let target = y.object.address.assumingMemoryBound(to: Int64.self)
      for o in 0..<outer {
        for i in 0..<inner {
          let base = o * count * inner + i
          // Swift's sort is stable. NaN goes last in both directions, as in NumPy and PyTorch's ascending order.
          let positions = (0..<count).sorted { a, b in
            let (left, right) = (source[base + a * inner], source[base + b * inner])
            if isNaN(left) || isNaN(right) { return !isNaN(left) && isNaN(right) }
            return descending ? left > right : left < right
          }
          for (rank, position) in positions.enumerated() { target[base + rank * inner] = Int64(position) }
        }
      }
    }
    switch x.dtype {
    case .float32: sort(Float.self) { $0.isNaN }
    case .float64: sort(Double.self) { $0.isNaN }
    case .int32: sort(Int32.self) { _ in false }
    case .int64: sort(Int64.self) { _ in false }
    case .uint8, .bool: sort(UInt8.self) { _ in false }
    case .bfloat16: fatalError("bfloat16 is converted before sorting")
    }
  }
}

extension Tensor {
  /// The address of dense int64 elements.
  fileprivate var indexAddress: UnsafePointer<Int64> {
    precondition(dtype == .int64 && object.isDense)
    return UnsafePointer(object.address.assumingMemoryBound(to: Int64.self))
  }
}
