import ApusNN

extension LayerConfiguration {
  /// How deep layers may be nested in files.
  static let maximumNesting = 32
  /// How many values a description may have: room for 100,000 layers, and none for a file that is made to need memory.
  static let maximumValues = 1 << 20

  /// The configuration as model files hold it: `{"kind": …, "settings": {…}, "layers": […]}`, empty parts left out.
  /// - Throws: `ConfigurationError` for what could not be read back.
  public func json() throws(ConfigurationError) -> JSON { try json(depth: 1) }

  private func json(depth: Int) throws(ConfigurationError) -> JSON {
    try Self.checkNesting(depth)
    if let obstacle {
      throw ConfigurationError("\(kind): \(obstacle), which files cannot hold: use one of Apus' activations")
    }
    var members = [JSON.Member("kind", .string(kind))]
    if !settings.isEmpty {
      var values: [JSON.Member] = []
      for (name, value) in settings.sorted(by: { $0.key < $1.key }) {
        if case .number(let number) = value, !number.isFinite {
          throw ConfigurationError("\(kind): '\(name)' is \(number), which files cannot hold")
        }
        values.append(JSON.Member(name, value.json))
      }
      members.append(JSON.Member("settings", .object(values)))
    }
    if !layers.isEmpty {
      var inner: [JSON] = []
      for layer in layers { inner.append(try layer.json(depth: depth + 1)) }
      members.append(JSON.Member("layers", .array(inner)))
    }
    return .object(members)
  }

  /// The configuration that `json` describes.
  /// - Throws: `ConfigurationError` if it describes none. Whether there are such layers is not checked here.
  public init(json: JSON) throws(ConfigurationError) { try self.init(json: json, depth: 1) }

  private init(json: JSON, depth: Int) throws(ConfigurationError) {
    try Self.checkNesting(depth)
    guard let members = json.object else {
      throw ConfigurationError("a layer is \(json.kindDescription); expected an object")
    }
    var (kind, settings, layers): (String?, [String: Value], [LayerConfiguration]) = (nil, [:], [])
    for (key, value) in members.map({ ($0.key, $0.value) }) {
      switch key {
      case "kind":
        guard let text = value.string else {
          throw ConfigurationError("a layer's kind is \(value.kindDescription); expected a text")
        }
        kind = text
      case "settings":
        guard let values = value.object else {
          throw ConfigurationError("a layer's settings are \(value.kindDescription); expected an object")
        }
        for setting in values { settings[setting.key] = try Value(setting) }
      case "layers":
        guard let inner = value.array else {
          throw ConfigurationError("the layers inside a layer are \(value.kindDescription); expected an array")
        }
        for layer in inner { layers.append(try LayerConfiguration(json: layer, depth: depth + 1)) }
      default: throw ConfigurationError("a layer has the unknown field '\(shown(key))'")
      }
    }
    guard let kind else { throw ConfigurationError("a layer has no kind") }
    self.init(kind: kind, settings: settings, layers: layers)
  }

  private static func checkNesting(_ depth: Int) throws(ConfigurationError) {
    guard depth <= maximumNesting else {
      throw ConfigurationError("layers are nested deeper than \(maximumNesting)")
    }
  }
}

extension LayerConfiguration.Value {
  fileprivate var json: JSON {
    switch self {
    case .flag(let value): .bool(value)
    case .integer(let value): .integer(value)
    case .number(let value): .number(value)
    case .text(let value): .string(value)
    }
  }

  fileprivate init(_ setting: JSON.Member) throws(ConfigurationError) {
    switch setting.value {
    case .bool(let value): self = .flag(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .number(value)
    case .string(let value): self = .text(value)
    case .null, .array, .object:
      throw ConfigurationError("the setting '\(shown(setting.key))' is \(setting.value.kindDescription)")
    }
  }
}
