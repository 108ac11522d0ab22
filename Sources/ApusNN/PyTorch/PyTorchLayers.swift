import ApusCore

// What PyTorch's modules call their tensors, and how these become the parameters of our layers: one table of all layers. The layouts are
// described in docs/layouts.md.

/// A parameter, and PyTorch's tensors that it is made of.
struct PyTorchSource {
  let parameter: Parameter
  /// Their names inside the module, with their shapes there.
  private(set) var tensors: [(name: String, shape: Shape)]
  let convert: ([Tensor]) -> Tensor

  init(_ parameter: Parameter, _ tensors: [(name: String, shape: Shape)], _ convert: @escaping ([Tensor]) -> Tensor) {
    (self.parameter, self.tensors, self.convert) = (parameter, tensors, convert)
  }

  /// One tensor as it is; nothing for a parameter that the layer does not have.
  static func same(_ parameter: Parameter?, _ name: String) -> [PyTorchSource] {
    parameter.map { [PyTorchSource($0, [(name, $0.shape)]) { $0[0] }] } ?? []
  }

  /// Filters: the axis that is last here is the second one there.
  static func filters(_ parameter: Parameter, _ name: String) -> PyTorchSource {
    let shape = parameter.shape
    let theirs = Shape([shape[0], shape[shape.rank - 1]] + shape.dropFirst().dropLast())
    return PyTorchSource(parameter, [(name, theirs)]) { $0[0].channelsLast().dense }
  }

  /// The same source in a module inside another.
  func inside(_ module: String) -> PyTorchSource {
    var result = self
    result.tensors = tensors.map { ("\(module).\($0.name)", $0.shape) }
    return result
  }
}

/// A layer that PyTorch has a module for.
protocol PyTorchModule: Layer {
  /// Where all parameters and buffers come from.
  var pyTorchSources: [PyTorchSource] { get }
}

extension PyTorchModule {
  func pyTorchSources(inside module: String) -> [PyTorchSource] { pyTorchSources.map { $0.inside(module) } }
}

// MARK: - Filters and matrices

extension Dense: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    PyTorchSource.same(weight, "weight") + PyTorchSource.same(bias, "bias")
  }
}
extension Conv: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    [PyTorchSource.filters(weight, "weight")] + PyTorchSource.same(bias, "bias")
  }
}
extension ConvTranspose: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    [PyTorchSource.filters(weight, "weight")] + PyTorchSource.same(bias, "bias")
  }
}
extension DepthwiseConv: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    [PyTorchSource.filters(weight, "weight")] + PyTorchSource.same(bias, "bias")
  }
}

// MARK: - Tables and slopes

extension Embedding: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(weight, "weight") }
}
/// As an `nn.Embedding` of positions.
extension LearnedPositions: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(weight, "weight") }
}
extension PReLU: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(slope, "weight") }
}

// MARK: - Normalisations

extension BatchNorm: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    PyTorchSource.same(gamma, "weight") + PyTorchSource.same(beta, "bias")
      + PyTorchSource.same(runningMean, "running_mean") + PyTorchSource.same(runningVariance, "running_var")
  }
}
extension LayerNorm: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(gamma, "weight") + PyTorchSource.same(beta, "bias") }
}
extension GroupNorm: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(gamma, "weight") + PyTorchSource.same(beta, "bias") }
}
extension InstanceNorm: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(gamma, "weight") + PyTorchSource.same(beta, "bias") }
}
extension RMSNorm: PyTorchModule {
  var pyTorchSources: [PyTorchSource] { PyTorchSource.same(gamma, "weight") }
}

// MARK: - Attention

extension MultiHeadAttention: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    PyTorchSource.same(inputWeight, "in_proj_weight") + PyTorchSource.same(inputBias, "in_proj_bias")
      + output.pyTorchSources(inside: "out_proj")
  }
}

/// `nn.TransformerEncoderLayer`, or `nn.TransformerDecoderLayer` where there is attention to another sequence.
extension TransformerBlock: PyTorchModule {
  var pyTorchSources: [PyTorchSource] {
    let norms = [attentionNorm] + (memoryNorm.map { [$0] } ?? []) + [feedForwardNorm]
    return attention.pyTorchSources(inside: "self_attn")
      + (memoryAttention?.pyTorchSources(inside: "multihead_attn") ?? [])
      + feedForward.up.pyTorchSources(inside: "linear1") + feedForward.down.pyTorchSources(inside: "linear2")
      + norms.enumerated().flatMap { $1.pyTorchSources(inside: "norm\($0 + 1)") }
  }
}

// MARK: - Recurrent layers

extension RecurrentCell {
  /// With the names' suffix, such as "_l1_reverse" for a cell of a layer.
  ///
  /// PyTorch's two biases are only ever added, so their sum is this cell's one; only that of a GRU's n within the bracket stays apart.
  func pyTorchSources(_ suffix: String) -> [PyTorchSource] {
    let weights =
      PyTorchSource.same(inputWeight, "weight_ih" + suffix) + PyTorchSource.same(recurrentWeight, "weight_hh" + suffix)
    guard let bias else { return weights }
    let (first, second) = (("bias_ih" + suffix, bias.shape), ("bias_hh" + suffix, bias.shape))
    guard let recurrentBias else { return weights + [PyTorchSource(bias, [first, second]) { $0[0] + $0[1] }] }
    let gates = 2 * units
    return weights + [
      PyTorchSource(bias, [first, second]) { [units] in
        $0[0] + $0[1].sliced(.from(0, to: gates), axis: 0).padded([(0, units)])
      },
      PyTorchSource(recurrentBias, [second]) { $0[0].sliced(.from(gates), axis: 0) },
    ]
  }
}

extension RecurrentLayer {
  /// Of all cells: layer by layer, the forward direction before the backward one.
  var cellSources: [PyTorchSource] {
    cells.enumerated().flatMap { number, cell in
      let (layer, direction) = number.quotientAndRemainder(dividingBy: options.directions)
      return cell.pyTorchSources("_l\(layer)" + (direction == 1 ? "_reverse" : ""))
    }
  }
}

extension SimpleRNNCell: PyTorchModule { var pyTorchSources: [PyTorchSource] { pyTorchSources("") } }
extension LSTMCell: PyTorchModule { var pyTorchSources: [PyTorchSource] { pyTorchSources("") } }
extension GRUCell: PyTorchModule { var pyTorchSources: [PyTorchSource] { pyTorchSources("") } }
extension SimpleRNN: PyTorchModule { var pyTorchSources: [PyTorchSource] { cellSources } }
extension LSTM: PyTorchModule { var pyTorchSources: [PyTorchSource] { cellSources } }
extension GRU: PyTorchModule { var pyTorchSources: [PyTorchSource] { cellSources } }
