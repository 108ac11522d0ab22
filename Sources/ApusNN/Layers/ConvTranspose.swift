import ApusCore

/// Transposed convolution of signals (n, width, channels).
public typealias ConvTranspose1D = ConvTranspose<OneAxis>
/// Transposed convolution of images (n, height, width, channels).
public typealias ConvTranspose2D = ConvTranspose<TwoAxes>
/// Transposed convolution of volumes (n, depth, height, width, channels).
public typealias ConvTranspose3D = ConvTranspose<ThreeAxes>

/// A layer that enlarges an image: every element spreads a filter, multiplied with it, over the output; then + b and the
/// activation. It is the gradient of a convolution from outputs to inputs with the same weights.
///
/// w has shape (inputs, kernel…, outputs / groups), b (outputs). Weights in PyTorch's order, (inputs, outputs / groups,
/// kernel…), become ours by `channelsLast()`.
public final class ConvTranspose<Axes: SpatialAxes>: Layer {
  public let settings: ConvolutionSettings
  /// Rows behind the output, less than the stride or the dilation; none with `.same`.
  public let outputPadding: PerAxis
  public let activation: Activation
  /// w, of shape (inputs, kernel…, outputs / groups).
  public let weight: Parameter
  /// b, of shape (outputs).
  public let bias: Parameter?

  /// - Parameters:
  ///   - inputs: the number of input channels, the extent of the last axis of x; at least 1.
  ///   - outputs: the number of output channels; at least 1.
  ///   - kernel: the filters' extents: `4`, or `[4, 2]`.
  ///   - stride: the distance in the output between the filters of neighbouring elements.
  ///   - dilation: the distance between neighbouring elements of a filter.
  ///   - padding: taken off the output's edges; `.same` gives extent · stride.
  ///   - groups: divides inputs and outputs; an output only sees its own group's inputs.
  ///   - outputPadding: rows added behind the output, less than the stride or the dilation; none with `.same`.
  ///   - weights: how w starts; if nil, He's uniform distribution before a ReLU-like activation and Glorot's otherwise.
  ///   - biases: how b starts.
  public convenience init(
    _ inputs: Int, _ outputs: Int, kernel: PerAxis, stride: PerAxis = 1, dilation: PerAxis = 1,
    padding: Padding = .valid, groups: Int = 1, outputPadding: PerAxis = 0, activation: Activation = .identity,
    hasBias: Bool = true, weights: Initializer? = nil, biases: Initializer = .zeros, dtype: DType = .float32
  ) {
    let settings = ConvolutionSettings(
      inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, dilation: dilation, padding: padding,
      groups: groups)
    self.init(settings, outputPadding, activation, hasBias: hasBias, weights: weights, biases: biases, dtype: dtype)
  }

  init(
    _ settings: ConvolutionSettings, _ outputPadding: PerAxis, _ activation: Activation, hasBias: Bool,
    weights: Initializer?, biases: Initializer, dtype: DType
  ) {
    let shape: Shape
    do throws(ConfigurationError) {
      shape = try settings.weightShape(axes: Axes.count, isTransposed: true)
      try settings.check(outputPadding: outputPadding, axes: Axes.count)
    } catch { fatalError("\(Self.kind)(\(settings.text)): \(error)") }
    self.settings = settings
    self.outputPadding = outputPadding
    self.activation = activation
    var random = initializationStream()
    let initializer = weights ?? .suited(to: activation)
    weight = Parameter(initializer(shape, dtype: dtype, using: &random), name: "weight")
    bias = hasBias ? Parameter(biases([settings.outputs], dtype: dtype, using: &random), name: "bias") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    let y = transposedConvolution(
      x, weight: weight.value, bias: bias?.value, stride: settings.stride, dilation: settings.dilation,
      padding: settings.padding, outputPadding: outputPadding, groups: settings.groups)
    return activation == .identity ? y : activation(y)
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    let extents = try Axes.extents(of: input, channels: settings.inputs, description)
    let output: [Int]
    do throws(ShapeError) {
      output = try SlidingWindow.transposed(
        settings.kernel(rank: Axes.count)!, stride: settings.stride, dilation: settings.dilation,
        padding: settings.padding, outputPadding: outputPadding, input: extents, operation: description
      ).output
    } catch { throw ShapeError(description, "an input of shape \(input) was found: \(error.reason)") }
    return try .result([input[0]] + output + [settings.outputs], of: description, input: input)
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("weight", weight)
    visitor.parameter("bias", bias)
  }

  public var description: String {
    "\(Self.kind)(\(settings.text)" + (outputPadding == 0 ? "" : ", outputPadding: \(outputPadding)")
      + activation.argument + (bias == nil ? ", hasBias: false" : "") + ")"
  }
}

extension ConvTranspose: ConfigurableLayer {
  public static var kind: String { "ConvTranspose" + Axes.suffix }

  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind, settings, activation, hasBias: bias != nil, weight.dtype)
    result.set("outputPadding", outputPadding)
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let settings = try configuration.convolution(axes: Axes.count, isTransposed: true)
    let outputPadding = try configuration.perAxis("outputPadding", least: 0, count: Axes.count)
    do { try settings.check(outputPadding: outputPadding, axes: Axes.count) } catch {
      throw ConfigurationError("\(Self.kind): \(error)")
    }
    self.init(
      settings, outputPadding, try configuration.activation(), hasBias: try configuration.flag("bias"),
      weights: .placeholder, biases: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
