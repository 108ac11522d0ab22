import ApusCore

/// The mean of each channel over all positions: (n, spatial…, channels) becomes (n, channels).
public final class GlobalAveragePool: Layer {
  public init() {}
  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.mean(axes: Array(1..<(x.rank - 1)))
  }
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    _ = try spatialExtents(of: input, description)
    return [input[0], input[input.rank - 1]]
  }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "GlobalAveragePool()" }
}

/// The largest element of each channel over all positions: (n, spatial…, channels) becomes (n, channels).
public final class GlobalMaxPool: Layer {
  public init() {}
  public func forward(_ x: Tensor) -> Tensor {
    let shape: Shape
    do throws(ShapeError) { shape = try outputShape(for: x.shape) } catch { stop(error) }
    return x.maxPooled(to: 1).reshaped(shape)
  }
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    _ = try spatialExtents(of: input, description)
    return [input[0], input[input.rank - 1]]
  }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "GlobalMaxPool()" }
}

/// The means of so many windows along each spatial axis, which together cover the image, whatever its extents.
public final class AdaptiveAveragePool: Layer {
  /// The spatial extents of the output.
  public let extents: PerAxis
  public init(_ extents: PerAxis) { self.extents = extents }
  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.averagePooled(to: extents)
  }
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try adaptivelyPooled(input, to: extents, description)
  }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "AdaptiveAveragePool(\(extents))" }
}

/// The largest elements of so many windows along each spatial axis, which together cover the image, whatever its extents.
public final class AdaptiveMaxPool: Layer {
  /// The spatial extents of the output.
  public let extents: PerAxis
  public init(_ extents: PerAxis) { self.extents = extents }
  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.maxPooled(to: extents)
  }
  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try adaptivelyPooled(input, to: extents, description)
  }
  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "AdaptiveMaxPool(\(extents))" }
}

/// The extents between batch and channels, none of them 0.
private func spatialExtents(of input: Shape, _ layer: String) throws(ShapeError) -> [Int] {
  let extents = Array(input.dropFirst().dropLast())
  guard (3...5).contains(input.rank), extents.allSatisfy({ $0 > 0 }) else {
    throw ShapeError(
      layer,
      "an input of shape \(input) was found; expected (n, 1 to 3 spatial axes, channels) with at least one position")
  }
  return extents
}

private func adaptivelyPooled(_ input: Shape, to extents: PerAxis, _ layer: String) throws(ShapeError) -> Shape {
  let found = try spatialExtents(of: input, layer)
  guard let all = extents(rank: found.count), all.allSatisfy({ $0 > 0 && $0 <= LayerConfiguration.largestExtent })
  else {
    throw ShapeError(layer, "an input of shape \(input) was found; expected as many spatial axes as \(extents) has")
  }
  return try .result([input[0]] + all + [input[input.rank - 1]], of: layer, input: input)
}

// MARK: - In files

extension GlobalAveragePool: ConfigurableLayer {
  public static var kind: String { "GlobalAveragePool" }
  public var configuration: LayerConfiguration { LayerConfiguration(kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws { self.init() }
}

extension GlobalMaxPool: ConfigurableLayer {
  public static var kind: String { "GlobalMaxPool" }
  public var configuration: LayerConfiguration { LayerConfiguration(kind: Self.kind) }
  public convenience init(configuration: LayerConfiguration) throws { self.init() }
}

extension AdaptiveAveragePool: ConfigurableLayer {
  public static var kind: String { "AdaptiveAveragePool" }
  public var configuration: LayerConfiguration { LayerConfiguration(kind: Self.kind, extents: extents) }
  public convenience init(configuration: LayerConfiguration) throws { self.init(try configuration.extents()) }
}

extension AdaptiveMaxPool: ConfigurableLayer {
  public static var kind: String { "AdaptiveMaxPool" }
  public var configuration: LayerConfiguration { LayerConfiguration(kind: Self.kind, extents: extents) }
  public convenience init(configuration: LayerConfiguration) throws { self.init(try configuration.extents()) }
}

extension LayerConfiguration {
  fileprivate init(kind: String, extents: PerAxis) {
    self.init(kind: kind)
    set("extents", extents)
  }

  /// One extent, or as many as are there.
  fileprivate func extents() throws -> PerAxis {
    let count = (1...3).last { settings["extents.\($0 - 1)"] != nil } ?? 1
    return try perAxis("extents", least: 1, count: count)
  }
}
