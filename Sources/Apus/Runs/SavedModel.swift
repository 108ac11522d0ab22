/// A model that a run saved, of whatever kind.
public enum SavedModel: Sendable {
  case table(TabularModel)
  case image(ImageModel)
  case text(TextModel)
  case generative(GenerativeModel)

  /// Reads a model file; a directory stands for the `model.safetensors` in it.
  /// - Throws: `FileFormatError` for anything that is not such a file.
  public init(path: String) throws(FileFormatError) {
    let path = FileSystem.isDirectory(path) ? path + "/model.safetensors" : path
    let file = try ModelFile(path: path, registry: .models)
    if ImageModel.isHeld(by: file) {
      self = .image(try ImageModel(file, path: path))
    } else if TextModel.isHeld(by: file) {
      self = .text(try TextModel(file, path: path))
    } else if GenerativeModel.isHeld(by: file) {
      self = .generative(try GenerativeModel(file, path: path))
    } else {
      self = .table(try TabularModel(file, path: path))
    }
  }
}

extension ModelFile {
  /// Refuses a model of another element type than what pictures and texts are computed in.
  func requireFloat32(_ path: String) throws(FileFormatError) {
    if let (name, parameter) = model.namedTensors.first(where: { $0.parameter.dtype != .float32 }) {
      throw FileFormatError(
        .malformed, path: path, "'\(name)' is \(parameter.dtype); models for images and texts are float32")
    }
  }
}

extension Shape {
  /// Whether the numbers are height, width and channels of a picture: 1 to 4 channels, and not more than 2²⁴ values.
  static func isOfPicture(_ extents: [Int]) -> Bool {
    guard extents.count == 3, extents.allSatisfy({ (1...1 << 16).contains($0) }) else { return false }
    return extents[2] <= 4 && extents.reduce(1, *) <= 1 << 24
  }
}
