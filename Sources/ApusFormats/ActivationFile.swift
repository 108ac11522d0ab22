import ApusCore
import ApusFiles
import ApusNN

extension ActivationTrace {
  /// Writes what every layer put out as NumPy's arrays, for other tools: `numpy.load("activations.npz")["encoder.1"]` (notes M7).
  ///
  /// An array has the name of its layer's path, that of the model itself is "model"; the second output of a layer that ran twice is
  /// "name#2".
  /// - Throws: `FileFormatError` if the system cannot write the file.
  public func write(to path: String) throws(FileFormatError) {
    var runs: [String: Int] = [:]
    var arrays: [(name: String, tensor: Tensor)] = []
    for entry in entries {
      let name = entry.name.isEmpty ? "model" : entry.name
      let run = runs[name, default: 0] + 1
      runs[name] = run
      arrays.append((run == 1 ? name : "\(name)#\(run)", entry.output))
    }
    try NPZFile.write(arrays, to: path)
  }
}
