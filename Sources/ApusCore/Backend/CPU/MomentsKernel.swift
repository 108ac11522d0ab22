import CApus

/// The mean and variance of the columns of a dense matrix; a piece is a range of columns.
struct MomentsKernel: CPUKernel {
  private let dtype: apus_dtype
  private let rows: Int
  private let columns: Int
  /// The columns of a piece.
  private let width: Int
  let pieces: Int

  init(dtype: DType, rows: Int, columns: Int) {
    self.dtype = dtype.c
    self.rows = rows
    self.columns = columns
    // Pieces of some 32,000 elements; whole cache lines, four vectors at a time.
    let wanted = (1 << 15) / max(1, rows)
    width = max(64, (wanted + 63) & ~63)
    pieces = (columns + width - 1) / width
  }

  var cost: Double { 0.1 * Double(rows) * Double(columns) }

  func run(_ addresses: Addresses, piece: Int) {
    let (begin, result) = (piece * width, addresses[1])
    let variance = result + columns * (dtype == APUS_F64 ? 8 : 4)
    apus_column_moments(
      dtype, addresses[0], Int64(rows), Int64(columns), result, variance, Int64(begin),
      Int64(min(begin + width, columns)))
  }
}

extension CPUBackend {
  func moments(_ x: Tensor, rows: Int, columns: Int, into y: Tensor) {
    Team.run(MomentsKernel(dtype: y.dtype, rows: rows, columns: columns), inputs: [x], outputs: [y])
  }
}
