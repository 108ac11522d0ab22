import ApusCore

/// A fully connected layer: activation(x Wᵀ + b), over the last axis of x.
///
/// In the notes' terms (B1, B3) z = W a + b and a' = g(z): W has shape (outputs, inputs), as in PyTorch's files, b
/// (outputs).
public final class Dense: Layer {
  public let inputs: Int
  public let outputs: Int
  public let activation: Activation
  /// W, of shape (outputs, inputs).
  public let weight: Parameter
  /// b, of shape (outputs).
  public let bias: Parameter?

  /// - Parameters:
  ///   - inputs: the number of inputs, the extent of the last axis of x; at least 1.
  ///   - outputs: the number of units; at least 1.
  ///   - weights: how W starts; if nil, He's uniform distribution before a ReLU-like activation and Glorot's otherwise.
  ///   - biases: how b starts.
  public init(
    _ inputs: Int, _ outputs: Int, activation: Activation = .identity, hasBias: Bool = true,
    weights: Initializer? = nil,
    biases: Initializer = .zeros, dtype: DType = .float32
  ) {
    guard inputs > 0 && outputs > 0 else { fatalError("Dense(\(inputs), \(outputs)): both numbers must be at least 1") }
    self.inputs = inputs
    self.outputs = outputs
    self.activation = activation
    var random = initializationStream()
    let initializer = weights ?? .suited(to: activation)
    weight = Parameter(initializer([outputs, inputs], dtype: dtype, using: &random), name: "weight")
    bias = hasBias ? Parameter(biases([outputs], dtype: dtype, using: &random), name: "bias") : nil
  }

  public func forward(_ x: Tensor) -> Tensor {
    let z = linear(x, weight: weight.value, bias: bias?.value, activation: activation.epilogue ?? .none)
    return activation.epilogue == nil ? activation(z) : z
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard let last = input.last, last == inputs else {
      throw ShapeError(description, "an input of shape \(input) was found; expected \(inputs) along the last axis")
    }
    return try .result(input.dropLast() + [outputs], of: description, input: input)
  }

  public func visit(_ visitor: inout LayerVisitor) {
    visitor.parameter("weight", weight)
    visitor.parameter("bias", bias)
  }

  public var description: String {
    "Dense(\(inputs), \(outputs)" + (activation == .identity ? "" : ", activation: \(activation)")
      + (bias == nil ? ", hasBias: false" : "") + ")"
  }
}
