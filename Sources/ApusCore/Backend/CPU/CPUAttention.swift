import CApus

/// How the heads of an attention lie in memory: queries (batch, queries, heads, width), keys (batch, keys, heads, width), values (batch, keys,
/// heads, value width), or all three packed as (batch, positions, 3, heads, width); results as queries, with the values' width.
struct AttentionGeometry: Hashable, Sendable {
  let batch, heads, queries, keys, width, valueWidth: Int
  let isPacked: Bool
  /// Of a mask (batch, heads, queries, keys) in which all extents but the last may be 1.
  let maskShape: Shape?
  let scale: Double
  /// Query i sees the keys up to i plus this; nil: all keys.
  let causalOffset: Int?

  /// The least number of inputs: without a mask.
  var tensors: Int { isPacked ? 1 : 3 }
  var multiplications: Int { batch * heads * queries * keys * (width + valueWidth) / (causalOffset == nil ? 1 : 2) }

  /// One head, for the kernels.
  var head: apus_attention {
    let packed = 3 * heads * width
    return apus_attention(
      queries: Int64(queries), keys: Int64(keys), width: Int64(width), value_width: Int64(valueWidth),
      q_row: Int64(isPacked ? packed : heads * width), k_row: Int64(isPacked ? packed : heads * width),
      v_row: Int64(isPacked ? packed : heads * valueWidth), o_row: Int64(heads * valueWidth),
      mask_row: maskShape.map { $0[2] == 1 ? 0 : Int64(keys) } ?? 0, scale: Float(scale),
      is_causal: causalOffset != nil,
      offset: Int64(causalOffset ?? 0))
  }

  typealias Floats = UnsafeMutablePointer<Float>

  /// Where the queries, keys and values of a head begin, in the tensors from `p` on.
  func operands(_ p: CPUKernel.Addresses, _ batch: Int, _ head: Int) -> (q: Floats, k: Floats, v: Floats) {
    func floats(_ i: Int) -> Floats { p[i].assumingMemoryBound(to: Float.self) }
    if isPacked {
      let first = floats(0) + (batch * queries * 3 * heads + head) * width
      return (first, first + heads * width, first + 2 * heads * width)
    }
    return (
      floats(0) + (batch * queries * heads + head) * width, floats(1) + (batch * keys * heads + head) * width,
      floats(2) + (batch * keys * heads + head) * valueWidth
    )
  }

  /// Where the results of a head begin in a tensor of results.
  func result(_ address: UnsafeMutableRawPointer, _ batch: Int, _ head: Int) -> Floats {
    address.assumingMemoryBound(to: Float.self) + (batch * queries * heads + head) * valueWidth
  }

  /// Where a head's mask begins.
  func mask(_ address: UnsafeMutableRawPointer, _ batch: Int, _ head: Int) -> Floats? {
    guard let maskShape else { return nil }
    let row = (maskShape[0] == 1 ? 0 : batch) * maskShape[1] + (maskShape[1] == 1 ? 0 : head)
    return address.assumingMemoryBound(to: Float.self) + row * maskShape[2] * keys
  }
}

/// Attention without its scores in memory: queries, keys and values, and a mask if there is one, to results and the log-sums of the scores,
/// (batch, heads, queries).
struct AttentionForward: CPURoutine {
  let geometry: AttentionGeometry
  var name: String { "attention" }
  var isArithmetic: Bool { true }
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 2 * geometry.multiplications }
  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan { RoutinePlan(Kernel(geometry)) }

  /// A piece is a head, or of many queries some.
  private struct Kernel: CPUKernel {
    let geometry: AttentionGeometry
    let head: apus_attention
    let chunks: Int
    static let step = 256
    var pieces: Int { geometry.batch * geometry.heads * chunks }
    var cost: Double { Double(geometry.multiplications) / 40 }

    init(_ geometry: AttentionGeometry) {
      self.geometry = geometry
      head = geometry.head
      chunks = (geometry.queries + Self.step - 1) / Self.step
    }

    func run(_ p: Addresses, piece: Int) {
      let (batch, h) = (piece / chunks / geometry.heads, piece / chunks % geometry.heads)
      let begin = piece % chunks * Self.step
      let results = geometry.tensors + (geometry.maskShape == nil ? 0 : 1)
      let (q, k, v) = geometry.operands(p, batch, h)
      let sums = p[results + 1].assumingMemoryBound(to: Float.self) + piece / chunks * geometry.queries
      withUnsafePointer(to: head) {
        apus_attention_forward(
          $0, q, k, v, geometry.mask(p[results - 1], batch, h), geometry.result(p[results], batch, h), sums,
          Int64(begin),
          Int64(min(begin + Self.step, geometry.queries)))
      }
    }
  }
}

/// The gradients of ``AttentionForward``: its inputs, its results and the gradient of the first, to gradients that lie as queries, keys and
/// values do.
struct AttentionBackward: CPURoutine {
  let geometry: AttentionGeometry
  var name: String { "attentionGradient" }
  var isArithmetic: Bool { true }
  func flops(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { 5 * geometry.multiplications }
  func plan(_ inputs: [TensorType], _ outputs: [TensorType]) -> RoutinePlan { RoutinePlan(Kernel(geometry)) }

  private struct Kernel: CPUKernel {
    let geometry: AttentionGeometry
    let head: apus_attention
    var pieces: Int { geometry.batch * geometry.heads }
    var cost: Double { Double(geometry.multiplications) / 16 }
    /// Whole cache lines for every head.
    private var work: Int { (4 * geometry.queries + 63) & ~63 }
    var scratchBytes: Int { pieces * work }

    init(_ geometry: AttentionGeometry) {
      self.geometry = geometry
      head = geometry.head
    }

    func run(_ p: Addresses, piece: Int) {
      let (batch, h) = (piece / geometry.heads, piece % geometry.heads)
      let results = geometry.tensors + (geometry.maskShape == nil ? 0 : 1)
      let (q, k, v) = geometry.operands(p, batch, h)
      let (dq, dk, dv) = geometry.operands(p + results + 3, batch, h)
      let sums = p[results + 1].assumingMemoryBound(to: Float.self) + piece * geometry.queries
      let scratch = p[results + 3 + geometry.tensors] + piece * work
      withUnsafePointer(to: head) {
        apus_attention_backward(
          $0, q, k, v, geometry.mask(p[results - 1], batch, h), geometry.result(p[results], batch, h), sums,
          geometry.result(p[results + 2], batch, h), dq, dk, dv, scratch.assumingMemoryBound(to: Float.self))
      }
    }
  }
}
