import CApus

// Picking slices by index and adding them back, filling, and looking whether indices are right.

/// y[o, i, :] = x[o, indices[i], :]; a piece is a range of slices.
struct GatherKernel: CPUKernel {
  private let size: Int
  private let (outer, count, indices, inner): (Int, Int, Int, Int)
  private let step: Int
  private var extent: Int { outer == 1 ? indices : outer }
  var pieces: Int { (extent + step - 1) / step }
  var cost: Double { Double(outer * indices) * (2 + 0.03 * Double(inner * size)) }

  init(_ dtype: DType, outer: Int, count: Int, indices: Int, inner: Int) {
    size = dtype.byteCount
    (self.outer, self.count, self.indices, self.inner) = (outer, count, indices, inner)
    // Some 256 KB.
    step = max(1, (1 << 18) / max(1, inner * dtype.byteCount * (outer == 1 ? 1 : indices)))
  }

  func run(_ p: Addresses, piece: Int) {
    let (begin, end) = (piece * step, min((piece + 1) * step, extent))
    let all = p[1].assumingMemoryBound(to: Int64.self)
    let row = inner * size
    if outer == 1 {
      apus_gather_axis(
        Int64(size), p[0], all + begin, p[2] + begin * row, 1, Int64(count), Int64(end - begin), Int64(inner))
    } else {
      apus_gather_axis(
        Int64(size), p[0] + begin * count * row, all, p[2] + begin * indices * row, Int64(end - begin), Int64(count),
        Int64(indices), Int64(inner))
    }
  }
}

/// y[o, indices[i], :] += x[o, i, :]; a piece is a range of what the last axis holds, so that each sum is in the order of i.
struct ScatterAddKernel: CPUKernel {
  private let dtype: DType
  private let (outer, count, indices, inner): (Int, Int, Int, Int)
  private let step: Int
  var pieces: Int { indices == 0 || outer == 0 ? 0 : (inner + step - 1) / step }
  var cost: Double { Double(outer * indices) * (2 + 0.1 * Double(inner)) }

  init(_ dtype: DType, outer: Int, count: Int, indices: Int, inner: Int) {
    self.dtype = dtype
    (self.outer, self.count, self.indices, self.inner) = (outer, count, indices, inner)
    // Whole cache lines; four pieces, since each walks through all of x.
    step = max(64, (inner / 4 + 63) & ~63)
  }

  func run(_ p: Addresses, piece: Int) {
    apus_scatter_add_columns(
      dtype.c, p[0], p[1].assumingMemoryBound(to: Int64.self), p[2], Int64(outer), Int64(count), Int64(indices),
      Int64(inner), Int64(piece * step), Int64(min((piece + 1) * step, inner)))
  }
}

/// One number everywhere.
struct FillKernel: CPUKernel {
  private let size: Int
  private let count: Int
  private var element: UInt64 = 0
  private static let step = 1 << 16
  var pieces: Int { (count + Self.step - 1) / Self.step }
  var cost: Double { Double(count * size) * 0.02 + 20 }

  init(_ type: TensorType, _ value: Double) {
    (size, count) = (type.dtype.byteCount, type.shape.elementCount)
    var source = value
    withUnsafeMutableBytes(of: &element) { apus_convert($0.baseAddress!, type.dtype.c, &source, APUS_F64, 1) }
  }

  func run(_ p: Addresses, piece: Int) {
    let begin = piece * Self.step
    withUnsafeBytes(of: element) {
      apus_fill(Int64(size), p[0] + begin * size, $0.baseAddress!, Int64(min(Self.step, count - begin)))
    }
  }
}

/// Stops where an index is out of bounds.
struct CheckKernel: CPUKernel {
  let bounds: IndexBounds
  let count: Int
  var pieces: Int { count == 0 ? 0 : 1 }
  var cost: Double { Double(count) * 0.1 + 20 }

  func run(_ p: Addresses, piece: Int) {
    var (smallest, largest): (Int64, Int64) = (0, 0)
    apus_index_range(p[0].assumingMemoryBound(to: Int64.self), Int64(count), &smallest, &largest)
    bounds.check(Int(smallest)...Int(largest))
  }
}
