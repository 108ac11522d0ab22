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
