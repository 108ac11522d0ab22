import ApusCore

#if _endian(big)
  #error("arrays are written as they lie in memory, and marked as little-endian")
#endif

/// An array in a file of NumPy's `.npy` format: a magic text, the version, a header in Python's notation, the elements.
///
/// ```swift
/// try NPYFile.write(x, to: "x.npy")  // numpy.load("x.npy")
/// let y = try NPYFile.read("y.npy")  // numpy.save("y.npy", y)
/// ```
public enum NPYFile {
  /// The array in the file at `path`, in either byte order and either order of axes.
  ///
  /// Booleans, uint8, int32, int64, float32 and float64 stay what they are; float16 becomes float32, int8, int16 and uint16 become int32,
  /// uint32 becomes int64.
  /// - Throws: `FileFormatError` for anything that is not such a file as it should be.
  public static func read(_ path: String) throws(FileFormatError) -> Tensor {
    let file = try LocalFile(reading: path)
    return try read(ByteStream(file, 0..<file.size, .none))
  }

  /// Writes a file, or replaces the one at `path`, as a whole or not at all.
  ///
  /// The bytes are those that NumPy writes. bfloat16, which NumPy does not know, is written as float32.
  /// - Throws: `FileFormatError` if the system cannot write the file.
  public static func write(_ tensor: Tensor, to path: String) throws(FileFormatError) {
    let (header, tensor) = try representation(tensor, path: path)
    try AtomicFile.write(to: path) { (writer) throws(FileFormatError) in
      try writer.write(header)
      try tensor.withHostBytes { bytes in
        Result { () throws(FileFormatError) in try writer.write(bytes) }
      }.get()
    }
  }

  // MARK: - Reading

  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// The array that `stream` consists of.
  static func read(_ stream: ByteStream) throws(FileFormatError) -> Tensor {
    let path = stream.path
    var start = [UInt8](repeating: 0, count: 8)
    let found = try start.withUnsafeMutableBytes { buffer in
      Result { () throws(FileFormatError) in try stream.next(into: buffer) }
    }.get()
    guard found == 8, start.starts(with: magic) else {
      throw FileFormatError(
        .wrongFormat, path: path, "this is not an array in NumPy's format; the text NUMPY is absent")
    }
    guard (1...3).contains(start[6]) else {
      throw FileFormatError(
        .unsupported, path: path, "the array has version \(start[6]) of NumPy's format; expected 1 to 3")
    }
    // Version 1 has two bytes for the header's length, later ones four.
    let length = try stream.read(start[6] == 1 ? 2 : 4).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= largestHeader else {
      throw FileFormatError(.malformed, path: path, "the header has \(length) bytes; arrays need a few hundred")
    }
    var parser = NPYHeaderParser(try stream.read(length), path: path)
    let header = try parser.parse()
    guard header.shape.count <= Shape.maximumRank else {
      throw FileFormatError(
        .unsupported, path: path, "there are \(header.shape.count) axes; tensors have at most \(Shape.maximumRank)")
    }
    guard let type = NPYElementType(header.description) else {
      throw FileFormatError(
        .unsupported, path: path, "the elements are of type '\(shown(header.description))', which tensors cannot hold")
    }
    guard let count = Shape.checkedElementCount(header.shape), count <= Machine.memory / 8,
      count * type.byteCount <= stream.mostBytes
    else {
      throw FileFormatError(.truncated, path: path, "the shape \(header.shape) needs more bytes than the file holds")
    }
    // In the other order, the first axis is the one whose elements lie next to each other.
    let shape = header.isColumnMajor ? header.shape.reversed() : header.shape
    let tensor = try type.tensor(Shape(shape), from: stream)
    try stream.requireEnd()
    return header.isColumnMajor ? tensor.transposed(Array((0..<shape.count).reversed())).dense : tensor
  }

  private static let largestHeader = 1 << 20

  // MARK: - Writing

  /// The bytes before the elements, and the tensor whose bytes follow.
  static func representation(_ tensor: Tensor, path: String) throws(FileFormatError) -> (
    header: [UInt8], tensor: Tensor
  ) {
    guard !tensor.isPlaceholder else {
      throw FileFormatError(.notRepresentable, path: path, "a tensor is a placeholder without elements")
    }
    let tensor = (tensor.dtype == .bfloat16 ? tensor.cast(to: .float32) : tensor).stopGradient().dense
    let type =
      switch tensor.dtype {
      case .bool: "|b1"
      case .uint8: "|u1"
      case .int32: "<i4"
      case .int64: "<i8"
      case .float64: "<f8"
      case .float32, .bfloat16: "<f4"
      }
    let shape =
      tensor.rank == 1 ? "(\(tensor.shape[0]),)" : "(\(tensor.shape.map(String.init).joined(separator: ", ")))"
    var text = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }".utf8)
    // Padded so that the elements begin at a multiple of 64 bytes, and NumPy may grow the first extent in place.
    if tensor.rank > 0 {
      text += Array(repeating: UInt8(ascii: " "), count: 21 - String(tensor.shape[0]).utf8.count)
    }
    text += Array(repeating: UInt8(ascii: " "), count: 64 - (10 + text.count + 1) % 64) + [UInt8(ascii: "\n")]
    let length = [UInt8(truncatingIfNeeded: text.count), UInt8(truncatingIfNeeded: text.count >> 8)]
    return (magic + [1, 0] + length + text, tensor)
  }
}

/// How elements are written in a file.
private struct NPYElementType {
  private let kind: Character
  let byteCount: Int
  private let isBigEndian: Bool

  /// - Parameter text: such as `<f4`: the byte order, the kind, the number of bytes.
  init?(_ text: String) {
    let text = Array(text)
    guard text.count == 3, "<>|=".contains(text[0]), "b1 u1 u2 u4 i1 i2 i4 i8 f2 f4 f8".contains(String(text[1...]))
    else {
      return nil
    }
    (kind, byteCount, isBigEndian) = (text[1], text[2].wholeNumberValue ?? 0, text[0] == ">")
  }

  /// Of the tensor that holds such elements.
  var tensorType: DType {
    switch (kind, byteCount) {
    case ("b", _): .bool
    case ("u", 1): .uint8
    case ("u", 4), ("i", 8): .int64
    case ("f", 8): .float64
    case ("f", _): .float32
    default: .int32
    }
  }

  func tensor(_ shape: Shape, from stream: ByteStream) throws(FileFormatError) -> Tensor {
    if byteCount == tensorType.byteCount && !isBigEndian {
      return try Tensor(type: TensorType(shape, tensorType)) { (buffer) throws(FileFormatError) in
        try stream.read(into: buffer)
        // Any other byte would be neither true nor false to Swift.
        if tensorType == .bool, let byte = buffer.first(where: { $0 > 1 }) {
          throw FileFormatError(
            .malformed, path: stream.path, "an array of truth values holds a \(byte); expected 0 or 1")
        }
      }
    }
    let bytes = try stream.read(shape.elementCount * byteCount)
    func elements<Bits: FixedWidthInteger, Element: TensorElement>(_: Bits.Type, _ element: (Bits) -> Element) -> Tensor
    {
      bytes.withUnsafeBytes { bytes in
        let elements = (0..<shape.elementCount).map { i in
          let bits = bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<Bits>.size, as: Bits.self)
          return element(isBigEndian ? Bits(bigEndian: bits) : bits)
        }
        return Tensor(elements, shape: shape)
      }
    }
    switch (kind, byteCount) {
    case ("i", 1): return elements(Int8.self, Int32.init)
    case ("i", 2): return elements(Int16.self, Int32.init)
    case ("i", 4): return elements(Int32.self) { $0 }
    case ("i", 8): return elements(Int64.self) { $0 }
    case ("u", 2): return elements(UInt16.self, Int32.init)
    case ("u", 4): return elements(UInt32.self, Int64.init)
    case ("f", 2): return elements(UInt16.self, float(half:))
    case ("f", 4): return elements(UInt32.self, Float.init(bitPattern:))
    case ("f", 8): return elements(UInt64.self, Double.init(bitPattern:))
    default: return elements(UInt8.self) { $0 }  // not reached: bytes have no order
    }
  }
}

/// The value of a half-precision number (IEEE 754 binary16): 1 sign, 5 exponent and 10 fraction bits. (`Float16` exists not everywhere.)
private func float(half bits: UInt16) -> Float {
  let sign: Float = bits >> 15 == 0 ? 1 : -1
  let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
  switch exponent {
  case 0: return sign * fraction * 0x1p-24
  case 31: return fraction == 0 ? sign * .infinity : .nan
  default: return sign * Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction * 0x1p-10)
  }
}

/// Reads the dictionary in a header: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
private struct NPYHeaderParser {
  private let text: [UInt8]
  private var position = 0
  private let path: String

  init(_ text: [UInt8], path: String) { (self.text, self.path) = (text, path) }

  mutating func parse() throws(FileFormatError) -> (description: String, isColumnMajor: Bool, shape: [Int]) {
    var (description, isColumnMajor, shape): (String?, Bool?, [Int]?) = (nil, nil, nil)
    try expect("{")
    while !take("}") {
      let key = try string()
      try expect(":")
      switch key {
      case "descr":
        guard next == UInt8(ascii: "'") || next == UInt8(ascii: "\"") else {
          throw FileFormatError(
            .unsupported, path: path, "the elements are records of several fields, which tensors cannot hold")
        }
        description = try string()
      case "fortran_order": isColumnMajor = try truth()
      case "shape": shape = try numbers()
      default: throw malformed("has the unknown key '\(shown(key))'")
      }
      if !take(",") && next != UInt8(ascii: "}") { throw malformed("lacks a comma") }
    }
    guard let description, let isColumnMajor, let shape else { throw malformed("lacks descr, fortran_order or shape") }
    return (description, isColumnMajor, shape)
  }

  private func malformed(_ problem: String) -> FileFormatError {
    FileFormatError(.malformed, path: path, "the array's header \(problem)")
  }

  private mutating func skipBlanks() {
    while position < text.count, text[position] == 0x20 || (9...13).contains(text[position]) { position += 1 }
  }

  private var next: UInt8? {
    mutating get {
      skipBlanks()
      return position < text.count ? text[position] : nil
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(FileFormatError) {
    guard take(character) else { throw malformed("lacks '\(character)' at byte \(position)") }
  }

  private mutating func string() throws(FileFormatError) -> String {
    guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw malformed("lacks a text at byte \(position)")
    }
    position += 1
    guard let end = text[position...].firstIndex(of: quote) else { throw malformed("has a text without end") }
    defer { position = end + 1 }
    return String(decoding: text[position..<end], as: UTF8.self)
  }

  private mutating func truth() throws(FileFormatError) -> Bool {
    skipBlanks()
    for (word, value) in [("True", true), ("False", false)] where text[position...].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw malformed("lacks True or False at byte \(position)")
  }

  private mutating func numbers() throws(FileFormatError) -> [Int] {
    try expect("(")
    var numbers: [Int] = []
    while !take(")") {
      var number: Int?
      while let digit = next, (48...57).contains(digit) {
        let (tens, overflow) = (number ?? 0).multipliedReportingOverflow(by: 10)
        guard !overflow, tens <= Int.max - 9 else { throw malformed("has an extent beyond any array") }
        number = tens + Int(digit - 48)
        position += 1
      }
      guard let number else { throw malformed("lacks a whole number at byte \(position)") }
      _ = take(Unicode.Scalar("L"))  // as Python 2 wrote long numbers
      numbers.append(number)
      if !take(",") && next != UInt8(ascii: ")") { throw malformed("lacks a comma in its shape") }
    }
    return numbers
  }
}
