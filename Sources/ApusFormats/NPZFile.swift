import ApusCore

/// Named arrays in a file of NumPy's `.npz` format: a ZIP archive of `.npy` files.
///
/// ```swift
/// try NPZFile.write([("x", x), ("y", y)], to: "data.npz")  // numpy.load("data.npz")["x"]
/// let x = try NPZFile(path: "data.npz")["x"]               // numpy.savez or savez_compressed
/// ```
public struct NPZFile: Sendable {
  /// The arrays in the order of the archive; the names are those of its entries without `.npy`.
  public let arrays: [(name: String, tensor: Tensor)]
  private let positions: [String: Int]

  /// Reads the file at `path`; for elements see ``NPYFile/read(_:)``.
  /// - Throws: `FileFormatError` for anything that is not such a file as it should be.
  public init(path: String) throws(FileFormatError) {
    let archive = try ZIPArchive(path: path)
    var arrays: [(name: String, tensor: Tensor)] = []
    var positions: [String: Int] = [:]
    for entry in archive.entries {
      let name = entry.name.hasSuffix(".npy") ? String(entry.name.dropLast(4)) : entry.name
      guard positions.updateValue(arrays.count, forKey: name) == nil else {
        throw FileFormatError(.malformed, path: path, "there are two arrays named '\(shown(name))'")
      }
      let stream = try archive.stream(entry)
      do throws(FileFormatError) {
        arrays.append((name, try NPYFile.read(stream)))
        guard stream.checksum == entry.checksum else {
          throw FileFormatError(.malformed, path: path, "the bytes do not fit their checksum")
        }
      } catch { throw FileFormatError(error.kind, path: path, "in the array '\(shown(name))', \(error.reason)") }
    }
    (self.arrays, self.positions) = (arrays, positions)
  }

  /// The array of that name.
  public subscript(name: String) -> Tensor? { positions[name].map { arrays[$0].tensor } }

  /// Writes a file, or replaces the one at `path`, as a whole or not at all; not compressed, as `numpy.savez` does.
  /// - Parameter arrays: no two of the same name.
  /// - Throws: `FileFormatError` if names or sizes cannot be held by the format, or the system cannot write the file.
  public static func write(_ arrays: [(name: String, tensor: Tensor)], to path: String) throws(FileFormatError) {
    var names: Set<String> = []
    var contents: [(name: String, header: [UInt8], tensor: Tensor)] = []
    for (name, tensor) in arrays {
      guard names.insert(name).inserted else {
        throw FileFormatError(.notRepresentable, path: path, "the name '\(shown(name))' is given to two arrays")
      }
      let (header, tensor) = try NPYFile.representation(tensor, path: path)
      contents.append((name + ".npy", header, tensor))
    }
    try AtomicFile.write(to: path) { (file) throws(FileFormatError) in
      var writer = ZIPWriter(file)
      for (name, header, tensor) in contents {
        try tensor.withHostBytes { bytes in
          Result { () throws(FileFormatError) in try writer.add(name, header, bytes) }
        }.get()
      }
      try writer.finish()
    }
  }
}
