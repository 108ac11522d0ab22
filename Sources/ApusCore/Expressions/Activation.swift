/// An activation function: one entry is one row of the notes' table (1.6), with its formula, derivative and documentation.
///
/// Give one to a layer (`Dense(64, 10, activation: .relu)`) or call it like a function (`Activation.gelu(x)`). The table of all of them
/// is `docs/activations.md`.
public struct Activation: Sendable, CustomStringConvertible {
  /// The name in code, files and graphs.
  public let name: String
  /// The equation, as a person writes it.
  public let equation: String
  /// The derivative's value where it does not exist; nil if it exists everywhere.
  public let kink: String?
  /// Where it comes from: the notes' number, a publication.
  public let source: String?
  /// Named constants, such as a slope.
  public let parameters: [(name: String, value: Double)]
  /// What a matrix product can apply by itself while it still holds the result.
  package let epilogue: Epilogue?
  private let form: Form
  /// The same by a kernel of its own, where there is one for the tensor.
  private let fused: (@Sendable (Tensor) -> Tensor?)?

  private enum Form: Sendable {
    /// A function of each element, with its constants as scalars.
    case elementwise(Elementwise)
    /// A function of each row (the last axis), and its derivative in words.
    case rows(@Sendable (Tensor) -> Tensor, derivative: String)
  }

  private init(
    _ name: String, _ equation: String, kink: String? = nil, source: String? = nil,
    parameters: [(name: String, value: Double)] = [], epilogue: Epilogue? = nil, form: Form,
    fused: (@Sendable (Tensor) -> Tensor?)? = nil
  ) {
    self.name = name
    self.equation = equation
    self.kink = kink
    self.source = source
    self.parameters = parameters
    self.epilogue = epilogue
    self.form = form
    self.fused = fused
  }

  private init(
    _ name: String, _ equation: String, kink: String? = nil, source: String? = nil,
    parameters: [(name: String, value: Double)] = [], epilogue: Epilogue? = nil, kernel: Elementwise,
    fused: (@Sendable (Tensor) -> Tensor?)? = nil
  ) {
    self.init(
      name, equation, kink: kink, source: source, parameters: parameters, epilogue: epilogue,
      form: .elementwise(kernel), fused: fused)
  }

  /// A user's own activation, from its formula.
  public init(_ operation: Elementwise, summary: String = "") {
    self.init(operation.name, summary, kernel: operation)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    if let y = fused?(x) { return y }
    return switch form {
    case .elementwise(let kernel): kernel === Self.identityKernel ? x : kernel.call([x], parameters.map(\.value))
    case .rows(let function, _): function(x)
    }
  }

  /// As it is written in code: `.relu`, `.elu(alpha: 1.0)`.
  public var description: String {
    ".\(name)"
      + (parameters.isEmpty ? "" : "(" + parameters.map { "\($0.name): \($0.value)" }.joined(separator: ", ") + ")")
  }

  /// Whether it is a function of each element for itself, unlike softmax.
  public var isElementwise: Bool { if case .elementwise = form { true } else { false } }

  /// The equation, the derivative's value at kinks, and the source.
  public var summary: String {
    equation + (kink.map { "; \($0)" } ?? "") + (source.map { " (\($0))" } ?? "")
  }

  /// The formula as it is computed, with x the input.
  public var formula: String {
    switch form {
    case .elementwise(let kernel): kernel.formula.formatted(inputs: ["x"], scalars: parameters.map(\.name))
    case .rows: equation
    }
  }

  /// The derivative as it is computed, with x the input and y the output.
  public var derivative: String {
    switch form {
    case .elementwise(let kernel): kernel.formattedDerivative(inputs: ["x"], scalars: parameters.map(\.name))
    case .rows(_, let derivative): derivative
    }
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
      && left.isSameFunction(as: right)
  }

  private func isSameFunction(as other: Activation) -> Bool {
    switch (form, other.form) {
    case (.elementwise(let kernel), .elementwise(let other)): kernel === other
    case (.rows, .rows): true  // only Apus makes these, each under a name of its own
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(name)
    hasher.combine(parameters.map(\.value))
  }
}

extension Activation {
  /// x itself: the output of a regression (notes G1).
  public static let identity = Activation(
    "identity", "x", source: "notes G1", epilogue: Epilogue.none, kernel: identityKernel)
  private static let identityKernel = Elementwise("identity") { x in x }

  /// 0 below 0, else 1. The derivative is 0 everywhere, also at 0, where it does not exist (notes G2).
  public static let step = Activation(
    "step", "0 for x < 0, else 1", kink: "derivative 0 at 0", source: "notes G2",
    kernel: Elementwise("step", inputs: 1, yieldsBool: false) { x, _ in select(x[0] >= 0, 1, 0) })

  /// 1 / (1 + e⁻ˣ), in (0, 1) (notes G3).
  public static let sigmoid = Activation(
    "sigmoid", "1 / (1 + e⁻ˣ)", source: "notes G3", epilogue: .sigmoid, kernel: .sigmoid)

  /// (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), in (−1, 1) (notes G4).
  public static let tanh = Activation(
    "tanh", "(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)", source: "notes G4", epilogue: .tanh, kernel: .tanh)

  /// The arc tangent, in (−π/2, π/2) (notes G5).
  public static let arctan = Activation("arctan", "arctan x", source: "notes G5", kernel: .atan)

  /// max(0, x). The derivative at 0 is 0 (notes G6, E-12).
  public static let relu = Activation(
    "relu", "x for x > 0, else 0", kink: "derivative 0 at 0", source: "notes G6", epilogue: .relu, kernel: reluKernel)
  private static let reluKernel = Elementwise("relu", { x in unary(.relu, x) }, derivative: { _, y in y > 0 })

  /// x above 0, slope·x below. The derivative at 0 is the slope (notes G7). Where the slope is to be learnt (G8), there is the layer
  /// `PReLU`.
  public static func leakyRelu(slope: Double = 0.01) -> Activation {
    Activation(
      "leakyRelu", "x for x > 0, else slope·x", kink: "derivative slope at 0", source: "Maas et al., 2013; notes G7",
      parameters: [("slope", slope)], kernel: leakyReluKernel)
  }
  private static let leakyReluKernel = Elementwise("leakyRelu", inputs: 1, scalars: 1) { x, s in
    select(x[0] > 0, x[0], s[0] * x[0])
  }

  /// x above 0, α(eˣ − 1) below. The derivative at 0 is α, which is 1 for α = 1 (notes G9).
  public static func elu(alpha: Double = 1) -> Activation {
    Activation(
      "elu", "x for x > 0, else α(eˣ − 1)", kink: "derivative α at 0", source: "Clevert et al., 2015; notes G9",
      parameters: [("alpha", alpha)], kernel: eluKernel)
  }
  private static let eluKernel = Elementwise(
    "elu", inputs: 1, scalars: 1, partials: { x, s, y in [select(x[0] > 0, 1, y + s[0])] },
    formula: { x, s in select(x[0] > 0, x[0], s[0] * expm1(x[0])) })

  /// ln(1 + eˣ), a smooth ReLU; its derivative is the sigmoid (notes G10).
  public static let softplus = Activation("softplus", "ln(1 + eˣ)", source: "notes G10", kernel: .softplus)

  /// eˣ / Σ eˣ over the last axis: probabilities (notes G11). For training, cross-entropy from logits is more exact.
  public static let softmax = Activation(
    "softmax", "eˣⁱ / Σⱼ eˣʲ", source: "notes G11",
    form: .rows({ ApusCore.softmax($0) }, derivative: "dyᵢ/dxⱼ = yᵢ (δᵢⱼ − yⱼ)"))

  /// x − ln Σ eˣ over the last axis: logarithms of probabilities.
  public static let logSoftmax = Activation(
    "logSoftmax", "xᵢ − ln Σⱼ eˣʲ",
    form: .rows({ ApusCore.logSoftmax($0) }, derivative: "dyᵢ/dxⱼ = δᵢⱼ − exp(yⱼ)"))

  // MARK: Beyond the notes

  /// A scaled ELU whose constants keep mean 0 and variance 1 (Klambauer et al., 2017).
  public static let selu = Activation(
    "selu", "λx for x > 0, else λα(eˣ − 1)", kink: "derivative λα at 0", source: "Klambauer et al., 2017",
    kernel: Elementwise("selu") { x in
      let (scale, alpha) = (1.0507009873554805, 1.6732632423543772)
      return select(x > 0, Expression(scale) * x, Expression(scale * alpha) * expm1(x))
    })

  /// x above 0, α(e^(x/α) − 1) below: an ELU that is smooth for any α (Barron, 2017).
  public static func celu(alpha: Double = 1) -> Activation {
    Activation(
      "celu", "x for x > 0, else α(e^(x/α) − 1)", source: "Barron, 2017", parameters: [("alpha", alpha)],
      kernel: celuKernel)
  }
  private static let celuKernel = Elementwise(
    "celu", inputs: 1, scalars: 1, partials: { x, s, y in [select(x[0] > 0, 1, y / s[0] + 1)] },
    formula: { x, s in select(x[0] > 0, x[0], s[0] * expm1(x[0] / s[0])) })

  /// x Φ(x), with the normal distribution function Φ (Hendrycks and Gimpel, 2016); exact, by erf.
  public static let gelu = Activation(
    "gelu", "x Φ(x)", source: "Hendrycks and Gimpel, 2016", kernel: .gelu, fused: GELU.value)

  /// x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, the usual approximation of GELU: at most 5·10⁻⁴ from it.
  public static let geluTanh = Activation(
    "geluTanh", "x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2", source: "Hendrycks and Gimpel, 2016",
    kernel: geluTanhKernel)
  private static let geluTanhKernel: Elementwise = {
    // (1 + tanh u) / 2 is σ(2u).
    let (c, d) = (Expression(2 * 0.7978845608028654), Expression(2 * 0.7978845608028654 * 0.044715))
    return Elementwise(
      "geluTanh", { x in x * ApusCore.sigmoid(x * (c + d * (x * x))) },
      derivative: { x, _ in
        let s = ApusCore.sigmoid(x * (c + d * (x * x)))
        // Far out x³ may be infinite, but the slope of σ is 0 there.
        return s + select(abs(x) < 20, x * (s * (1 - s)) * (c + 3 * d * (x * x)), 0)
      })
  }()

  /// x σ(x), also called swish (Elfwing et al., 2017; Ramachandran et al., 2017).
  public static let silu = Activation(
    "silu", "x σ(x)", source: "Elfwing et al., 2017",
    kernel: Elementwise("silu") { x in x * ApusCore.sigmoid(x) })

  /// x / (1 + |x|), in (−1, 1).
  public static let softsign = Activation(
    "softsign", "x / (1 + |x|)",
    kernel: Elementwise(
      "softsign", { x in x / (1 + abs(x)) }, derivative: { x, _ in 1 / ((1 + abs(x)) * (1 + abs(x))) }))

  /// x tanh(ln(1 + eˣ)) (Misra, 2019).
  public static let mish = Activation(
    "mish", "x tanh(ln(1 + eˣ))", source: "Misra, 2019",
    kernel: Elementwise("mish") { x in x * ApusCore.tanh(ApusCore.softplus(x)) })

  /// ln σ(x) = −ln(1 + e⁻ˣ), at most 0.
  public static let logSigmoid = Activation(
    "logSigmoid", "ln σ(x)", kernel: Elementwise("logSigmoid") { x in -ApusCore.softplus(-x) })

  /// eˣ, for outputs that are rates.
  public static let exponential = Activation("exponential", "eˣ", kernel: .exp)

  /// max(0, x)² (So et al., 2021).
  public static let squaredRelu = Activation(
    "squaredRelu", "x² for x > 0, else 0", source: "So et al., 2021",
    kernel: Elementwise("squaredRelu") { x in square(unary(.relu, x)) })

  /// ReLU that ends at 6. The derivative at the kinks 0 and 6 is 0 (Howard et al., 2017).
  public static let relu6 = Activation(
    "relu6", "x cut to [0, 6]", kink: "derivative 0 at 0 and 6", source: "Howard et al., 2017",
    kernel: Elementwise("relu6") { x in select(x <= 0, 0, select(x >= 6, 6, x)) })

  /// x / 6 + ½, cut to [0, 1]. The derivative at the kinks −3 and 3 is 0.
  public static let hardSigmoid = Activation(
    "hardSigmoid", "x / 6 + ½ cut to [0, 1]", kink: "derivative 0 at ±3",
    kernel: Elementwise("hardSigmoid") { x in select(x <= -3, 0, select(x >= 3, 1, x / 6 + 0.5)) })

  /// x times the hard sigmoid, also called hard swish (Howard et al., 2019). The derivative is 0 at −3 and 1 at 3.
  public static let hardSilu = Activation(
    "hardSilu", "x (x / 6 + ½ cut to [0, 1])", kink: "derivative 0 at −3, 1 at 3", source: "Howard et al., 2019",
    kernel: Elementwise("hardSilu") { x in select(x <= -3, 0, select(x >= 3, x, x * (x / 6 + 0.5))) })

  /// x, cut to [−1, 1]. The derivative at the kinks is 0.
  public static let hardTanh = Activation(
    "hardTanh", "x cut to [−1, 1]", kink: "derivative 0 at ±1",
    kernel: Elementwise("hardTanh") { x in select(x <= -1, -1, select(x >= 1, 1, x)) })

  /// x, but 0 within [−λ, λ]. The derivative at ±λ is 0.
  public static func hardShrink(lambda: Double = 0.5) -> Activation {
    Activation(
      "hardShrink", "0 for |x| ≤ λ, else x", kink: "derivative 0 at ±λ", parameters: [("lambda", lambda)],
      kernel: hardShrinkKernel)
  }
  private static let hardShrinkKernel = Elementwise("hardShrink", inputs: 1, scalars: 1) { x, s in
    select(abs(x[0]) <= s[0], 0, x[0])
  }

  /// x moved towards 0 by λ, and 0 within [−λ, λ]. The derivative at ±λ is 0.
  public static func softShrink(lambda: Double = 0.5) -> Activation {
    Activation(
      "softShrink", "0 for |x| ≤ λ, else x − λ sign x", kink: "derivative 0 at ±λ", parameters: [("lambda", lambda)],
      kernel: softShrinkKernel)
  }
  private static let softShrinkKernel = Elementwise("softShrink", inputs: 1, scalars: 1) { x, s in
    select(abs(x[0]) <= s[0], 0, x[0] - s[0] * sign(x[0]))
  }

  /// x − tanh x.
  public static let tanhShrink = Activation(
    "tanhShrink", "x − tanh x",
    kernel: Elementwise(
      "tanhShrink", { x in x - ApusCore.tanh(x) }, derivative: { x, _ in square(ApusCore.tanh(x)) }))

  /// Every activation of single elements, with default constants: the table of the notes and the usual ones besides.
  public static var all: [Activation] {
    [
      .identity, .step, .sigmoid, .tanh, .arctan, .relu, .leakyRelu(), .elu(), .softplus, .selu, .celu(), .gelu,
      .geluTanh, .silu, .softsign, .mish, .logSigmoid, .exponential, .squaredRelu, .relu6, .hardSigmoid, .hardSilu,
      .hardTanh, .hardShrink(), .softShrink(), .tanhShrink,
    ]
  }

  /// The activations of whole rows.
  public static var rowwise: [Activation] { [.softmax, .logSoftmax] }

  /// The activation of that name, with its constants where they differ from the defaults; nil if there is none.
  public static func named(_ name: String, parameters: [String: Double] = [:]) -> Activation? {
    switch name {
    case "leakyRelu": .leakyRelu(slope: parameters["slope"] ?? 0.01)
    case "elu": .elu(alpha: parameters["alpha"] ?? 1)
    case "celu": .celu(alpha: parameters["alpha"] ?? 1)
    case "hardShrink": .hardShrink(lambda: parameters["lambda"] ?? 0.5)
    case "softShrink": .softShrink(lambda: parameters["lambda"] ?? 0.5)
    default: (all + rowwise).first { $0.name == name }
    }
  }
}
