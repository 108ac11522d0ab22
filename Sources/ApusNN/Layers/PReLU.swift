import ApusCore

/// A ReLU whose slope below 0 is learnt: x for x > 0, else α x (He et al., 2015; notes G8), with one α for all elements or one for each
/// channel, the last axis.
///
/// At 0 the derivative is α, and that with respect to α is 0. (The notes' max(αx, x) is the same for α ≤ 1 only, E-13.)
public final class PReLU: Layer {
  /// The channels with a slope of their own; 1 for a slope that all share.
  public let channels: Int
  /// α, of shape (channels).
  public let slope: Parameter

  /// - Parameters:
  ///   - channels: the extent of the last axis of x, or 1 for one slope; at least 1.
  ///   - slopes: how α starts.
  public init(_ channels: Int = 1, slopes: Initializer = .constant(0.25), dtype: DType = .float32) {
    guard channels > 0 else { fatalError("PReLU(\(channels)): the number of channels must be at least 1") }
    self.channels = channels
    var random = initializationStream()
    slope = Parameter(slopes([channels], dtype: dtype, using: &random), name: "slope")
  }

  private static let kernel = Elementwise("prelu") { x, slope in select(x > 0, x, slope * x) }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    // A vector of one element has an axis too many for a single number.
    return Self.kernel(x, channels == 1 ? slope.value.reshaped([]) : slope.value)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard channels == 1 || input.last == channels else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(channels) along the last axis")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.parameter("slope", slope) }

  public var description: String { channels == 1 ? "PReLU()" : "PReLU(\(channels))" }
}

extension PReLU: ConfigurableLayer {
  public static var kind: String { "PReLU" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind, settings: ["channels": .integer(channels)])
    if slope.dtype != .float32 { result.settings["dtype"] = .text(slope.dtype.description) }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.integer("channels", in: 1...(1 << 24)), slopes: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
