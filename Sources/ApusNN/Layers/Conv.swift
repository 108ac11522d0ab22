import ApusCore

/// Convolution of signals (n, width, channels).
public typealias Conv1D = Conv<OneAxis>
/// Convolution of images (n, height, width, channels).
public typealias Conv2D = Conv<TwoAxes>
/// Convolution of volumes (n, depth, height, width, channels).
public typealias Conv3D = Conv<ThreeAxes>

/// A layer of filters that slide over an image: activation(x * w + b) (notes M2).
///
/// ```swift
/// let features = Conv2D(3, 32, kernel: 3, padding: .same, activation: .relu)
/// ```
/// w has shape (outputs, kernel…, inputs / groups), a filter for each output; b (outputs). Weights in PyTorch's order,
/// (outputs, inputs / groups, kernel…), become ours by `channelsLast()`.
public final class Conv<Axes: SpatialAxes>: Layer {
  public let settings: ConvolutionSettings
  public let activation: Activation
  /// w, of shape (outputs, kernel…, inputs / groups).
  public let weight: Parameter
  /// b, of shape (outputs).
  public let bias: Parameter?

  /// - Parameters:
  ///   - inputs: the number of input channels, the extent of the last axis of x; at least 1.
  ///   - outputs: the number of filters; at least 1.
  ///   - kernel: the filters' extents: `3`, or `[3, 5]`.
  ///   - stride: the distance between neighbouring positions.
  ///   - dilation: the distance between neighbouring elements of a filter.
  ///   - padding: the zeros around the image.
  ///   - groups: divides inputs and outputs; a filter only sees its own group's inputs.
  ///   - weights: how w starts; if nil, He's uniform distribution before a ReLU-like activation and Glorot's otherwise.
  ///   - biases: how b starts.
  public convenience init(
    _ inputs: Int, _ outputs: Int, kernel: PerAxis, stride: PerAxis = 1, dilation: PerAxis = 1,
    padding: Padding = .valid, groups: Int = 1, activation: Activation = .identity, hasBias: Bool = true,
    weights: Initializer? = nil, biases: Initializer = .zeros, dtype: DType = .float32
  ) {
    let settings = ConvolutionSettings(
      inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, dilation: dilation, padding: padding,
      groups: groups)
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
      padding: settings.padding, groups: settings.groups, activation: isFused ? .relu : .none)
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
    "\(Self.kind)(\(settings.text)" + activation.argument + (bias == nil ? ", hasBias: false" : "") + ")"
  }
}

extension SpatialAxes {
  /// The shape rule of a convolution.
  static func filtered(
    _ input: Shape, _ settings: ConvolutionSettings, _ layer: String
  ) throws(ShapeError) -> Shape {
    let extents = try extents(of: input, channels: settings.inputs, layer)
    let window = try SlidingWindow(
      settings.kernel(rank: count)!, stride: settings.stride, dilation: settings.dilation, padding: settings.padding,
      input: extents, operation: layer)
    guard let positions = window.positions(in: SlidingWindow.aligned(extents)) else {
      throw ShapeError(layer, "an input of shape \(input) was found; expected an image that the filter fits into")
    }
    return try .result([input[0]] + window.extents(positions) + [settings.outputs], of: layer, input: input)
  }
}

extension Conv: ConfigurableLayer {
  public static var kind: String { "Conv" + Axes.suffix }

  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings, activation, hasBias: bias != nil, weight.dtype)
  }

  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.convolution(axes: Axes.count), try configuration.activation(),
      hasBias: try configuration.flag("bias"), weights: .placeholder, biases: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
