import ApusCore

extension Layer {
  /// Takes over the parameters of a PyTorch module, a layer's or a whole model's: the tensors of its state dictionary by their names.
  ///
  /// ```swift
  /// try LSTM(3, 4).load(pyTorch: ["weight_ih_l0": w, "weight_hh_l0": u, "bias_ih_l0": b, "bias_hh_l0": c])
  /// try model.load(pyTorch: state, modules: ["conv1", "bn1", "conv2", "bn2", "fc"])
  /// ```
  /// The layers with parameters, in the order of `namedParameters`, get the modules with tensors one after the other: in the order of
  /// `modules`, or in that of their names, numbers by their values, which is the order of an `nn.Sequential`. Which tensors a module has,
  /// and how they become ours, is described in docs/layouts.md.
  /// - Parameters:
  ///   - state: all tensors; of those that PyTorch counts batches with nothing is needed.
  ///   - modules: the modules' names, one for each layer with parameters; "" for the state dictionary of a single module.
  /// - Throws: `ConfigurationError` for a tensor that is absent, too many, or of another shape. Then nothing has changed.
  public func load(pyTorch state: [String: Tensor], modules: [String]? = nil) throws(ConfigurationError) {
    let layers = try pyTorchModules(self)
    if let modules, modules.count != layers.count {
      throw ConfigurationError("\(self): \(modules.count) modules were named; \(layers.count) layers have parameters")
    }
    var rest = state.keys.filter { !$0.hasSuffix("num_batches_tracked") }.sorted(by: comesBefore)
    var values: [(parameter: Parameter, value: Tensor)] = []
    for (number, layer) in layers.enumerated() {
      let sources = layer.pyTorchSources
      let names = sources.flatMap { $0.tensors.map(\.name) }
      let prefix: String
      if let module = modules?[number] {
        prefix = module.isEmpty ? "" : module + "."
      } else {
        prefix = try modulePrefix(of: rest.first, layer, names)
      }
      for source in sources {
        var tensors: [Tensor] = []
        for (name, shape) in source.tensors {
          tensors.append(try layer.tensor(prefix + name, shape, in: state).cast(to: source.parameter.dtype))
        }
        values.append((source.parameter, source.convert(tensors)))
      }
      let used = Set(names.map { prefix + $0 })
      rest.removeAll { used.contains($0) }
    }
    if let name = rest.first { throw ConfigurationError("\(self): no layer takes the tensor '\(name)'") }
    for (parameter, value) in values { parameter.value = value }
  }

  private func tensor(_ name: String, _ shape: Shape, in state: [String: Tensor]) throws(ConfigurationError) -> Tensor {
    guard let tensor = state[name] else { throw ConfigurationError("\(self): there is no tensor '\(name)'") }
    guard tensor.shape == shape, tensor.dtype.isFloatingPoint else {
      throw ConfigurationError("\(self): '\(name)' is \(tensor.type); expected floating point of shape \(shape)")
    }
    return tensor
  }
}

/// The layers of a model that PyTorch has modules for, each once, in the order of `namedParameters`.
private func pyTorchModules(_ model: any Layer) throws(ConfigurationError) -> [any PyTorchModule] {
  var modules: [any PyTorchModule] = []
  func visit(_ layer: any Layer) throws(ConfigurationError) {
    if let module = layer as? any PyTorchModule {
      let isNew = !modules.contains { $0 === module }
      if isNew && !module.pyTorchSources.isEmpty { modules.append(module) }
      return
    }
    var own = LayerVisitor(isDeep: false)
    layer.visit(&own)
    guard own.parameters.isEmpty && own.buffers.isEmpty else {
      throw ConfigurationError("\(layer): PyTorch has no module with such parameters; give its parts theirs one by one")
    }
    for child in own.children { try visit(child.layer) }
  }
  try visit(model)
  return modules
}

/// What stands before the names of a module's tensors, which begin with `name`.
private func modulePrefix(
  of name: String?, _ layer: any Layer, _ names: [String]
) throws(ConfigurationError) -> String {
  guard let name else { throw ConfigurationError("\(layer): there is no tensor '\(names[0])'") }
  // The longest: "out_proj.weight" before "weight".
  let own = names.filter { name == $0 || name.hasSuffix("." + $0) }.max { $0.utf8.count < $1.utf8.count }
  guard let own else {
    let expected = names.map { "'\($0)'" }.joined(separator: ", ")
    throw ConfigurationError("\(layer): the module that comes next has the tensor '\(name)'; expected \(expected)")
  }
  return String(name.dropLast(own.count))
}

/// Whether a name comes before another, numbers in them compared by their values: "layers.2" before "layers.10".
private func comesBefore(_ a: String, _ b: String) -> Bool {
  var (a, b) = (a.unicodeScalars[...], b.unicodeScalars[...])
  func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
  func number(_ text: inout Substring.UnicodeScalarView) -> [Unicode.Scalar] {
    let digits = text.prefix(while: isDigit)
    text = text[digits.endIndex...]
    return Array(digits.drop { $0 == "0" })
  }
  while let x = a.first, let y = b.first {
    if isDigit(x) && isDigit(y) {
      let (m, n) = (number(&a), number(&b))
      if m != n { return m.count == n.count ? m.lexicographicallyPrecedes(n) : m.count < n.count }
    } else {
      if x != y { return x < y }
      a.removeFirst()
      b.removeFirst()
    }
  }
  return a.isEmpty && !b.isEmpty
}
