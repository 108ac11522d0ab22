// Convolutions, which the field calls so: no filter is flipped (cross-correlation). All three functions here are linear in each of their
// two operands, so the gradients of each are the other two, and derivatives of any order exist.

/// y = activation(x * w + b): `x[0]` (n, spatial…, in), `x[1]` w (out, kernel…, in / groups), `x[2]` b (out) if present.
struct Convolution: Function {
  let window: SlidingWindow
  var groups = 1
  /// None or relu.
  var activation = Epilogue.none
  var name: String { "convolution" }
  var detail: String { window.detail(groups) + (activation == .none ? "" : ", \(activation)") }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let (input, weight) = (x[0], x[1])
    try checkTypes(name, x)
    guard input.rank == window.rank + 2, weight.rank == window.rank + 2,
      weight.spatialExtents == window.extents(window.kernel),
      let inputs = input.shape.last, let depth = weight.shape.last, depth > 0, inputs == depth * groups,
      weight.shape[0] > 0,
      weight.shape[0] % groups == 0
    else {
      throw ShapeError(
        name,
        "an input of shape \(input.shape) does not fit a weight of shape \(weight.shape) in \(groups) "
          + "group\(groups == 1 ? "" : "s"): expected (n, \(window.rank) spatial axes, in) and (out, kernel, in / groups)"
      )
    }
    if x.count == 3, x[2].shape != [weight.shape[0]] {
      throw ShapeError(name, "a bias of shape \(x[2].shape) was found; expected (\(weight.shape[0]),)")
    }
    guard let positions = window.positions(in: SlidingWindow.aligned(input.spatialExtents)) else {
      throw ShapeError(
        name,
        "an input of shape \(input.shape) is too small for its window (\(window.detail)); expected at least one position"
      )
    }
    return TensorType(
      try .result([input.shape[0]] + window.extents(positions) + [weight.shape[0]], of: name, input: input.shape),
      input.dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    let bias = x.count == 3 ? x[2].dense : nil
    if window.isPointwise && groups == 1 {
      let weight = x[1].dense.reshaped([y.shape[y.rank - 1], x[0].shape[x[0].rank - 1]])
      return y.backend.matmul(
        x[0].dense.rows, weight, transposesB: true, bias: bias, epilogue: activation, into: y.rows)
    }
    let routine = ConvolutionRoutine(
      kind: .forward, window: window, groups: groups, hasBias: bias != nil, hasRelu: activation == .relu)
    y.backend.run(routine, [x[0].dense, x[1].dense] + (bias.map { [$0] } ?? []), into: [y])
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j < 2 && needed(1 - j) }
  var savesOutput: Bool { activation != .none }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    gradient(dz: activation.gradient(dy, y), x, wrt: i)
  }

  func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    let dz = activation.gradient(dy, y)
    for i in x.indices where isNeeded(i) { send(i, gradient(dz: dz, x, wrt: i)) }
  }

  private func gradient(dz: Tensor, _ x: [Tensor], wrt i: Int) -> Tensor {
    switch i {
    case 0:
      return apply(
        ConvolutionInputGradient(window: window, groups: groups, input: x[0].spatialExtents), [dz, x[1]])
    case 1: return apply(ConvolutionWeightGradient(window: window, groups: groups), [x[0], dz])
    default: return dz.rows.sum(axes: [0])
    }
  }
}

/// The gradient dx of a convolution's input, from `x[0]` dy (n, positions…, out) and `x[1]` w (out, kernel…, in / groups): what every
/// input contributed to. By itself it is the transposed convolution.
struct ConvolutionInputGradient: Function {
  let window: SlidingWindow
  var groups = 1
  /// The spatial extents of x, which several may have for one shape of dy.
  let input: [Int]
  var name: String { "convolutionInputGradient" }
  var detail: String { window.detail(groups) }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let (dy, weight) = (x[0], x[1])
    try checkTypes(name, x)
    guard dy.rank == window.rank + 2, weight.rank == window.rank + 2,
      weight.spatialExtents == window.extents(window.kernel),
      let depth = weight.shape.last, depth > 0, dy.shape.last == weight.shape[0], weight.shape[0] > 0,
      weight.shape[0] % groups == 0,
      let positions = window.positions(in: SlidingWindow.aligned(input)), dy.spatialExtents == window.extents(positions)
    else {
      throw ShapeError(
        name,
        "an output of shape \(dy.shape) is not that of a weight of shape \(weight.shape) in \(groups) "
          + "group\(groups == 1 ? "" : "s") (\(window.detail)) on an image of \(input); expected (n, positions, out) and (out, kernel, in / groups)"
      )
    }
    return TensorType(try .result([dy.shape[0]] + input + [depth * groups], of: name, input: dy.shape), dy.dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    guard y.count > 0 else { return }
    if window.isPointwise && groups == 1 {
      let weight = x[1].dense.reshaped([x[1].shape[0], y.shape[y.rank - 1]])
      return y.backend.matmul(x[0].dense.rows, weight, transposesB: false, bias: nil, epilogue: .none, into: y.rows)
    }
    let routine = ConvolutionRoutine(kind: .inputGradient, window: window, groups: groups)
    y.backend.run(routine, [x[0].dense, x[1].dense], into: [y])
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { needed(1 - j) }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0
      ? apply(Convolution(window: window, groups: groups), [dy, x[1]])
      : apply(ConvolutionWeightGradient(window: window, groups: groups), [dy, x[0]])
  }
}

/// The gradient dw of a convolution's weight, from `x[0]` x (n, spatial…, in) and `x[1]` dy (n, positions…, out).
struct ConvolutionWeightGradient: Function {
  let window: SlidingWindow
  var groups = 1
  var name: String { "convolutionWeightGradient" }
  var detail: String { window.detail(groups) }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let (input, dy) = (x[0], x[1])
    try checkTypes(name, x)
    guard input.rank == window.rank + 2, dy.rank == window.rank + 2, input.shape[0] == dy.shape[0],
      let inputs = input.shape.last, let outputs = dy.shape.last, inputs > 0, inputs % groups == 0, outputs > 0,
      outputs % groups == 0,
      let positions = window.positions(in: SlidingWindow.aligned(input.spatialExtents)),
      dy.spatialExtents == window.extents(positions)
    else {
      throw ShapeError(
        name,
        "an output of shape \(dy.shape) is not that of an input of shape \(input.shape) in \(groups) "
          + "group\(groups == 1 ? "" : "s") (\(window.detail)); expected (n, spatial, in) and (n, positions, out)")
    }
    return TensorType(Shape([outputs] + window.extents(window.kernel) + [inputs / groups]), input.dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    guard x[0].count > 0 && x[1].count > 0 else { return y.backend.fill(y, with: 0) }
    if window.isPointwise && groups == 1 {
      let (input, dy) = (x[0].dense.rows, x[1].stopGradient().dense.rows)
      let matrix = y.reshaped([y.shape[0], y.shape[y.rank - 1]])
      return y.backend.matmul(dy.transposed(), input, transposesB: false, bias: nil, epilogue: .none, into: matrix)
    }
    let routine = ConvolutionRoutine(kind: .weightGradient, window: window, groups: groups)
    y.backend.run(routine, [x[0].dense, x[1].dense], into: [y])
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { needed(1 - j) }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0
      ? apply(ConvolutionInputGradient(window: window, groups: groups, input: x[0].spatialExtents), [x[1], dy])
      : apply(Convolution(window: window, groups: groups), [x[0], dy])
  }
}

private func checkTypes(_ name: String, _ x: [Tensor]) throws(ShapeError) {
  guard x.allSatisfy({ $0.dtype == x[0].dtype }), x[0].dtype == .float32 || x[0].dtype == .float64 else {
    throw ShapeError(
      name, "element types \(x.map(\.dtype)) were found; expected one floating-point type (convert with cast(to:))")
  }
}

extension SlidingWindow {
  /// Whether it sees one element at every position of the input: then a convolution is a matrix product.
  fileprivate var isPointwise: Bool {
    kernel == SIMD3(1, 1, 1) && stride == SIMD3(1, 1, 1) && before == SIMD3(0, 0, 0) && after == SIMD3(0, 0, 0)
  }

  fileprivate func detail(_ groups: Int) -> String { detail + (groups == 1 ? "" : ", \(groups) groups") }
}

// MARK: - For users

/// The convolution of images `x` (n, height, width, in), of signals (n, width, in) or of volumes (n, depth, height, width, in) with filters
/// `weight` (out, kernel…, in / groups): at every position the sum of the products with the elements below the filter, which is not
/// flipped (cross-correlation; notes N-34).
///
/// - Parameters:
///   - bias: of shape (out), added to every output.
///   - stride: the distance between neighbouring positions.
///   - dilation: the distance between neighbouring elements of the filter.
///   - padding: the zeros around the image.
///   - groups: input and output channels are divided into so many groups, and a filter only sees its own group's inputs.
public func convolution(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: PerAxis = 1, dilation: PerAxis = 1,
  padding: Padding = .valid,
  groups: Int = 1
) -> Tensor {
  convolution(
    x, weight: weight, bias: bias, stride: stride, dilation: dilation, padding: padding, groups: groups,
    activation: .none)
}

/// - Parameter activation: none or relu.
package func convolution(
  _ x: Tensor, weight: Tensor, bias: Tensor?, stride: PerAxis, dilation: PerAxis, padding: Padding, groups: Int,
  activation: Epilogue
) -> Tensor {
  let operands = bias.map { [x, weight, $0] } ?? [x, weight]
  if operands.allSatisfy({ $0.dtype == .bfloat16 }) {
    // Rounded only at the end.
    return convolution(
      x.cast(to: .float32), weight: weight.cast(to: .float32), bias: bias?.cast(to: .float32), stride: stride,
      dilation: dilation, padding: padding, groups: groups, activation: activation
    ).cast(to: .bfloat16)
  }
  let window = window(of: weight, stride, dilation, padding, x.spatialExtents, groups, "convolution")
  return apply(Convolution(window: window, groups: groups, activation: activation), operands)
}

/// The transposed convolution of `x` (n, spatial…, in) with filters `weight` (in, kernel…, out / groups): every element spreads the filter,
/// multiplied with it, over the output. It is the input's gradient of the convolution with the same weight from out to in channels, and
/// enlarges by `stride`: (extent - 1) stride - padding + dilation (kernel - 1) + 1 + outputPadding.
///
/// - Parameters:
///   - padding: what that convolution would have; taken off the output. `.same` gives extent stride.
///   - outputPadding: further rows behind, less than the stride or the dilation, since several inputs of that convolution have one shape of
///     output; none with `.same`, whose output has its extents already.
public func transposedConvolution(
  _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: PerAxis = 1, dilation: PerAxis = 1,
  padding: Padding = .valid,
  outputPadding: PerAxis = 0, groups: Int = 1
) -> Tensor {
  let name = "transposedConvolution"
  if x.dtype == .bfloat16 && weight.dtype == .bfloat16 {
    return transposedConvolution(
      x.cast(to: .float32), weight: weight.cast(to: .float32), bias: bias?.cast(to: .float32), stride: stride,
      dilation: dilation, padding: padding, outputPadding: outputPadding, groups: groups
    ).cast(to: .bfloat16)
  }
  do throws(ShapeError) {
    let (window, reached, output) = try SlidingWindow.transposed(
      Array(weight.spatialExtents), stride: stride, dilation: dilation, padding: padding, outputPadding: outputPadding,
      input: x.spatialExtents, operation: name)
    guard groups > 0, x.rank == window.rank + 2, x.shape.last == weight.shape[0], weight.shape[0] > 0,
      weight.shape[0] % groups == 0
    else {
      throw ShapeError(
        name,
        "an input of shape \(x.shape) does not fit a weight of shape \(weight.shape) in \(groups) groups: "
          + "expected (n, \(window.rank) spatial axes, in) and (in, kernel, out / groups)")
    }
    var y = apply(ConvolutionInputGradient(window: window, groups: groups, input: reached), [x, weight])
    if reached != output { y = y.padded([(0, 0)] + zip(reached, output).map { (0, $1 - $0) } + [(0, 0)]) }
    guard let bias else { return y }
    guard bias.shape == [y.shape[y.rank - 1]] else {
      throw ShapeError(name, "a bias of shape \(bias.shape) was found; expected (\(y.shape[y.rank - 1]),)")
    }
    return y + bias
  } catch { stop(error) }
}

extension SlidingWindow {
  /// The window of the convolution that a transposed one undoes, the extents of its input, and what the transposed one gives for `input`:
  /// the same, or more behind, where no filter reaches.
  package static func transposed(
    _ kernel: [Int], stride: PerAxis, dilation: PerAxis, padding: Padding, outputPadding: PerAxis, input: [Int],
    operation: String
  ) throws(ShapeError) -> (window: SlidingWindow, reached: [Int], output: [Int]) {
    let rank = kernel.count
    guard input.count == rank, input.allSatisfy({ (0...largestImage).contains($0) }), let strides = stride(rank: rank),
      let extra = outputPadding(rank: rank), extra.allSatisfy({ $0 >= 0 })
    else {
      throw ShapeError(
        operation,
        "an image of extents \(input), a stride of \(stride) and an output padding of \(outputPadding) were found; "
          + "expected numbers for \(rank) spatial axes")
    }
    if padding == .same {
      guard extra.allSatisfy({ $0 == 0 }), strides.allSatisfy({ $0 <= largest }) else {
        throw ShapeError(
          operation,
          "a stride of \(stride) and an output padding of \(outputPadding) were found; expected no output padding with .same, "
            + "which gives extent · stride, and a stride of at most \(largest)")
      }
      let output = zip(input, strides).map { $0 * max(1, $1) }
      let window = try SlidingWindow(
        kernel, stride: stride, dilation: dilation, padding: .same, input: output, operation: operation)
      return (window, output, output)
    }
    var window = try SlidingWindow(
      kernel, stride: stride, dilation: dilation, padding: padding, input: input, operation: operation)
    var (reached, output) = ([Int](), [Int]())
    for (i, extra) in extra.enumerated() {
      let axis = 3 - rank + i
      guard extra < max(window.stride[axis], window.dilation[axis]) else {
        throw ShapeError(
          operation,
          "an output padding of \(outputPadding) was found (\(window.detail)); expected less than the stride or the dilation"
        )
      }
      // Up to a stride it leaves the convolution's positions as they are. What is more takes from the padding behind.
      let taken = extra < window.stride[axis] ? 0 : window.takePadding(axis, extra)
      let plain =
        (input[i] - 1) * window.stride[axis] + window.reach(axis) + 1 - window.before[axis] - window.after[axis]
      reached.append(extra < window.stride[axis] ? plain + extra : plain)
      output.append(plain + extra - taken)
    }
    guard reached.allSatisfy({ $0 > 0 }), window.positions(in: aligned(reached)) == aligned(input) else {
      throw ShapeError(
        operation,
        "an image of extents \(input) would become \(output) (\(window.detail), output padding \(outputPadding)); "
          + "expected positive extents")
    }
    return (window, reached, output)
  }
}

private func window(
  of weight: Tensor, _ stride: PerAxis, _ dilation: PerAxis, _ padding: Padding, _ input: [Int], _ groups: Int,
  _ name: String
) -> SlidingWindow {
  do throws(ShapeError) {
    guard groups > 0 else { throw ShapeError(name, "\(groups) groups were asked for; expected at least 1") }
    return try SlidingWindow(
      weight.spatialExtents, stride: stride, dilation: dilation, padding: padding, input: input, operation: name)
  } catch { stop(error) }
}

// MARK: - Other arrangements

extension Tensor {
  /// Images (n, channels, spatial…), as PyTorch has them, as ours (n, spatial…, channels); and PyTorch's weights of convolutions
  /// (out, in / groups, kernel…) and of transposed ones (in, out / groups, kernel…) as ours. The second axis becomes the last: a view.
  public func channelsLast() -> Tensor {
    rank < 3 ? self : transposed([0] + Array(2..<rank) + [1])
  }

  /// The reverse of ``channelsLast()``: the last axis becomes the second.
  public func channelsFirst() -> Tensor {
    rank < 3 ? self : transposed([0, rank - 1] + Array(1..<(rank - 1)))
  }
}
