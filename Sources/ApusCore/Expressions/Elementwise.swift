/// An element-wise operation, written once as a formula.
///
/// The kernel (one pass over memory, however long the formula), the gradient and the printed text all come from it:
/// ```swift
/// let swish = Elementwise("swish") { x in x * sigmoid(x) }
/// let y = swish(x)
/// ```
/// The derivative is found symbolically unless one is given. Make an operation once and keep it: it compiles on first use.
public final class Elementwise: Sendable {
  /// The name in graphs and errors.
  public let name: String
  let formula: Expression
  let inputCount: Int
  let scalarCount: Int
  /// Which inputs are conditions, that is, bool.
  private let masks: Set<Int>
  private let yieldsBool: Bool
  private let acceptsIntegers: Bool
  /// The partial derivatives as given, in terms of the inputs and of the output (the last input).
  private let givenPartials: [Expression]?

  private let float32 = LazyReference<TileProgram>()
  private let float64 = LazyReference<TileProgram>()
  private let int32 = LazyReference<TileProgram>()
  private let int64 = LazyReference<TileProgram>()
  private let lazyGradients = LazyReference<Gradients>()

  /// An operation of any number of inputs and of scalars given at each call.
  package init(
    _ name: String, inputs: Int, scalars: Int = 0, masks: Set<Int> = [], yieldsBool: Bool? = nil,
    partials: (([Expression], [Expression], Expression) -> [Expression])? = nil,
    formula: ([Expression], [Expression]) -> Expression
  ) {
    let x = (0..<inputs).map { Expression(.input($0)) }
    let s = (0..<scalars).map { Expression(.scalar($0)) }
    self.name = name
    self.formula = formula(x, s)
    inputCount = inputs
    scalarCount = scalars
    self.masks = masks
    self.yieldsBool = yieldsBool ?? self.formula.isPredicate
    acceptsIntegers = self.formula.topologicalOrder().allSatisfy {
      switch $0.node.kind {
      case .primitive(let primitive): primitive.acceptsIntegers
      case .constant(let value): value == value.rounded()
      case .input, .scalar: true
      }
    }
    givenPartials = partials.map { $0(x, s, Expression(.input(inputs))) }
  }

  /// An operation of one input.
  /// - Parameter derivative: dy/dx in terms of x and y; found symbolically if not given.
  public convenience init(
    _ name: String, _ formula: (_ x: Expression) -> Expression,
    derivative: ((_ x: Expression, _ y: Expression) -> Expression)? = nil
  ) {
    self.init(
      name, inputs: 1, partials: derivative.map { given in { x, _, y in [given(x[0], y)] } },
      formula: { x, _ in formula(x[0]) })
  }

  /// An operation of two inputs, which broadcast to a common shape.
  public convenience init(_ name: String, _ formula: (_ a: Expression, _ b: Expression) -> Expression) {
    self.init(name, inputs: 2, formula: { x, _ in formula(x[0], x[1]) })
  }

  /// An operation of three inputs, which broadcast to a common shape.
  public convenience init(
    _ name: String, _ formula: (_ a: Expression, _ b: Expression, _ c: Expression) -> Expression
  ) {
    self.init(name, inputs: 3, formula: { x, _ in formula(x[0], x[1], x[2]) })
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { call([x]) }
  public func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor { call([a, b]) }
  public func callAsFunction(_ a: Tensor, _ b: Tensor, _ c: Tensor) -> Tensor { call([a, b, c]) }

  package func call(_ x: [Tensor], _ scalars: [Double] = []) -> Tensor {
    guard x.count == inputCount else { stop(ShapeError(name, "\(x.count) operands; the formula has \(inputCount)")) }
    return apply(ElementwiseCall(kernel: self, scalars: scalars), x)
  }

  /// The formula as text, with the inputs' names.
  public func formatted(inputs: [String]) -> String {
    formula.formatted(inputs: inputs, scalars: (0..<scalarCount).map { "s\($0)" })
  }

  /// The derivative with respect to input `i` as text.
  public func formattedDerivative(inputs: [String], wrt i: Int = 0) -> String {
    formattedDerivative(inputs: inputs, wrt: i, scalars: (0..<scalarCount).map { "s\($0)" })
  }

  func formattedDerivative(inputs: [String], wrt i: Int = 0, scalars: [String]) -> String {
    let partial = givenPartials?[i] ?? formula.derivative(wrtInput: i, seed: 1, output: Expression(.input(inputCount)))
    return partial.formatted(inputs: inputs + ["y"], scalars: scalars)
  }

  func program(_ dtype: DType) -> TileProgram {
    switch dtype.compute {
    case .float64: return compiled(float64, .float64)
    case .int32: return compiled(int32, .int32)
    case .int64: return compiled(int64, .int64)
    default: return compiled(float32, .float32)
    }
  }

  private func compiled(_ cell: borrowing LazyReference<TileProgram>, _ dtype: DType) -> TileProgram {
    cell.load {
      TileProgram([formula], inputCount: inputCount, scalarCount: scalarCount, compute: dtype, inPlace: [nil])
    }
  }

  // MARK: Shape rule

  func outputType(_ x: [Tensor], _ scalars: [Double]) throws(ShapeError) -> TensorType {
    var shape = x[0].shape
    for other in x.dropFirst() where other.shape != shape {
      guard let common = shape.broadcast(with: other.shape) else {
        let shapes = x.map(\.shape.description).joined(separator: " and ")
        throw ShapeError(name, "shapes \(shapes) do not broadcast to a common shape")
      }
      shape = common
    }
    if broadcastsStrictly, !x.contains(where: { $0.shape == shape }) {
      let shapes = x.map(\.shape.description).joined(separator: " and ")
      throw ShapeError(
        name, "shapes \(shapes) would both be stretched to \(shape); strictly, one of them has it already")
    }
    for mask in masks where x[mask].dtype != .bool {
      throw ShapeError(name, "a condition of type \(x[mask].type) was found; expected bool (compare it with something)")
    }
    let dtype = try self.dtype(x)
    if !acceptsIntegers && !dtype.isFloatingPoint {
      throw ShapeError(name, "a \(dtype) tensor was found; expected floating point (convert with cast(to:))")
    }
    if !dtype.isFloatingPoint, let fraction = scalars.first(where: { $0 != $0.rounded() || $0.isNaN }) {
      throw ShapeError(
        name, "\(fraction) is not a whole number, but the tensor is \(dtype) (convert it with cast(to:))")
    }
    return TensorType(shape, yieldsBool ? .bool : dtype)
  }

  /// The element type of the inputs that are not conditions.
  private func dtype(_ x: [Tensor]) throws(ShapeError) -> DType {
    var found: DType?
    for (i, tensor) in x.enumerated() where !masks.contains(i) {
      if let found, found != tensor.dtype {
        throw ShapeError(name, "element types \(found) and \(tensor.dtype) do not mix; convert one with cast(to:)")
      }
      found = tensor.dtype
    }
    return found ?? x[0].dtype
  }

  func computeType(_ x: [Tensor]) -> DType {
    for (i, tensor) in x.enumerated() where !masks.contains(i) { return tensor.dtype }
    return x[0].dtype
  }

  // MARK: Gradient

  /// What the gradient with respect to one input reads, and how it is computed.
  struct Partial {
    enum Source: Hashable {
      case dy
      case x(Int)
      case y
    }
    /// Nil where the derivative is zero.
    var kernel: Elementwise?
    var sources: [Source]
    /// Whether the gradient simply is dy.
    var isIdentity: Bool
  }

  /// The gradients with respect to every input.
  final class Gradients: Sendable {
    let partials: [Partial]
    let usesOutput: Bool
    init(_ partials: [Partial]) {
      self.partials = partials
      usesOutput = partials.contains { $0.sources.contains(.y) }
    }
  }

  var gradients: Gradients { lazyGradients.load { Gradients((0..<inputCount).map(partial)) } }

  /// Compiles dy * dy/dx_i as an element-wise operation of its own, on no more tensors than it reads.
  private func partial(_ i: Int) -> Partial {
    // While deriving, y is input number `inputCount` and dy the one after it.
    let y = Expression(.input(inputCount))
    let dy = Expression(.input(inputCount + 1))
    let derivative = givenPartials.map { dy.times($0[i]) } ?? formula.derivative(wrtInput: i, seed: dy, output: y)
    if derivative.constantValue == 0 { return Partial(kernel: nil, sources: [], isIdentity: false) }
    if derivative.node.kind == .input(inputCount + 1) { return Partial(kernel: nil, sources: [.dy], isIdentity: true) }
    let used = derivative.inputs.sorted()
    let sources = used.map { number -> Partial.Source in
      number == inputCount + 1 ? .dy : number == inputCount ? .y : .x(number)
    }
    let renumbered = Dictionary(uniqueKeysWithValues: used.enumerated().map { ($1, $0) })
    let kernel = Elementwise(
      "\(name)Gradient", inputs: used.count, scalars: scalarCount,
      masks: Set(used.indices.filter { masks.contains(used[$0]) }), yieldsBool: false
    ) { _, _ in derivative.renumberingInputs(renumbered) }
    return Partial(kernel: kernel, sources: sources, isIdentity: false)
  }
}

extension Expression {
  fileprivate func renumberingInputs(_ numbers: [Int: Int]) -> Expression {
    var results: [ObjectIdentifier: Expression] = [:]
    for part in topologicalOrder() {
      if case .input(let i) = part.node.kind {
        results[part.identity] = Expression(.input(numbers[i]!))
      } else {
        results[part.identity] = Expression(part.node.kind, part.node.operands.map { results[$0.identity]! })
      }
    }
    return results[identity]!
  }
}

/// One run of an element-wise operation.
struct ElementwiseCall: Function {
  let kernel: Elementwise
  let scalars: [Double]

  var name: String { kernel.name }
  var detail: String { scalars.map { "\($0)" }.joined(separator: ", ") }
  var savesOutput: Bool { kernel.gradients.usesOutput }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { try kernel.outputType(x, scalars) }

  func forward(_ x: [Tensor], into y: Tensor) {
    let program = kernel.program(kernel.computeType(x))
    y.backend.elementwise(program, scalars: Scalars(scalars), shape: y.shape, inputs: x, outputs: [y])
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool {
    for (i, partial) in kernel.gradients.partials.enumerated() where needed(i) && partial.sources.contains(.x(j)) {
      return true
    }
    return false
  }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    let partial = kernel.gradients.partials[i]
    if partial.isIdentity { return dy.summed(to: x[i].shape) }
    guard let kernel = partial.kernel else { return nil }
    // A gradient is linear in dy: where everything else is the same along the axes that are summed, dy alone is summed there,
    // which is less work, and often a sum that another gradient needs too.
    let shape = x[i].shape
    let isSummedFirst = partial.sources.allSatisfy { source in
      switch source {
      case .dy: true
      case .x(let j): x[j].shape.broadcast(with: shape) == shape
      case .y: y.shape == shape
      }
    }
    let sources = partial.sources.map { source in
      switch source {
      case .dy: isSummedFirst ? dy.summed(to: shape) : dy
      case .x(let j): x[j]
      case .y: y
      }
    }
    return kernel.call(sources, scalars).summed(to: shape)
  }
}
