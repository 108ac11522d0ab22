/// Tells the layers of a step apart, of which many may be written alike: by where they stand in the model.
struct LayerNames {
  /// The place of each layer: "1" for the second in a row, "encoder.1" further inside, as in model files; "" for the model itself.
  private var paths: [ObjectIdentifier: String] = [:]
  private var models = 0

  /// Notes where `layer` and its parts stand. One that is not inside another is a model of its own: the first needs no name.
  mutating func place(_ layer: any RunningLayer, parts: [(name: String, layer: any RunningLayer)]) {
    let path: String
    if let known = paths[ObjectIdentifier(layer)] {
      path = known
    } else {
      models += 1
      path = models == 1 ? "" : "#\(models)"
      paths[ObjectIdentifier(layer)] = path
    }
    for part in parts where paths[ObjectIdentifier(part.layer)] == nil {
      paths[ObjectIdentifier(part.layer)] = path.isEmpty ? part.name : "\(path).\(part.name)"
    }
  }

  /// The layer as it was written, after its place: "1: Dense(4, 3)"; empty without a layer.
  func name(of layer: (any RunningLayer)?) -> String {
    guard let layer else { return "" }
    guard let path = paths[ObjectIdentifier(layer)], !path.isEmpty else { return layer.description }
    return "\(path): \(layer)"
  }
}
