import CApus

/// How the rows of a matrix are cut where columns are summed: into parts whose results are put together in order. A matrix of few columns
/// has no other parts that threads could share.
struct RowParts {
  let count: Int
  /// The rows of all parts but the last.
  let rows: Int

  init(rows: Int, columns: Int) {
    let wanted = max(1, min(32, rows / 256, rows * columns >> 15))
    // Blocks of 128 rows are what kernels sum at a time.
    self.rows = wanted == 1 ? max(1, rows) : ((rows + wanted - 1) / wanted + 127) & ~127
    count = rows == 0 ? 1 : (rows + self.rows - 1) / self.rows
  }
}

/// The mean and variance of the columns of a dense matrix; a piece is a range of columns of a part of the rows.
struct MomentsKernel: CPUKernel {
  private let dtype: DType
  private let rows: Int
  private let columns: Int
  private let parts: RowParts
  /// The columns of a piece, and how many such ranges there are.
  private let width: Int
  private let ranges: Int

  init(dtype: DType, rows: Int, columns: Int) {
    self.dtype = dtype
    self.rows = rows
    self.columns = columns
    parts = RowParts(rows: rows, columns: columns)
    // Pieces of some 32,000 elements; whole cache lines, four vectors at a time.
    let wanted = (1 << 15) / max(1, parts.rows)
    width = max(64, (wanted + 63) & ~63)
    ranges = (columns + width - 1) / width
  }

  var pieces: Int { parts.count * ranges }
  var cost: Double { 0.1 * Double(rows) * Double(columns) }
  var scratchBytes: Int { parts.count == 1 ? 0 : parts.count * 2 * columns * MemoryLayout<Double>.stride }

  func run(_ addresses: Addresses, piece: Int) {
    let (part, begin) = (piece / ranges, piece % ranges * width)
    let (first, end) = (Int64(begin), Int64(min(begin + width, columns)))
    guard parts.count > 1 else {
      apus_column_moments(
        dtype.c, addresses[0], Int64(rows), Int64(columns), addresses[1], addresses[1] + columns * dtype.byteCount,
        first, end)
      return
    }
    let row = part * parts.rows
    let sums = addresses[2].assumingMemoryBound(to: Double.self) + part * 2 * columns
    apus_column_moments_part(
      dtype.c, addresses[0] + row * columns * dtype.byteCount, Int64(min(parts.rows, rows - row)), Int64(columns), sums,
      sums + columns, first, end)
  }

  func finish(_ addresses: Addresses) {
    guard parts.count > 1 else { return }
    apus_column_moments_join(
      dtype.c, addresses[2].assumingMemoryBound(to: Double.self), Int64(rows), Int64(parts.rows), Int64(columns),
      addresses[1], addresses[1] + columns * dtype.byteCount)
  }
}

extension CPUBackend {
  func moments(_ x: Tensor, rows: Int, columns: Int, into y: Tensor) {
    Team.run(MomentsKernel(dtype: y.dtype, rows: rows, columns: columns), inputs: [x], outputs: [y])
  }
}
