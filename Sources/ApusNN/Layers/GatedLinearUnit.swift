import ApusCore

/// The first half of the last axis times the activation of the second: a g(b) for x = (a, b) (Dauphin et al., 2016).
///
/// With the sigmoid it is GLU, with `.silu` SwiGLU, with `.gelu` GEGLU, with `.relu` ReGLU, with `.identity` a bilinear unit
/// (Shazeer, 2020).
/// - Precondition: the last axis of x has an even extent.
public func gatedLinearUnit(_ x: Tensor, gate: Activation = .sigmoid) -> Tensor {
  guard let width = x.shape.last, width % 2 == 0 else {
    stop(
      ShapeError("gatedLinearUnit", "an input of shape \(x.shape) was found; expected an even extent of the last axis"))
  }
  return x.sliced(.from(0, to: width / 2), axis: -1) * gate(x.sliced(.from(width / 2), axis: -1))
}

/// ``gatedLinearUnit(_:gate:)`` as a layer: (…, 2 n) becomes (…, n).
/// ```swift
/// Dense(64, 2 * 256)
/// GatedLinearUnit(gate: .silu)
/// ```
public final class GatedLinearUnit: Layer {
  public let gate: Activation

  public init(gate: Activation = .sigmoid) { self.gate = gate }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return gatedLinearUnit(x, gate: gate)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard let width = input.last, width % 2 == 0 else {
      throw ShapeError(description, "an input of shape \(input) was found; expected an even extent of the last axis")
    }
    var shape = input
    shape[shape.rank - 1] = width / 2
    return shape
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "GatedLinearUnit(" + (gate == .sigmoid ? "" : "gate: \(gate)") + ")" }
}

extension GatedLinearUnit: ConfigurableLayer {
  public static var kind: String { "GatedLinearUnit" }
  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind)
    result.set(gate)
    return result
  }
  public convenience init(configuration: LayerConfiguration) throws { self.init(gate: try configuration.activation()) }
}
