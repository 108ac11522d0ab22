import ApusCore

/// A function as a layer, for what needs no parameters and no name of its own.
///
/// ```swift
/// Lambda("double") { $0 * 2 }
/// Lambda("firstRow", outputShape: { [$0[0], $0[2]] }) { $0[.all, 0] }
/// ```
/// Files cannot hold a function: saving a model with one inside is refused.
public final class Lambda: Layer {
  /// How it is called in descriptions and errors.
  public let name: String
  private let function: @Sendable (Tensor) -> Tensor
  private let shape: @Sendable (Shape) -> Shape

  /// - Parameters:
  ///   - name: how it is called in descriptions and errors.
  ///   - outputShape: the shape of the output for that of an input; the same if not said otherwise.
  ///   - function: what it computes.
  public init(
    _ name: String, outputShape: @escaping @Sendable (Shape) -> Shape = { $0 },
    _ function: @escaping @Sendable (Tensor) -> Tensor
  ) {
    self.name = name
    self.function = function
    shape = outputShape
  }

  public func forward(_ x: Tensor) -> Tensor { function(x) }
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape { shape(input) }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Lambda(\"\(name)\")" }
}
