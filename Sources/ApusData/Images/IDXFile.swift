import ApusCore

/// Arrays in IDX, the format of MNIST's files (LeCun et al., 1998): two zeros, the element type, the number of axes, their extents, the
/// elements; all big-endian, row-major, possibly packed with gzip.
public enum IDXFile {
  /// The array in the file at `path`: uint8, float32 and float64 as they are, other whole numbers as int32.
  /// - Throws: `FileFormatError` for anything that is not an IDX file as it should be.
  public static func read(_ path: String) throws(FileFormatError) -> Tensor {
    let stream = try ByteStream(reading: path)
    var start = [UInt8](repeating: 0, count: 4)
    let found = try start.withUnsafeMutableBytes { buffer in
      Result { () throws(FileFormatError) in try stream.next(into: buffer) }
    }.get()
    guard found == 4, start[0] == 0, start[1] == 0, let type = ElementType(rawValue: start[2]) else {
      throw FileFormatError(
        .wrongFormat, path: path, "this is not an IDX file; it begins with \(Array(start[..<found]))")
    }
    guard start[3] <= Shape.maximumRank else {
      throw FileFormatError(
        .unsupported, path: path, "there are \(start[3]) axes; tensors have at most \(Shape.maximumRank)")
    }
    let extents = stride(from: 0, to: 4 * Int(start[3]), by: 4)
    let bytes = try stream.read(4 * Int(start[3]))
    let shape = extents.map { i in bytes[i..<i + 4].reduce(0) { $0 << 8 | Int($1) } }
    // Extents come from outside: their product may be anything.
    guard let count = Shape.checkedElementCount(shape), count <= Machine.memory / 8,
      count * type.byteCount <= stream.mostBytes
    else {
      throw FileFormatError(.truncated, path: path, "the extents \(shape) need more bytes than the file holds")
    }
    let tensor = try type.tensor(Shape(shape), from: stream)
    try stream.requireEnd()
    return tensor
  }

  private enum ElementType: UInt8 {
    case uint8 = 8
    case int8 = 9
    case int16 = 11
    case int32 = 12
    case float32 = 13
    case float64 = 14

    var byteCount: Int {
      switch self {
      case .uint8, .int8: 1
      case .int16: 2
      case .int32, .float32: 4
      case .float64: 8
      }
    }

    func tensor(_ shape: Shape, from stream: ByteStream) throws(FileFormatError) -> Tensor {
      if self == .uint8 {
        return try Tensor(type: TensorType(shape, .uint8)) { (buffer) throws(FileFormatError) in
          try stream.read(into: buffer)
        }
      }
      let bytes = try stream.read(shape.elementCount * byteCount)
      func elements<Bits: FixedWidthInteger>(_: Bits.Type) -> [Bits] {
        bytes.withUnsafeBytes { bytes in
          (0..<shape.elementCount).map {
            Bits(bigEndian: bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Bits>.size, as: Bits.self))
          }
        }
      }
      switch self {
      case .uint8, .int8: return Tensor(elements(Int8.self).map(Int32.init), shape: shape)
      case .int16: return Tensor(elements(Int16.self).map(Int32.init), shape: shape)
      case .int32: return Tensor(elements(Int32.self), shape: shape)
      case .float32: return Tensor(elements(UInt32.self).map(Float.init(bitPattern:)), shape: shape)
      case .float64: return Tensor(elements(UInt64.self).map(Double.init(bitPattern:)), shape: shape)
      }
    }
  }
}
