import ApusCore

public typealias DepthwiseConv1D = DepthwiseConv<OneAxis>
public typealias DepthwiseConv2D = DepthwiseConv<TwoAxes>
public typealias DepthwiseConv3D = DepthwiseConv<ThreeAxes>
public typealias SeparableConv1D = SeparableConv<OneAxis>
public typealias SeparableConv2D = SeparableConv<TwoAxes>
public typealias SeparableConv3D = SeparableConv<ThreeAxes>

/// A convolution in which every channel has a filter of its own, or several: it mixes positions, not channels.
///
/// w has shape (channels · multiplier, kernel…, 1), b (channels · multiplier).
public final class DepthwiseConv<Axes: SpatialAxes>: Layer {
  public let channels: Int
  /// The number of filters for each channel; their outputs lie side by side.
  public let multiplier: Int
  /// As those of a convolution with a group for each channel.
  public let settings: ConvolutionSettings
  public let activation: Activation
  /// w, of shape (channels · multiplier, kernel…, 1).
  public let weight: Parameter
  /// b, of shape (channels · multiplier).
  public let bias: Parameter?

  /// - Parameters:
  ///   - channels: the extent of the last axis of x; at least 1.
  ///   - kernel: the filters' extents: `3`, or `[3, 5]`.
  ///   - stride: the distance between neighbouring positions.
  ///   - dilation: the distance between neighbouring elements of a filter.
  ///   - padding: the zeros around the image.
  ///   - multiplier: the number of filters for each channel; at least 1.
  ///   - weights: how w starts; if nil, He's uniform distribution before a ReLU-like activation and Glorot's otherwise.
  ///   - biases: how b starts.
  public convenience init(
    _ channels: Int, kernel: PerAxis, stride: PerAxis = 1, dilation: PerAxis = 1, padding: Padding = .valid,
    multiplier: Int = 1, activation: Activation = .identity, hasBias: Bool = true, weights: Initializer? = nil,
    biases: Initializer = .zeros, dtype: DType = .float32
  ) {
    let (outputs, overflows) = channels.multipliedReportingOverflow(by: multiplier)
    let settings = ConvolutionSettings(
      inputs: channels, outputs: overflows ? 0 : outputs, kernel: kernel, stride: stride, dilation: dilation,
      padding: padding, groups: channels)
    self.init(settings, activation, hasBias: hasBias, weights: weights, biases: biases, dtype: dtype)
  }

  init(
    _ settings: ConvolutionSettings, _ activation: Activation, hasBias: Bool, weights: Initializer?,
    biases: Initializer, dtype: DType
  ) {
    let shape: Shape
    do { shape = try settings.weightShape(axes: Axes.count) } catch {
      fatalError("\(Self.kind)(\(settings.text)): \(error)")
    }
    self.settings = settings
    channels = settings.inputs
    multiplier = settings.outputs / settings.inputs
    self.activation = activation
    var random = initializationStream()
    let initializer = weights ?? .suited(to: activation)
    weight = Parameter(initializer(shape, dtype: dtype, using: &random), name: "weight")
    bias = hasBias ? Parameter(biases([settings.outputs], dtype: dtype, using: &random), name: "bias") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    let isFused = activation == .relu
    let y = convolution(
      x, weight: weight.value, bias: bias?.value, stride: settings.stride, dilation: settings.dilation,
      padding: settings.padding, groups: channels, activation: isFused ? .relu : .none)
    return isFused || activation == .identity ? y : activation(y)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try Axes.filtered(input, settings, description)
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("weight", weight)
    visitor.parameter("bias", bias)
  }

  public var description: String {
    "\(Self.kind)(\(channels), kernel: \(settings.kernel)"
      + (settings.stride == 1 ? "" : ", stride: \(settings.stride)")
      + (settings.dilation == 1 ? "" : ", dilation: \(settings.dilation)")
      + (settings.padding == .valid ? "" : ", padding: \(settings.padding)")
      + (multiplier == 1 ? "" : ", multiplier: \(multiplier)") + activation.argument
      + (bias == nil ? ", hasBias: false" : "") + ")"
  }
}

/// A convolution in two steps: one that mixes positions, channel by channel, then one that mixes channels, position by
/// position (Chollet, 2017). It has far fewer weights than one that does both at once.
public final class SeparableConv<Axes: SpatialAxes>: Layer {
  /// Without bias and activation.
  public let depthwise: DepthwiseConv<Axes>
  public let pointwise: Conv<Axes>

  /// - Parameters: as those of ``Conv``; stride, dilation and padding are the depthwise step's, bias and activation the
  ///   pointwise step's.
  public init(
    _ inputs: Int, _ outputs: Int, kernel: PerAxis, stride: PerAxis = 1, dilation: PerAxis = 1,
    padding: Padding = .valid, multiplier: Int = 1, activation: Activation = .identity, hasBias: Bool = true,
    dtype: DType = .float32
  ) {
    depthwise = DepthwiseConv(
      inputs, kernel: kernel, stride: stride, dilation: dilation, padding: padding, multiplier: multiplier,
      hasBias: false, dtype: dtype)
    pointwise = Conv(
      inputs * multiplier, outputs, kernel: 1, activation: activation, hasBias: hasBias, dtype: dtype)
  }

  init(_ depthwise: DepthwiseConv<Axes>, _ pointwise: Conv<Axes>) {
    self.depthwise = depthwise
    self.pointwise = pointwise
  }

  public func forward(_ x: Tensor) -> Tensor { pointwise(depthwise(x)) }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    try pointwise.outputShape(for: try depthwise.outputShape(for: input))
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.child("depthwise", depthwise)
    visitor.child("pointwise", pointwise)
  }

  public var description: String { "\(Self.kind)(\(depthwise), \(pointwise))" }
}

// MARK: - In files

extension DepthwiseConv: ConfigurableLayer {
  public static var kind: String { "DepthwiseConv" + Axes.suffix }

  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings, activation, hasBias: bias != nil, weight.dtype)
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let settings = try configuration.convolution(axes: Axes.count)
    guard settings.groups == settings.inputs else {
      throw ConfigurationError(
        "\(Self.kind): 'groups' is \(settings.groups); expected one for each of \(settings.inputs) inputs")
    }
    self.init(
      settings, try configuration.activation(), hasBias: try configuration.flag("bias"), weights: .placeholder,
      biases: .placeholder, dtype: try configuration.floatingPointType())
  }
}

extension SeparableConv: ConfigurableLayer {
  public static var kind: String { "SeparableConv" + Axes.suffix }

  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, layers: [depthwise.configuration, pointwise.configuration])
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let layers = try configuration.layers.map { try LayerRegistry.current.layer($0) }
    guard layers.count == 2, let depthwise = layers[0] as? DepthwiseConv<Axes>,
      let pointwise = layers[1] as? Conv<Axes>
    else {
      throw ConfigurationError(
        "\(Self.kind): other layers than a \(DepthwiseConv<Axes>.kind) and a \(Conv<Axes>.kind) are inside")
    }
    self.init(depthwise, pointwise)
  }
}
