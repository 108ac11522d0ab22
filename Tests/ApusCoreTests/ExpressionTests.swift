import Testing

@testable import ApusCore

@Suite struct ExpressionTests {
  private let a = Expression(.input(0))
  private let b = Expression(.input(1))
  private let c = Expression(.input(2))

  private func text(_ expression: Expression) -> String {
    expression.formatted(inputs: ["a", "b", "c"], scalars: ["s"])
  }

  @Test func simplifiesAsItBuilds() {
    #expect(text(a * 1) == "a" && text(1 * a) == "a")
    #expect(text(a * 0) == "0" && text(0 / a) == "0")
    #expect(text(a + 0) == "a" && text(0 + a) == "a" && text(a - 0) == "a" && text(a / 1) == "a")
    #expect(text(0 - a) == "-a" && text(a * -1) == "-a" && text(-(-a)) == "a")
    #expect(text(a - (-b)) == "a + b" && text(a + (-b)) == "a - b")
    #expect(text(-a * b) == "-(a * b)" || text(-a * b) == "-a * b")
    #expect(text(a * a) == "a^2")
    #expect(text(1 / a) == "1 / a")
    #expect(text(Expression(2) * 3 + 1) == "7")
    #expect(text(select(Expression(2) > 1, a, b)) == "a")
    #expect(text(select(a > b, c, c)) == "c")
  }

  @Test func parenthesesAppearWhereTheyMatter() {
    #expect(text((a + b) * c) == "(a + b) * c")
    #expect(text(a + b * c) == "a + b * c")
    #expect(text(a - (b - c)) == "a - (b - c)")
    #expect(text((a - b) - c) == "a - b - c")
    #expect(text(a / (b * c)) == "a / (b * c)")
    #expect(text(a / (b / c)) == "a / (b / c)")
    #expect(text(-(a + b)) == "-(a + b)")
    #expect(text((a + b) * (a + b)) == "(a + b) * (a + b)")
    #expect(text(select(a + b >= c, a, 0.5)) == "select(a + b >= c, a, 0.5)")
    #expect(text(Expression(.scalar(0)) * exp(a - b)) == "s * exp(a - b)")
  }

  @Test(arguments: [
    ("sigmoid", "y * (1 - y)"), ("tanh", "1 - y^2"), ("exp", "y"), ("log", "1 / x"), ("sqrt", "0.5 / y"),
    ("relu", "select(y > 0, 1, 0)"), ("softplus", "sigmoid(x)"), ("sin", "cos(x)"), ("square", "2 * x"), ("floor", "0"),
    ("atan", "1 / (1 + x^2)"), ("abs", "sign(x)"), ("expm1", "y + 1"), ("reciprocal", "-y^2"),
  ]) func derivativesReadLikeTheTable(_ name: String, _ derivative: String) throws {
    let primitive = try #require(Primitive(rawValue: name))
    let operation = Elementwise(name) { x in unary(primitive, x) }
    #expect(operation.formattedDerivative(inputs: ["x"]) == derivative)
  }

  @Test func derivativesOfFormulas() {
    let swish = Elementwise("swish") { x in x * sigmoid(x) }
    #expect(swish.formatted(inputs: ["x"]) == "x * sigmoid(x)")
    #expect(swish.formattedDerivative(inputs: ["x"]) == "sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x))")
    let cube = Elementwise("cube") { x in pow(x, 3) }
    #expect(cube.formattedDerivative(inputs: ["x"]) == "3 * power(x, 2)")
    let product = Elementwise("product") { a, b in a * b }
    #expect(product.formattedDerivative(inputs: ["a", "b"], wrt: 0) == "b")
    #expect(product.formattedDerivative(inputs: ["a", "b"], wrt: 1) == "a")
  }

  @Test func branchesAreDifferentiatedAsBranches() {
    let leaky = Elementwise("leaky") { x in select(x > 0, x, 0.1 * x) }
    #expect(leaky.formattedDerivative(inputs: ["x"]) == "select(x > 0, 1, 0.1)")
  }

  @Test func branchesNotTakenDoNotPoisonGradients() {
    // exp overflows where it is not used; 0 times infinity would be NaN.
    let bounded = Elementwise("bounded") { x in select(x > 0, x, exp(x) * exp(x) - 1) }
    let x = Tensor([800, -1] as [Double])
    let slope = gradient(at: x) { bounded($0).sum() }.doubles
    #expect(slope[0] == 1)
    #expect(abs(slope[1] - 0.2706705664732254) < 1e-15)
    let curvature = gradient(at: x) { x in gradient(at: x) { bounded($0).sum() }.sum() }.doubles
    #expect(curvature[0] == 0)
    #expect(abs(curvature[1] - 0.5413411329464508) < 1e-15)
  }
}
