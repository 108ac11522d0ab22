import ApusCore

/// The gradients of a model's parameters.
public struct Gradients: Sendable {
  /// In the order of ``parameters``, each of its parameter's shape.
  public var tensors: [Tensor]
  public let parameters: [Parameter]

  package init(parameters: [Parameter], tensors: [Tensor]) {
    self.parameters = parameters
    self.tensors = tensors
  }

  /// The gradient of one parameter; nil if the model does not have it or it is frozen.
  public subscript(parameter: Parameter) -> Tensor? {
    parameters.firstIndex(of: parameter).map { tensors[$0] }
  }
}

/// The value of `body`, a single number (the loss), and its gradients with respect to the model's trainable parameters.
///
/// ```swift
/// let (loss, gradients) = valueWithGradient(of: model) { softmaxCrossEntropy(logits: $0(x), labels: y) }
/// ```
/// Nothing accumulates between calls: there are no gradients to set to zero. Operations of other models inside `body`
/// are not differentiated and cost nothing extra.
public func valueWithGradient<Model: Layer>(
  of model: Model, _ body: (Model) throws -> Tensor
) rethrows -> (value: Tensor, gradients: Gradients) {
  let parameters = model.parameters.filter(\.isTrainable)
  let (value, tensors, _) = try valueWithGradient(of: parameters, at: []) { _ in try body(model) }
  return (value, Gradients(parameters: parameters, tensors: tensors))
}

/// The value of `body` and its gradients with respect to the model's trainable parameters and to the input `x` (notes
/// D21).
public func valueWithGradient<Model: Layer>(
  of model: Model, at x: Tensor, _ body: (Model, Tensor) throws -> Tensor
) rethrows -> (value: Tensor, gradients: Gradients, inputGradient: Tensor) {
  let parameters = model.parameters.filter(\.isTrainable)
  let (value, tensors, inputs) = try valueWithGradient(of: parameters, at: [x]) { try body(model, $0[0]) }
  return (value, Gradients(parameters: parameters, tensors: tensors), inputs[0])
}
