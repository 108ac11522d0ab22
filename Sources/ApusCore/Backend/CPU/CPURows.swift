import CApus

// Reductions, scans and row-wise functions.

extension CPUBackend {
  /// About this many elements make a piece of work worth a thread.
  private static let grain = 1 << 15

  func reduce(_ reduction: Reduction, _ x: Tensor, outer: Int, count: Int, inner: Int, into y: Tensor) {
    guard y.count > 0 else { return }
    if outer == 1 && inner == 1, x.dtype.isFloatingPoint, count > 2 * Self.grain,
      reduction == .sum || reduction == .sumOfSquares
    {
      return sumAll(x, ofSquares: reduction == .sumOfSquares, into: y)
    }
    precondition(reduction != .mean, "a mean is a sum, divided")
    let code = unsafeBitCast(reduction.rawValue, to: apus_reduction.self)
    let (source, target, dtype) = (x.object.address, y.object.address, x.dtype.c)
    Team.run(count: outer, grain: max(1, Self.grain / max(1, count * inner))) { begin, end in
      apus_reduce(code, dtype, source, target, Int64(count), Int64(inner), Int64(begin), Int64(end))
    }
  }

  /// Adds the sums of fixed pieces in order: the same bits for any number of threads.
  private func sumAll(_ x: Tensor, ofSquares: Bool, into y: Tensor) {
    let (source, size, count) = (x.object.address, x.dtype.byteCount, x.count)
    let dtype = x.dtype.c
    let pieces = (count + Self.grain - 1) / Self.grain
    withUnsafeTemporaryAllocation(of: Double.self, capacity: pieces) { sums in
      Team.run(count: pieces, grain: 1) { begin, end in
        for piece in begin..<end {
          let start = piece * Self.grain
          let length = min(Self.grain, count - start)
          sums[piece] = apus_sum_chunk(dtype, ofSquares, source + start * size, Int64(length))
        }
      }
      var total = sums.reduce(0, +)
      apus_convert(y.object.address, y.dtype.c, &total, APUS_F64, 1)
    }
  }

  func cumulativeSum(_ x: Tensor, outer: Int, count: Int, inner: Int, reversed: Bool, into y: Tensor) {
    guard y.count > 0 else { return }
    let (source, target, dtype) = (x.object.address, y.object.address, x.dtype.c)
    Team.run(count: outer, grain: max(1, Self.grain / max(1, count * inner))) { begin, end in
      apus_cumulative_sum(dtype, source, target, Int64(count), Int64(inner), reversed, Int64(begin), Int64(end))
    }
  }

  private func overRows(_ rows: Int, columns: Int, _ body: (Int64, Int64) -> Void) {
    Team.run(count: rows, grain: max(1, (Self.grain / 4) / max(1, columns))) { begin, end in
      body(Int64(begin), Int64(end))
    }
  }

  func rowwise(_ function: RowFunction, _ x: Tensor, columns: Int, into y: Tensor) {
    guard x.count > 0 else { return }
    let (source, target, dtype) = (x.object.address, y.object.address, x.dtype.c)
    overRows(x.count / columns, columns: columns) { begin, end in
      switch function {
      case .softmax: apus_softmax(dtype, source, target, Int64(columns), begin, end)
      case .logSoftmax: apus_log_softmax(dtype, source, target, Int64(columns), begin, end)
      }
    }
  }

  func softmaxGradient(_ y: Tensor, dy: Tensor, columns: Int, into dx: Tensor) {
    guard dx.count > 0 else { return }
    let (output, upstream, target, dtype) = (y.object.address, dy.object.address, dx.object.address, y.dtype.c)
    overRows(dx.count / columns, columns: columns) { begin, end in
      apus_softmax_gradient(dtype, output, upstream, target, Int64(columns), begin, end)
    }
  }

  func softmaxCrossEntropy(_ logits: Tensor, labels: Tensor, into loss: Tensor) {
    let columns = logits.shape[logits.rank - 1]
    let (z, label, target) = (logits.object.address, labels.object.address, loss.object.address)
    let (dtype, labelType) = (logits.dtype.c, labels.dtype.c)
    overRows(loss.count, columns: columns) { begin, end in
      apus_softmax_cross_entropy(dtype, z, label, labelType, target, nil, Int64(columns), begin, end)
    }
  }

  func softmaxCrossEntropyGradient(_ logits: Tensor, labels: Tensor, scale: Tensor, into dz: Tensor) {
    let columns = logits.shape[logits.rank - 1]
    guard dz.count > 0 else { return }
    // The probabilities are computed in place of the result, row by row while the row is in cache.
    let (z, label, target) = (logits.object.address, labels.object.address, dz.object.address)
    let (dtype, labelType, factor) = (logits.dtype.c, labels.dtype.c, scale.object.address)
    let stride: Int64 = scale.count == 1 ? 0 : 1
    overRows(dz.count / columns, columns: columns) { begin, end in
      apus_softmax(dtype, z, target, Int64(columns), begin, end)
      apus_softmax_cross_entropy_gradient(
        dtype, target, label, labelType, factor, stride, target, Int64(columns), begin, end)
    }
  }
}
