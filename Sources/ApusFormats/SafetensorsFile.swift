import ApusCore

/// Named tensors in a file of the safetensors format, as many frameworks read and write it.
///
/// ```swift
/// try SafetensorsFile.write([("weight", w), ("bias", b)], metadata: ["made by": "Apus"], to: "layer.safetensors")
/// let file = try SafetensorsFile(path: "layer.safetensors")
/// let w = file["weight"]
/// ```
/// The format is eight bytes with the header's length, a JSON header, the tensors' elements: little-endian, row-major.
public struct SafetensorsFile: Sendable {
  /// The tensors in the order of the file's header.
  public let tensors: [(name: String, tensor: Tensor)]
  /// What the writer noted about the file.
  public let metadata: [String: String]
  private let positions: [String: Int]

  /// Reads the file at `path`; use ``SafetensorsReader`` to read only some of its tensors.
  /// - Throws: `FileFormatError` for anything that is not a safetensors file as it should be.
  public init(path: String) throws(FileFormatError) {
    let reader = try SafetensorsReader(path: path)
    var tensors: [(name: String, tensor: Tensor)] = []
    for entry in reader.entries { tensors.append((entry.name, try reader.tensor(entry))) }
    self.tensors = tensors
    metadata = reader.metadata
    positions = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// The tensor of that name.
  public subscript(name: String) -> Tensor? { positions[name].map { tensors[$0].tensor } }
}

extension SafetensorsFile {
  /// Writes a file, or replaces the one at `path`, as a whole or not at all: whatever goes wrong, an existing file
  /// stays intact.
  ///
  /// The bytes are those that the reference implementation writes, with the metadata sorted by their keys.
  /// - Parameters:
  ///   - tensors: the tensors; no two of the same name.
  ///   - metadata: notes about the file.
  ///   - path: the file; its directory must exist.
  /// - Throws: `FileFormatError` if the names or tensors cannot be held by the format or the system cannot write the
  ///   file.
  public static func write(
    _ tensors: [(name: String, tensor: Tensor)], metadata: [String: String] = [:], to path: String
  ) throws(FileFormatError) {
    // The widest elements first: so all are aligned in memory for readers that map the file.
    let tensors = tensors.sorted { left, right in
      let (a, b) = (left.tensor.dtype.safetensorsRank, right.tensor.dtype.safetensorsRank)
      return a != b ? a > b : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
    let header = try header(tensors, metadata, path)
    try AtomicFile.write(to: path) { (writer) throws(FileFormatError) in
      try writer.write(header)
      for (_, tensor) in tensors {
        try tensor.withHostBytes { bytes in
          Result { () throws(FileFormatError) in try writer.write(bytes) }
        }.get()
      }
    }
  }

  /// The length and the header, padded with blanks so that the data begin at a multiple of eight bytes.
  private static func header(
    _ tensors: [(name: String, tensor: Tensor)], _ metadata: [String: String], _ path: String
  ) throws(FileFormatError) -> [UInt8] {
    var members: [JSON.Member] = []
    if !metadata.isEmpty {
      let notes = metadata.sorted { $0.key < $1.key }.map { JSON.Member($0.key, .string($0.value)) }
      members.append(JSON.Member(SafetensorsHeader.metadataKey, .object(notes)))
    }
    var names: Set<String> = [SafetensorsHeader.metadataKey]
    var begin = 0
    for (name, tensor) in tensors {
      guard names.insert(name).inserted else {
        let reason = name == SafetensorsHeader.metadataKey ? "is reserved by the format" : "is given to two tensors"
        throw FileFormatError(.notRepresentable, path: path, "the name '\(shown(name))' \(reason)")
      }
      guard !tensor.isPlaceholder else {
        throw FileFormatError(
          .notRepresentable, path: path, "tensor '\(shown(name))' is a placeholder without elements")
      }
      let end = begin + tensor.type.byteCount
      let fields: JSON = [
        "dtype": .string(tensor.dtype.safetensorsName), "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(begin), .integer(end)],
      ]
      members.append(JSON.Member(name, fields))
      begin = end
    }

    var header = Array(JSON.object(members).description.utf8)
    header += Array(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    guard header.count <= SafetensorsHeader.largestSize else {
      throw FileFormatError(
        .tooLarge, path: path,
        "the header would have \(header.count) bytes, more than the \(SafetensorsHeader.largestSize) allowed")
    }
    let size = UInt64(header.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + header
  }
}

extension DType {
  /// The position in the order that the reference implementation writes tensors in, the last first.
  fileprivate var safetensorsRank: Int {
    switch self {
    case .bool: 0
    case .uint8: 1
    case .bfloat16: 2
    case .int32: 3
    case .float32: 4
    case .float64: 5
    case .int64: 6
    }
  }
}
