infix operator • : MultiplicationPrecedence

/// The matrix product of `x[0]` (…, m, k) and `x[1]` (…, k, n), shape (…, m, n); leading axes broadcast.
struct MatrixProduct: Function {
  var precision = Precision.float32
  var name: String { "matmul" }
  var detail: String { precision == .float32 ? "" : "\(precision)" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let (a, b) = (x[0], x[1])
    guard a.dtype == b.dtype, a.dtype != .bool, a.dtype != .uint8 else {
      throw ShapeError(
        name, "element types \(a.dtype) and \(b.dtype) were found; expected two equal ones with arithmetic")
    }
    guard a.rank >= 2, b.rank >= 2, a.shape[a.rank - 1] == b.shape[b.rank - 2],
      var shape = Shape(a.shape.dropLast(2)).broadcast(with: Shape(b.shape.dropLast(2)))
    else {
      throw ShapeError(name, "shapes \(a.shape) and \(b.shape) do not multiply; expected (…, m, k) and (…, k, n)")
    }
    shape.append(a.shape[a.rank - 2])
    shape.append(b.shape[b.rank - 1])
    return TensorType(shape, a.dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    let (a, b) = precision.operands(x[0], x[1], of: self, into: y)
    y.backend.matmul(a, b, transposesB: false, bias: nil, epilogue: .none, into: y)
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { needed(1 - j) }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    // dA = dY Bᵀ, dB = Aᵀ dY (003; notes D9)
    i == 0
      ? matmul(dy, x[1].swappingAxes(-1, -2), precision).summed(to: x[0].shape)
      : matmul(x[0].swappingAxes(-1, -2), dy, precision).summed(to: x[1].shape)
  }
}

/// y = activation(x Wᵀ + b): `x[0]` (…, in), `x[1]` W (out, in), `x[2]` b (out) if present.
///
/// Bias and activation are applied while the product is still in registers. The unfused form
/// `activation(x • W.transposed() + b)` gives the same numbers and is its test oracle.
struct Linear: Function {
  let activation: Epilogue
  var precision = Precision.float32
  var name: String { "linear" }
  var detail: String {
    [activation == .none ? nil : "\(activation)", precision == .float32 ? nil : "\(precision)"]
      .compactMap(\.self).joined(separator: ", ")
  }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let (input, weight) = (x[0], x[1])
    guard weight.rank == 2, input.rank >= 1, input.shape[input.rank - 1] == weight.shape[1] else {
      throw ShapeError(
        name,
        "an input of shape \(input.shape) does not fit a weight of shape \(weight.shape): "
          + "expected (…, \(weight.rank == 2 ? "\(weight.shape[1])" : "in")) and (out, in)")
    }
    guard x.allSatisfy({ $0.dtype == input.dtype }), input.dtype.isFloatingPoint else {
      throw ShapeError(
        name, "element types \(x.map(\.dtype)) were found; expected one floating-point type (convert with cast(to:))")
    }
    if x.count == 3, x[2].shape != [weight.shape[0]] {
      throw ShapeError(name, "a bias of shape \(x[2].shape) was found; expected (\(weight.shape[0]),)")
    }
    var shape = input.shape
    shape[shape.rank - 1] = weight.shape[0]
    return TensorType(shape, input.dtype)
  }

  func forward(_ x: [Tensor], into y: Tensor) {
    let bias = x.count == 3 ? x[2].dense : nil
    let (input, weight) = precision.operands(x[0].rows, x[1], of: self, into: y)
    y.backend.matmul(input, weight, transposesB: true, bias: bias, epilogue: activation, into: y.rows)
  }

  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { j < 2 && needed(1 - j) }
  var savesOutput: Bool { activation != .none }

  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    gradient(dz: activation.gradient(dy, y), x, wrt: i)
  }

  func sendGradients(
    _ dy: Tensor, _ x: [Tensor], _ y: Tensor, isNeeded: (Int) -> Bool, _ send: (Int, Tensor) -> Void
  ) {
    // The gradient of the pre-activation z serves all inputs.
    let dz = activation.gradient(dy, y)
    for i in x.indices where isNeeded(i) { send(i, gradient(dz: dz, x, wrt: i)) }
  }

  private func gradient(dz: Tensor, _ x: [Tensor], wrt i: Int) -> Tensor {
    switch i {
    case 0: return matmul(dz.rows, x[1], precision).reshaped(x[0].shape)  // dX = dZ W
    case 1: return matmul(dz.rows.transposed(), x[0].rows, precision)  // dW = dZᵀ X
    default: return dz.rows.sum(axes: [0])  // db = Σ dZ
    }
  }
}

extension Epilogue {
  /// dz from dy, in terms of the output alone.
  func gradient(_ dy: Tensor, _ y: Tensor) -> Tensor {
    switch self {
    case .none: dy
    case .relu: Self.reluGradient(dy, y)
    case .tanh: Self.tanhGradient(dy, y)
    case .sigmoid: Self.sigmoidGradient(dy, y)
    }
  }

  static let reluGradient = Elementwise("reluGradient") { dy, y in select(y > 0, dy, 0) }
  private static let tanhGradient = Elementwise("tanhGradient") { dy, y in dy * (1 - y * y) }
  private static let sigmoidGradient = Elementwise("sigmoidGradient") { dy, y in dy * (y * (1 - y)) }
}

extension Tensor {
  /// All axes but the last merged: a matrix.
  var rows: Tensor {
    if rank == 2 { return self }
    let columns = rank == 0 ? 1 : shape[rank - 1]
    return reshaped(Shape([shape.dropLast().reduce(1, *), columns]))
  }

  /// The matrix product (…, m, k) • (…, k, n) = (…, m, n); leading axes broadcast. A vector on the left is a row, on the right a
  /// column, and that axis disappears again. The element-wise product is `*`.
  public static func • (a: Tensor, b: Tensor) -> Tensor { matmul(a, b, .current) }
}

/// The matrix product; the same as `a • b`.
public func matmul(_ a: Tensor, _ b: Tensor) -> Tensor { a • b }

private func matmul(_ a: Tensor, _ b: Tensor, _ precision: Precision) -> Tensor {
  guard a.rank > 0 && b.rank > 0 else {
    stop(
      ShapeError(
        "matmul", "shapes \(a.shape) and \(b.shape) were found; a single number has no matrix product, use *"))
  }
  let left = a.rank == 1 ? a.expandingDimension(at: 0) : a
  let right = b.rank == 1 ? b.expandingDimension(at: 1) : b
  var product = apply(MatrixProduct(precision: precision), [left, right])
  if b.rank == 1 { product = product.squeezed(-1) }
  if a.rank == 1 { product = product.squeezed(b.rank == 1 ? -1 : -2) }
  return product
}

/// The inner product of two vectors, a single number.
public func dot(_ a: Tensor, _ b: Tensor) -> Tensor {
  guard a.rank == 1, a.shape == b.shape else {
    stop(ShapeError("dot", "shapes \(a.shape) and \(b.shape) were found; expected two vectors of the same length"))
  }
  return a • b
}

/// The outer product of vectors of lengths m and n: a matrix (m, n).
public func outer(_ a: Tensor, _ b: Tensor) -> Tensor {
  guard a.rank == 1, b.rank == 1 else {
    stop(ShapeError("outer", "shapes \(a.shape) and \(b.shape) were found; expected two vectors"))
  }
  return a.expandingDimension(at: 1) * b.expandingDimension(at: 0)
}

/// x Wᵀ + b over the last axis: `x` (…, in), `weight` (out, in), `bias` (out).
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor? = nil) -> Tensor {
  linear(x, weight: weight, bias: bias, activation: .none)
}

package func linear(_ x: Tensor, weight: Tensor, bias: Tensor?, activation: Epilogue) -> Tensor {
  apply(Linear(activation: activation, precision: .current), bias.map { [x, weight, $0] } ?? [x, weight])
}
