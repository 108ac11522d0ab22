import ApusCore

// Sequences of different lengths lie in one tensor (n, steps, …), the shorter ones filled up. A *step mask* (n, steps), bool, says which
// steps count. `Embedding` with a padding index and `Masking` make one; `Sequential` and `FunctionalModel` pass it on to the layers after them,
// for as long as they keep sequences and steps, and `Residual` and `Parallel` to those inside; recurrent layers end each sequence with the last step that counts, and attention does not look at the others.

/// A layer whose output depends on which steps of its sequences count.
public protocol MaskedLayer: Layer {
  /// The output where only some steps count; called by `layer(x, stepMask: mask)`.
  /// - Parameter stepMask: (n, steps), bool: true where a step of x (n, steps, …) counts.
  func forward(_ x: Tensor, stepMask: Tensor) -> Tensor
}

/// A layer that knows which steps of its input count.
public protocol MaskingLayer: Layer {
  /// (n, steps), bool: true where a step of x (n, steps, …) counts; nil if x has no steps.
  func stepMask(of x: Tensor) -> Tensor?
}

extension Layer {
  /// The layer's output for sequences (n, steps, …) of which only some steps count. A layer to which that makes no difference, such as one
  /// that works step by step, gives what it always gives.
  /// - Parameter stepMask: (n, steps), bool: true where a step counts; nil: everywhere.
  public func callAsFunction(_ x: Tensor, stepMask: Tensor?) -> Tensor {
    guard let stepMask, let layer = self as? any MaskedLayer else { return self(x) }
    return running { layer.forward(x, stepMask: stepMask) }
  }
}

/// The mask of what a layer gave: the same for as long as there are its sequences and steps.
func stepMask(_ mask: Tensor?, of y: Tensor) -> Tensor? {
  guard let mask, y.rank >= 2, y.shape[0] == mask.shape[0], y.shape[1] == mask.shape[1] else { return nil }
  return mask
}

/// Passes sequences (n, steps, features) on, and tells the layers after it in a `Sequential` that steps do not count whose numbers all are
/// one value.
///
/// ```swift
/// let model = Sequential {
///   Masking()
///   LSTM(3, 32, returns: .last)  // the state after each sequence's own end
///   Dense(32, 2)
/// }
/// ```
public final class Masking: Layer, MaskingLayer {
  /// What a step that does not count is filled with.
  public let value: Double

  public init(_ value: Double = 0) { self.value = value }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x
  }

  public func stepMask(of x: Tensor) -> Tensor? {
    x.rank == 3 ? (x.stopGradient() .!= value).any(axes: [2]) : nil
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 3 else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, steps, features)")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Masking(" + (value == 0 ? "" : "\(value)") + ")" }
}

extension Embedding: MaskingLayer {
  /// Where tokens (n, steps) are not the padding.
  public func stepMask(of tokens: Tensor) -> Tensor? {
    tokens.rank == 2 ? paddingIndex.map { tokens .!= Double($0) } : nil
  }
}

extension Masking: ConfigurableLayer {
  public static var kind: String { "Masking" }
  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings: ["value": .number(value)])
  }
  public convenience init(configuration: LayerConfiguration) throws { self.init(try configuration.finite("value")) }
}
