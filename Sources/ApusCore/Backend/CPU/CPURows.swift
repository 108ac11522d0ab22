import CApus

// Reductions, scans and row-wise functions.

/// About this many elements make a piece of work worth a thread.
private let grain = 1 << 15
/// About how long one element takes, in nanoseconds: read by a sum, and put through an exponential.
private let (readingCost, exponentialCost) = (0.06, 0.5)

/// Reduces the middle axis of (outer, count, inner).
struct ReduceKernel: CPUKernel {
  private let reduction: apus_reduction
  private let dtype: apus_dtype
  private let (outer, count, inner): (Int, Int, Int)
  private let step: Int
  let pieces: Int
  let cost: Double

  init(_ reduction: Reduction, _ dtype: DType, outer: Int, count: Int, inner: Int) {
    precondition(reduction != .mean, "a mean is a sum, divided")
    self.reduction = unsafeBitCast(reduction.rawValue, to: apus_reduction.self)
    self.dtype = dtype.c
    (self.outer, self.count, self.inner) = (outer, count, inner)
    step = max(1, grain / max(1, count * inner))
    pieces = (outer + step - 1) / step
    cost = Double(outer * count * inner) * readingCost + 20
  }

  func run(_ p: Addresses, piece: Int) {
    let begin = piece * step
    apus_reduce(reduction, dtype, p[0], p[1], Int64(count), Int64(inner), Int64(begin), Int64(min(begin + step, outer)))
  }
}

/// The sum of very many elements: the sums of fixed pieces, added in order.
struct SumKernel: CPUKernel {
  private let ofSquares: Bool
  private let dtype: DType
  private let count: Int
  let pieces: Int
  var cost: Double { Double(count) * readingCost }
  var scratchBytes: Int { pieces * MemoryLayout<Double>.stride }

  /// Nil where a plain reduction does.
  init?(_ reduction: Reduction, _ dtype: DType, outer: Int, count: Int, inner: Int) {
    guard outer == 1 && inner == 1, dtype.isFloatingPoint, count > 2 * grain,
      reduction == .sum || reduction == .sumOfSquares
    else { return nil }
    ofSquares = reduction == .sumOfSquares
    self.dtype = dtype
    self.count = count
    pieces = (count + grain - 1) / grain
  }

  func run(_ p: Addresses, piece: Int) {
    let start = piece * grain
    p[2].assumingMemoryBound(to: Double.self)[piece] = apus_sum_chunk(
      dtype.c, ofSquares, p[0] + start * dtype.byteCount, Int64(min(grain, count - start)))
  }

  func finish(_ p: Addresses) {
    let parts = p[2].assumingMemoryBound(to: Double.self)
    var total = 0.0
    for piece in 0..<pieces { total += parts[piece] }
    apus_convert(p[1], dtype.c, &total, APUS_F64, 1)
  }
}

/// The sums of the columns of a matrix of very many rows: those of fixed parts, added in order. What an element-wise call sums while it
/// computes it (`ElementwiseTask`) is summed in the same parts.
struct ColumnSumKernel: CPUKernel {
  private let reduction: apus_reduction
  private let dtype: DType
  private let (rows, columns): (Int, Int)
  private let parts: RowParts

  /// Nil where a plain reduction does.
  init?(_ reduction: Reduction, _ dtype: DType, outer: Int, count: Int, inner: Int) {
    parts = RowParts(rows: count, columns: inner)
    guard outer == 1 && inner > 1, parts.count > 1, dtype == .float32 || dtype == .float64,
      reduction == .sum || reduction == .sumOfSquares
    else { return nil }
    self.reduction = unsafeBitCast(reduction.rawValue, to: apus_reduction.self)
    self.dtype = dtype
    (rows, columns) = (count, inner)
  }

  var pieces: Int { parts.count }
  var cost: Double { Double(rows * columns) * readingCost }
  var scratchBytes: Int { parts.count * columns * dtype.byteCount }

  func run(_ p: Addresses, piece: Int) {
    let row = piece * parts.rows
    apus_reduce(
      reduction, dtype.c, p[0] + row * columns * dtype.byteCount, p[2] + piece * columns * dtype.byteCount,
      Int64(min(parts.rows, rows - row)), Int64(columns), 0, 1)
  }

  func finish(_ p: Addresses) {
    apus_add_parts(dtype.c, p[2], Int64(parts.count), Int64(columns), p[1], Int64(columns))
  }
}

/// A function of each row, for which `body` calls the kernel.
struct RowKernel: CPUKernel {
  enum Kind {
    case softmax, logSoftmax
    /// From the output and its gradient.
    case softmaxGradient
    /// From logits and labels.
    case crossEntropy(labels: apus_dtype)
    /// From logits, labels and scale.
    case crossEntropyGradient(labels: apus_dtype, scaleStride: Int64)
    /// Both: from logits, labels and scale to loss and gradient.
    case crossEntropyWithGradient(labels: apus_dtype, scaleStride: Int64)
  }
  private let kind: Kind
  private let dtype: apus_dtype
  private let (rows, columns): (Int, Int)
  private let step: Int
  let pieces: Int
  let cost: Double

  init(_ kind: Kind, _ dtype: DType, rows: Int, columns: Int) {
    self.kind = kind
    self.dtype = dtype.c
    (self.rows, self.columns) = (rows, columns)
    step = max(1, (grain / 4) / max(1, columns))
    pieces = (rows + step - 1) / step
    cost = Double(rows * columns) * exponentialCost + 20
  }

  func run(_ p: Addresses, piece: Int) {
    let (begin, end, columns) = (Int64(piece * step), Int64(min((piece + 1) * step, rows)), Int64(columns))
    switch kind {
    case .softmax: apus_softmax(dtype, p[0], p[1], columns, begin, end)
    case .logSoftmax: apus_log_softmax(dtype, p[0], p[1], columns, begin, end)
    case .softmaxGradient: apus_softmax_gradient(dtype, p[0], p[1], p[2], columns, begin, end)
    case .crossEntropy(let labels):
      apus_softmax_cross_entropy(dtype, p[0], p[1], labels, p[2], nil, columns, begin, end)
    case .crossEntropyGradient(let labels, let stride):
      // The probabilities are computed in place of the result, row by row while the row is in cache.
      apus_softmax(dtype, p[0], p[3], columns, begin, end)
      apus_softmax_cross_entropy_gradient(dtype, p[3], p[1], labels, p[2], stride, p[3], columns, begin, end)
    case .crossEntropyWithGradient(let labels, let stride):
      apus_softmax_cross_entropy_both(dtype, p[0], p[1], labels, p[2], stride, p[3], p[4], columns, begin, end)
    }
  }
}

extension CPUBackend {
  func reduce(_ reduction: Reduction, _ x: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    guard y.count > 0 else { return }
    if let sum = SumKernel(reduction, x.dtype, outer: outer, count: count, inner: inner) {
      return Team.run(sum, inputs: [x], outputs: [y])
    }
    if let sums = ColumnSumKernel(reduction, x.dtype, outer: outer, count: count, inner: inner) {
      return Team.run(sums, inputs: [x], outputs: [y])
    }
    Team.run(
      ReduceKernel(reduction, x.dtype, outer: outer, count: count, inner: inner), inputs: [x], outputs: [y])
  }

  func cumulativeSum(_ x: Tensor, outer: Int, count: Int, inner: Int, reversed: Bool, into y: Tensor) {
    guard y.count > 0 else { return }
    let (source, target, dtype) = (x.object.address, y.object.address, x.dtype.c)
    Team.run(count: outer, grain: max(1, grain / max(1, count * inner))) { begin, end in
      apus_cumulative_sum(dtype, source, target, Int64(count), Int64(inner), reversed, Int64(begin), Int64(end))
    }
  }

  func rowwise(_ function: RowFunction, _ x: Tensor, columns: Int, into y: Tensor) {
    guard x.count > 0 else { return }
    Team.run(RowKernel(function, x, columns: columns), inputs: [x], outputs: [y])
  }

  func softmaxGradient(_ y: Tensor, dy: Tensor, columns: Int, into dx: Tensor) {
    guard dx.count > 0 else { return }
    Team.run(
      RowKernel(.softmaxGradient, dx.dtype, rows: dx.count / columns, columns: columns), inputs: [y, dy],
      outputs: [dx])
  }

  func softmaxCrossEntropy(_ logits: Tensor, labels: Tensor, into loss: Tensor) {
    Team.run(RowKernel(lossOf: logits, labels: labels), inputs: [logits, labels], outputs: [loss])
  }

  func softmaxCrossEntropyGradient(_ logits: Tensor, labels: Tensor, scale: Tensor, into dz: Tensor) {
    guard dz.count > 0 else { return }
    Team.run(
      RowKernel(gradientOf: logits, labels: labels, scale: scale), inputs: [logits, labels, scale], outputs: [dz])
  }
}

extension RowKernel {
  init(_ function: RowFunction, _ x: Tensor, columns: Int) {
    self.init(function == .softmax ? .softmax : .logSoftmax, x.dtype, rows: x.count / max(1, columns), columns: columns)
  }

  init(lossOf logits: Tensor, labels: Tensor) {
    self.init(
      .crossEntropy(labels: labels.dtype.c), logits.dtype, rows: labels.count, columns: logits.shape[logits.rank - 1])
  }

  init(gradientOf logits: Tensor, labels: Tensor, scale: Tensor, withLoss: Bool = false) {
    let (type, stride): (apus_dtype, Int64) = (labels.dtype.c, scale.count == 1 ? 0 : 1)
    self.init(
      withLoss
        ? .crossEntropyWithGradient(labels: type, scaleStride: stride)
        : .crossEntropyGradient(labels: type, scaleStride: stride),
      logits.dtype, rows: labels.count, columns: logits.shape[logits.rank - 1])
  }
}
