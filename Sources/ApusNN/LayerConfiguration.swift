import ApusCore

/// A layer as it is written into files: its kind, its settings and the layers inside it.
public struct LayerConfiguration: Codable, Hashable, Sendable {
  /// A setting's value. A number that happens to be whole equals the integer: JSON does not tell them apart.
  public enum Value: Codable, Hashable, Sendable {
    case flag(Bool)
    case integer(Int)
    case number(Double)
    case text(String)

    public init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let value = try? container.decode(Bool.self) {
        self = .flag(value)
      } else if let value = try? container.decode(Int.self) {
        self = .integer(value)
      } else if let value = try? container.decode(Double.self) {
        self = .number(value)
      } else {
        self = .text(try container.decode(String.self))
      }
    }

    public func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .flag(let value): try container.encode(value)
      case .integer(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .text(let value): try container.encode(value)
      }
    }

    /// The value as a number, if it is one that a double can hold.
    private var asNumber: Double? {
      switch self {
      case .integer(let value): Double(exactly: value)
      case .number(let value): value
      default: nil
      }
    }

    public static func == (left: Value, right: Value) -> Bool {
      switch (left, right) {
      case (.flag(let a), .flag(let b)): a == b
      case (.integer(let a), .integer(let b)): a == b
      case (.text(let a), .text(let b)): a == b
      default: left.asNumber != nil && left.asNumber == right.asNumber
      }
    }

    public func hash(into hasher: inout Hasher) {
      switch self {
      case .flag(let value): hasher.combine(value)
      case .text(let value): hasher.combine(value)
      case .integer(let value): if let number = asNumber { hasher.combine(number) } else { hasher.combine(value) }
      case .number(let value): hasher.combine(value)
      }
    }
  }

  public var kind: String
  public var settings: [String: Value]
  public var layers: [LayerConfiguration]
  /// Why no file can hold the layer, as the end of a sentence; nil if one can. Of this layer itself, not of those inside.
  package private(set) var obstacle: String?

  private enum CodingKeys: CodingKey { case kind, settings, layers }

  public init(kind: String, settings: [String: Value] = [:], layers: [LayerConfiguration] = []) {
    self.kind = kind
    self.settings = settings
    self.layers = layers
  }
}

/// A configuration that does not describe a layer.
public struct ConfigurationError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// A layer that files can hold.
public protocol ConfigurableLayer: Layer {
  /// The name in files; by convention that of the type.
  static var kind: String { get }
  var configuration: LayerConfiguration { get }
  /// - Throws: `ConfigurationError` for settings that are absent, of the wrong type or out of range.
  init(configuration: LayerConfiguration) throws
}

/// The kinds of layers that files may name. Users' own layers are added with ``register(_:)``.
public struct LayerRegistry: Sendable {
  private var kinds: [String: any ConfigurableLayer.Type] = [:]

  /// Apus' own layers.
  public static let standard: LayerRegistry = {
    var registry = LayerRegistry()
    registry.register(Dense.self)
    registry.register(BatchNorm.self)
    registry.register(Conv1D.self)
    registry.register(Conv2D.self)
    registry.register(Conv3D.self)
    registry.register(ConvTranspose1D.self)
    registry.register(ConvTranspose2D.self)
    registry.register(ConvTranspose3D.self)
    registry.register(DepthwiseConv1D.self)
    registry.register(DepthwiseConv2D.self)
    registry.register(DepthwiseConv3D.self)
    registry.register(SeparableConv1D.self)
    registry.register(SeparableConv2D.self)
    registry.register(SeparableConv3D.self)
    registry.register(MaxPool1D.self)
    registry.register(MaxPool2D.self)
    registry.register(MaxPool3D.self)
    registry.register(AveragePool1D.self)
    registry.register(AveragePool2D.self)
    registry.register(AveragePool3D.self)
    registry.register(GlobalAveragePool.self)
    registry.register(GlobalMaxPool.self)
    registry.register(AdaptiveAveragePool.self)
    registry.register(AdaptiveMaxPool.self)
    registry.register(Dropout.self)
    registry.register(Flatten.self)
    registry.register(Reshape.self)
    registry.register(ActivationLayer.self)
    registry.register(PReLU.self)
    registry.register(GatedLinearUnit.self)
    registry.register(Sequential.self)
    registry.register(Embedding.self)
    registry.register(Masking.self)
    registry.register(SimpleRNN.self)
    registry.register(LSTM.self)
    registry.register(GRU.self)
    registry.register(SimpleRNNCell.self)
    registry.register(LSTMCell.self)
    registry.register(GRUCell.self)
    registry.register(LayerNorm.self)
    registry.register(RMSNorm.self)
    registry.register(GroupNorm.self)
    registry.register(InstanceNorm.self)
    registry.register(LocalResponseNorm.self)
    registry.register(SpatialDropout.self)
    registry.register(MultiHeadAttention.self)
    registry.register(FeedForward.self)
    registry.register(TransformerBlock.self)
    registry.register(SinusoidalPositions.self)
    registry.register(LearnedPositions.self)
    registry.register(Pad.self)
    registry.register(Crop.self)
    registry.register(Upsampling.self)
    registry.register(PixelShuffle.self)
    registry.register(Permute.self)
    registry.register(Residual.self)
    registry.register(Parallel.self)
    registry.register(FunctionalModel.self)
    registry.register(TimeDistributed.self)
    return registry
  }()

  public init() {}

  /// The kinds that may be named, in alphabetical order.
  public var kindNames: [String] { kinds.keys.sorted() }

  public mutating func register(_ type: any ConfigurableLayer.Type) { kinds[type.kind] = type }

  /// The registry that containers take the layers inside them from: the one that they are being made from themselves.
  @TaskLocal static var current = LayerRegistry.standard

  /// The layer that `configuration` describes. Its parameters have shapes but no elements until they are assigned.
  public func layer(_ configuration: LayerConfiguration) throws -> any ConfigurableLayer {
    guard let type = kinds[configuration.kind] else {
      throw ConfigurationError("there is no layer of kind '\(configuration.kind)'")
    }
    return try Self.$current.withValue(self) { try type.init(configuration: configuration) }
  }
}

extension LayerConfiguration {
  package func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int {
    guard case .integer(let value)? = settings[name] else { throw missing(name, "a whole number") }
    guard range.contains(value) else {
      throw ConfigurationError("\(kind): '\(name)' is \(value); expected \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  package func number(_ name: String) throws -> Double {
    switch settings[name] {
    case .number(let value): return value
    case .integer(let value): return Double(value)
    default: throw missing(name, "a number")
    }
  }

  package func flag(_ name: String) throws -> Bool {
    guard case .flag(let value)? = settings[name] else { throw missing(name, "true or false") }
    return value
  }

  /// Whether layers inside are computed once more for their gradient: not unless "checkpointed" says so.
  package var isCheckpointed: Bool {
    get throws { settings["checkpointed"] == nil ? false : try flag("checkpointed") }
  }

  func text(_ name: String) throws -> String {
    guard case .text(let value)? = settings[name] else { throw missing(name, "a text") }
    return value
  }

  /// The type of the parameters: float32 unless "dtype" says otherwise.
  package func floatingPointType() throws -> DType {
    guard settings["dtype"] != nil else { return .float32 }
    let name = try text("dtype")
    guard let dtype = DType.allCases.first(where: { $0.description == name }), dtype.isFloatingPoint else {
      throw ConfigurationError("\(kind): there is no floating-point type '\(name)'")
    }
    return dtype
  }

  func activation() throws -> Activation {
    let name = try text("activation")
    var parameters: [String: Double] = [:]
    for (key, value) in settings where key.hasPrefix("activation.") {
      if case .number(let number) = value { parameters[String(key.dropFirst(11))] = number }
      if case .integer(let number) = value { parameters[String(key.dropFirst(11))] = Double(number) }
    }
    guard let activation = Activation.named(name, parameters: parameters) else {
      throw ConfigurationError("\(kind): there is no activation '\(name)'")
    }
    return activation
  }

  mutating func set(_ activation: Activation) {
    // A user's own activation could not be found again, or a built-in one of the same name would be found.
    if !activation.isNamed { obstacle = "its activation '\(activation.name)' is the program's own" }
    settings["activation"] = .text(activation.name)
    for (name, value) in activation.parameters { settings["activation.\(name)"] = .number(value) }
  }

  private func missing(_ name: String, _ expected: String) -> ConfigurationError {
    ConfigurationError("\(kind): the setting '\(name)' is absent or not \(expected)")
  }
}

// MARK: - The layers' configurations

extension LayerConfiguration {
  /// Sizes beyond this are refused in files: they could not be held in memory, and a lying file must not try.
  static let largestExtent = 1 << 24
}

extension Dense: ConfigurableLayer {
  public static var kind: String { "Dense" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: ["inputs": .integer(inputs), "outputs": .integer(outputs), "bias": .flag(bias != nil)])
    result.set(activation)
    if weight.dtype != .float32 { result.settings["dtype"] = .text(weight.dtype.description) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let inputs = try configuration.integer("inputs", in: 1...LayerConfiguration.largestExtent)
    let outputs = try configuration.integer("outputs", in: 1...LayerConfiguration.largestExtent)
    // The parameters will be read from a file. No memory is taken before: the sizes are only what the file says.
    self.init(
      inputs, outputs, activation: try configuration.activation(), hasBias: try configuration.flag("bias"),
      weights: .placeholder, biases: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension BatchNorm: ConfigurableLayer {
  public static var kind: String { "BatchNorm" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: ["features": .integer(features), "momentum": .number(momentum), "epsilon": .number(epsilon)])
    if epsilonPlacement != .underRoot { result.settings["epsilonPlacement"] = .text(epsilonPlacement.rawValue) }
    if gamma.dtype != .float32 { result.settings["dtype"] = .text(gamma.dtype.description) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let features = try configuration.integer("features", in: 1...LayerConfiguration.largestExtent)
    let (momentum, epsilon) = (try configuration.number("momentum"), try configuration.number("epsilon"))
    guard Self.momenta.contains(momentum) else {
      throw ConfigurationError("BatchNorm: 'momentum' is \(momentum); expected 0 to 1")
    }
    guard epsilon > 0 && epsilon.isFinite else {
      throw ConfigurationError("BatchNorm: 'epsilon' is \(epsilon); expected a positive number")
    }
    let place =
      configuration.settings["epsilonPlacement"] == nil ? "underRoot" : try configuration.text("epsilonPlacement")
    guard let epsilonPlacement = EpsilonPlacement(rawValue: place) else {
      throw ConfigurationError("BatchNorm: 'epsilonPlacement' is '\(place)'; expected underRoot or besideRoot")
    }
    let placeholder = Tensor(placeholder: TensorType([features], try configuration.floatingPointType()))
    self.init(features, momentum: momentum, epsilon: epsilon, epsilonPlacement: epsilonPlacement) { _ in placeholder }
  }
}

extension Dropout: ConfigurableLayer {
  public static var kind: String { "Dropout" }
  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings: ["probability": .number(probability)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    let probability = try configuration.number("probability")
    guard probability >= 0 && probability < 1 else {
      throw ConfigurationError("Dropout: 'probability' is \(probability); expected at least 0 and less than 1")
    }
    self.init(probability)
  }
}

extension Flatten: ConfigurableLayer {
  public static var kind: String { "Flatten" }
  public var configuration: LayerConfiguration { LayerConfiguration(kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws { self.init() }
}

extension ActivationLayer: ConfigurableLayer {
  public static var kind: String { "ActivationLayer" }
  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind)
    result.set(activation)
    return result
  }
  public convenience init(configuration: LayerConfiguration) throws { self.init(try configuration.activation()) }
}

extension Sequential: ConfigurableLayer {
  public static var kind: String { "Sequential" }

  /// - Precondition: every layer inside is configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind,
      layers: layers.map { layer in
        guard let layer = layer as? any ConfigurableLayer else {
          fatalError("\(layer) cannot be written into a file: make it a ConfigurableLayer")
        }
        return layer.configuration
      })
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(try configuration.layers.map { try LayerRegistry.current.layer($0) })
  }
}
