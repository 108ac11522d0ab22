import ApusCore

/// An activation function as a layer of its own.
public final class ActivationLayer: Layer {
  public let activation: Activation

  public init(_ activation: Activation) { self.activation = activation }

  public func forward(_ x: Tensor) -> Tensor { activation(x) }
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape { input }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "ActivationLayer(\(activation))" }
}
