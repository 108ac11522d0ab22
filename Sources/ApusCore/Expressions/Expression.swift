import CApus

/// A formula for one element, as a graph of primitive operations.
///
/// Expressions are what element-wise operations are written in: the closure of an ``Elementwise`` receives its inputs as expressions
/// and returns the formula. From the formula come the kernel, the derivative and the printed text.
/// Comparisons give 1 where they hold and 0 elsewhere; use them with ``select(_:_:_:)``.
public struct Expression: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  final class Node: Sendable {
    let kind: Kind
    let operands: [Expression]
    init(_ kind: Kind, _ operands: [Expression]) {
      self.kind = kind
      self.operands = operands
    }
  }

  enum Kind: Hashable, Sendable {
    /// The element of input number i.
    case input(Int)
    /// A number that is known only when the operation is called, such as a slope or a learning rate.
    case scalar(Int)
    case constant(Double)
    case primitive(Primitive)
  }

  let node: Node

  init(_ kind: Kind, _ operands: [Expression] = []) { node = Node(kind, operands) }

  public init(floatLiteral value: Double) { self.init(.constant(value)) }
  public init(integerLiteral value: Int) { self.init(.constant(Double(value))) }
  /// The constant `value`.
  public init(_ value: Double) { self.init(.constant(value)) }

  var constantValue: Double? { if case .constant(let value) = node.kind { value } else { nil } }
  var identity: ObjectIdentifier { ObjectIdentifier(node) }

  /// The operands of `primitive` if that is what this is.
  func operands(of primitive: Primitive) -> [Expression]? { node.kind == .primitive(primitive) ? node.operands : nil }
}

// MARK: - Operators. They simplify as they build: derivatives come out readable and cost nothing extra.

extension Expression {
  public static func + (a: Expression, b: Expression) -> Expression {
    if let x = a.constantValue, let y = b.constantValue { return Expression(x + y) }
    if a.constantValue == 0 { return b }
    if b.constantValue == 0 { return a }
    if let negated = b.operands(of: .negate) { return a - negated[0] }
    return Expression(.primitive(.add), [a, b])
  }

  public static func - (a: Expression, b: Expression) -> Expression {
    if let x = a.constantValue, let y = b.constantValue { return Expression(x - y) }
    if b.constantValue == 0 { return a }
    if a.constantValue == 0 { return -b }
    if let negated = b.operands(of: .negate) { return a + negated[0] }
    return Expression(.primitive(.subtract), [a, b])
  }

  public static func * (a: Expression, b: Expression) -> Expression {
    if let x = a.constantValue, let y = b.constantValue { return Expression(x * y) }
    if a.constantValue == 0 || b.constantValue == 0 { return 0 }
    if a.constantValue == 1 { return b }
    if b.constantValue == 1 { return a }
    if a.constantValue == -1 { return -b }
    if b.constantValue == -1 { return -a }
    if a.identity == b.identity { return Expression(.primitive(.square), [a]) }
    if let left = a.operands(of: .negate) { return -(left[0] * b) }
    if let right = b.operands(of: .negate) { return -(a * right[0]) }
    return Expression(.primitive(.multiply), [a, b])
  }

  public static func / (a: Expression, b: Expression) -> Expression {
    if let x = a.constantValue, let y = b.constantValue { return Expression(x / y) }
    if b.constantValue == 1 { return a }
    if a.constantValue == 0 { return 0 }
    if a.constantValue == 1 { return Expression(.primitive(.reciprocal), [b]) }
    return Expression(.primitive(.divide), [a, b])
  }

  public static prefix func - (a: Expression) -> Expression {
    if let x = a.constantValue { return Expression(-x) }
    if let inner = a.operands(of: .negate) { return inner[0] }
    return Expression(.primitive(.negate), [a])
  }

  public static func >= (a: Expression, b: Expression) -> Expression { comparison(.greaterOrEqual, a, b) { $0 >= $1 } }
  public static func > (a: Expression, b: Expression) -> Expression { comparison(.greater, a, b) { $0 > $1 } }
  public static func <= (a: Expression, b: Expression) -> Expression { comparison(.lessOrEqual, a, b) { $0 <= $1 } }
  public static func < (a: Expression, b: Expression) -> Expression { comparison(.less, a, b) { $0 < $1 } }
  public static func .== (a: Expression, b: Expression) -> Expression { comparison(.equal, a, b) { $0 == $1 } }
  public static func .!= (a: Expression, b: Expression) -> Expression { comparison(.notEqual, a, b) { $0 != $1 } }
}

/// A comparison, decided at once between constants.
private func comparison(
  _ primitive: Primitive, _ a: Expression, _ b: Expression, _ holds: (Double, Double) -> Bool
) -> Expression {
  if let x = a.constantValue, let y = b.constantValue { return holds(x, y) ? 1 : 0 }
  return Expression(.primitive(primitive), [a, b])
}

/// `a` where `condition` is not 0, `b` elsewhere.
public func select(_ condition: Expression, _ a: Expression, _ b: Expression) -> Expression {
  if let value = condition.constantValue { return value != 0 ? a : b }
  if a.identity == b.identity { return a }
  if let x = a.constantValue, let y = b.constantValue, x == y { return a }
  return Expression(.primitive(.select), [condition, a, b])
}

func unary(_ primitive: Primitive, _ x: Expression) -> Expression { Expression(.primitive(primitive), [x]) }
func binary(_ primitive: Primitive, _ a: Expression, _ b: Expression) -> Expression {
  Expression(.primitive(primitive), [a, b])
}

// MARK: - Printing

extension Expression: CustomStringConvertible {
  /// The formula in ordinary notation, with inputs named x (or x0, x1, …) by the caller.
  public func formatted(inputs: [String], scalars: [String] = []) -> String { text(inputs, scalars).text }

  public var description: String { formatted(inputs: (0..<16).map { "x\($0)" }, scalars: (0..<16).map { "s\($0)" }) }

  /// The text and how tightly it binds: 3 an atom, 2 a product, 1 a sum, 0 a comparison.
  private func text(_ inputs: [String], _ scalars: [String]) -> (text: String, binding: Int) {
    func operand(_ i: Int, atLeast binding: Int) -> String {
      let (text, own) = node.operands[i].text(inputs, scalars)
      return own < binding ? "(\(text))" : text
    }
    switch node.kind {
    case .input(let i): return (inputs[i], 3)
    case .scalar(let i): return (scalars[i], 3)
    case .constant(let value):
      let isWhole = value == value.rounded() && abs(value) < 1e15
      return (isWhole ? String(Int(value)) : "\(value)", value < 0 ? 1 : 3)
    case .primitive(.add): return ("\(operand(0, atLeast: 1)) + \(operand(1, atLeast: 1))", 1)
    case .primitive(.subtract): return ("\(operand(0, atLeast: 1)) - \(operand(1, atLeast: 2))", 1)
    case .primitive(.multiply): return ("\(operand(0, atLeast: 2)) * \(operand(1, atLeast: 2))", 2)
    case .primitive(.divide): return ("\(operand(0, atLeast: 2)) / \(operand(1, atLeast: 3))", 2)
    case .primitive(.reciprocal): return ("1 / \(operand(0, atLeast: 3))", 2)
    case .primitive(.negate): return ("-\(operand(0, atLeast: 2))", 1)
    case .primitive(.square): return ("\(operand(0, atLeast: 3))^2", 3)
    case .primitive(let primitive):
      if let symbol = primitive.comparisonSymbol {
        return ("\(operand(0, atLeast: 1)) \(symbol) \(operand(1, atLeast: 1))", 0)
      }
      let list = node.operands.indices.map { operand($0, atLeast: 0) }.joined(separator: ", ")
      return ("\(primitive)(\(list))", 3)
    }
  }
}
