import ApusCore

/// Two fully connected layers that work on every position by itself: down(dropout(activation(up(x)))), over the last axis of x.
public final class FeedForward: Layer {
  public let width: Int
  public let hidden: Int
  /// From the width to the hidden one, with the activation.
  public let up: Dense
  public let dropout: Dropout
  /// And back.
  public let down: Dense

  /// - Parameters:
  ///   - width: the extent of the last axis of x and of the result; at least 1.
  ///   - hidden: the number of units between; at least 1.
  ///   - activation: what follows the first layer.
  ///   - hasBias: whether the layers have biases.
  ///   - dropout: the probability, in [0, 1), that a unit between is dropped while training.
  ///   - weights: how the first layer starts; if nil, as suits the activation.
  ///   - outputWeights: how the second starts; if nil, as `Dense` does.
  public init(
    _ width: Int, hidden: Int, activation: Activation = .gelu, hasBias: Bool = true, dropout: Double = 0,
    weights: Initializer? = nil, outputWeights: Initializer? = nil, dtype: DType = .float32
  ) {
    self.width = width
    self.hidden = hidden
    let biases = weights == .placeholder ? Initializer.placeholder : .zeros
    up = Dense(
      width, hidden, activation: activation, hasBias: hasBias, weights: weights, biases: biases, dtype: dtype)
    self.dropout = Dropout(dropout)
    down = Dense(hidden, width, hasBias: hasBias, weights: outputWeights, biases: biases, dtype: dtype)
  }

  public func forward(_ x: Tensor) -> Tensor { down(dropout(up(x))) }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.last == width else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(width) along the last axis")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("up", up)
    visitor.child("dropout", dropout)
    visitor.child("down", down)
  }

  public var description: String {
    "FeedForward(\(width), hidden: \(hidden)" + (up.activation == .gelu ? "" : ", activation: \(up.activation)")
      + (up.bias == nil ? ", hasBias: false" : "")
      + (dropout.probability == 0 ? "" : ", dropout: \(dropout.probability)") + ")"
  }
}

extension FeedForward: ConfigurableLayer {
  public static var kind: String { "FeedForward" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind,
      settings: [
        "width": .integer(width), "hidden": .integer(hidden), "bias": .flag(up.bias != nil),
        "dropout": .number(dropout.probability),
      ])
    result.set(up.activation)
    result.set(up.weight.dtype)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.integer("width", in: LayerConfiguration.extents),
      hidden: try configuration.integer("hidden", in: LayerConfiguration.extents),
      activation: try configuration.activation(), hasBias: try configuration.flag("bias"),
      dropout: try configuration.dropProbability("dropout"), weights: .placeholder, outputWeights: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
