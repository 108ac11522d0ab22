import ApusTestSupport
import Foundation
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// The formulas of the lecture notes, written out, against layers and automatic differentiation.
@Suite struct NotesFormulasTests {
  @Test("G14: two linear layers are one") func linearCollapse() {
    let first = dense([[0.1, 0.2, -1], [-0.3, 0.4, 2]], bias: [0.5, -1])
    let second = dense([[0.7, -0.6], [0.5, 0.8], [3, 1]], bias: [0.1, -0.2, 4])
    let (w1, b1, w2, b2) = (first.weight.value, first.bias!.value, second.weight.value, second.bias!.value)
    let x = normal([20, 3], seed: 1)
    let collapsed = linear(x, weight: w2 • w1, bias: w2 • b1 + b2)
    let deep = Sequential([first, second])(x)
    #expect(difference(deep, collapsed, 1e-13) == nil)
    // Not so with an activation between them.
    let bent = Sequential([first, ActivationLayer(.tanh), second])(x)
    #expect(difference(bent, collapsed, 1e-2) != nil)
  }

  @Test("G8, E-13: PReLU, its slope at 0, the gradient of α, and α above 1") func learntSlope() {
    let layer = PReLU(dtype: .float64)
    let x = Tensor([-1, -0.5, 0, 0.7, 2] as [Double])
    #expect(layer(x).doubles == [-0.25, -0.125, 0, 0.7, 2])
    #expect(gradient(at: x) { layer($0).sum() }.doubles == [0.25, 0.25, 0.25, 1, 1])
    // ∂/∂α = x for x < 0, so α learns: a sum over the elements, and over each channel where it has one of its own.
    let (_, gradients) = valueWithGradient(of: layer) { $0(x).sum() }
    #expect(gradients[layer.slope]!.doubles == [-1.5])
    let channels = PReLU(2, dtype: .float64)
    let (_, each) = valueWithGradient(of: channels) { $0(Tensor([[-1.0, 3], [-2, -5]])).sum() }
    #expect(each[channels.slope]!.doubles == [-3, -5])
    SGD(learningRate: 0.1).update(layer, gradients)
    #expect(layer.slope.value.doubles == [0.4])
    // max(αx, x) would give 2 for α = 2 and x = 1.
    layer.slope.value = Tensor([2.0])
    #expect(layer(Tensor([1.0, -1])).doubles == [1, -2])
  }

  @Test("A2: the bias as a column of ones is the bias as a parameter") func biasColumn() {
    let (w, b, x) = (normal([4, 3], seed: 2), normal([4], seed: 3), normal([7, 3], seed: 4))
    let theta = concatenate([b.reshaped([4, 1]), w], axis: 1)
    let withOnes = concatenate([.ones([7, 1], dtype: .float64), x], axis: 1)
    #expect(difference(linear(withOnes, weight: theta), linear(x, weight: w, bias: b), 1e-14) == nil)
  }

  @Test("B4: dimensions of a network with n⁰ = 2, n¹ = 3, n² = 5") func dimensions() throws {
    let model = Sequential([Dense(2, 3), Dense(3, 5)])
    #expect(
      model.namedParameters.map { "\($0.name) \($0.parameter.shape)" } == [
        "0.weight (3, 2)", "0.bias (3,)", "1.weight (5, 3)", "1.bias (5,)",
      ])
    // (3, 1) = (3, 2)(2, 1) + (3, 1) and (5, 1) = (5, 3)(3, 1) + (5, 1), in columns.
    let a0 = Tensor.zeros([2, 1])
    let z1 = model.parameters[0].value • a0 + model.parameters[1].value.reshaped([3, 1])
    let z2 = model.parameters[2].value • z1 + model.parameters[3].value.reshaped([5, 1])
    #expect(z1.shape == [3, 1] && z2.shape == [5, 1])
    // In rows, as layers compute: one row for each example.
    let shapes = try model.summary(inputShape: [1, 2]).rows.map(\.outputShape)
    #expect(shapes == [[1, 3], [1, 5]])
    let all = (model.parameters.map(\.value) + [a0, z1, z2]).allSatisfy { $0.rank <= 2 }
    #expect(all)
  }

  @Test("B7: examples in columns and examples in rows") func conventions() {
    let (n, m, h) = (6, 3, 4)
    let x = normal([n, m], seed: 5)
    let layer = dense(rows(normal([h, m], seed: 6)), bias: normal([h], seed: 7).doubles, activation: .sigmoid)
    // [h × n] = [h × m] [n × m]ᵀ
    let columns = sigmoid(layer.weight.value • x.transposed() + layer.bias!.value.reshaped([h, 1]))
    #expect(columns.shape == [h, n])
    #expect(difference(layer(x), columns.transposed(), 1e-14) == nil)
  }

  private func rows(_ matrix: Tensor) -> [[Double]] { (0..<matrix.shape[0]).map { matrix[$0].doubles } }

  @Test("D1: forward, cost, backward and update, each by itself") func steps() {
    let model = dense([[0.5, -0.25]], bias: [0.1], activation: .sigmoid)
    let (x, y) = (Tensor([[2.0, 4]]), Tensor([[1.0]]))
    let a = model(x)
    let cost = binaryCrossEntropy(probabilities: a, target: y)
    let (value, gradients) = valueWithGradient(of: model) { binaryCrossEntropy(probabilities: $0(x), target: y) }
    #expect(value.item == cost.item && abs(cost.item - -log(a.item)) < 1e-15)
    // Nothing has changed until the update is asked for.
    #expect(model.weight.value.doubles == [0.5, -0.25] && model(x).item == a.item)
    SGD(learningRate: 0.1).update(model, gradients)
    let expected = [0.5 - 0.1 * (a.item - 1) * 2, -0.25 - 0.1 * (a.item - 1) * 4, 0.1 - 0.1 * (a.item - 1)]
    #expect(difference(model.weight.value, Array(expected[..<2]), 1e-15) == nil)
    #expect(difference(model.bias!.value, [expected[2]], 1e-15) == nil)
  }

  @Test("D6: da, dz = a - y, dw = x dz, db = dz of logistic regression") func logisticGradients() {
    let model = dense(rows(normal([1, 3], seed: 8)), bias: [0.3])
    for (i, y) in [0.0, 1, 1].enumerated() {
      let x = normal([1, 3], seed: 20 + UInt64(i))
      let z = model(x)
      let a = sigmoid(z)
      let target = Tensor([[y]])
      let da = gradient(at: a) { -(target * log($0) + (1 - target) * log(1 - $0)).sum() }
      #expect(difference(da, [-y / a.item + (1 - y) / (1 - a.item)], 1e-12) == nil)
      let dz = a - target
      #expect(difference(gradient(at: z) { binaryCrossEntropy(logits: $0, target: target) }, dz, 1e-14) == nil)
      let (_, gradients) = valueWithGradient(of: model) { binaryCrossEntropy(logits: $0(x), target: target) }
      #expect(difference(gradients[model.weight]!, x * dz.item, 1e-14) == nil)
      #expect(difference(gradients[model.bias!]!, [dz.item], 1e-14) == nil)
    }
  }

  /// The backward pass of the notes (columns are examples), with the slides' mistakes E-02 and E-03 put right.
  @Test(
    "D9: the vectorised backward pass is automatic differentiation",
    arguments: [[2, 4, 1], [3, 5, 5, 3, 1], [1, 1], [6, 1, 6, 2]], [1, 7])
  func vectorisedBackward(widths: [Int], m: Int) {
    let last = widths.count - 2
    let layers = (0...last).map { l in
      dense(
        rows(normal([widths[l + 1], widths[l]], seed: UInt64(30 + l))),
        bias: normal([widths[l + 1]], seed: UInt64(40 + l)).doubles, activation: l == last ? .identity : .tanh)
    }
    let model = Sequential(layers)
    let x = normal([m, widths[0]], seed: 50)
    let y = sigmoid(normal([m, widths[last + 1]], seed: 51))

    // Forward: Z = W A + b, A = g(Z).
    var a = [x.transposed()]
    for (l, layer) in layers.enumerated() {
      let z = layer.weight.value • a[l] + layer.bias!.value.reshaped([widths[l + 1], 1])
      a.append(l == last ? sigmoid(z) : tanh(z))
    }
    // Backward: dZ^[L] = A - Y; dW = 1/m dZ Aᵀ; db = 1/m Σ dZ; dZ^[l-1] = Wᵀ dZ ⊙ g'(Z).
    let (_, gradients) = valueWithGradient(of: model) {
      binaryCrossEntropy(logits: $0(x), target: y, reduction: .sum) / Double(m)
    }
    var dz = a[last + 1] - y.transposed()
    for l in (0...last).reversed() {
      let dw = (dz • a[l].transposed()) / Double(m)
      let db = dz.sum(axes: [1]) / Double(m)
      #expect(difference(gradients[layers[l].weight]!, dw, 1e-13) == nil, "dW of layer \(l + 1)")
      #expect(difference(gradients[layers[l].bias!]!, db, 1e-13) == nil, "db of layer \(l + 1)")
      dz = (layers[l].weight.value.transposed() • dz) * (1 - a[l] * a[l])
    }
  }

  @Test("D8: accumulating over the samples and dividing by m is the vectorised gradient") func accumulation() {
    let model = dense(rows(normal([2, 3], seed: 60)), bias: [0.1, 0.2])
    let (x, y) = (normal([6, 3], seed: 61), sigmoid(normal([6, 2], seed: 62)))
    func gradients(_ rows: Range<Int>) -> [Tensor] {
      valueWithGradient(of: model) {
        binaryCrossEntropy(logits: $0(x[rows]), target: y[rows], reduction: .sum)
      }.gradients.tensors
    }
    let sums = (0..<6).map { gradients($0..<$0 + 1) }.reduce([Tensor(0.0), Tensor(0.0)]) { zip($0, $1).map(+) }
    for (sum, whole) in zip(sums, gradients(0..<6)) { #expect(difference(sum / 6, whole / 6, 1e-14) == nil) }
  }

  @Test("A18: the logit undoes the sigmoid") func logOdds() {
    let z = Tensor.linearSpace(from: -15, to: 15, count: 301, dtype: .float64)
    let p = sigmoid(z)
    #expect(difference(log(p / (1 - p)), z, 1e-6) == nil)
  }

  @Test("N-25: four sigmoids in a row pass on at most (1/4)⁴ of a gradient") func vanishingGradient() {
    let chain = Sequential((0..<4).map { _ in dense([[1]], bias: [0], activation: .sigmoid) })
    let slope = gradient(at: Tensor([[0.3]])) { chain($0).sum() }.item
    #expect(slope > 0 && slope < 0.00390625)
    // Each at its steepest: the input 0 gives a half, which the next bias brings back to 0.
    let steepest = Sequential((0..<4).map { i in dense([[1]], bias: [i == 0 ? 0 : -0.5], activation: .sigmoid) })
    #expect(abs(gradient(at: Tensor([[0.0]])) { steepest($0).sum() }.item - 0.00390625) < 1e-15)
  }
}
