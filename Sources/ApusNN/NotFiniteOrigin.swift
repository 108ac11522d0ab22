import ApusCore

/// Where a model's numbers stopped being finite: the first operation that made infinity or NaN of numbers, in which layer.
public struct NotFiniteOrigin: Sendable, Hashable, CustomStringConvertible {
  /// The layer's path and how it is written, such as "2: Dense(128, 10)"; nil outside of the layers, as in the loss.
  public let layer: String?
  /// The operation's name; nil if a parameter was not finite to begin with.
  public let operation: String?
  /// The operation whose gradient was being computed; nil in the forward pass.
  public let gradientOf: String?
  /// The parameter's path, if the numbers came from there.
  public let parameter: String?
  /// Of the operation.
  public let inputShapes: [Shape]
  /// Of what it put out, or of the parameter.
  public let shape: Shape
  /// Infinity or NaN.
  public let value: Double

  /// "layer 2: Dense(128, 10): linear put out nan of shape (32, 10) from (32, 128), (10, 128) and (10)".
  public var description: String {
    if let parameter { return "the parameter '\(parameter)' of shape \(shape) holds \(value)" }
    guard let operation else { return "a tensor of shape \(shape) from outside of the model holds \(value)" }
    let place = layer.map { "layer \($0)" } ?? "outside of the layers"
    let what = gradientOf.map { "\(operation), for the gradient of \($0)," } ?? operation
    let inputs = inputShapes.map(\.description)
    let list = inputs.count > 1 ? inputs.dropLast().joined(separator: ", ") + " and " + inputs.last! : inputs.joined()
    return "\(place): \(what) put out \(value) of shape \(shape)" + (list.isEmpty ? "" : " from \(list)")
  }
}

/// Computes the cost and the gradients of `model` operation by operation, and tells where the first number comes from that is infinite or
/// NaN; nil if all are finite.
///
/// ```swift
/// if let origin = findNotFinite(in: model, { loss($0(x), target: y) }) { print(origin) }
/// ```
/// Slower than a step, as everything is looked at. Parameters stay as they are; buffers, such as running statistics, too.
public func findNotFinite<Model: Layer>(
  in model: Model, _ cost: (Model) throws -> Tensor
) rethrows -> NotFiniteOrigin? {
  let buffers = model.namedBuffers.map { ($0.buffer, $0.buffer.stored) }
  defer { for (buffer, value) in buffers { buffer.value = value } }
  let origin = try FiniteSearch.origin {
    let (value, gradients) = try valueWithGradient(of: model, cost)
    // The last layers' gradients are computed first.
    return [value] + gradients.tensors.reversed()
  }
  switch origin {
  case nil: return nil
  case .tensor(let tensor, let value)?:
    let name = model.namedParameters.first { tensor.shows($0.parameter) }?.name
    return NotFiniteOrigin(
      layer: nil, operation: nil, gradientOf: nil, parameter: name, inputShapes: [], shape: tensor.shape, value: value)
  case .operation(let call, let value)?:
    let layer = (call.layer as? any Layer).map { layer in
      let path = model.path(of: layer) ?? ""
      return path.isEmpty ? "\(layer)" : "\(path): \(layer)"
    }
    return NotFiniteOrigin(
      layer: layer, operation: call.name, gradientOf: call.gradientOf, parameter: nil,
      inputShapes: call.inputs.map(\.shape), shape: call.outputs[0].shape, value: value)
  }
}

extension Layer {
  /// Where a layer stands inside this one, as in the names of parameters: "encoder.1"; "" for this one itself, nil if it is not here.
  public func path(of layer: any Layer) -> String? {
    if layer === self { return "" }
    for (name, child) in children {
      if let rest = child.path(of: layer) { return rest.isEmpty ? name : "\(name).\(rest)" }
    }
    return nil
  }
}
