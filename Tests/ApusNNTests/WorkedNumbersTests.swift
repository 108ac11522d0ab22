import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

/// The worked numbers of the lecture notes, through the real layers and losses, in float64.
@Suite struct WorkedNumbersTests {
  // MARK: Neurons

  @Test("N-01: a neuron of three inputs, its bias as x₀ = 1") func neuron() {
    let neuron = dense([[4, 0, 0.5]], activation: .sigmoid)
    let x = Tensor([[1.0, 3, 5]])
    #expect(difference(linear(x, weight: neuron.weight.value), [6.5], 1e-12) == nil)
    #expect(difference(neuron(x), [0.998498817743263], 1e-12) == nil)
    // The same with the bias as a parameter of its own.
    let separate = dense([[0, 0.5]], bias: [4], activation: .sigmoid)
    #expect(difference(separate(Tensor([[3.0, 5]])), [0.998498817743263], 1e-12) == nil)
  }

  @Test("N-02: a 2-2-1 network whose neurons all are θ = (0, 1), b = 0") func network() {
    let hidden = dense([[0, 1], [0, 1]], bias: [0, 0], activation: .sigmoid)
    let output = dense([[0, 1]], bias: [0], activation: .sigmoid)
    let x = Tensor([[1.0, 3]])
    #expect(difference(hidden(x), [0.952574126822433, 0.952574126822433], 1e-12) == nil)
    #expect(difference(Sequential([hidden, output])(x), [0.721632560951842], 1e-12) == nil)
    // One neuron, used three times.
    let neuron = dense([[0, 1]], bias: [0], activation: .sigmoid)
    let both = concatenate([neuron(x), neuron(x)], axis: 1)
    #expect(difference(neuron(both), [0.721632560951842], 1e-12) == nil)
  }

  @Test("N-03: the slide's 0.7 is 0.6986, rounded") func roundedSlide() {
    let z = dense([[0.5, 0.1, 0.0058]], bias: [0.2])(Tensor([[0.4, 2, 17]]))
    #expect(difference(z, [0.6986], 1e-12) == nil)
    #expect(difference(z, [0.7], 1e-3) != nil)
  }

  @Test("N-04: ReLU of it") func reluOfPositive() {
    let neuron = dense([[0.5, 0.1, 0.0058]], bias: [0.2], activation: .relu)
    #expect(difference(neuron(Tensor([[0.4, 2, 17]])), [0.6986], 1e-12) == nil)
    #expect(difference(Activation.relu(Tensor([0.7, -0.7])), [0.7, 0], 0) == nil)
  }

  @Test("N-05: the loss of ŷ = 0.45 for y = 1, with the natural logarithm") func lossOfOneExample() {
    let z = log(Tensor([0.45 / 0.55]))
    let (loss, dz) = valueWithGradient(at: z) { binaryCrossEntropy(logits: $0, target: Tensor([1.0]), reduction: .sum) }
    #expect(difference(loss, [0.798507696217772], 1e-12) == nil)
    #expect(difference(dz, [-0.55], 1e-12) == nil)
    // The decision at one half says "skip", although the truth is "go".
    #expect(difference(sigmoid(z), [0.45], 1e-12) == nil && z.item < 0)
  }

  @Test("N-06: the inner product") func innerProduct() {
    #expect(dot(Tensor([1.0, 2, 3]), Tensor([4.0, 1, 3])).item == 15)
  }

  @Test("N-07, C8: cross-entropy of several units") func severalUnits() {
    let a = Tensor([[0.1, 0.9, 0.3]])
    let z = log(a / (1 - a))
    let y = Tensor([[0.0, 1, 0]])
    let terms = binaryCrossEntropy(logits: z, target: y, reduction: .none)
    #expect(difference(terms, [0.105360516, 0.105360516, 0.356674944], 1e-9) == nil)
    #expect(difference(binaryCrossEntropy(logits: z, target: y, reduction: .sum), [0.567395975], 1e-9) == nil)
    #expect(difference(binaryCrossEntropy(logits: z, target: y), [0.189131992], 1e-9) == nil)
  }

  @Test(
    "N-10, B5, B6: parameter counts",
    arguments: [
      ([3, 5, 5, 3, 1], 72), ([3, 3, 3], 24), ([1000, 100, 10], 101_110), ([784, 300, 10], 238_510), ([2, 3], 9),
      ([3, 5], 20),
    ])
  func parameterCounts(widths: [Int], count: Int) throws {
    let model = Sequential(zip(widths, widths.dropFirst()).map { Dense($0, $1) })
    #expect(model.parameterCount == count)
    let summary = try model.summary(inputShape: [1, widths[0]])
    #expect(summary.parameterCount == count && summary.rows.map(\.parameterCount).reduce(0, +) == count)
  }

  // MARK: Products

  @Test("N-11: a matrix product") func matrixProduct() {
    let product = Tensor([[1.0, 2, 1], [0, 1, 0], [2, 3, 4]]) • Tensor([[2.0, 5], [6, 7], [1, 8]])
    #expect(difference(product, Tensor([[15.0, 27], [6, 7], [26, 63]]), 0) == nil)
  }

  @Test("N-12: matrix times column is one sum for each row") func matrixTimesColumn() {
    let w = normal([3, 3], seed: 1)
    let v = normal([3], seed: 2)
    let (m, x) = (w.doubles, v.doubles)
    let sums = (0..<3).map { m[3 * $0] * x[0] + m[3 * $0 + 1] * x[1] + m[3 * $0 + 2] * x[2] }
    let layer = dense((0..<3).map { Array(m[3 * $0..<3 * $0 + 3]) })
    #expect(difference(layer(v.reshaped([1, 3])), sums, 1e-14) == nil)
    #expect(difference(w • v.reshaped([3, 1]), Tensor(sums, shape: [3, 1]), 1e-14) == nil)
  }

  @Test("N-13: ones plus a range") func onesPlusRange() {
    let sum = Tensor.ones([2, 3]) + Tensor.range(1..<7).reshaped([2, 3]).cast(to: .float32)
    #expect(difference(sum, Tensor([[2.0, 3, 4], [5, 6, 7]]), 0) == nil)
  }

  // MARK: Gradients

  @Test("N-16, D4: logistic least squares of one number") func logisticLeastSquares() {
    let model = dense([[0.5]], bias: [0.1], activation: .sigmoid)
    let x = Tensor([[2.0]])
    let t = Tensor([[1.0]])
    #expect(difference(linear(x, weight: model.weight.value, bias: model.bias?.value), [1.1], 1e-15) == nil)
    #expect(difference(model(x), [0.750260106], 1e-9) == nil)
    let (loss, gradients) = valueWithGradient(of: model) { meanSquaredError($0(x), target: t, reduction: .sum) * 0.5 }
    #expect(difference(loss, [0.031185007], 1e-9) == nil)
    #expect(difference(gradients[model.weight]!, [-0.093587468], 1e-9) == nil)
    #expect(difference(gradients[model.bias!]!, [-0.046793734], 1e-9) == nil)
    // By hand: ∂w = (ŷ - t) ŷ (1 - ŷ) x.
    let y = model(x).item
    #expect(difference(gradients[model.weight]!, [(y - 1) * y * (1 - y) * 2], 1e-15) == nil)
  }

  @Test("N-17, C5, D5: a network of two outputs, all gradients") func twoOutputs() throws {
    let first = dense([[0.1, 0.2], [-0.3, 0.4]], bias: [0.05, -0.05], activation: .sigmoid)
    let second = dense([[0.7, -0.6], [0.5, 0.8]], bias: [0.1, -0.2])
    let (x, t) = (Tensor([[1.0, 2]]), Tensor([[1.0, 0]]))
    func half(_ y: Tensor) -> Tensor { meanSquaredError(y, target: t, reduction: .sum) * 0.5 }

    let z = linear(x, weight: first.weight.value, bias: first.bias?.value)
    let h = first(x)
    let y = second(h)
    #expect(difference(z, [0.55, 0.45], 1e-12) == nil)
    #expect(difference(h, [0.634135591, 0.610639234], 1e-9) == nil)
    #expect(difference(y, [0.177511374, 0.605579183], 1e-9) == nil)

    let (loss, gradients) = valueWithGradient(of: Sequential([first, second])) { half($0(x)) }
    #expect(difference(loss, [0.521606844], 1e-9) == nil)
    #expect(difference(gradient(at: y) { half($0) }, [-0.822488626, 0.605579183], 1e-9) == nil)
    #expect(difference(gradient(at: h) { half(second($0)) }, [-0.272952, 0.977957], 1e-6) == nil)
    #expect(difference(gradient(at: z) { half(second(sigmoid($0))) }, [-0.063327, 0.232518], 1e-6) == nil)
    let (dW1, dW2) = (try #require(gradients[first.weight]), try #require(gradients[second.weight]))
    #expect(difference(dW2, [-0.521569, -0.502244, 0.384019, 0.369790], 1e-6) == nil)
    #expect(difference(dW1, [-0.063327, -0.126654, 0.232518, 0.465036], 1e-6) == nil)
    #expect(difference(gradients[second.bias!]!, [-0.822488626, 0.605579183], 1e-9) == nil)
    #expect(difference(gradients[first.bias!]!, [-0.063327, 0.232518], 1e-6) == nil)
  }

  @Test("N-18: logistic regression") func logisticRegression() {
    let model = dense([[0.5, -0.25]], bias: [0.1])
    let (x, y) = (Tensor([[2.0, 4]]), Tensor([[1.0]]))
    let z = model(x)
    #expect(difference(z, [0.1], 1e-15) == nil)
    #expect(difference(sigmoid(z), [0.524979187], 1e-9) == nil)
    let da = gradient(at: sigmoid(z)) { a in -(y * log(a) + (1 - y) * log(1 - a)).sum() }
    #expect(difference(da, [-1.904837418], 1e-9) == nil)
    let dz = gradient(at: z) { binaryCrossEntropy(logits: $0, target: y) }
    #expect(difference(dz, [-0.475020813], 1e-9) == nil)
    let (_, gradients) = valueWithGradient(of: model) { binaryCrossEntropy(logits: $0(x), target: y) }
    #expect(difference(gradients[model.weight]!, [-0.950041625, -1.900083250], 1e-9) == nil)
    #expect(difference(gradients[model.bias!]!, [-0.475020813], 1e-9) == nil)
  }

  @Test("N-18b, C7: cross-entropy at a logit of -800", arguments: [DType.float32, .float64])
  func extremeLogit(dtype: DType) {
    let (z, y) = (Tensor([-800.0]).cast(to: dtype), Tensor([1.0]).cast(to: dtype))
    let (loss, dz) = valueWithGradient(at: z) { binaryCrossEntropy(logits: $0, target: y) }
    #expect(loss.item == 800 && dz.item == -1)
    #expect((-log(sigmoid(z))).item == .infinity, "the naive formula would do as well")
  }

  // MARK: Softmax

  @Test("N-19: softmax regression of K - 1 weight vectors is the full one with w_K = 0") func softmaxRegression() {
    let scores = Tensor([1.0, 2])
    let exponentials = exp(scores)
    let total = 1 + exponentials.sum()
    let reduced = concatenate([exponentials / total, (1 / total).reshaped([1])])
    #expect(difference(reduced, [0.244728471, 0.665240956, 0.090030573], 1e-9) == nil)
    let full = softmax(concatenate([scores, Tensor([0.0])]))
    #expect(difference(full, reduced, 1e-15) == nil)
    #expect(abs(full.sum().item - 1) < 1e-15)
  }

  @Test("N-19b: softmax of large scores") func largeScores() {
    let scores = Tensor([1000.0, 1001])
    #expect(difference(softmax(scores), [0.268941421, 0.731058579], 1e-9) == nil)
    #expect((exp(scores) / exp(scores).sum()).doubles.allSatisfy { $0.isNaN }, "the naive formula would do as well")
  }
}
