import ApusCore

// Recurrent layers in files: their settings, and parameters that come from PyTorch.

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

// MARK: - From PyTorch

extension RecurrentCell {
  /// Takes over the tensors that PyTorch calls `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`, followed by `suffix`.
  ///
  /// PyTorch's two biases are only ever added, so their sum is this cell's one; only that of a GRU's n within the bracket stays apart.
  fileprivate func load(_ state: [String: Tensor], _ suffix: String) throws {
    func tensor(_ name: String, _ shape: Shape) throws -> Tensor {
      guard let tensor = state[name + suffix] else {
        throw ConfigurationError("\(self): there is no tensor '\(name + suffix)'")
      }
      guard tensor.shape == shape, tensor.dtype.isFloatingPoint else {
        throw ConfigurationError(
          "\(self): '\(name + suffix)' is \(tensor.type); expected floating point of shape \(shape)")
      }
      return tensor.cast(to: inputWeight.dtype)
    }
    let input = try tensor("weight_ih", inputWeight.shape)
    let recurrent = try tensor("weight_hh", recurrentWeight.shape)
    if let bias {
      let (first, second) = (try tensor("bias_ih", bias.shape), try tensor("bias_hh", bias.shape))
      if let recurrentBias {
        let inner = second.sliced(.from(2 * units), axis: 0)
        bias.value = first + second.sliced(.from(to: 2 * units), axis: 0).padded([(0, units)])
        recurrentBias.value = inner
      } else {
        bias.value = first + second
      }
    } else if state["bias_ih" + suffix] != nil {
      throw ConfigurationError("\(self): there is a tensor 'bias_ih\(suffix)', but the cell has no bias")
    }
    inputWeight.value = input
    recurrentWeight.value = recurrent
  }
}

extension RecurrentLayer {
  fileprivate func load(_ state: [String: Tensor]) throws {
    for (number, cell) in cells.enumerated() {
      let (layer, direction) = number.quotientAndRemainder(dividingBy: options.directions)
      try cell.load(state, "_l\(layer)" + (direction == 1 ? "_reverse" : ""))
    }
  }
}

extension SimpleRNNCell {
  /// Takes over the parameters of PyTorch's `RNNCell`: its state dictionary.
  /// - Throws: `ConfigurationError` for a tensor that is absent or has another shape.
  public func load(pyTorch state: [String: Tensor]) throws { try load(state, "") }
}
extension LSTMCell {
  /// Takes over the parameters of PyTorch's `LSTMCell`: its state dictionary.
  /// - Throws: `ConfigurationError` for a tensor that is absent or has another shape.
  public func load(pyTorch state: [String: Tensor]) throws { try load(state, "") }
}
extension GRUCell {
  /// Takes over the parameters of PyTorch's `GRUCell`: its state dictionary.
  /// - Throws: `ConfigurationError` for a tensor that is absent or has another shape.
  public func load(pyTorch state: [String: Tensor]) throws { try load(state, "") }
}
extension SimpleRNN {
  /// Takes over the parameters of PyTorch's `RNN`: its state dictionary (`weight_ih_l0`, …, `bias_hh_l1_reverse`).
  /// - Throws: `ConfigurationError` for a tensor that is absent or has another shape.
  public func load(pyTorch state: [String: Tensor]) throws { try load(state) }
}
extension LSTM {
  /// Takes over the parameters of PyTorch's `LSTM`: its state dictionary (`weight_ih_l0`, …, `bias_hh_l1_reverse`).
  /// - Throws: `ConfigurationError` for a tensor that is absent or has another shape.
  public func load(pyTorch state: [String: Tensor]) throws { try load(state) }
}
extension GRU {
  /// Takes over the parameters of PyTorch's `GRU`: its state dictionary (`weight_ih_l0`, …, `bias_hh_l1_reverse`).
  /// - Throws: `ConfigurationError` for a tensor that is absent or has another shape.
  public func load(pyTorch state: [String: Tensor]) throws { try load(state) }
}
