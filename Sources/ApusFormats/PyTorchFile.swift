import ApusCore
import ApusFiles
import ApusNN

extension Layer {
  /// Takes over the parameters of a PyTorch model from a safetensors file of its state dictionary, which
  /// `safetensors.torch.save_file(model.state_dict(), path)` writes; which tensor goes where is said at the same function of tensors.
  /// - Throws: `FileFormatError` if the file is not as it should be or does not fit the model. Then nothing of the model has changed.
  public func load(pyTorch path: String, modules: [String]? = nil) throws(FileFormatError) {
    let file = try SafetensorsFile(path: path)
    let state = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.tensor) })
    do throws(ConfigurationError) { try load(pyTorch: state, modules: modules) } catch {
      throw FileFormatError(.doesNotFitModel, path: path, shown(error.description, limit: 400))
    }
  }
}
