import ApusCore
import ApusData

#if _endian(big)
  #error("safetensors files are little-endian, and elements are read as they are")
#endif

/// An open safetensors file: the header is read and checked, tensors are read one at a time.
///
/// The file comes from outside, so nothing that it says is believed: every name, type, shape and position is checked
/// against the others and against the file's size before any memory is taken for a tensor.
public final class SafetensorsReader: Sendable {
  /// A tensor in the file.
  public struct Entry: Hashable, Sendable {
    public let name: String
    public let type: TensorType
    /// The first byte, counted from the beginning of the file.
    let offset: Int
  }

  /// The tensors in the order of the header.
  public let entries: [Entry]
  /// What the writer noted about the file.
  public let metadata: [String: String]
  private let file: LocalFile

  /// Opens the file at `path` and checks its header.
  /// - Throws: `FileFormatError` for anything that is not a safetensors file as it should be.
  public init(path: String) throws(FileFormatError) {
    file = try LocalFile(reading: path)
    guard file.size < Machine.memory else {
      throw FileFormatError(.tooLarge, path: path, "the file is larger than this machine's memory")
    }
    let header = try SafetensorsHeader(file)
    entries = header.entries
    metadata = header.metadata
  }

  /// Reads one of this file's ``entries``.
  /// - Throws: `FileFormatError` if the system cannot read the file.
  public func tensor(_ entry: Entry) throws(FileFormatError) -> Tensor {
    let tensor = try Tensor(type: entry.type) { (buffer) throws(FileFormatError) in
      try file.read(at: entry.offset, into: buffer)
      // Any other byte would be neither true nor false to Swift.
      if entry.type.dtype == .bool, let byte = buffer.first(where: { $0 > 1 }) {
        throw FileFormatError(
          .malformed, path: file.path, "tensor '\(shown(entry.name))' of truth values holds a \(byte); expected 0 or 1")
      }
    }
    return tensor
  }
}

extension DType {
  /// The name in safetensors files.
  var safetensorsName: String {
    switch self {
    case .float32: "F32"
    case .float64: "F64"
    case .int32: "I32"
    case .int64: "I64"
    case .uint8: "U8"
    case .bool: "BOOL"
    case .bfloat16: "BF16"
    }
  }

  static let safetensorsNames = Dictionary(uniqueKeysWithValues: allCases.map { ($0.safetensorsName, $0) })
}

/// What stands before the data of a safetensors file.
struct SafetensorsHeader {
  /// As in the reference implementation.
  static let largestSize = 100_000_000
  static let metadataKey = "__metadata__"

  private(set) var entries: [SafetensorsReader.Entry] = []
  private(set) var metadata: [String: String] = [:]
  private let path: String
  /// Where the data begin and how many bytes there are.
  private let dataStart: Int
  private let dataCount: Int

  init(_ file: LocalFile) throws(FileFormatError) {
    path = file.path
    let size = try Self.headerSize(file)
    dataStart = 8 + size
    dataCount = file.size - dataStart
    let text = try file.bytes(at: 8, count: size)
    guard text.first == UInt8(ascii: "{") else {
      throw Self.foreign(file) ?? malformed("the header is not a JSON object")
    }

    let json: JSON
    // The depth is that of a shape. The other limit leaves room for half a million tensors, and none for a header that
    // is made to need memory.
    do throws(JSONError) { json = try JSON(parsing: text, maximumDepth: 3, maximumValues: 1 << 22) } catch {
      throw malformed("the header is not valid JSON (\(error))")
    }
    for member in json.object ?? [] {
      if member.key == Self.metadataKey {
        try readMetadata(member.value)
      } else {
        entries.append(try entry(member))
      }
    }
    try checkCoverage()
  }

  // MARK: - The length

  private static func headerSize(_ file: LocalFile) throws(FileFormatError) -> Int {
    guard file.size > 0 else { throw FileFormatError(.empty, path: file.path, "the file is empty") }
    guard file.size >= 8 else {
      throw foreign(file)
        ?? FileFormatError(
          .truncated, path: file.path, "the file has \(ApusFormats.bytes(file.size)); a safetensors file has at least 8"
        )
    }
    let size = try file.bytes(at: 0, count: 8).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    guard size <= largestSize else {
      throw foreign(file)
        ?? FileFormatError(
          .tooLarge, path: file.path,
          "the header should have \(size) bytes, more than the \(largestSize) allowed; this may be no safetensors file")
    }
    guard size <= file.size - 8 else {
      throw foreign(file)
        ?? FileFormatError(
          .truncated, path: file.path,
          "the header should have \(ApusFormats.bytes(size)), but the file ends after \(file.size - 8) of them")
    }
    return Int(size)
  }

  /// The error for a file whose beginning shows that it is something else; nil if it does not.
  private static func foreign(_ file: LocalFile) -> FileFormatError? {
    guard let beginning = try? file.bytes(at: 0, count: min(file.size, 64)),
      let format = ForeignFormat.name(beginning)
    else { return nil }
    return FileFormatError(.wrongFormat, path: file.path, "this is \(format), not a safetensors file")
  }

  // MARK: - The members

  private mutating func readMetadata(_ json: JSON) throws(FileFormatError) {
    guard let members = json.object else {
      throw malformed("the metadata are \(json.kindDescription); expected an object")
    }
    for member in members {
      guard let text = member.value.string else {
        throw malformed("the metadata's '\(shown(member.key))' is \(member.value.kindDescription); expected a text")
      }
      metadata[member.key] = text
    }
  }

  private func entry(_ member: JSON.Member) throws(FileFormatError) -> SafetensorsReader.Entry {
    let tensor = "tensor '\(shown(member.key))'"
    guard let fields = member.value.object else {
      throw malformed("\(tensor) is described by \(member.value.kindDescription); expected an object")
    }
    let expected = ["dtype", "shape", "data_offsets"]
    if let field = fields.first(where: { !expected.contains($0.key) }) {
      throw malformed("\(tensor) has the unknown field '\(shown(field.key))'")
    }
    if let name = expected.first(where: { member.value[$0] == nil }) {
      throw malformed("\(tensor) lacks the field '\(name)'")
    }
    guard let typeName = member.value["dtype"]?.string else {
      throw malformed("\(tensor): 'dtype' should be a text")
    }
    guard let dtype = DType.safetensorsNames[typeName] else {
      let known = DType.safetensorsNames.keys.sorted().joined(separator: ", ")
      throw FileFormatError(
        .unsupported, path: path, "\(tensor) has the element type '\(shown(typeName))'; Apus reads \(known)")
    }
    let shape = try shape(member.value["shape"], tensor)
    let (byteCount, overflow) = shape.elementCount.multipliedReportingOverflow(by: dtype.byteCount)
    guard !overflow else { throw FileFormatError(.tooLarge, path: path, "\(tensor) of shape \(shape) is too large") }

    let offsets = try wholeNumbers(member.value["data_offsets"], "\(tensor): 'data_offsets'")
    guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1] else {
      throw malformed("\(tensor): 'data_offsets' is \(shown("\(offsets)")); expected a begin and an end not before it")
    }
    let (begin, end) = (offsets[0], offsets[1])
    guard end - begin == byteCount else {
      throw malformed(
        "\(tensor) of shape \(shape) and type \(dtype) needs \(ApusFormats.bytes(byteCount)), "
          + "but 'data_offsets' span \(end - begin)")
    }
    guard end <= dataCount else {
      throw FileFormatError(
        .truncated, path: path,
        "\(tensor) should end at byte \(end) of the data, but there \(dataCount == 1 ? "is" : "are") only \(dataCount)")
    }
    return SafetensorsReader.Entry(name: member.key, type: TensorType(shape, dtype), offset: dataStart + begin)
  }

  private func shape(_ json: JSON?, _ tensor: String) throws(FileFormatError) -> Shape {
    let extents = try wholeNumbers(json, "\(tensor): 'shape'")
    guard extents.count <= Shape.maximumRank else {
      throw FileFormatError(
        .unsupported, path: path, "\(tensor) has \(extents.count) axes; Apus reads at most \(Shape.maximumRank)")
    }
    if let extent = extents.first(where: { $0 < 0 }) { throw malformed("\(tensor) has the negative extent \(extent)") }
    guard Shape.checkedElementCount(extents) != nil else {
      throw FileFormatError(.tooLarge, path: path, "\(tensor) of shape \(extents) is too large")
    }
    return Shape(extents)
  }

  private func wholeNumbers(_ json: JSON?, _ what: String) throws(FileFormatError) -> [Int] {
    guard let elements = json?.array else { throw malformed("\(what) should be an array") }
    var numbers: [Int] = []
    for element in elements {
      guard let number = element.integer else { throw malformed("\(what) should hold whole numbers only") }
      numbers.append(number)
    }
    return numbers
  }

  /// Checks that the tensors fill the data without overlaps and gaps, in which something else could hide.
  private func checkCoverage() throws(FileFormatError) {
    var position = dataStart
    for entry in entries.sorted(by: { ($0.offset, $0.type.byteCount) < ($1.offset, $1.type.byteCount) }) {
      let tensor = "tensor '\(shown(entry.name))'"
      guard entry.offset >= position else { throw malformed("\(tensor) overlaps the data of another one") }
      guard entry.offset == position else {
        let gap = ApusFormats.bytes(entry.offset - position)
        throw malformed("\(gap) before the data of \(tensor) belong\(entry.offset - position == 1 ? "s" : "") to none")
      }
      position += entry.type.byteCount
    }
    let rest = dataStart + dataCount - position
    guard rest == 0 else {
      throw malformed("\(ApusFormats.bytes(rest)) at the end of the file belong\(rest == 1 ? "s" : "") to no tensor")
    }
  }

  private func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
}

/// What files are that people confuse with others.
enum ForeignFormat {
  private static let signatures: [(bytes: [UInt8], name: String)] = [
    ([0x89, 0x50, 0x4E, 0x47], "a PNG image"), ([0xFF, 0xD8, 0xFF], "a JPEG image"),
    (Array("GIF8".utf8), "a GIF image"),
    (Array("%PDF".utf8), "a PDF document"), ([0x1F, 0x8B], "a gzip archive"),
    (Array("PK\u{3}\u{4}".utf8), "a ZIP archive (PyTorch's and NumPy's archives are, too)"),
    ([0x89, 0x48, 0x44, 0x46], "an HDF5 file"), (Array("GGUF".utf8), "a GGUF file"),
    ([0x93] + Array("NUMPY".utf8), "a NumPy array"), ([0x7F] + Array("ELF".utf8), "a program"),
  ]

  /// What a file that begins with these bytes is, as far as that shows.
  static func name(_ beginning: [UInt8]) -> String? {
    if let format = signatures.first(where: { beginning.starts(with: $0.bytes) }) { return format.name }
    // The length that a safetensors file begins with has zero bytes. The text may be cut inside its last character.
    let isText = String(decoding: beginning, as: UTF8.self).unicodeScalars.dropLast().allSatisfy {
      $0 != "\u{FFFD}" && ($0.properties.generalCategory != .control || ("\t"..."\r").contains($0))
    }
    return isText ? "a text, such as a CSV or JSON file" : nil
  }
}
