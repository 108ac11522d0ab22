import ApusCore

/// All axes after the batch merged into one: (n, …) becomes (n, product).
public final class Flatten: Layer {
  public init() {}

  public func forward(_ x: Tensor) -> Tensor {
    let shape: Shape
    do throws(ShapeError) { shape = try outputShape(for: x.shape) } catch { stop(error) }
    return x.reshaped(shape)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard let batch = input.first else {
      throw ShapeError(description, "an input of shape () was found; expected a batch axis")
    }
    // The shape may come from a file and be beyond any memory.
    guard let columns = Shape.checkedElementCount(input.dropFirst()) else {
      throw ShapeError(description, "an input of shape \(input) was found; expected fewer elements in a row")
    }
    return [batch, columns]
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Flatten()" }
}
