import ApusCore

/// Local response normalisation (Krizhevsky, Sutskever and Hinton, 2012), in AlexNet between neighbouring channels, the last axis:
/// y_c = x_c / (k + α / size Σ x²)^β, the sum over the channels c − size/2 … c + (size − 1)/2 that exist.
///
/// As in PyTorch, α is divided by the size. The paper does not divide: its α = 10⁻⁴ with n = 5 and k = 2 is
/// `LocalResponseNorm(5, alpha: 5e-4, k: 2)`.
public final class LocalResponseNorm: Layer {
  /// The number of channels in a sum.
  public let size: Int
  public let alpha: Double
  public let beta: Double
  public let k: Double

  /// - Parameters:
  ///   - size: the number of neighbouring channels, the one in the middle included; at least 1.
  ///   - alpha: the weight of their mean square.
  ///   - beta: the exponent.
  ///   - k: what is added to the sum; positive.
  public init(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) {
    guard size > 0, k > 0, alpha >= 0, [alpha, beta, k].allSatisfy(\.isFinite) else {
      fatalError(
        "LocalResponseNorm(\(size)): the size must be at least 1, k \(k) positive, alpha \(alpha) not negative")
    }
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.k = k
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    let channels = x.shape.last!
    let none = Array(repeating: (before: 0, after: 0), count: x.rank - 1)
    let squares = square(x).padded(none + [(before: size / 2, after: (size - 1) / 2)])
    let windows = (0..<size).map { squares.sliced(.from($0, to: $0 + channels), axis: -1) }
    let sum = windows.dropFirst().reduce(windows[0], +)
    return Self.normalize.call([x, sum], [k, alpha / Double(size), -beta])
  }

  private static let normalize = Elementwise("localResponseNorm", inputs: 2, scalars: 3) { x, s in
    x[0] * pow(s[0] + s[1] * x[1], s[2])
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 2, input.last! > 0 else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (n, …, channels)")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {}

  public var description: String {
    "LocalResponseNorm(\(size)" + (alpha == 1e-4 ? "" : ", alpha: \(alpha)") + (beta == 0.75 ? "" : ", beta: \(beta)")
      + (k == 1 ? "" : ", k: \(k)") + ")"
  }
}

extension LocalResponseNorm: ConfigurableLayer {
  public static var kind: String { "LocalResponseNorm" }

  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind,
      settings: ["size": .integer(size), "alpha": .number(alpha), "beta": .number(beta), "k": .number(k)])
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let alpha = try configuration.finite("alpha")
    guard alpha >= 0 else { throw ConfigurationError("LocalResponseNorm: 'alpha' is \(alpha); expected at least 0") }
    self.init(
      try configuration.integer("size", in: 1...(1 << 12)), alpha: alpha, beta: try configuration.finite("beta"),
      k: try configuration.positive("k"))
  }
}
