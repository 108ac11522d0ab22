import CApus
import Synchronization

/// Matrix products: by own kernels, those of bfloat16 by oneDNN, its primitives made once per shape.
final class MatrixProducts: Sendable {
  /// Those of bfloat16; nil where oneDNN declines.
  private let kernels = Mutex<[MatmulKey: MatmulKernel?]>([:])
  /// A program with ever new shapes starts anew here, rather than fill the memory.
  private static let mostKernels = 1024

  /// The kernel for this shape. Nil where oneDNN declines what only it can do.
  func kernel(_ shape: apus_matmul) -> MatmulKernel? {
    let route = withUnsafePointer(to: shape) { apus_matmul_route($0) }
    if route == APUS_MATMUL_OWN { return MatmulKernel(own: shape) }
    let key = MatmulKey(shape)
    return kernels.withLock { kernels in
      if let known = kernels[key] { return known }
      let kernel = try? MatmulKernel(shape, route)
      if kernels.count >= Self.mostKernels { kernels.removeAll() }
      kernels.updateValue(kernel, forKey: key)
      return kernel
    }
  }

  /// - Returns: whether there is a kernel for it.
  func multiply(_ shape: apus_matmul, _ a: Tensor, _ b: Tensor, _ bias: Tensor?, into c: Tensor) -> Bool {
    guard let kernel = kernel(shape) else { return false }
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: 4) { table in
      table.initializeElement(at: 0, to: a.object.address)
      table.initializeElement(at: 1, to: b.object.address)
      if let bias { table.initializeElement(at: 2, to: bias.object.address) }
      table.initializeElement(at: bias == nil ? 2 : 3, to: c.object.address)
      Team.run(kernel, CPUKernel.Addresses(table.baseAddress!))
    }
    return true
  }
}

/// What distinguishes the kernels.
private struct MatmulKey: Hashable {
  let extents: SIMD8<Int64>
  let strides: SIMD4<Int64>
  let flags: UInt32

  init(_ call: apus_matmul) {
    extents = SIMD8(call.batch, call.m, call.n, call.k, call.a_batch, call.a_row, call.a_column, call.b_batch)
    strides = SIMD4(call.b_row, call.b_column, 0, 0)
    flags = UInt32(call.has_bias ? 1 : 0) | UInt32(call.epilogue.rawValue) << 8 | UInt32(call.dtype.rawValue) << 16
  }
}

extension CPUBackend {
  func matmul(_ a: Tensor, _ b: Tensor, transposesB: Bool, bias: Tensor?, epilogue: Epilogue, into c: Tensor) {
    guard c.count > 0 else { return }
    if c.rank == 2 && c.dtype != .bfloat16 { return product(a, b, transposesB, bias, epilogue, into: c) }
    if transposesB {
      let transposed = b.stopGradient().swappingAxes(-1, -2)
      return matmul(a, transposed, transposesB: false, bias: bias, epilogue: epilogue, into: c)
    }
    guard c.dtype != .bfloat16 else { return matmulInFloat32(a, b, bias: bias, epilogue: epilogue, into: c) }
    let (left, right) = (a.multipliable, b.multipliable)
    if let kernel = batchedKernel(left, right, hasBias: bias != nil, epilogue: epilogue, into: c) {
      return Team.run(kernel, inputs: bias.map { [left, right, $0] } ?? [left, right], outputs: [c])
    }
    // A type that only oneDNN knows, and it declines.
    matmul(
      left.cast(to: c.dtype), right.cast(to: c.dtype), transposesB: false, bias: bias, epilogue: epilogue, into: c)
  }

  private func matmulInFloat32(_ a: Tensor, _ b: Tensor, bias: Tensor?, epilogue: Epilogue, into c: Tensor) {
    let wide = Tensor(uninitialized: c.shape, .float32, on: self)
    matmul(
      a.cast(to: .float32), b.cast(to: .float32), transposesB: false, bias: bias?.cast(to: .float32),
      epilogue: epilogue,
      into: wide)
    copy(wide, into: c)
  }

  /// `a` (m, k), `b` (k, n), or (n, k) if it is to be transposed; `a` and `b` have the type of `c`, or are bfloat16 where `c` is float32.
  private func product(
    _ a: Tensor, _ b: Tensor, _ transposesB: Bool, _ bias: Tensor?, _ epilogue: Epilogue, into c: Tensor
  ) {
    let (left, right) = (a.multipliable, b.multipliable)
    let shape = apus_matmul(
      left.object, right.object, transposesB, hasBias: bias != nil, epilogue, into: c.object)
    if products.multiply(shape, left, right, bias, into: c) { return }
    product(left.cast(to: c.dtype), right.cast(to: c.dtype), transposesB, bias, epilogue, into: c)
  }

  /// The kernel of a product of matrices, from layouts alone; nil where an operand has to be copied or converted first,
  /// or no kernel knows the type.
  func kernel(_ a: Tensor, _ b: Tensor, transposesB: Bool, hasBias: Bool, epilogue: Epilogue, into c: Tensor)
    -> MatmulKernel?
  {
    guard c.rank == 2, c.dtype != .bfloat16, c.count > 0, a.isMultipliable, b.isMultipliable else { return nil }
    return products.kernel(
      apus_matmul(a.object, b.object, transposesB, hasBias: hasBias, epilogue, into: c.object))
  }
}

extension apus_matmul {
  /// `x` (m, k), `y` (k, n), or (n, k) if it is to be transposed, `z` (m, n).
  fileprivate init(
    _ x: TensorObject, _ y: TensorObject, _ transposesB: Bool, hasBias: Bool, _ epilogue: Epilogue,
    into z: TensorObject
  ) {
    self.init()
    batch = 1
    (m, n, k) = (Int64(z.shape[0]), Int64(z.shape[1]), Int64(x.shape[1]))
    (a_row, a_column) = (Int64(x.strides[0]), Int64(x.strides[1]))
    (b_row, b_column) = (Int64(y.strides[transposesB ? 1 : 0]), Int64(y.strides[transposesB ? 0 : 1]))
    has_bias = hasBias
    self.epilogue = unsafeBitCast(epilogue.rawValue, to: apus_epilogue.self)
    dtype = x.dtype.c
  }
}

extension Tensor {
  /// This tensor if the products can read it where it lies, else a dense copy.
  var multipliable: Tensor { isMultipliable ? self : dense }

  /// Whether the products can read this tensor where it lies: one of the last two axes has no gaps.
  var isMultipliable: Bool {
    let (row, column) = (object.strides[rank - 2], object.strides[rank - 1])
    let (rows, columns) = (shape[rank - 2], shape[rank - 1])
    let isRowMajor = (column == 1 || columns == 1) && (row >= columns || rows == 1)
    let isColumnMajor = (row == 1 || rows == 1) && (column >= rows || columns == 1)
    return isRowMajor || isColumnMajor
  }
}
