// Functions of a whole row: softmax, its logarithm, and cross-entropy from logits.

/// e^x / Σ e^x over the last axis.
struct Softmax: Function {
  var name: String { "softmax" }
  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { try rowType(name, x[0]) }
  func forward(_ x: [Tensor], into y: Tensor) {
    y.backend.rowwise(.softmax, x[0].dense, columns: y.shape[y.rank - 1], into: y)
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  var savesOutput: Bool { true }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    // The Jacobian is diag(y) - y yᵀ (notes G11).
    apply(SoftmaxGradient(), [dy, y])
  }
}

/// y * (dy - Σ dy y) over the last axis.
struct SoftmaxGradient: Function {
  var name: String { "softmaxGradient" }
  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { x[0].type }
  func forward(_ x: [Tensor], into dx: Tensor) {
    dx.backend.softmaxGradient(x[1].dense, dy: x[0].dense, columns: dx.shape[dx.rank - 1], into: dx)
  }
  func gradient(_ d: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    let (dy, p) = (x[0], x[1])
    if i == 0 { return p * (d - (d * p).sum(axes: [-1], keepsAxes: true)) }
    let total = (d * p).sum(axes: [-1], keepsAxes: true)
    return d * (dy - (dy * p).sum(axes: [-1], keepsAxes: true)) - dy * total
  }
}

/// x - ln Σ e^x over the last axis.
struct LogSoftmax: Function {
  var name: String { "logSoftmax" }
  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { try rowType(name, x[0]) }
  func forward(_ x: [Tensor], into y: Tensor) {
    y.backend.rowwise(.logSoftmax, x[0].dense, columns: y.shape[y.rank - 1], into: y)
  }
  func saves(input j: Int, needed: (Int) -> Bool) -> Bool { false }
  var savesOutput: Bool { true }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    dy - exp(y) * dy.sum(axes: [-1], keepsAxes: true)
  }
}

/// -ln softmax(x[0])[x[1]] for each row: logits (…, classes) and integer labels (…).
struct SoftmaxCrossEntropy: Function {
  var name: String { "softmaxCrossEntropy" }

  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType {
    let type = try rowType(name, x[0])
    let rows = Shape(type.shape.dropLast())
    guard x[1].shape == rows, x[1].dtype == .int32 || x[1].dtype == .int64 else {
      throw ShapeError(
        name,
        "logits of shape \(type.shape) and labels of type \(x[1].type) were found; "
          + "expected int32 or int64 labels of shape \(rows)")
    }
    return TensorType(rows, type.dtype)
  }
  func forward(_ x: [Tensor], into loss: Tensor) {
    guard loss.count > 0 else { return }
    loss.backend.softmaxCrossEntropy(x[0].dense, labels: x[1].dense, into: loss)
  }
  func gradient(_ dy: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    i == 0 ? apply(SoftmaxCrossEntropyGradient(), [dy, x[0], x[1]]) : nil
  }
}

/// dy (softmax(z) - onehot(label)): from dy (…), logits z (…, classes) and labels.
struct SoftmaxCrossEntropyGradient: Function {
  var name: String { "softmaxCrossEntropyGradient" }
  func outputType(_ x: [Tensor]) throws(ShapeError) -> TensorType { x[1].type }
  func forward(_ x: [Tensor], into dz: Tensor) {
    guard dz.count > 0 else { return }
    // The gradient of a mean is one number seen through a broadcast: no need to write it out.
    let dy = x[0].object.broadcastScalar ?? x[0].dense
    dz.backend.softmaxCrossEntropyGradient(x[1].dense, labels: x[2].dense, scale: dy, into: dz)
  }
  func gradient(_ d: Tensor, _ x: [Tensor], _ y: Tensor, wrt i: Int) -> Tensor? {
    let (dy, logits, labels) = (x[0], x[1], x[2])
    switch i {
    case 0:
      let hot = Tensor.oneHot(labels, classCount: logits.shape[logits.rank - 1], dtype: logits.dtype)
      return (d * (softmax(logits) - hot)).sum(axes: [-1])
    case 1: return apply(SoftmaxGradient(), [d * dy.expandingDimension(at: -1), softmax(logits)])
    default: return nil
    }
  }
}

private func rowType(_ name: String, _ x: Tensor) throws(ShapeError) -> TensorType {
  guard x.rank >= 1, x.shape[x.rank - 1] > 0 else {
    throw ShapeError(name, "shape \(x.shape) was found; expected at least one class along the last axis")
  }
  guard x.dtype == .float32 || x.dtype == .float64 else {
    throw ShapeError(name, "a \(x.dtype) tensor was found; expected float32 or float64 (convert with cast(to:))")
  }
  return x.type
}

extension TensorObject {
  /// The one element that this whole tensor repeats, if it was broadcast from a single number.
  var broadcastScalar: Tensor? {
    guard shape.elementCount > 0 else { return nil }
    for axis in 0..<shape.rank where shape.extents[axis] != 1 && strides[axis] != 0 { return nil }
    return Tensor(
      TensorObject(
        shape: [], strides: Strides(repeating: 0), offset: offset, dtype: dtype, storage: storage, node: nil))
  }
}

/// The probabilities e^x / Σ e^x along `axis`; stable for any finite x, and each row sums to 1.
public func softmax(_ x: Tensor, axis: Int = -1) -> Tensor { alongLast(x, axis) { apply(Softmax(), [$0]) } }

/// The logarithm of ``softmax(_:axis:)``, without loss of precision where probabilities are tiny.
public func logSoftmax(_ x: Tensor, axis: Int = -1) -> Tensor { alongLast(x, axis) { apply(LogSoftmax(), [$0]) } }

private func alongLast(_ x: Tensor, _ axis: Int, _ function: (Tensor) -> Tensor) -> Tensor {
  let axis = x.axis(axis, "softmax")
  if axis == x.rank - 1 { return function(x) }
  return function(x.swappingAxes(axis, -1)).swappingAxes(axis, -1)
}

/// The cross-entropy of each row of `logits` (…, classes) with its integer label: ln Σ e^z - z_label, shape (…).
///
/// - Precondition: labels lie within 0..<classes.
package func softmaxCrossEntropyRows(_ logits: Tensor, labels: Tensor) -> Tensor {
  let labels = labels.dtype == .uint8 ? labels.cast(to: .int64) : labels
  let classes = logits.rank > 0 ? logits.shape[logits.rank - 1] : 0
  if labels.dtype.isInteger {
    requireLabels(labels, within: classes, operation: "softmaxCrossEntropy", place: "logits \(logits.shape)")
  }
  return apply(SoftmaxCrossEntropy(), [logits, labels])
}

/// Stops unless the integer labels are in 0..<classes.
/// - Parameter place: what has these classes.
package func requireLabels(_ labels: Tensor, within classes: Int, operation: String, place: String) {
  labels.backend.check(
    labels.cast(to: .int64).dense,
    IndexBounds(
      range: 0..<classes, operation: operation, subject: "label", place: "the \(classes) classes of \(place)"))
}
