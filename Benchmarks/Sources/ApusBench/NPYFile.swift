import Apus

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads NumPy's .npy files: little-endian float32, float64, int32 and int64 in row-major order.
enum NPYFile {
  static func read(_ path: String) throws -> Tensor {
    let bytes = try contents(path)
    func fail(_ problem: String) -> BenchmarkError { BenchmarkError("\(path) \(problem)") }
    guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)) else { throw fail("is not an .npy file") }
    // Version 1 has two bytes for the header's length, later ones four.
    let lengthBytes = bytes[6] == 1 ? 2 : 4
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
    let begin = 8 + lengthBytes
    guard bytes.count >= begin + length else { throw fail("ends within its header") }
    let header = String(decoding: bytes[begin..<begin + length], as: UTF8.self)
    guard !header.contains("'fortran_order': True") else { throw fail("is in column-major order") }
    guard let shape = shape(in: header) else { throw fail("has no shape in its header") }
    let data = bytes[(begin + length)...]
    switch true {
    case header.contains("'<f4'"): return Tensor(try elements(data, shape, of: Float.self, fail), shape: shape)
    case header.contains("'<f8'"): return Tensor(try elements(data, shape, of: Double.self, fail), shape: shape)
    case header.contains("'<i4'"): return Tensor(try elements(data, shape, of: Int32.self, fail), shape: shape)
    case header.contains("'<i8'"): return Tensor(try elements(data, shape, of: Int64.self, fail), shape: shape)
    default: throw fail("has an element type that the benchmark does not read")
    }
  }

  /// The numbers in the parentheses after 'shape'.
  private static func shape(in header: String) -> Shape? {
    guard let list = header.split(separator: "(", maxSplits: 1).dropFirst().first?.split(separator: ")").first else {
      return nil
    }
    if list.contains("}") { return [] }  // "()" leaves what follows the parentheses
    let digits = list.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
    return Shape(digits)
  }

  private static func elements<Element>(
    _ data: ArraySlice<UInt8>, _ shape: Shape, of type: Element.Type, _ fail: (String) -> BenchmarkError
  ) throws -> [Element] {
    let count = shape.elementCount
    guard data.count >= count * MemoryLayout<Element>.stride else {
      throw fail("has fewer elements than its shape \(shape)")
    }
    return data.withUnsafeBytes { raw in
      (0..<count).map { raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Element>.stride, as: type) }
    }
  }

  private static func contents(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw BenchmarkError("\(path) cannot be opened") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
      bytes.append(contentsOf: buffer[..<count])
    }
    return bytes
  }
}

/// Why a benchmark cannot run, in one sentence.
struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
