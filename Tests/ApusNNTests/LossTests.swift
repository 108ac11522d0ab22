import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN

@Suite struct LossTests {
  // MARK: Reductions

  @Test func reductions() {
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

  @Test func targetsMayBeProbabilities() {
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

  // MARK: Losses by name

  @Test func lossesByName() {
    #expect(Loss.all.map(\.name) == ["softmaxCrossEntropy", "binaryCrossEntropy", "meanSquaredError"])
    for loss in Loss.all {
      #expect(Loss.named(loss.name)?.name == loss.name && Loss.named(loss.name)?.task == loss.task)
      #expect(loss.description == ".\(loss.name)")
    }
    #expect(Loss.named("hinge") == nil)
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

  // MARK: Mistakes

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
