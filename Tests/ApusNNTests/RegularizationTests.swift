import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// Penalties on weights, in the notes' conventions (1.8), and constraints.
@Suite struct RegularizationTests {
  @Test("N-26, C15, I2, I3, I4: penalty and gradient of the elastic net") func elasticNet() {
    let regularizer = Regularizer(l1: 0.6, l2: 0.4, in: .perExample(10))
    let (penalty, gradient) = valueWithGradient(at: Tensor([2.0, -0.5, 0])) { regularizer($0) }
    #expect(difference(penalty, [0.16], 1e-15) == nil)
    #expect(difference(gradient, [0.11, -0.05, 0], 1e-15) == nil)
  }

  @Test("N-27, C15, I5: the norm of a matrix is Frobenius', not the spectral one") func frobenius() {
    let w = Tensor([[1.0, -2, 3], [0, 0.5, -1]])
    #expect(difference(Regularizer.l2(2)(w), [15.25], 1e-15) == nil)
    #expect(difference(square(w.norm()), [15.25], 1e-14) == nil)
    // The largest singular value, by powers of w wᵀ.
    var v = Tensor([1.0, 1])
    for _ in 0..<200 {
      let next = w • (w.transposed() • v.reshaped([2, 1]))
      v = (next / next.norm()).flattened()
    }
    let spectral = (w.transposed() • v.reshaped([2, 1])).norm()
    #expect(abs(spectral.item - 3.892428) < 1e-6 && abs(square(spectral).item - 15.151) < 1e-3)
  }

  @Test("N-28, I6: the penalty's gradient and weight decay give the same step") func weightDecay() {
    let (alpha, lambda, m, dw) = (0.1, 0.5, 10.0, 0.3)
    let layer = dense([[2]])
    let regularization = Regularization(of: layer, Regularizer(l2: lambda, in: .perExample(10)))
    let (_, gradients) = valueWithGradient(of: layer) { ($0.weight.value * dw).sum() + regularization.penalty }
    SGD(learningRate: alpha).update(layer, gradients)
    #expect(difference(layer.weight.value, [1.96], 1e-15) == nil)
    #expect(abs(2 * (1 - alpha * lambda / m) - alpha * dw - 1.96) < 1e-15)
  }

  @Test("I7, E-15: one number in every convention") func conventions() {
    let regularizer = Regularizer(l1: 0.6, l2: 0.4, in: .perExample(10))
    #expect(regularizer == .elasticNet(l1: 0.03, l2: 0.04))
    let keras = regularizer.coefficients(in: .plain)
    #expect(keras == (0.03, 0.02) && Regularizer(l1: keras.l1, l2: keras.l2, in: .plain) == regularizer)
    let notes = regularizer.coefficients(in: .perExample(10))
    #expect(abs(notes.l1 - 0.6) < 1e-15 && abs(notes.l2 - 0.4) < 1e-15)
    #expect(
      "\(Regularizer.l1(0.1)) \(Regularizer.l2(0.2)) \(regularizer)"
        == ".l1(0.1) .l2(0.2) .elasticNet(l1: 0.03, l2: 0.04)")
  }

  @Test("N-15, C16: the cost of a mini-batch of 1000") func costOfABatch() {
    let (model, x) = (dense([[0.5, -1]]), normal([1000, 2], seed: 1))
    let y = normal([1000, 1], seed: 2)
    let lambda = 3.0
    let losses = meanSquaredError(model(x), target: y, reduction: .none)
    let regularization = Regularization(of: model, Regularizer(l2: lambda, in: .perExample(1000)))
    let cost = meanSquaredError(model(x), target: y) + regularization.penalty
    let expected = losses.sum().item / 1000 + lambda / (2 * 1000) * (0.25 + 1)
    #expect(abs(cost.item - expected) < 1e-14)
  }

  @Test("I5: weights, not biases; a layer may have its own") func whatIsRegularised() {
    let model = Sequential([Dense(2, 3, dtype: .float64), BatchNorm(3, dtype: .float64), Dense(3, 1, dtype: .float64)])
    var regularization = Regularization(of: model, .l2(0.1))
    let first = model[0] as! Dense
    let last = model[2] as! Dense
    #expect(model.parameters.filter { regularization[$0] != nil } == [first.weight, last.weight])
    regularization.set(.l1(0.5), for: last)
    #expect(regularization[last.weight] == .l1(0.5) && regularization[first.weight] == .l2(0.1))
    let expected = 0.05 * square(first.weight.value).sum() + 0.5 * abs(last.weight.value).sum()
    #expect(difference(regularization.penalty, expected, 1e-14) == nil)
    regularization.set(nil, for: model)
    #expect(regularization.isEmpty && regularization.penalty.item == 0)
    regularization.set(.l2(2), for: first.bias!)
    #expect(regularization[first.bias!] == .l2(2))
  }

  /// Least squares with L1: the weights of columns that say nothing become as good as 0, with L2 they do not.
  @Test("I2: L1 makes weights sparse") func sparsity() {
    let x = normal([200, 8], seed: 5)
    let y = x • Tensor([3.0, -2, 0, 0, 0, 0, 0, 0], shape: [8, 1]) + normal([200, 1], seed: 6) * 0.5
    func weights(_ regularizer: Regularizer) -> [Double] {
      let layer = dense([[0, 0, 0, 0, 0, 0, 0, 0]])
      let regularization = Regularization(of: layer, regularizer)
      for step in 0..<4000 {
        let (_, gradients) = valueWithGradient(of: layer) {
          meanSquaredError($0(x), target: y) + regularization.penalty
        }
        SGD(learningRate: step < 1000 ? 0.05 : step < 2000 ? 5e-3 : 2e-3).update(layer, gradients)
      }
      return layer.weight.value.doubles
    }
    let (lasso, ridge) = (weights(.l1(0.3)), weights(.l2(0.3)))
    #expect(lasso.dropFirst(2).allSatisfy { abs($0) < 2e-3 } && lasso[0] > 2.5)
    #expect(ridge.dropFirst(2).filter { abs($0) > 5e-3 }.count >= 4)
    // The minimum of L1: the loss's gradient is λ sign w where w is not 0 (the conditions of Karush, Kuhn and Tucker).
    let w = Tensor(lasso, shape: [1, 8])
    let slope = gradient(at: w) { meanSquaredError(linear(x, weight: $0), target: y) }.doubles
    #expect(abs(slope[0] + 0.3) < 2e-3 && abs(slope[1] - 0.3) < 2e-3)
    #expect(slope.dropFirst(2).allSatisfy { abs($0) < 0.3 })
  }

  // MARK: Constraints

  @Test func maxNormShortensLongRows() {
    let layer = dense([[3, 4], [0.3, 0.4], [0, 0]], bias: [9, 9, 9])
    WeightConstraint.maxNorm(1).apply(to: layer)
    #expect(difference(layer.weight.value, [0.6, 0.8, 0.3, 0.4, 0, 0], 1e-15) == nil)
    #expect(layer.bias!.value.doubles == [9, 9, 9])
    let images = Parameter(normal([4, 3, 2, 2], seed: 1))
    WeightConstraint.maxNorm(0.5).apply(to: images)
    #expect(difference(images.value.norm(axes: [1, 2, 3]), [0.5, 0.5, 0.5, 0.5], 1e-15) == nil)
  }

  @Test func otherConstraints() {
    let layer = dense([[3, -4], [0, 0]])
    WeightConstraint.unitNorm.apply(to: layer)
    #expect(difference(layer.weight.value, [0.6, -0.8, 0, 0], 1e-15) == nil)
    WeightConstraint.nonNegative.apply(to: layer)
    #expect(difference(layer.weight.value, [0.6, 0, 0, 0], 1e-15) == nil)
    layer.weight.isTrainable = false
    layer.weight.value = Tensor([[-1.0, 0], [0, 0]])
    WeightConstraint.nonNegative.apply(to: layer)
    #expect(layer.weight.value.doubles[0] == -1, "a frozen weight changed")
  }

  @Test func constraintsAndPenaltiesInPrograms() throws {
    func run(isEager: Bool) throws -> [Float] {
      let model = withSeed(3) { Sequential([Dense(3, 70, activation: .tanh), Dense(70, 2)]) }
      let regularization = Regularization(of: model, .elasticNet(l1: 1e-3, l2: 1e-2))
      let optimizer = Adam(learningRate: 0.05)
      let step = Program("step", isEager: isEager) { x in
        let (cost, gradients) = valueWithGradient(of: model) {
          meanSquaredError($0(x[0]), target: x[1]) + regularization.penalty
        }
        optimizer.update(model, gradients)
        WeightConstraint.maxNorm(0.7).apply(to: model)
        return [cost]
      }
      let (x, y) = (normal([16, 3], seed: 8).cast(to: .float32), normal([16, 2], seed: 9).cast(to: .float32))
      var costs: [Float] = []
      for _ in 0..<20 { costs += try step([x, y])[0].floats }
      if !isEager { #expect(!step.description.contains("operation by operation"), "\(step.description)") }
      return costs + model.parameters.flatMap { $0.value.floats }
    }
    #expect(try run(isEager: false) == run(isEager: true))
  }
}
