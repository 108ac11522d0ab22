import ApusCore
import ApusNN

/// A model with its parameters, read from a file.
///
/// ```swift
/// try model.save(to: "digits.safetensors", metadata: ["dataset": "digits"])
/// let model = try ModelFile(path: "digits.safetensors").model
/// ```
/// The file is a safetensors file: its tensors are the parameters and buffers under the names of `namedParameters` and
/// `namedBuffers`, and its metadata hold the architecture. Other frameworks can open it; its format is described at ``Key``.
public struct ModelFile: Sendable {
  /// The network, ready to predict.
  public let model: any ConfigurableLayer
  /// What was given to ``ApusNN/ConfigurableLayer/save(to:metadata:)``.
  public let metadata: [String: String]

  /// The entries of a model file's metadata that Apus itself makes. Keys that begin with "apus." are reserved for it.
  public enum Key {
    /// The version of the format; "1".
    public static let format = "apus.format"
    /// The layers, in JSON: `{"kind": "Dense", "settings": {"inputs": 4, …}, "layers": […]}`.
    public static let architecture = "apus.architecture"
  }

  static let format = "1"

  /// Reads the file at `path`.
  ///
  /// Everything is checked before memory is taken for parameters: that the layers exist, that the file holds exactly
  /// their parameters and buffers, with their shapes and types.
  /// - Parameter registry: the kinds of layers that the file may name.
  /// - Throws: `FileFormatError` for anything that is not a model file as it should be.
  public init(path: String, registry: LayerRegistry = .standard) throws(FileFormatError) {
    let reader = try SafetensorsReader(path: path)
    let configuration = try Self.configuration(reader.metadata, path: path)
    let model: any ConfigurableLayer
    do { model = try registry.layer(configuration) } catch {
      throw FileFormatError(
        .invalidArchitecture, path: path, "the network cannot be built: \(shown("\(error)", limit: 400))")
    }
    try model.readParameters(from: reader, path: path)
    self.model = model
    metadata = reader.metadata.filter { $0.key != Key.format && $0.key != Key.architecture }
  }

  private static func configuration(
    _ metadata: [String: String], path: String
  ) throws(FileFormatError) -> LayerConfiguration {
    guard let format = metadata[Key.format] else {
      throw FileFormatError(
        .wrongFormat, path: path, "this safetensors file holds no Apus model: its metadata lack '\(Key.format)'")
    }
    guard format == Self.format else {
      throw FileFormatError(
        .unsupported, path: path,
        "the model has version '\(shown(format))' of the format; this Apus reads version '\(Self.format)'")
    }
    guard let architecture = metadata[Key.architecture] else {
      throw FileFormatError(.malformed, path: path, "the metadata lack '\(Key.architecture)'")
    }
    let json: JSON
    do throws(JSONError) {
      // A layer inside another is an element of an array in an object; settings are one level more.
      json = try JSON(
        parsing: architecture, maximumDepth: 2 * LayerConfiguration.maximumNesting + 2,
        maximumValues: LayerConfiguration.maximumValues)
    } catch {
      throw FileFormatError(.malformed, path: path, "'\(Key.architecture)' is not valid JSON (\(error))")
    }
    do throws(ConfigurationError) { return try LayerConfiguration(json: json) } catch {
      throw FileFormatError(.invalidArchitecture, path: path, "the network cannot be built: \(error)")
    }
  }
}

extension ConfigurableLayer {
  /// Writes the model into a file, as a whole or not at all: whatever goes wrong, an existing file stays intact.
  /// - Parameter metadata: notes to keep with the model, such as how its inputs are prepared.
  /// - Throws: `FileFormatError` if a layer inside cannot be held by files, or the system cannot write the file.
  public func save(to path: String, metadata: [String: String] = [:]) throws(FileFormatError) {
    var metadata = metadata
    for key in [ModelFile.Key.format, ModelFile.Key.architecture] where metadata[key] != nil {
      throw FileFormatError(.notRepresentable, path: path, "the metadata's key '\(key)' is reserved")
    }
    // Asking for the configuration would stop the program, and a trained model would be lost.
    if let layer = firstUnconfigurableLayer(self) {
      throw FileFormatError(
        .notRepresentable, path: path,
        "\(shown("\(layer)")) cannot be written into a file: make it a ConfigurableLayer")
    }
    do throws(ConfigurationError) {
      metadata[ModelFile.Key.architecture] = try configuration.json().description
    } catch {
      throw FileFormatError(.notRepresentable, path: path, error.description)
    }
    metadata[ModelFile.Key.format] = ModelFile.format
    try SafetensorsFile.write(storedTensors, metadata: metadata, to: path)
  }
}

/// The first layer, in the order of `children`, that has no configuration.
private func firstUnconfigurableLayer(_ layer: any Layer) -> (any Layer)? {
  if let inner = layer.children.lazy.compactMap({ firstUnconfigurableLayer($0.layer) }).first { return inner }
  return layer is any ConfigurableLayer ? nil : layer
}

extension Layer {
  /// What a file holds: the parameters, then the buffers.
  package var namedTensors: [(name: String, parameter: Parameter)] {
    namedParameters + namedBuffers.map { ($0.name, $0.buffer) }
  }

  fileprivate var storedTensors: [(name: String, tensor: Tensor)] {
    namedTensors.map { ($0.name, $0.parameter.stored) }
  }

  /// Writes the parameters and buffers alone, without the architecture: for layers that are no `ConfigurableLayer`.
  /// - Throws: `FileFormatError` if the system cannot write the file; an existing one stays intact.
  public func saveParameters(to path: String, metadata: [String: String] = [:]) throws(FileFormatError) {
    try SafetensorsFile.write(storedTensors, metadata: metadata, to: path)
  }

  /// Replaces the parameters and buffers with those of a safetensors file, such as a model file or one from another framework.
  /// - Throws: `FileFormatError` if the file is not as it should be or does not hold exactly this model's parameters
  ///   and buffers, with their shapes and types. Then nothing of the model has changed.
  public func loadParameters(from path: String) throws(FileFormatError) {
    try readParameters(from: try SafetensorsReader(path: path), path: path)
  }

  fileprivate func readParameters(from reader: SafetensorsReader, path: String) throws(FileFormatError) {
    let parameters = namedTensors
    let entries = Dictionary(uniqueKeysWithValues: reader.entries.map { ($0.name, $0) })
    try checkNames(parameters.map(\.name), reader.entries.map(\.name), path)
    for (name, parameter) in parameters {
      guard let entry = entries[name] else { continue }
      let expected = parameter.stored.type
      func fail(_ what: String, _ found: some Any, _ expected: some Any) -> FileFormatError {
        FileFormatError(
          .doesNotFitModel, path: path,
          "tensor '\(shown(name))' has the \(what) \(found); the model expects \(expected)")
      }
      if entry.type.shape != expected.shape { throw fail("shape", entry.type.shape, expected.shape) }
      if entry.type.dtype != expected.dtype { throw fail("type", entry.type.dtype, expected.dtype) }
    }

    // All are read before the first is replaced.
    var values: [(Parameter, Tensor)] = []
    for (name, parameter) in parameters { values.append((parameter, try reader.tensor(entries[name]!))) }
    for (parameter, value) in values { parameter.value = value }
  }

  private func checkNames(_ expected: [String], _ found: [String], _ path: String) throws(FileFormatError) {
    let (expectedSet, foundSet) = (Set(expected), Set(found))
    let missing = expected.filter { !foundSet.contains($0) }
    let extra = found.filter { !expectedSet.contains($0) }
    var problems: [String] = []
    if !missing.isEmpty { problems.append("the file lacks \(count(missing)): \(list(missing))") }
    if !extra.isEmpty { problems.append("it holds \(count(extra)) that the model does not have: \(list(extra))") }
    if missing.isEmpty && !extra.isEmpty {
      problems = ["the file holds \(count(extra)) that the model does not have: \(list(extra))"]
    }
    guard problems.isEmpty else {
      throw FileFormatError(.doesNotFitModel, path: path, problems.joined(separator: "; "))
    }
  }

  private func count(_ names: [String]) -> String { names.count == 1 ? "1 parameter" : "\(names.count) parameters" }
}
