import CApus

/// Matrix products for every position of leading axes, from where the operands lie: the last leading axes, as many as have one step between
/// their matrices, are a batch of one kernel, and that runs for every position of the others.
struct BatchedMatmulKernel: CPUKernel {
  private let kernel: MatmulKernel
  private let hasBias: Bool
  /// What is added to the addresses of `a`, `b` and `c`, in bytes.
  private let offsets: [(a: Int, b: Int, c: Int)]

  var pieces: Int { kernel.pieces * offsets.count }
  var cost: Double { kernel.cost * Double(offsets.count) }

  init(_ kernel: MatmulKernel, hasBias: Bool, offsets: [(a: Int, b: Int, c: Int)]) {
    self.kernel = kernel
    self.hasBias = hasBias
    self.offsets = offsets
  }

  func run(_ p: Addresses, piece: Int) {
    let offset = offsets[piece / kernel.pieces]
    let result = hasBias ? 3 : 2
    var moved = InlineArray<4, UnsafeMutableRawPointer>(repeating: p[2])
    (moved[0], moved[1]) = (p[0] + offset.a, p[1] + offset.b)
    moved[result] = p[result] + offset.c
    withUnsafePointer(to: moved) {
      $0.withMemoryRebound(to: UnsafeMutableRawPointer.self, capacity: 4) {
        kernel.run($0, piece: piece % kernel.pieces)
      }
    }
  }
}

/// The leading axes of a product's operands.
private struct LeadingAxes {
  let extents: [Int]
  /// Steps of both operands along each axis, in elements: 0 where one is broadcast.
  private(set) var a: [Int] = []
  private(set) var b: [Int] = []

  init(_ x: TensorObject, _ y: TensorObject, of z: TensorObject) {
    extents = z.shape.dropLast(2).map { $0 }
    a = steps(x)
    b = steps(y)
  }

  private func steps(_ x: TensorObject) -> [Int] {
    let missing = extents.count - (x.shape.rank - 2)
    return extents.indices.map { axis in
      axis < missing || x.shape[axis - missing] == 1 ? 0 : x.strides[axis - missing]
    }
  }

  /// The last axes, as many as are one batch: from matrix to matrix it is the same step, for both operands.
  var batch: (axes: Int, count: Int, a: Int, b: Int) {
    var batch = (axes: 0, count: 1, a: 0, b: 0)
    for (axis, extent) in extents.enumerated().reversed() {
      if extent > 1 {
        if batch.count == 1 { (batch.a, batch.b) = (a[axis], b[axis]) }
        guard a[axis] == batch.a * batch.count, b[axis] == batch.b * batch.count else { return batch }
        batch.count *= extent
      }
      batch.axes += 1
    }
    return batch
  }
}

extension CPUBackend {
  /// The kernel of a product with leading axes, from layouts alone; nil where an operand has to be copied or converted first, or no kernel
  /// knows the type.
  func batchedKernel(
    _ a: Tensor, _ b: Tensor, hasBias: Bool, epilogue: Epilogue, into c: Tensor
  ) -> BatchedMatmulKernel? {
    guard c.rank > 2, c.dtype != .bfloat16, c.count > 0, a.isMultipliable, b.isMultipliable else { return nil }
    let axes = LeadingAxes(a.object, b.object, of: c.object)
    let batch = axes.batch
    let outer = axes.extents.dropLast(batch.axes)
    var shape = apus_matmul()
    shape.batch = Int64(batch.count)
    (shape.m, shape.n) = (Int64(c.shape[c.rank - 2]), Int64(c.shape[c.rank - 1]))
    shape.k = Int64(a.shape[a.rank - 1])
    (shape.a_batch, shape.b_batch) = (Int64(batch.a), Int64(batch.b))
    (shape.a_row, shape.a_column) = (Int64(a.object.strides[a.rank - 2]), Int64(a.object.strides[a.rank - 1]))
    (shape.b_row, shape.b_column) = (Int64(b.object.strides[b.rank - 2]), Int64(b.object.strides[b.rank - 1]))
    shape.has_bias = hasBias
    shape.epilogue = unsafeBitCast(epilogue.rawValue, to: apus_epilogue.self)
    shape.dtype = a.dtype.c
    guard a.dtype == b.dtype, let kernel = products.kernel(shape) else { return nil }
    let matrices = Int(shape.batch * shape.m * shape.n) * c.dtype.byteCount
    let count = outer.reduce(1, *)
    let offsets = (0..<count).map { position -> (a: Int, b: Int, c: Int) in
      var (rest, x, y) = (position, 0, 0)
      for axis in outer.indices.reversed() {
        x += rest % outer[axis] * axes.a[axis]
        y += rest % outer[axis] * axes.b[axis]
        rest /= outer[axis]
      }
      return (x * a.dtype.byteCount, y * b.dtype.byteCount, position * matrices)
    }
    return BatchedMatmulKernel(kernel, hasBias: hasBias, offsets: offsets)
  }
}
