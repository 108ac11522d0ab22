import CApus

// Scaled dot-product attention (Vaswani et al., 2017). Within Apus heads lie inside positions, (batch, positions, heads, width), as
// projections give them, so that nothing is transposed.

/// softmax(scale q kᵀ + mask) v by the fused kernel, which never holds all scores. `x`: queries, keys and values, or all three packed; a
/// float32 mask if there is one. The second result is ln Σ e^score, from which the gradient computes the probabilities again.
struct FusedAttention: MultipleFunction {
  let isPacked: Bool
  let scale: Double
  let causalOffset: Int?

  var name: String { "attention" }
  var detail: String { causalOffset == nil ? "" : "causal" }

  /// Whether there is a kernel for it.
  static func canRun(_ q: Tensor, _ v: Tensor) -> Bool {
    let widest = Int(APUS_ATTENTION_WIDEST)
    return q.dtype == .float32 && q.shape[q.rank - 1] <= widest && v.shape[v.rank - 1] <= widest
  }

  private func geometry(_ x: [Tensor]) -> AttentionGeometry {
    let (q, k, v) = parts(x)
    let mask = x.count > (isPacked ? 1 : 3) ? x[x.count - 1].shape : nil
    return AttentionGeometry(
      batch: q.shape[0], heads: q.shape[2], queries: q.shape[1], keys: k.shape[1], width: q.shape[3],
      valueWidth: v.shape[3], isPacked: isPacked, maskShape: mask, scale: scale, causalOffset: causalOffset)
  }

  /// Queries, keys and values apart.
  private func parts(_ x: [Tensor]) -> (q: Tensor, k: Tensor, v: Tensor) {
    isPacked ? (x[0][.all, .all, 0], x[0][.all, .all, 1], x[0][.all, .all, 2]) : (x[0], x[1], x[2])
  }

  func outputTypes(_ x: [Tensor]) throws(ShapeError) -> [TensorType] {
    let shape = geometry(x)
    return [
      TensorType([shape.batch, shape.queries, shape.heads, shape.valueWidth], .float32),
      TensorType([shape.batch, shape.heads, shape.queries], .float32),
    ]
  }

  func forward(_ x: [Tensor], into y: [Tensor]) {
    y[0].backend.run(AttentionForward(geometry: geometry(x)), x.map(\.dense), into: y)
  }

  func gradients(_ dy: [Tensor?], _ x: [Tensor], _ y: [Tensor], isNeeded: (Int) -> Bool) -> [Tensor?] {
    guard let dy = dy[0] else { return [] }
    if isRecording(x) || isRecording(dy) { return differentiableGradients(dy, x) }
    let results = x.prefix(isPacked ? 1 : 3).map { Tensor(uninitialized: $0.shape, $0.dtype, on: dy.backend) }
    dy.backend.run(AttentionBackward(geometry: geometry(x)), x.map(\.dense) + y + [dy.dense], into: results)
    return results
  }

  /// The same of operations that can be differentiated again.
  private func differentiableGradients(_ dy: Tensor, _ x: [Tensor]) -> [Tensor?] {
    let (q, k, v) = parts(x)
    let mask = x.count > (isPacked ? 1 : 3) ? x[x.count - 1] : nil
    let p = attentionProbabilities(q, k, mask: mask, scale: scale, causalOffset: causalOffset)
    let d = dy.swappingAxes(1, 2)
    let dp = d • v.transposed([0, 2, 3, 1])
    let ds = p * (dp - (dp * p).sum(axes: [-1], keepsAxes: true)) * scale
    let dq = (ds • k.swappingAxes(1, 2)).swappingAxes(1, 2)
    let dk = (ds.swappingAxes(-1, -2) • q.swappingAxes(1, 2)).swappingAxes(1, 2)
    let dv = (p.swappingAxes(-1, -2) • d).swappingAxes(1, 2)
    return isPacked ? [stack([dq, dk, dv], axis: 2)] : [dq, dk, dv]
  }
}

/// The probabilities (batch, heads, queries, keys) of `q` and `k` (batch, positions, heads, width), of ordinary operations. A query that sees
/// nothing has probabilities of 0.
private func attentionProbabilities(
  _ q: Tensor, _ k: Tensor, mask: Tensor?, scale: Double, causalOffset: Int?
) -> Tensor {
  var scores = (q.swappingAxes(1, 2) • k.transposed([0, 2, 3, 1])) * scale
  var isSeen: Tensor?
  func see(_ more: Tensor) { isSeen = isSeen.map { $0 .& more } ?? more }
  if let mask {
    if mask.dtype == .bool {
      see(mask)
    } else {
      scores = scores + mask
      see(scores .!= -.infinity)
    }
  }
  if let causalOffset {
    let queries = Tensor.range(0..<q.shape[1]).expandingDimension(at: 1)
    see(queries + Double(causalOffset) .>= Tensor.range(0..<k.shape[1]))
  }
  guard let isSeen else { return softmax(scores) }
  func number(_ value: Double) -> Tensor { Tensor(filledWith: value, shape: [], dtype: scores.dtype) }
  // Far below any score, but finite: a row of which nothing is seen stays free of NaN until it is set to 0.
  return `where`(isSeen, softmax(`where`(isSeen, scores, number(-1e30))), number(0))
}

private let dropOut = Elementwise("dropout", inputs: 2, scalars: 1, masks: [0]) { x, s in select(x[0], x[1] * s[0], 0) }

/// Attention of `q` (batch, queries, heads, width) to `k` (batch, keys, heads, width) with values `v` (batch, keys, heads, value width): a
/// tensor (batch, queries, heads, value width).
/// - Parameters:
///   - mask: broadcasts to (batch, heads, queries, keys): bool, true where a key is seen, or numbers to add to the scores.
///   - causalOffset: query i sees the keys up to i plus this; nil: all.
///   - dropout: the probability, in [0, 1), that a weight is dropped while training.
package func attention(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor? = nil, causalOffset: Int? = nil, scale: Double,
  dropout: Double = 0
) -> Tensor {
  let mode = dropout > 0 ? TrainingMode.current : nil
  if mode == nil, mask?.isTracked != true, FusedAttention.canRun(q, v) {
    let function = FusedAttention(isPacked: false, scale: scale, causalOffset: causalOffset)
    return apply(function, [q, k, v] + fusedMask(mask, keys: k.shape[1]))[0]
  }
  var p = attentionProbabilities(q, k, mask: mask, scale: scale, causalOffset: causalOffset)
  if let mode {
    let isKept = mode.withRandom {
      Tensor.randomBernoulli(p.shape, probability: 1 - dropout, dtype: .bool, using: &$0)
    }
    p = dropOut.call([isKept, p], [1 / (1 - dropout)])
  }
  return (p • v.swappingAxes(1, 2)).swappingAxes(1, 2)
}

/// The same of queries, keys and values in one tensor (batch, positions, 3, heads, width), as one projection gives them.
package func attention(
  packed: Tensor, mask: Tensor? = nil, causalOffset: Int? = nil, scale: Double, dropout: Double = 0
) -> Tensor {
  let isDropping = dropout > 0 && TrainingMode.current != nil
  if !isDropping, mask?.isTracked != true, FusedAttention.canRun(packed, packed) {
    let function = FusedAttention(isPacked: true, scale: scale, causalOffset: causalOffset)
    return apply(function, [packed] + fusedMask(mask, keys: packed.shape[1]))[0]
  }
  return attention(
    packed[.all, .all, 0], packed[.all, .all, 1], packed[.all, .all, 2], mask: mask, causalOffset: causalOffset,
    scale: scale, dropout: dropout)
}

/// A mask as the kernel adds it: float32 of four axes, its last one not broadcast.
private func fusedMask(_ mask: Tensor?, keys: Int) -> [Tensor] {
  guard let mask else { return [] }
  var numbers = mask
  if mask.dtype == .bool {
    func number(_ value: Double) -> Tensor { Tensor(filledWith: value, shape: [], dtype: .float32) }
    numbers = `where`(mask, number(0), number(-.infinity))
  }
  var shape = Shape(Array(repeating: 1, count: 4 - mask.rank) + Array(mask.shape))
  numbers = numbers.reshaped(shape)
  shape[3] = keys
  return [numbers.broadcast(to: shape)]
}

/// softmax(scale q kᵀ + mask) v: each query's mean of the values, weighted by how well the keys match it (Vaswani et al., 2017).
///
/// Of a query that sees no key, the result is 0. The weights are never held as a whole, unless they are dropped or float64.
/// - Parameters:
///   - q: queries (…, queries, width).
///   - k: keys (…, keys, width), with the leading axes of `q`.
///   - v: values (…, keys, value width), with the leading axes of `q`.
///   - mask: broadcasts to (…, queries, keys): bool, true where a key is seen, or numbers to add to the scores.
///   - isCausal: whether query i sees only the keys 0...i.
///   - scale: what products of queries and keys are multiplied by; 1 / √width if nil.
///   - dropout: the probability, in [0, 1), that a weight is dropped while training.
public func scaledDotProductAttention(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor? = nil, isCausal: Bool = false, scale: Double? = nil,
  dropout: Double = 0
) -> Tensor {
  let name = "scaledDotProductAttention"
  guard q.rank >= 2, k.rank == q.rank, v.rank == q.rank, q.shape.dropLast(2) == k.shape.dropLast(2),
    k.shape.dropLast() == v.shape.dropLast(), q.shape.last == k.shape.last, q.shape.last! > 0
  else {
    stop(
      ShapeError(
        name,
        "queries \(q.shape), keys \(k.shape) and values \(v.shape) were found; "
          + "expected (…, queries, width), (…, keys, width) and (…, keys, any)"))
  }
  guard q.dtype == .float32 || q.dtype == .float64, k.dtype == q.dtype, v.dtype == q.dtype else {
    stop(ShapeError(name, "element types \([q, k, v].map(\.dtype)) were found; expected float32 or float64 throughout"))
  }
  requireDropout(dropout, name)
  let batch = Shape(q.shape.dropLast(2))
  func folded(_ x: Tensor) -> Tensor {
    x.reshaped(Shape([batch.elementCount, x.shape[x.rank - 2], 1, x.shape[x.rank - 1]]))
  }
  var folding: Tensor?
  if let mask {
    var full = batch
    full.append(q.shape[q.rank - 2])
    full.append(k.shape[k.rank - 2])
    requireMask(mask, full, q.dtype, name)
    folding = mask
    if mask.rank > 2 {
      // One mask for each element of the batch; queries may still share theirs.
      let last = mask.shape.suffix(2)
      folding = mask.broadcast(to: Shape(Array(batch) + last)).reshaped(Shape([batch.elementCount, 1] + last))
    }
  }
  let y = attention(
    folded(q), folded(k), folded(v), mask: folding, causalOffset: isCausal ? 0 : nil,
    scale: scale ?? 1 / Double(q.shape.last!).squareRoot(), dropout: dropout)
  var shape = q.shape
  shape[q.rank - 1] = v.shape.last!
  return y.reshaped(shape)
}

/// Stops unless `mask` is bool or of the type `dtype` and broadcasts to `shape`.
package func requireMask(_ mask: Tensor, _ shape: Shape, _ dtype: DType, _ operation: String) {
  guard mask.dtype == .bool || mask.dtype == dtype, mask.shape.broadcast(with: shape) == shape else {
    stop(
      ShapeError(operation, "a mask \(mask.type) was found; expected bool or \(dtype) that broadcasts to \(shape)"))
  }
}

private func requireDropout(_ probability: Double, _ operation: String) {
  guard probability >= 0 && probability < 1 else {
    stop(ShapeError(operation, "a dropout of \(probability) was found; expected at least 0 and less than 1"))
  }
}
