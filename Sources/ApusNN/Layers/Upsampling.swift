import ApusCore

/// Spatial axes made longer by whole factors: x of shape (n, …, channels), with one, two or three axes (or more) between.
///
/// ```swift
/// Upsampling(2, 2)                // every pixel four times
/// Upsampling(2, 2, mode: .linear) // bilinear
/// ```
public final class Upsampling: Layer {
  /// How the new elements are found.
  public enum Mode: String, Sendable, CaseIterable {
    /// The nearest old element.
    case nearest
    /// Linear between the nearest two of every axis: linear, bilinear, trilinear. Elements are areas: output i lies at (i + ½) / factor − ½,
    /// and beyond the first and the last element nothing changes (PyTorch's `align_corners=False`).
    case linear
    /// The same, but elements are points, and the corners stay where they are: output i lies at i (extent − 1) / (factor · extent − 1)
    /// (PyTorch's `align_corners=True`).
    case linearAligned
  }

  /// One for each spatial axis.
  public let factors: [Int]
  public let mode: Mode

  /// - Parameters:
  ///   - factors: how often longer each spatial axis becomes; at least 1.
  ///   - mode: how the new elements are found.
  public convenience init(_ factors: Int..., mode: Mode = .nearest) { self.init(factors: factors, mode: mode) }

  fileprivate init(factors: [Int], mode: Mode) {
    guard !factors.isEmpty, factors.count <= Shape.maximumRank - 2, factors.allSatisfy({ $0 >= 1 }) else {
      fatalError("Upsampling\(factors): expected 1 to 6 factors, each at least 1")
    }
    self.factors = factors
    self.mode = mode
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    var y = x
    for (i, factor) in factors.enumerated() where factor > 1 {
      y = mode == .nearest ? y.repeated(factor, axis: i + 1) : interpolated(y, factor, axis: i + 1)
    }
    return y
  }

  private func interpolated(_ x: Tensor, _ factor: Int, axis: Int) -> Tensor {
    let extent = x.shape[axis]
    guard extent > 0 else { return x }
    let count = extent * factor
    let places = (0..<count).map { i -> Double in
      if mode == .linearAligned { return Double(i) * Double(extent - 1) / Double(max(1, count - 1)) }
      return max(0, (Double(i) + 0.5) / Double(factor) - 0.5)
    }
    let below = places.map { min(Int($0), extent - 1) }
    let above = below.map { min($0 + 1, extent - 1) }
    var shape = Array(repeating: 1, count: x.rank)
    shape[axis] = count
    let shares = Tensor(zip(places, below).map { $0 - Double($1) }, shape: Shape(shape)).cast(to: x.dtype)
    return Self.between(x.taking(below, axis: axis), x.taking(above, axis: axis), shares)
  }

  private static let between = Elementwise("interpolate") { (low: Expression, high: Expression, share: Expression) in
    (1 - share) * low + share * high
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == factors.count + 2 else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected (n, \(factors.count) spatial axes, channels)")
    }
    var extents = Array(input)
    for (i, factor) in factors.enumerated() {
      let (product, overflow) = extents[i + 1].multipliedReportingOverflow(by: factor)
      extents[i + 1] = overflow ? .max : product
    }
    return try .result(extents, of: description, input: input)
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String {
    "Upsampling(" + factors.map(String.init).joined(separator: ", ") + (mode == .nearest ? "" : ", mode: .\(mode)")
      + ")"
  }
}

extension Upsampling: ConfigurableLayer {
  public static var kind: String { "Upsampling" }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind, settings: ["mode": .text(mode.rawValue)])
    result.set("factors", list: factors)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let factors = try configuration.list("factors", in: 1...(1 << 16))
    guard (1...(Shape.maximumRank - 2)).contains(factors.count) else {
      throw ConfigurationError("Upsampling: \(factors.count) factors were found; expected 1 to 6")
    }
    self.init(factors: factors, mode: try configuration.choice("mode"))
  }
}

/// Channels to space (Shi et al., 2016): (n, h, w, c r²) becomes (n, r h, r w, c), where the channel c r² + r i + j becomes the pixel (i, j) of
/// the square, as in PyTorch.
public final class PixelShuffle: Layer {
  /// r, at least 1.
  public let factor: Int

  public init(_ factor: Int) {
    guard factor >= 1 else { fatalError("PixelShuffle(\(factor)): the factor must be at least 1") }
    self.factor = factor
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) {
      let shape = try outputShape(for: x.shape)
      let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], shape[3])
      return x.reshaped([n, h, w, c, factor, factor]).transposed([0, 1, 4, 2, 5, 3]).reshaped(Array(shape))
    } catch { stop(error) }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank == 4, input[3] % (factor * factor) == 0 else {
      throw ShapeError(
        description,
        "an input of shape \(input) was found; expected (n, h, w, a multiple of \(factor * factor) channels)")
    }
    guard let height = Shape.checkedElementCount([input[1], factor]),
      let width = Shape.checkedElementCount([input[2], factor])
    else { throw ShapeError(description, "an input of shape \(input) was found; expected a smaller image") }
    return try .result([input[0], height, width, input[3] / (factor * factor)], of: description, input: input)
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "PixelShuffle(\(factor))" }
}

extension PixelShuffle: ConfigurableLayer {
  public static var kind: String { "PixelShuffle" }
  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings: ["factor": .integer(factor)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(try configuration.integer("factor", in: 1...(1 << 12)))
  }
}
