import ApusFormats
import ApusTraining

extension TrainingState {
  /// The version of the format, under `apus.state` in the metadata.
  private static let (key, version) = ("apus.state", "1")

  /// Writes the state into a safetensors file, as a whole or not at all: whatever goes wrong, an existing file stays intact.
  /// - Throws: `FileFormatError` if the system cannot write the file.
  public func save(to path: String) throws(FileFormatError) {
    var metadata = metadata
    metadata[Self.key] = Self.version
    try SafetensorsFile.write(tensors, metadata: metadata, to: path)
  }

  /// Reads a state that ``save(to:)`` has written. Whether it fits a model shows when it is restored.
  /// - Throws: `FileFormatError` for anything that is not such a file.
  public init(path: String) throws(FileFormatError) {
    let file = try SafetensorsFile(path: path)
    guard file.metadata[Self.key] == Self.version else {
      throw FileFormatError(
        .wrongFormat, path: path, "this safetensors file holds no training state of version \(Self.version)")
    }
    self.init(tensors: file.tensors, metadata: file.metadata.filter { $0.key != Self.key })
  }
}
