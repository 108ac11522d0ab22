import ApusCore

/// A residual connection (He et al., 2015): y = body(x) + x, or body(x) + shortcut(x) where the shapes differ.
///
/// ```swift
/// Residual {
///   Dense(64, 64, activation: .relu)
///   Dense(64, 64)
/// }
/// Residual {
///   Dense(64, 32)
/// } shortcut: {
///   Dense(64, 32, hasBias: false)
/// }
/// ```
public final class Residual: Layer {
  public let body: any Layer
  /// What x goes through on its way past the body; nil: nothing.
  public let shortcut: (any Layer)?
  /// Whether it keeps only x for the gradient, and computes what is inside once more when the gradient gets there; see
  /// ``checkpoint(_:_:)-(L,Tensor)``.
  public let isCheckpointed: Bool

  public init(_ body: any Layer, shortcut: (any Layer)? = nil, isCheckpointed: Bool = false) {
    self.body = body
    self.shortcut = shortcut
    self.isCheckpointed = isCheckpointed
  }

  /// The body as a list of layers.
  public convenience init(@LayerBuilder _ body: () throws -> [any Layer]) rethrows { self.init(joined(try body())) }

  /// Body and shortcut as lists of layers.
  public convenience init(
    @LayerBuilder _ body: () throws -> [any Layer], @LayerBuilder shortcut: () throws -> [any Layer]
  ) rethrows {
    self.init(joined(try body()), shortcut: joined(try shortcut()))
  }

  public func forward(_ x: Tensor) -> Tensor { sum(of: x, nil) }

  private func sum(of x: Tensor, _ stepMask: Tensor?) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return isCheckpointed ? checkpoint(self, x) { $0.plainSum(of: $1, stepMask) } : plainSum(of: x, stepMask)
  }

  private func plainSum(of x: Tensor, _ stepMask: Tensor?) -> Tensor {
    body(x, stepMask: stepMask) + (shortcut?(x, stepMask: stepMask) ?? x)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let (through, past): (Shape, Shape)
    do { through = try body.outputShape(for: input) } catch { throw error.inside("Residual, body") }
    do { past = try shortcut?.outputShape(for: input) ?? input } catch { throw error.inside("Residual, shortcut") }
    guard through == past else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected equal shapes, not \(through) and \(past), to add")
    }
    return through
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("body", body)
    visitor.child("shortcut", shortcut)
  }

  public var description: String {
    "Residual(\(body)" + (shortcut.map { ", shortcut: \($0)" } ?? "")
      + (isCheckpointed ? ", isCheckpointed: true" : "") + ")"
  }
}

extension Residual: MaskedLayer {
  public func forward(_ x: Tensor, stepMask: Tensor) -> Tensor { sum(of: x, stepMask) }
}

extension Residual: CompositeLayer {
  public func parts(for input: Shape) throws(ShapeError) -> [(name: String, layer: any Layer, input: Shape)] {
    [(name: "body", layer: body, input: input)] + (shortcut.map { [(name: "shortcut", layer: $0, input: input)] } ?? [])
  }
}

extension Residual: ConfigurableLayer {
  public static var kind: String { "Residual" }

  /// - Precondition: the layers inside are configurable.
  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind, settings: isCheckpointed ? ["checkpointed": .flag(true)] : [:],
      layers: ([body] + (shortcut.map { [$0] } ?? [])).map(LayerConfiguration.inner))
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let layers = try configuration.inner(count: 1...2)
    self.init(
      layers[0], shortcut: layers.count == 2 ? layers[1] : nil, isCheckpointed: try configuration.isCheckpointed)
  }
}
