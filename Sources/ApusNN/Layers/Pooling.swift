import ApusCore

public typealias MaxPool1D = MaxPool<OneAxis>
public typealias MaxPool2D = MaxPool<TwoAxes>
public typealias MaxPool3D = MaxPool<ThreeAxes>
public typealias AveragePool1D = AveragePool<OneAxis>
public typealias AveragePool2D = AveragePool<TwoAxes>
public typealias AveragePool3D = AveragePool<ThreeAxes>

/// The largest element of each window and channel (notes M2).
public final class MaxPool<Axes: SpatialAxes>: Layer {
  public let kernel: PerAxis
  /// The distance between windows.
  public let stride: PerAxis
  public let dilation: PerAxis
  public let padding: Padding
  /// Whether a last window that goes beyond the image counts, as long as it begins inside (PyTorch's ceil_mode).
  public let roundsUp: Bool

  /// - Parameters:
  ///   - kernel: the windows' extents: `2`, or `[2, 3]`.
  ///   - stride: the distance between windows; if nil, the kernel's extents.
  ///   - padding: what surrounds the image; no maximum is found there.
  ///   - roundsUp: whether a last window that goes beyond the image counts.
  public init(
    _ kernel: PerAxis, stride: PerAxis? = nil, dilation: PerAxis = 1, padding: Padding = .valid, roundsUp: Bool = false
  ) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    self.dilation = dilation
    self.padding = padding
    self.roundsUp = roundsUp
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.maxPooled(kernel, stride: stride, dilation: dilation, padding: padding, roundsUp: roundsUp)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try Axes.pooled(input, kernel, stride, dilation, padding, roundsUp: roundsUp, description)
  }

  public func visit(_ visitor: inout LayerVisitor) {}

  public var description: String {
    "\(Self.kind)(\(kernel)" + (stride == kernel ? "" : ", stride: \(stride)")
      + (dilation == 1 ? "" : ", dilation: \(dilation)") + (padding == .valid ? "" : ", padding: \(padding)")
      + (roundsUp ? ", roundsUp: true" : "") + ")"
  }
}

/// The mean of each window and channel.
public final class AveragePool<Axes: SpatialAxes>: Layer {
  public let kernel: PerAxis
  /// The distance between windows.
  public let stride: PerAxis
  public let padding: Padding
  /// Whether a last window that goes beyond the padding counts, as long as it begins before it (PyTorch's ceil_mode).
  public let roundsUp: Bool
  /// Whether the zeros of the padding count (PyTorch's count_include_pad).
  public let countsPadding: Bool

  /// - Parameters:
  ///   - kernel: the windows' extents: `2`, or `[2, 3]`.
  ///   - stride: the distance between windows; if nil, the kernel's extents.
  ///   - padding: the zeros around the image.
  ///   - roundsUp: whether a last window that goes beyond the padding counts.
  ///   - countsPadding: whether the zeros of the padding count.
  public init(
    _ kernel: PerAxis, stride: PerAxis? = nil, padding: Padding = .valid, roundsUp: Bool = false,
    countsPadding: Bool = true
  ) {
    self.kernel = kernel
    self.stride = stride ?? kernel
    self.padding = padding
    self.roundsUp = roundsUp
    self.countsPadding = countsPadding
  }

  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x.averagePooled(kernel, stride: stride, padding: padding, roundsUp: roundsUp, countsPadding: countsPadding)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try Axes.pooled(input, kernel, stride, 1, padding, roundsUp: roundsUp, description)
  }

  public func visit(_ visitor: inout LayerVisitor) {}

  public var description: String {
    "\(Self.kind)(\(kernel)" + (stride == kernel ? "" : ", stride: \(stride)")
      + (padding == .valid ? "" : ", padding: \(padding)") + (roundsUp ? ", roundsUp: true" : "")
      + (countsPadding ? "" : ", countsPadding: false") + ")"
  }
}

extension SpatialAxes {
  /// The shape rule of pooling.
  fileprivate static func pooled(
    _ input: Shape, _ kernel: PerAxis, _ stride: PerAxis, _ dilation: PerAxis, _ padding: Padding, roundsUp: Bool,
    _ layer: String
  ) throws(ShapeError) -> Shape {
    let extents = try extents(of: input, channels: nil, layer)
    let window = try SlidingWindow.pooling(
      kernel, stride: stride, dilation: dilation, padding: padding, input: extents, operation: layer)
    return try PoolingWindows.sliding(window, roundsUp: roundsUp, countsPadding: false).pooled(input, layer)
  }
}

// MARK: - In files

extension MaxPool: ConfigurableLayer {
  public static var kind: String { "MaxPool" + Axes.suffix }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind, settings: ["roundsUp": .flag(roundsUp)])
    result.set("kernel", kernel)
    result.set("stride", stride)
    result.set("dilation", dilation)
    result.set(padding)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.perAxis("kernel", least: 1, count: Axes.count),
      stride: try configuration.perAxis("stride", least: 1, count: Axes.count),
      dilation: try configuration.perAxis("dilation", least: 1, count: Axes.count),
      padding: try configuration.padding(count: Axes.count), roundsUp: try configuration.flag("roundsUp"))
  }
}

extension AveragePool: ConfigurableLayer {
  public static var kind: String { "AveragePool" + Axes.suffix }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind, settings: ["roundsUp": .flag(roundsUp), "countsPadding": .flag(countsPadding)])
    result.set("kernel", kernel)
    result.set("stride", stride)
    result.set(padding)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.perAxis("kernel", least: 1, count: Axes.count),
      stride: try configuration.perAxis("stride", least: 1, count: Axes.count),
      padding: try configuration.padding(count: Axes.count), roundsUp: try configuration.flag("roundsUp"),
      countsPadding: try configuration.flag("countsPadding"))
  }
}
