import Apus

/// Plain arrays of floats, aligned to a cache line, as a C program has them.
final class Arrays {
  let pointers: [UnsafeMutablePointer<Float>?]

  init(count: Int, number: Int) {
    pointers = (0..<number).map { _ in
      let bytes = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
      return bytes.initializeMemory(as: Float.self, repeating: 1, count: count)
    }
  }

  deinit { for pointer in pointers { UnsafeMutableRawPointer(pointer)?.deallocate() } }

  static func with<R>(count: Int, number: Int, _ body: ([UnsafeMutablePointer<Float>]) throws -> R) rethrows -> R {
    let arrays = Arrays(count: count, number: number)
    return try withExtendedLifetime(arrays) { try body(arrays.pointers.map { $0! }) }
  }
}

/// A layer that only has a parameter, for an optimiser to update.
final class SingleParameter: Layer {
  let parameter: Parameter
  init(_ value: Tensor) { parameter = Parameter(value) }
  func forward(_ x: Tensor) -> Tensor { x * parameter.value }
  func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  func visit(_ visitor: inout LayerVisitor) { visitor.parameter("parameter", parameter) }

  /// Gradients as if the loss's slope were `slope`.
  func gradients(_ slope: Tensor) -> Gradients {
    valueWithGradient(of: self) { ($0.parameter.value * slope).sum() }.gradients
  }
}
