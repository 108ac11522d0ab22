import CApus

/// Layer normalisation of rows, or its variant without a mean: x, then gain and bias if there are any, to y, the rows' scales and, with a
/// mean, the rows' means.
struct RowNorm: CPURoutine {
  let hasMean: Bool
  let hasGain: Bool
  let hasBias: Bool
  let epsilon: Double

  var name: String { hasMean ? "layerNorm" : "rmsNorm" }
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 8 * inputs[0].shape.elementCount }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    RoutinePlan(Kernel(routine: self, rows: NormalizedRows(inputs[0])))
  }

  private struct Kernel: CPUKernel {
    let routine: RowNorm
    let rows: NormalizedRows
    var pieces: Int { rows.pieces }
    var cost: Double { 0.3 * Double(rows.count * rows.columns) }

    func run(_ p: Addresses, piece: Int) {
      let result = 1 + (routine.hasGain ? 1 : 0) + (routine.hasBias ? 1 : 0)
      let (begin, end) = rows.range(of: piece)
      apus_row_norm(
        rows.dtype, p[0], routine.hasGain ? p[1] : nil, routine.hasBias ? p[result - 1] : nil, p[result],
        routine.hasMean ? p[result + 2] : nil, p[result + 1], Int64(rows.columns), routine.epsilon, begin, end)
    }
  }
}

/// The gradients of ``RowNorm``: dy, x, scales, means and gain, as far as there are any, to those of x, gain and bias, as far as they are
/// wanted.
struct RowNormGradient: CPURoutine {
  let hasMean: Bool
  let hasGain: Bool
  let wantsGain: Bool
  let wantsBias: Bool

  var name: String { hasMean ? "layerNormGradient" : "rmsNormGradient" }
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 16 * inputs[0].shape.elementCount }

  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan {
    RoutinePlan(Kernel(routine: self, rows: NormalizedRows(inputs[0]), size: inputs[0].dtype.byteCount))
  }

  /// Every piece leaves its sums over rows in scratch memory; they are added in the order of the pieces.
  private struct Kernel: CPUKernel {
    let routine: RowNormGradient
    let rows: NormalizedRows
    let size: Int
    var pieces: Int { rows.pieces }
    var cost: Double { 0.6 * Double(rows.count * rows.columns) }
    private var sums: Int { (routine.wantsGain ? 1 : 0) + (routine.wantsBias ? 1 : 0) }
    /// Whole cache lines, so that threads do not take them from each other.
    private var stride: Int { (rows.columns * size + 63) & ~63 }
    var scratchBytes: Int { pieces * sums * stride }
    private var dx: Int { 3 + (routine.hasMean ? 1 : 0) + (routine.hasGain ? 1 : 0) }

    func run(_ p: Addresses, piece: Int) {
      let parts = p[dx + 1 + sums] + piece * sums * stride
      let (begin, end) = rows.range(of: piece)
      apus_row_norm_gradient(
        rows.dtype, p[0], p[1], routine.hasMean ? p[3] : nil, p[2], routine.hasGain ? p[dx - 1] : nil, p[dx],
        routine.wantsGain ? parts : nil, routine.wantsBias ? parts + (sums - 1) * stride : nil, Int64(rows.columns),
        begin, end)
    }

    func finish(_ p: Addresses) {
      for sum in 0..<sums {
        apus_add_parts(
          rows.dtype, p[dx + 1 + sums] + sum * stride, Int64(pieces), Int64(sums * stride / size),
          p[dx + 1 + sum], Int64(rows.columns))
      }
    }
  }
}

/// The rows of a tensor, in at most 64 pieces.
private struct NormalizedRows {
  let dtype: apus_dtype
  let count, columns, step: Int

  init(_ type: TensorType) {
    dtype = type.dtype.c
    columns = type.shape[type.shape.rank - 1]
    count = type.shape.elementCount / columns
    step = max(1, (1 << 13) / columns, (count + 63) / 64)
  }

  var pieces: Int { (count + step - 1) / step }
  func range(of piece: Int) -> (Int64, Int64) { (Int64(piece * step), Int64(min(count, (piece + 1) * step))) }
}
