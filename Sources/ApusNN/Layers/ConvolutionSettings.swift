import ApusCore

/// What layers with filters have in common: all that is settled when they are made.
public struct ConvolutionSettings: Hashable, Sendable {
  public var inputs: Int
  public var outputs: Int
  public var kernel: PerAxis
  public var stride: PerAxis = 1
  public var dilation: PerAxis = 1
  public var padding: Padding = .valid
  public var groups = 1

  /// The extents of a weight: (out, kernel…, in / groups) or, transposed, (in, kernel…, out / groups).
  /// - Throws: `ConfigurationError` for numbers that describe no filter.
  func weightShape(axes: Int, isTransposed: Bool = false) throws(ConfigurationError) -> Shape {
    guard inputs > 0, outputs > 0, groups > 0, inputs % groups == 0, outputs % groups == 0 else {
      throw ConfigurationError(
        "\(inputs) input and \(outputs) output channels in \(groups) groups; expected positive numbers that the groups divide"
      )
    }
    guard let extents = kernel(rank: axes), extents.allSatisfy({ $0 > 0 }) else {
      throw ConfigurationError(
        "a kernel of \(kernel); expected one number, or one for each of \(axes) axes, at least 1")
    }
    let shape = isTransposed ? [inputs] + extents + [outputs / groups] : [outputs] + extents + [inputs / groups]
    do throws(ShapeError) {
      // Strides, dilation and padding: such a window must exist.
      _ = try SlidingWindow(
        extents, stride: stride, dilation: dilation, padding: padding, input: extents, operation: "window")
    } catch { throw ConfigurationError(error.reason) }
    guard Shape.checkedElementCount(shape) != nil else {
      throw ConfigurationError("a weight of \(shape) has more elements than can be counted")
    }
    return Shape(shape)
  }

  /// - Throws: `ConfigurationError` for rows behind the output of a transposed convolution that cannot be.
  func check(outputPadding: PerAxis, axes: Int) throws(ConfigurationError) {
    // A stride or a dilation that does not fit the axes was refused before.
    guard let extra = outputPadding(rank: axes), let strides = stride(rank: axes), let dilations = dilation(rank: axes),
      (0..<axes).allSatisfy({ (0..<max(strides[$0], dilations[$0])).contains(extra[$0]) })
    else {
      throw ConfigurationError(
        "an output padding of \(outputPadding); expected one number, or one for each of \(axes) axes, at least 0 and less than the "
          + "stride or the dilation")
    }
    guard padding != .same || extra.allSatisfy({ $0 == 0 }) else {
      throw ConfigurationError(
        "an output padding of \(outputPadding) with padding .same, which gives extent · stride; expected none")
    }
  }

  /// As arguments: "3, 32, kernel: 3, padding: 1".
  var text: String {
    "\(inputs), \(outputs), kernel: \(kernel)" + (stride == 1 ? "" : ", stride: \(stride)")
      + (dilation == 1 ? "" : ", dilation: \(dilation)") + (padding == .valid ? "" : ", padding: \(padding)")
      + (groups == 1 ? "" : ", groups: \(groups)")
  }
}

extension Activation {
  /// ", activation: .relu"; nothing for the identity.
  var argument: String { self == .identity ? "" : ", activation: \(self)" }
}

// MARK: - In files

extension LayerConfiguration {
  init(kind: String, _ settings: ConvolutionSettings, _ activation: Activation, hasBias: Bool, _ dtype: DType) {
    self.init(
      kind: kind,
      settings: [
        "inputs": .integer(settings.inputs), "outputs": .integer(settings.outputs), "groups": .integer(settings.groups),
        "bias": .flag(hasBias),
      ])
    set("kernel", settings.kernel)
    set("stride", settings.stride)
    set("dilation", settings.dilation)
    set(settings.padding)
    set(activation)
    if dtype != .float32 { self.settings["dtype"] = .text(dtype.description) }
  }

  func convolution(axes: Int, isTransposed: Bool = false) throws -> ConvolutionSettings {
    let largest = Self.largestExtent
    let result = ConvolutionSettings(
      inputs: try integer("inputs", in: 1...largest), outputs: try integer("outputs", in: 1...largest),
      kernel: try perAxis("kernel", least: 1, count: axes), stride: try perAxis("stride", least: 1, count: axes),
      dilation: try perAxis("dilation", least: 1, count: axes), padding: try padding(count: axes),
      groups: try integer("groups", in: 1...largest))
    do { _ = try result.weightShape(axes: axes, isTransposed: isTransposed) } catch {
      throw ConfigurationError("\(kind): \(error)")
    }
    return result
  }
}
