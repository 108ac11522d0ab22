import ApusCore

/// All axes after the batch merged into one: (n, …) becomes (n, product).
public final class Flatten: Layer {
  public init() {}

  public func forward(_ x: Tensor) -> Tensor {
    guard x.rank > 0 else { return x.reshaped([1, 1]) }
    return x.reshaped([x.shape[0], x.shape.dropFirst().reduce(1, *)])
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard let batch = input.first else {
      throw ShapeError(description, "an input of shape () was found; expected a batch axis")
    }
    return [batch, input.dropFirst().reduce(1, *)]
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Flatten()" }
}
