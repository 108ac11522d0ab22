import ApusCore

/// The elements of each example in another shape: (n, …) becomes (n, shape…). ``Flatten`` undoes it.
public final class Reshape: Layer {
  /// The shape of one example.
  public let shape: [Int]

  /// - Precondition: 1 to 7 extents, none negative.
  public init(_ shape: [Int]) {
    guard (1..<Shape.maximumRank).contains(shape.count), Shape.checkedElementCount(shape) != nil else {
      fatalError("Reshape(\(shape)): expected 1 to 7 extents, none negative")
    }
    self.shape = shape
  }

  public func forward(_ x: Tensor) -> Tensor {
    let shape: Shape
    do throws(ShapeError) { shape = try outputShape(for: x.shape) } catch { stop(error) }
    return x.reshaped(shape)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard let batch = input.first, Shape.checkedElementCount(input.dropFirst()) == Shape.checkedElementCount(shape)
    else {
      throw ShapeError(
        description,
        "an input of shape \(input) was found; expected examples of \(Shape.checkedElementCount(shape)!) elements")
    }
    return Shape([batch] + shape)
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "Reshape(\(shape))" }
}

extension Reshape: ConfigurableLayer {
  public static var kind: String { "Reshape" }

  public var configuration: LayerConfiguration {
    LayerConfiguration(
      kind: Self.kind,
      settings: Dictionary(uniqueKeysWithValues: shape.enumerated().map { ("shape.\($0)", .integer($1)) }))
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let count = (1..<Shape.maximumRank).last { configuration.settings["shape.\($0 - 1)"] != nil } ?? 1
    let shape = try (0..<count).map {
      try configuration.integer("shape.\($0)", in: 0...LayerConfiguration.largestExtent)
    }
    guard Shape.checkedElementCount(shape) != nil else {
      throw ConfigurationError("Reshape: a shape of \(shape) has more elements than can be counted")
    }
    self.init(shape)
  }
}
