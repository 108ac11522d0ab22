import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct LossTests {
  // MARK: Reductions

  @Test("C2, C14: losses of examples, their sum and their mean, the empirical risk") func reductions() {
    let (p, t) = (normal([4, 3], seed: 1), normal([4, 3], seed: 2))
    let labels = Tensor([0, 2, 1, 2] as [Int32])
    let losses: [(String, (LossReduction) -> Tensor, Shape)] = [
      ("mean squared error", { meanSquaredError(p, target: t, reduction: $0) }, [4, 3]),
      ("binary cross-entropy", { binaryCrossEntropy(logits: p, target: sigmoid(t), reduction: $0) }, [4, 3]),
      ("softmax, labels", { softmaxCrossEntropy(logits: p, labels: labels, reduction: $0) }, [4]),
      ("softmax, probabilities", { softmaxCrossEntropy(logits: p, target: softmax(t), reduction: $0) }, [4]),
    ]
    for (name, loss, shape) in losses {
      let each = loss(.none)
      #expect(each.shape == shape, "\(name)")
      let sum = each.doubles.reduce(0, +)
      #expect(loss(.sum).shape == [] && abs(loss(.sum).item - sum) < 1e-12, "\(name)")
      #expect(loss(.mean).shape == [] && abs(loss(.mean).item - sum / Double(each.count)) < 1e-12, "\(name)")
    }
    #expect(meanSquaredError(p, target: t).item == meanSquaredError(p, target: t, reduction: .mean).item)
  }

  // MARK: Values and gradients

  @Test func meanSquaredErrorOfKnownNumbers() {
    let (p, t) = (Tensor([[1.0, 2], [3, 5]]), Tensor([[0.0, 2], [5, 1]]))
    #expect(meanSquaredError(p, target: t, reduction: .none).doubles == [1, 0, 4, 16])
    #expect(meanSquaredError(p, target: t).item == 5.25)
    #expect(gradient(at: p) { meanSquaredError($0, target: t) }.doubles == [0.5, 0, -1, 2])
  }

  @Test func gradientsAreFiniteDifferences() {
    let (z, y) = (normal([4, 3], seed: 3), sigmoid(normal([4, 3], seed: 4)))
    let labels = Tensor([0, 2, 1, 2] as [Int32])
    let losses: [([Tensor]) -> Tensor] = [
      { meanSquaredError($0[0], target: $0[1], reduction: .none) },
      { binaryCrossEntropy(logits: $0[0], target: $0[1], reduction: .none) },
      { softmaxCrossEntropy(logits: $0[0], target: $0[1], reduction: .none) },
      { softmaxCrossEntropy(logits: $0[0], labels: labels, reduction: .none) + ($0[1] * 0).sum(axes: [1]) },
    ]
    for loss in losses {
      for report in [checkGradients(of: loss, at: [z, y]), checkSecondGradients(of: loss, at: [z, y])] {
        #expect(report.isPassed, "\(report)")
      }
    }
  }

  @Test(arguments: [DType.float32, .float64]) func stableAtExtremeLogits(dtype: DType) {
    func tensor(_ values: [Double], _ shape: Shape) -> Tensor { Tensor(values, shape: shape).cast(to: dtype) }
    let z = tensor([800, -800, 800, -800, 0], [5])
    let y = tensor([1, 0, 0, 1, 1], [5])
    let (_, dz) = valueWithGradient(at: z) { binaryCrossEntropy(logits: $0, target: y, reduction: .sum) }
    let losses = binaryCrossEntropy(logits: z, target: y, reduction: .none)
    #expect(difference(losses, [0, 0, 800, 800, 0.6931471805599453], 1e-7) == nil)
    #expect(difference(dz, [0, 0, 1, -1, -0.5], 1e-7) == nil)

    let logits = tensor([800, -800, 0, -800, 800, 0], [2, 3])
    for label in [0, 1, 2] {
      let labels = Tensor([Int32(label), Int32(label)])
      let expected = [[0.0, 1600, 800], [1600, 0, 800]].map { $0[label] }
      let hot = Tensor.oneHot(labels, classCount: 3, dtype: dtype)
      for loss in [
        softmaxCrossEntropy(logits: logits, labels: labels, reduction: .none),
        softmaxCrossEntropy(logits: logits, target: hot, reduction: .none),
      ] {
        #expect(difference(loss, expected, 1e-7) == nil, "label \(label)")
      }
      let dz = gradient(at: logits) { softmaxCrossEntropy(logits: $0, labels: labels, reduction: .sum) }
      let certain = tensor([1, 0, 0, 0, 1, 0], [2, 3]) - hot
      #expect(difference(dz, certain, 1e-7) == nil)
    }
  }

  @Test("C9: labels, one-hot rows and probabilities") func targetsMayBeProbabilities() {
    let z = normal([5, 4], seed: 5)
    let p = softmax(normal([5, 4], seed: 6))
    // -Σ t ln softmax(z), and its gradient softmax(z) - t.
    let expected = -(p * log(softmax(z))).sum(axes: [1])
    #expect(difference(softmaxCrossEntropy(logits: z, target: p, reduction: .none), expected, 1e-13) == nil)
    let dz = gradient(at: z) { softmaxCrossEntropy(logits: $0, target: p, reduction: .sum) }
    #expect(difference(dz, softmax(z) - p, 1e-13) == nil)
    let hot = Tensor.oneHot(Tensor([3, 0, 1, 1, 2] as [Int64]), classCount: 4, dtype: .float64)
    #expect(
      difference(
        softmaxCrossEntropy(logits: z, target: hot),
        softmaxCrossEntropy(logits: z, labels: Tensor([3, 0, 1, 1, 2] as [Int64])), 1e-14) == nil)

    let q = sigmoid(normal([5, 4], seed: 7))
    let naive = -(q * log(sigmoid(z)) + (1 - q) * log(1 - sigmoid(z)))
    #expect(difference(binaryCrossEntropy(logits: z, target: q, reduction: .none), naive, 1e-12) == nil)
    let dzq = gradient(at: z) { binaryCrossEntropy(logits: $0, target: q, reduction: .sum) }
    #expect(difference(dzq, sigmoid(z) - q, 1e-13) == nil)
  }

  @Test("C13: the most likely is the cheapest, and exp(-cost) is the likelihood") func likelihood() {
    let x = normal([12, 1], seed: 8)
    var random = RandomSource(seed: 9)
    let y = Tensor.randomBernoulli([12, 1], probability: 0.6, dtype: .float64, using: &random)
    var (costs, likelihoods): ([Double], [Double]) = ([], [])
    for w in stride(from: -2.0, through: 2, by: 0.25) {
      for b in stride(from: -2.0, through: 2, by: 0.25) {
        let z = dense([[w]], bias: [b])(x)
        let p = sigmoid(z).doubles
        // p(y | x) = ŷ^y (1 - ŷ)^(1 - y)
        let likelihood = zip(p, y.doubles).reduce(1) { $0 * ($1.1 == 1 ? $1.0 : 1 - $1.0) }
        let cost = binaryCrossEntropy(logits: z, target: y, reduction: .sum).item
        #expect(abs(_exp(-cost) / likelihood - 1) < 1e-12)
        costs.append(cost)
        likelihoods.append(likelihood)
      }
    }
    #expect(costs.firstIndex(of: costs.min()!) == likelihoods.firstIndex(of: likelihoods.max()!))
  }

  private func _exp(_ x: Double) -> Double { exp(Tensor(x)).item }

  // MARK: The notes

  @Test("N-14, C10: the snippet's sum of binary cross-entropies is not the categorical one") func snippet() {
    let (p, y) = (Tensor([[0.1, 0.7, 0.2]]), Tensor([[0.0, 1, 0]]))
    #expect(difference(categoricalCrossEntropy(probabilities: p, target: y), [0.356674944], 1e-9) == nil)
    let labels = Tensor([1] as [Int32])
    #expect(difference(categoricalCrossEntropy(probabilities: p, labels: labels), [0.356674944], 1e-9) == nil)
    let snippet = binaryCrossEntropy(
      probabilities: p, target: y, clamp: 1e-10...0.9999999, reduction: .none
    ).sum(axes: [1]).mean()
    #expect(difference(snippet, [0.685179011], 1e-9) == nil)
  }

  @Test("C11, E-34: the clamp, and 0 ln 0") func clamp() {
    let (p, y) = (Tensor([0.0, 1, 0, 1]), Tensor([0.0, 1, 1, 0]))
    #expect(binaryCrossEntropy(probabilities: p, target: y, reduction: .none).doubles == [0, 0, .infinity, .infinity])
    let clamped = binaryCrossEntropy(probabilities: p, target: y, clamp: 1e-10...0.9999999, reduction: .none)
    #expect(difference(clamped, [1e-10, 1e-7, 23.025850929940457, 16.11809565148467], 1e-8) == nil)
    let slope = gradient(at: p) { binaryCrossEntropy(probabilities: $0, target: y, clamp: 1e-10...0.9999999) }
    #expect(slope.doubles == [0, 0, 0, 0])
    let rows = Tensor([[0.0, 1], [0, 1]])
    let losses = categoricalCrossEntropy(
      probabilities: rows, target: Tensor([[0.0, 1], [1, 0]]), reduction: .none)
    #expect(losses.doubles == [0, .infinity])
    let certain = gradient(at: rows) {
      categoricalCrossEntropy(probabilities: $0, target: Tensor([[0.0, 1], [0, 1]]))
    }
    #expect(certain.doubles == [0, -0.5, 0, -0.5])
  }

  @Test("A7: the perceptron's gradient is -(y - ŷ) x") func perceptronRule() {
    let layer = dense([[0.5, -1]], bias: [0.25])
    let x = Tensor([[1.0, 1], [2, 0.5], [0, 0.25], [-1, 3]])
    let y = Tensor([[1.0], [0], [1], [0]])
    let decided = layer(x).doubles.map { $0 >= 0 ? 1.0 : 0 }
    #expect(decided == [0, 1, 1, 0], "both kinds of mistakes, and a tie")
    let (cost, gradients) = valueWithGradient(of: layer) { perceptronLoss($0(x), target: y, reduction: .sum) }
    let errors = zip(y.doubles, decided).map { $0 - $1 }
    let expected = -(Tensor([errors]) • x)
    #expect(difference(gradients[layer.weight]!, expected, 1e-15) == nil)
    #expect(difference(gradients[layer.bias!]!, [-errors.reduce(0, +)], 1e-15) == nil)
    #expect(cost.item == 0.25 + 0.75)
  }

  @Test("C3, C4: half the squared error has the gradient p - t") func halves() {
    let (p, t) = (Tensor([[1.0, 2], [3, 5]]), Tensor([[0.0, 2], [5, 1]]))
    #expect(halfMeanSquaredError(p, target: t).item == 2.625)
    let slope = gradient(at: p) { halfMeanSquaredError($0, target: t, reduction: .sum) }
    #expect(difference(slope, p - t, 0) == nil)
  }

  // MARK: Extremes

  @Test func huberAndSmoothL1AreOneFamily() {
    let (p, t) = (normal([50], seed: 21) * 4, normal([50], seed: 22))
    let huber = huberLoss(p, target: t, delta: 0.5, reduction: .none)
    #expect(difference(smoothL1Loss(p, target: t, beta: 0.5, reduction: .none), huber / 0.5, 1e-14) == nil)
    let squared = huberLoss(p, target: t, delta: 1e3, reduction: .none)
    #expect(difference(squared, halfMeanSquaredError(p, target: t, reduction: .none), 1e-15) == nil)
  }

  @Test func logCoshIsExactForSmallAndLarge() {
    let d = Tensor([0, 1e-6, -1e-6, 1e-3, 50, -800, 1e30])
    let zero = Tensor.zeros([7], dtype: .float64)
    let found = logCoshLoss(d, target: zero, reduction: .none).doubles
    let ln2 = 0.6931471805599453
    let expected = [
      0, 4.9999999999991667e-13, 4.9999999999991667e-13, 4.999999166666889e-07, 50 - ln2, 800 - ln2, 1e30,
    ]
    for (a, b) in zip(found, expected) { #expect(Swift.abs(a - b) <= 1e-13 * b, "\(a), expected \(b)") }
    let slopes = gradient(at: d) { logCoshLoss($0, target: zero, reduction: .sum) }.doubles
    #expect(slopes.allSatisfy { $0.isFinite } && slopes.last == 1)
  }

  @Test func cosineOfZeroRows() {
    let a = Tensor([[0.0, 0], [1, 0], [1, 1], [3, 4]])
    let b = Tensor([[1.0, 2], [5, 0], [-2, -2], [4, -3]])
    #expect(difference(cosineLoss(a, target: b, reduction: .none), [1, 0, 2, 1], 1e-15) == nil)
    #expect(gradient(at: a) { cosineLoss($0, target: b) }.doubles.allSatisfy { $0.isFinite })
  }

  // MARK: Losses by name

  @Test func lossesByName() {
    #expect(Loss.all.prefix(2).map(\.name) == ["softmaxCrossEntropy", "binaryCrossEntropy"])
    #expect(Set(Loss.all.map(\.name)).count == Loss.all.count)
    for loss in Loss.all {
      #expect(Loss.named(loss.name)?.name == loss.name && Loss.named(loss.name)?.task == loss.task)
      #expect(loss.description == ".\(loss.name)")
    }
    #expect(Loss.named("magic") == nil)
  }

  /// Labels in a vector stand for a column, and integers for numbers: never a (n, n) table by broadcasting.
  @Test func targetsFollowThePrediction() {
    let z = normal([3, 1], seed: 10)
    let labels = Tensor([1, 0, 1] as [Int32])
    let column = Tensor([[1.0], [0], [1]])
    #expect(
      difference(
        Loss.binaryCrossEntropy(z, target: labels), binaryCrossEntropy(logits: z, target: column), 0) == nil)
    let each = Loss.meanSquaredError(z, target: Tensor([1.0, 0, 1]), reduction: .none)
    #expect(difference(each, meanSquaredError(z, target: column, reduction: .none), 0) == nil)
    let rows = normal([3, 4], seed: 11)
    #expect(
      difference(
        Loss.softmaxCrossEntropy(rows, target: labels, reduction: .sum),
        softmaxCrossEntropy(logits: rows, labels: labels, reduction: .sum), 0) == nil)
  }

  @Test func labelsOfMargins() {
    let z = Tensor([[0.5], [-2], [0.25]])
    let labels = Tensor([1, 0, 0] as [Int32])
    let signs = Tensor([[1.0], [-1], [-1]])
    #expect(difference(Loss.hinge(z, target: labels), hingeLoss(z, target: signs), 0) == nil)
    #expect(difference(Loss.squaredHinge(z, target: labels), squaredHingeLoss(z, target: signs), 0) == nil)
    #expect(difference(Loss.huber(delta: 0.1)(z, target: signs), huberLoss(z, target: signs, delta: 0.1), 0) == nil)
  }

  @Test func settingsOfCrossEntropies() {
    let (rows, labels) = (normal([3, 4], seed: 11), Tensor([1, 0, 3] as [Int32]))
    let loss = Loss.softmaxCrossEntropy(labelSmoothing: 0.1, classWeights: [1, 2, 3, 4])
    let expected = softmaxCrossEntropy(
      logits: rows, labels: labels, labelSmoothing: 0.1, classWeights: Tensor([1.0, 2, 3, 4]))
    #expect(difference(loss(rows, target: labels), expected, 0) == nil && loss.task == .classification)
    let binary = Loss.binaryCrossEntropy(labelSmoothing: 0.2, positiveWeight: 3)
    let (z, y) = (normal([3, 1], seed: 12), Tensor([1, 0, 1] as [Int32]))
    let smooth = Tensor([[0.9], [0.1], [0.9]])
    let weighted = binaryCrossEntropy(logits: z, target: smooth, positiveWeights: Tensor(3.0))
    #expect(difference(binary(z, target: y), weighted, 1e-15) == nil)
  }

  // MARK: Mistakes

  @Test func weightsMustFit() async {
    let weights = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = meanSquaredError(.zeros([4, 3]), target: .zeros([4, 3]), weights: .zeros([3]))
    }
    #expect(
      standardError(of: weights).contains("weights of shape (3,) were found; expected (4, 3) or its leading axes"))
    let classes = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = softmaxCrossEntropy(
        logits: .zeros([4, 3]), labels: Tensor([0, 1, 2, 0] as [Int32]), classWeights: .ones([4]))
    }
    #expect(standardError(of: classes).contains("class weights of shape (4,) were found; expected (3,)"))
  }

  @Test func shapesMustAgree() async {
    let squared = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = meanSquaredError(.zeros([32, 1]), target: .zeros([32]))
    }
    #expect(
      standardError(of: squared).contains(
        "meanSquaredError: a prediction of shape (32, 1) and a target of shape (32,) differ"))
    let binary = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = binaryCrossEntropy(logits: .zeros([4, 1]), target: .zeros([4, 2]))
    }
    #expect(
      standardError(of: binary).contains(
        "binaryCrossEntropy: a prediction of shape (4, 1) and a target of shape (4, 2)"))
    let rows = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = softmaxCrossEntropy(logits: .zeros([4, 3]), target: .zeros([4, 2]))
    }
    #expect(
      standardError(of: rows).contains("softmaxCrossEntropy: a prediction of shape (4, 3) and a target of shape (4, 2)")
    )
    let labels = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = softmaxCrossEntropy(logits: .zeros([4, 3]), labels: Tensor([0, 1, 2] as [Int32]))
    }
    #expect(standardError(of: labels).contains("softmaxCrossEntropy") && standardError(of: labels).contains("(4, 3)"))
  }

  @Test func labelsMustBeClasses() async {
    let large = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = softmaxCrossEntropy(logits: .zeros([2, 3]), labels: Tensor([0, 3] as [Int32]))
    }
    #expect(standardError(of: large).contains("label 3 is outside the 3 classes"))
    let negative = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = softmaxCrossEntropy(logits: .zeros([2, 3]), labels: Tensor([-1, 0] as [Int32]))
    }
    #expect(standardError(of: negative).contains("label -1 is outside the 3 classes"))
  }
}
