import ApusCore

// Recurrent layers in files: their settings.

extension LayerConfiguration {
  /// The kind and settings of a cell.
  fileprivate init(_ cell: some RecurrentCell, kind: String) {
    self.init(
      kind: kind,
      settings: ["inputs": .integer(cell.inputs), "units": .integer(cell.units), "bias": .flag(cell.bias != nil)])
    if cell.recurrence == .relu { settings["activation"] = .text("relu") }
    if cell.inputWeight.dtype != .float32 { settings["dtype"] = .text(cell.inputWeight.dtype.description) }
  }

  /// The kind and settings of a layer of such cells.
  fileprivate init<Stack: RecurrentLayer>(_ layer: Stack, kind: String) {
    self.init(layer.cells[0], kind: kind)
    settings["layers"] = .integer(layer.options.layers)
    settings["bidirectional"] = .flag(layer.options.isBidirectional)
    settings["dropout"] = .number(layer.options.dropout)
    settings["returns"] = .text(layer.options.returns.rawValue)
  }

  fileprivate func size(_ name: String) throws -> Int { try integer(name, in: 1...LayerConfiguration.largestExtent) }

  fileprivate func recurrentActivation() throws -> SimpleRNN.Activation {
    guard settings["activation"] != nil else { return .tanh }
    let name = try text("activation")
    guard let activation = SimpleRNN.Activation(rawValue: name) else {
      throw ConfigurationError("\(kind): 'activation' is '\(name)'; expected tanh or relu")
    }
    return activation
  }

  fileprivate func recurrentOptions() throws -> RecurrentOptions {
    let dropout = try number("dropout")
    guard dropout >= 0 && dropout < 1 else {
      throw ConfigurationError("\(kind): 'dropout' is \(dropout); expected at least 0 and less than 1")
    }
    let name = try text("returns")
    guard let returns = RecurrentOutput(rawValue: name) else {
      throw ConfigurationError("\(kind): 'returns' is '\(name)'; expected all or last")
    }
    return RecurrentOptions(
      kind, layers: try integer("layers", in: 1...1024), isBidirectional: try flag("bidirectional"), dropout: dropout,
      returns: returns)
  }
}

extension SimpleRNNCell: ConfigurableLayer {
  public static var kind: String { "SimpleRNNCell" }
  public var configuration: LayerConfiguration { LayerConfiguration(self, kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.size("inputs"), try configuration.size("units"),
      activation: try configuration.recurrentActivation(), hasBias: try configuration.flag("bias"),
      weights: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension LSTMCell: ConfigurableLayer {
  public static var kind: String { "LSTMCell" }
  public var configuration: LayerConfiguration { LayerConfiguration(self, kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.size("inputs"), try configuration.size("units"), hasBias: try configuration.flag("bias"),
      weights: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension GRUCell: ConfigurableLayer {
  public static var kind: String { "GRUCell" }
  public var configuration: LayerConfiguration { LayerConfiguration(self, kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.size("inputs"), try configuration.size("units"), hasBias: try configuration.flag("bias"),
      weights: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension SimpleRNN: ConfigurableLayer {
  public static var kind: String { "SimpleRNN" }
  public var configuration: LayerConfiguration { LayerConfiguration(self, kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws {
    let options = try configuration.recurrentOptions()
    self.init(
      try configuration.size("inputs"), try configuration.size("units"),
      activation: try configuration.recurrentActivation(), layers: options.layers,
      isBidirectional: options.isBidirectional, dropout: options.dropout, hasBias: try configuration.flag("bias"),
      returns: options.returns, weights: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension LSTM: ConfigurableLayer {
  public static var kind: String { "LSTM" }
  public var configuration: LayerConfiguration { LayerConfiguration(self, kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws {
    let options = try configuration.recurrentOptions()
    self.init(
      try configuration.size("inputs"), try configuration.size("units"), layers: options.layers,
      isBidirectional: options.isBidirectional, dropout: options.dropout, hasBias: try configuration.flag("bias"),
      returns: options.returns, weights: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension GRU: ConfigurableLayer {
  public static var kind: String { "GRU" }
  public var configuration: LayerConfiguration { LayerConfiguration(self, kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws {
    let options = try configuration.recurrentOptions()
    self.init(
      try configuration.size("inputs"), try configuration.size("units"), layers: options.layers,
      isBidirectional: options.isBidirectional, dropout: options.dropout, hasBias: try configuration.flag("bias"),
      returns: options.returns, weights: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension Embedding: ConfigurableLayer {
  public static var kind: String { "Embedding" }
  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind, settings: ["count": .integer(count), "features": .integer(features)])
    if let paddingIndex { result.settings["paddingIndex"] = .integer(paddingIndex) }
    if weight.dtype != .float32 { result.settings["dtype"] = .text(weight.dtype.description) }
    return result
  }
  public convenience init(configuration: LayerConfiguration) throws {
    let count = try configuration.size("count")
    let padding = try configuration.settings["paddingIndex"].map { _ in
      try configuration.integer("paddingIndex", in: 0...(count - 1))
    }
    self.init(
      count, try configuration.size("features"), paddingIndex: padding, weights: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
