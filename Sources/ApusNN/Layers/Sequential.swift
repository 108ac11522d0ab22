import ApusCore

/// Layers one after the other.
/// ```swift
/// let model = Sequential {
///   Dense(64, 128, activation: .relu)
///   Dropout(0.2)
///   Dense(128, 10)
/// }
/// ```
public final class Sequential: Layer {
  public let layers: [any Layer]
  /// Whether a layer may say which steps of a sequence count.
  private let canMask: Bool

  public init(_ layers: [any Layer]) {
    self.layers = layers
    canMask = layers.contains { $0 is any MaskingLayer }
  }

  /// Layers as they are listed; `if`, `for` and arrays may stand among them.
  public convenience init(@LayerBuilder _ layers: () throws -> [any Layer]) rethrows { self.init(try layers()) }

  public func forward(_ x: Tensor) -> Tensor { run(x, nil) }

  private func run(_ x: Tensor, _ stepMask: Tensor?) -> Tensor {
    var (x, stepMask, position) = (x, stepMask, 0)
    while position < layers.count {
      let layer = layers[position]
      if canMask, let own = (layer as? any MaskingLayer)?.stepMask(of: x) { stepMask = own }
      // Recurrent layers read tokens faster than vectors.
      if let embedding = layer as? Embedding, position + 1 < layers.count,
        let reader = layers[position + 1] as? any TokenReader
      {
        x = reader(x, through: embedding, stepMask: stepMask)
        position += 2
      } else {
        x = layer(x, stepMask: stepMask)
        position += 1
      }
      if stepMask != nil { stepMask = ApusNN.stepMask(stepMask, of: x) }
    }
    return x
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    var shape = input
    for (i, layer) in layers.enumerated() {
      do { shape = try layer.outputShape(for: shape) } catch {
        var error = error
        error.path = ["Sequential, layer \(i)"] + error.path
        throw error
      }
    }
    return shape
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.children(layers) }

  public var description: String { "Sequential(" + layers.map(\.description).joined(separator: ", ") + ")" }

  /// The layer at a position.
  public subscript(index: Int) -> any Layer { layers[index] }
}

extension Sequential: MaskedLayer {
  public func forward(_ x: Tensor, stepMask: Tensor) -> Tensor { run(x, stepMask) }
}

extension Sequential: CompositeLayer {
  public func parts(for input: Shape) throws(ShapeError) -> [(name: String, layer: any Layer, input: Shape)] {
    var parts: [(name: String, layer: any Layer, input: Shape)] = []
    var shape = input
    for (i, layer) in layers.enumerated() {
      parts.append((name: "\(i)", layer: layer, input: shape))
      shape = try layer.outputShape(for: shape)
    }
    return parts
  }
}

/// Lets layers be listed without commas.
@resultBuilder
public enum LayerBuilder {
  public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
  public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
  public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { Array(parts.joined()) }
  public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
  public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
  public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
  public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { Array(parts.joined()) }
}
