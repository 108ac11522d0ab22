/// An activation function: one entry is one row of the notes' table (1.6), with its formula, derivative and documentation.
///
/// Give one to a layer (`Dense(64, 10, activation: .relu)`) or call it like a function (`Activation.gelu(x)`).
public struct Activation: Sendable, CustomStringConvertible {
  /// The name in code, files and graphs.
  public let name: String
  /// The formula in words, its source, and the derivative's value at kinks.
  public let summary: String
  /// Named constants, such as a slope.
  public let parameters: [(name: String, value: Double)]
  /// What a matrix product can apply by itself while it still holds the result.
  package let epilogue: Epilogue?
  private let kernel: Elementwise
  /// The same by a kernel of its own, where there is one for the tensor.
  private let fused: (@Sendable (Tensor) -> Tensor?)?

  private init(
    _ name: String, _ summary: String, parameters: [(name: String, value: Double)] = [], epilogue: Epilogue? = nil,
    kernel: Elementwise, fused: (@Sendable (Tensor) -> Tensor?)? = nil
  ) {
    self.name = name
    self.summary = summary
    self.parameters = parameters
    self.epilogue = epilogue
    self.kernel = kernel
    self.fused = fused
  }

  /// A user's own activation, from its formula.
  public init(_ operation: Elementwise, summary: String = "") {
    self.init(operation.name, summary, kernel: operation)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    if kernel === Self.identity.kernel { return x }
    return fused?(x) ?? kernel.call([x], parameters.map(\.value))
  }

  /// As it is written in code: `.relu`, `.elu(alpha: 1.0)`.
  public var description: String {
    ".\(name)"
      + (parameters.isEmpty ? "" : "(" + parameters.map { "\($0.name): \($0.value)" }.joined(separator: ", ") + ")")
  }

  /// The formula, with x the input.
  public var formula: String {
    kernel.formula.formatted(inputs: ["x"], scalars: parameters.map(\.name))
  }
}

extension Activation {
  /// Whether this is the activation that files know by this name; a user's own may have taken the name.
  package var isNamed: Bool {
    let known = Self.named(name, parameters: Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.value) }))
    return known == self
  }
}

extension Activation: Hashable {
  public static func == (left: Activation, right: Activation) -> Bool {
    left.name == right.name && left.parameters.map(\.value) == right.parameters.map(\.value)
      && left.kernel === right.kernel
  }
  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(parameters.map(\.value))
  }
}

extension Activation {
  /// x itself: the output of a regression (notes G1).
  public static let identity = Activation(
    "identity", "x (notes G1)", epilogue: Epilogue.none, kernel: Elementwise("identity") { x in x })

  /// 0 below 0, else 1. The derivative is 0 everywhere, also at 0, where it does not exist (notes G2).
  public static let step = Activation(
    "step", "0 for x < 0, else 1; derivative 0 (notes G2)",
    kernel: Elementwise("step", inputs: 1, yieldsBool: false) { x, _ in select(x[0] >= 0, 1, 0) })

  /// 1 / (1 + e⁻ˣ), in (0, 1) (notes G3).
  public static let sigmoid = Activation(
    "sigmoid", "1 / (1 + e⁻ˣ) (notes G3)", epilogue: .sigmoid, kernel: .sigmoid)

  /// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), in (−1, 1) (notes G4).
  public static let tanh = Activation(
    "tanh", "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) (notes G4)", epilogue: .tanh, kernel: .tanh)

  /// The arc tangent, in (−π/2, π/2) (notes G5).
  public static let arctan = Activation("arctan", "arctan x (notes G5)", kernel: .atan)

  /// max(0, x). The derivative at 0 is 0 (notes G6, E-12).
  public static let relu = Activation(
    "relu", "x for x > 0, else 0; derivative 0 at 0 (notes G6)", epilogue: .relu, kernel: reluKernel)

  private static let reluKernel = Elementwise("relu", { x in unary(.relu, x) }, derivative: { _, y in y > 0 })

  /// x above 0, slope·x below. The derivative at 0 is the slope (notes G7).
  public static func leakyRelu(slope: Double = 0.01) -> Activation {
    Activation(
      "leakyRelu", "x for x > 0, else slope·x; derivative slope at 0 (Maas et al., 2013; notes G7)",
      parameters: [("slope", slope)], kernel: leakyReluKernel)
  }
  private static let leakyReluKernel = Elementwise("leakyRelu", inputs: 1, scalars: 1) { x, s in
    select(x[0] > 0, x[0], s[0] * x[0])
  }

  /// x above 0, α(eˣ − 1) below. The derivative at 0 is α, which is 1 for α = 1 (notes G9).
  public static func elu(alpha: Double = 1) -> Activation {
    Activation(
      "elu", "x for x > 0, else α(eˣ − 1); derivative α at 0 (Clevert et al., 2015; notes G9)",
      parameters: [("alpha", alpha)], kernel: eluKernel)
  }
  private static let eluKernel = Elementwise(
    "elu", inputs: 1, scalars: 1, partials: { x, s, y in [select(x[0] > 0, 1, y + s[0])] },
    formula: { x, s in select(x[0] > 0, x[0], s[0] * expm1(x[0])) })

  /// ln(1 + eˣ), a smooth ReLU; its derivative is the sigmoid (notes G10).
  public static let softplus = Activation("softplus", "ln(1 + eˣ) (notes G10)", kernel: .softplus)

  /// A scaled ELU whose constants keep mean 0 and variance 1 (Klambauer et al., 2017).
  public static let selu = Activation(
    "selu", "λx for x > 0, else λα(eˣ − 1) (Klambauer et al., 2017)",
    kernel: Elementwise("selu") { x in
      let (scale, alpha) = (1.0507009873554805, 1.6732632423543772)
      return select(x > 0, Expression(scale) * x, Expression(scale * alpha) * expm1(x))
    })

  /// x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel, 2016); exact, by erf.
  public static let gelu = Activation(
    "gelu", "x Φ(x) (Hendrycks and Gimpel, 2016)",
    kernel: .gelu, fused: GELU.value)

  /// The approximation ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) of ``gelu``, as in GPT-2.
  public static let geluTanh = Activation(
    "geluTanh", "½ x (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks and Gimpel, 2016)",
    kernel: Elementwise("geluTanh") { x in
      let slope = (2 / Double.pi).squareRoot()
      // Beyond ±10 tanh is ±1, and powers of x would overflow.
      let c = select(x < -10, -10, select(x > 10, 10, x))
      return 0.5 * x * (1 + ApusCore.tanh(Expression(slope) * (c + 0.044715 * (c * c * c))))
    })

  /// x σ(x), also called swish (Elfwing et al., 2017; Ramachandran et al., 2017).
  public static let silu = Activation(
    "silu", "x σ(x) (Elfwing et al., 2017)", kernel: Elementwise("silu") { x in x * ApusCore.sigmoid(x) })

  /// x / (1 + |x|), in (−1, 1).
  public static let softsign = Activation(
    "softsign", "x / (1 + |x|)",
    kernel: Elementwise(
      "softsign", { x in x / (1 + abs(x)) }, derivative: { x, _ in 1 / ((1 + abs(x)) * (1 + abs(x))) }))

  /// x tanh(ln(1 + eˣ)) (Misra, 2019).
  public static let mish = Activation(
    "mish", "x tanh(ln(1 + eˣ)) (Misra, 2019)",
    kernel: Elementwise("mish") { x in x * ApusCore.tanh(ApusCore.softplus(x)) })

  /// x / 6 + ½, cut to [0, 1]. The derivative at the kinks −3 and 3 is 0.
  public static let hardSigmoid = Activation(
    "hardSigmoid", "x / 6 + ½ cut to [0, 1]; derivative 0 at ±3",
    kernel: Elementwise("hardSigmoid") { x in select(x <= -3, 0, select(x >= 3, 1, x / 6 + 0.5)) })

  /// x, cut to [−1, 1]. The derivative at the kinks is 0.
  public static let hardTanh = Activation(
    "hardTanh", "x cut to [−1, 1]; derivative 0 at ±1",
    kernel: Elementwise("hardTanh") { x in select(x <= -1, -1, select(x >= 1, 1, x)) })

  /// Every activation, with default constants: the table of the notes and the usual ones besides.
  public static var all: [Activation] {
    [
      .identity, .step, .sigmoid, .tanh, .arctan, .relu, .leakyRelu(), .elu(), .softplus, .selu, .gelu, .geluTanh,
      .silu,
      .softsign,
      .mish, .hardSigmoid, .hardTanh,
    ]
  }

  /// The activation of that name, with its constants where they differ from the defaults; nil if there is none.
  public static func named(_ name: String, parameters: [String: Double] = [:]) -> Activation? {
    switch name {
    case "leakyRelu": .leakyRelu(slope: parameters["slope"] ?? 0.01)
    case "elu": .elu(alpha: parameters["alpha"] ?? 1)
    default: all.first { $0.name == name }
    }
  }
}
