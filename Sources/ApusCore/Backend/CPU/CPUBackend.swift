import CApus

/// The processor: the C kernels, and oneDNN for matrix products.
final class CPUBackend: Backend {
  static let shared = CPUBackend()

  let products = MatrixProducts()
  let routines = RoutinePlans()

  var name: String { "cpu" }

  func allocate(_ byteCount: Int) -> Storage {
    Storage(pointer: HostPool.shared.allocate(byteCount), byteCount: byteCount, backend: self)
  }

  func release(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    HostPool.shared.release(pointer, byteCount: byteCount)
  }

  func upload(_ bytes: UnsafeRawBufferPointer, to storage: Storage) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    storage.pointer.copyMemory(from: source, byteCount: bytes.count)
  }

  func download(_ storage: Storage, byteOffset: Int, to bytes: UnsafeMutableRawBufferPointer) {
    guard let target = bytes.baseAddress, bytes.count > 0 else { return }
    target.copyMemory(from: storage.pointer + byteOffset, byteCount: bytes.count)
  }

  func fill(_ y: Tensor, with value: Double) {
    guard y.count > 0 else { return }
    var element: UInt64 = 0
    withUnsafeMutableBytes(of: &element) { bytes in
      var source = value
      apus_convert(bytes.baseAddress!, y.dtype.c, &source, APUS_F64, 1)
      apus_fill(Int64(y.dtype.byteCount), y.object.address, bytes.baseAddress!, Int64(y.count))
    }
  }

  func random(_ distribution: Distribution, key: UInt64, stream: UInt64, counter: UInt64, into y: Tensor) {
    let address = Unchecked(y.object.address)
    let dtype = y.dtype
    Team.run(count: y.count, grain: 1 << 14) { begin, end in
      distribution.fill(address.value, dtype, key: key, stream: stream, counter: counter, from: begin, to: end)
    }
  }
}

extension Distribution {
  /// Fills elements `begin` to `end` of an array.
  func fill(
    _ address: UnsafeMutableRawPointer, _ dtype: DType, key: UInt64, stream: UInt64, counter: UInt64, from begin: Int,
    to end: Int
  ) {
    let (dtype, begin, end) = (dtype.c, Int64(begin), Int64(end))
    switch self {
    case .uniform(let low, let high):
      apus_random_uniform(dtype, key, stream, counter, low, high, address, begin, end)
    case .normal(let mean, let deviation):
      apus_random_normal(dtype, key, stream, counter, mean, deviation, address, begin, end)
    case .bernoulli(let probability):
      apus_random_bernoulli(dtype, key, stream, counter, probability, address, begin, end)
    }
  }
}

/// The thread team.
enum Team {
  /// Runs `body` over [0, count) in pieces of `grain`, on the team when there is more than one piece. The pieces do not depend on
  /// the number of threads, so neither does any result.
  static func run(count: Int, grain: Int, _ body: (_ begin: Int, _ end: Int) -> Void) {
    guard count > grain else {
      if count > 0 { body(0, count) }
      return
    }
    // The C callback gets a pointer to the closure, which outlives the call: apus_parallel returns when all pieces are done.
    withoutActuallyEscaping(body) { body in
      var context = Context(count: count, grain: grain, body: body)
      withUnsafeMutablePointer(to: &context) { pointer in
        apus_parallel(
          Int64((count + grain - 1) / grain),
          { pointer, piece in
            let context = pointer!.assumingMemoryBound(to: Context.self)
            let begin = Int(piece) * context.pointee.grain
            context.pointee.body(begin, min(begin + context.pointee.grain, context.pointee.count))
          }, pointer)
      }
    }
  }

  private struct Context {
    let count: Int
    let grain: Int
    let body: (Int, Int) -> Void
  }
}

/// Carries a pointer into the team's threads. The caller guarantees that they touch disjoint parts of what it points to.
struct Unchecked<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
