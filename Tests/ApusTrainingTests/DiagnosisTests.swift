import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// What is found wrong, and what is not.
@Suite struct DiagnosisTests {
  private func kinds(_ findings: [Finding]) -> [Finding.Kind] { findings.map(\.kind) }

  /// Features around 1, targets between -2 and 2.
  private func numbers(_ count: Int = 64, targets: (Tensor) -> Tensor = { tanh($0) * 2 }) -> Dataset {
    var random = RandomSource(seed: 7)
    let x = Tensor.randomNormal([count, 6], using: &random)
    return Dataset("numbers", features: x, targets: targets(x[.all, 0..<1]), kind: .numbers(["y"]))
  }

  @Test func aSoundModelHasNoFindings() throws {
    let digits = try Dataset.digits()
    let scaled = digits.replacing(features: digits.features / 16)
    let model = withSeed(1) {
      Sequential([Dense(64, 32, activation: .relu), Dropout(0.2), Dense(32, 10)])
    }
    #expect(diagnose(model, loss: .softmaxCrossEntropy, data: scaled) == [])
    let regression = withSeed(1) { Sequential([Dense(6, 16, activation: .tanh), Dense(16, 1)]) }
    #expect(diagnose(regression, loss: .meanSquaredError, data: numbers()) == [])
  }

  // MARK: How it is built

  @Test("G14: two linear layers that touch are named") func linearCollapse() {
    let model = Sequential([Dense(6, 8), Sequential([Dropout(0.1), Dense(8, 4)]), ActivationLayer(.relu), Dense(4, 1)])
    let findings = diagnose(model, loss: .meanSquaredError)
    #expect(kinds(findings) == [.linearCollapse] && findings[0].layer == "1.1")
    #expect(findings[0].description.hasPrefix("layer 1.1: Dense(8, 4) follows Dense(6, 8) with no activation between"))
    // What it says is true: one layer with W = W₂W₁ and b = W₂b₁ + b₂ does the same.
    let (one, two) = (model[0] as! Dense, (model[1] as! Sequential)[1] as! Dense)
    one.bias!.value = .ones([8]) * 0.3
    let x = numbers().features
    let weight = two.weight.value • one.weight.value
    let bias = (one.bias!.value.reshaped([1, 8]) • two.weight.value.transposed()).reshaped([4]) + two.bias!.value
    #expect(abs(linear(x, weight: weight, bias: bias) - two(one(x))).max().item < 1e-5)
    // Nothing between them is wrong where there is something.
    for between in [ActivationLayer(.tanh), BatchNorm(8), PReLU()] as [any Layer] {
      #expect(diagnose(Sequential([Dense(6, 8), between, Dense(8, 1)]), loss: .meanSquaredError) == [])
    }
  }

  @Test("C12, E-11: a sigmoid or softmax head under a squared error is named") func squaredErrorOfProbability() {
    for loss in [Loss.meanSquaredError, .halfMeanSquaredError] {
      for activation in [Activation.sigmoid, .softmax] {
        let model = Sequential([Dense(6, 8, activation: .relu), Dense(8, 3, activation: activation)])
        let findings = diagnose(model, loss: loss)
        #expect(kinds(findings) == [.squaredErrorOfProbability] && findings[0].layer == "1")
        #expect(findings[0].sentence.contains("not convex") && findings[0].sentence.contains("use cross-entropy"))
      }
    }
    // Not where the sigmoid is inside, or the error is of the plain output.
    #expect(
      diagnose(Sequential([Dense(6, 8, activation: .sigmoid), Dense(8, 1)]), loss: .meanSquaredError) == [])
    #expect(diagnose(Dense(6, 1, activation: .sigmoid), loss: .meanAbsoluteError) == [])
  }

  @Test("C12: the squared error of a sigmoid is not convex, cross-entropy is") func convexity() {
    // One weight, x = 1, y = 1: the second derivative by the logit, from differences.
    func bend(_ loss: Loss, sigmoidHead: Bool, at z: Double) -> Double {
      func value(_ z: Double) -> Double {
        let logit = Tensor([[z]])
        return loss(sigmoidHead ? sigmoid(logit) : logit, target: Tensor([[1.0]])).item
      }
      let h = 1e-3
      return (value(z + h) - 2 * value(z) + value(z - h)) / (h * h)
    }
    let places = stride(from: -6.0, through: 6, by: 0.5)
    #expect(places.contains { bend(.halfMeanSquaredError, sigmoidHead: true, at: $0) < -1e-3 })
    #expect(places.allSatisfy { bend(.binaryCrossEntropy, sigmoidHead: false, at: $0) > 0 })
  }

  @Test("E-11: a - y is the slope of cross-entropy, not of the squared error of a sigmoid") func wrongPair() {
    let z = Tensor([[0.7], [-1.2]])
    let y = Tensor([[1.0], [0]])
    let a = sigmoid(z)
    func slope(_ loss: (Tensor) -> Tensor) -> Tensor { gradient(at: z) { loss($0) } }
    let crossEntropy = slope { binaryCrossEntropy(logits: $0, target: y, reduction: .sum) }
    let squared = slope { halfMeanSquaredError(sigmoid($0), target: y, reduction: .sum) }
    #expect(abs(crossEntropy - (a - y)).max().item < 1e-12)
    #expect(abs(squared - (a - y) * a * (1 - a)).max().item < 1e-12)
    #expect(abs(squared - (a - y)).min().item > 0.1)
  }

  @Test func appliedTwice() {
    let model = Sequential([Dense(6, 3), ActivationLayer(.softmax)])
    let findings = diagnose(model, loss: .softmaxCrossEntropy)
    #expect(kinds(findings) == [.appliedTwice] && findings[0].layer == "1")
    #expect(kinds(diagnose(Dense(6, 1, activation: .sigmoid), loss: .binaryCrossEntropy)) == [.appliedTwice])
  }

  @Test("G13: a ReLU head cannot reach negative targets") func unreachableTargets() {
    let model = withSeed(1) { Sequential([Dense(6, 16, activation: .tanh), Dense(16, 1, activation: .relu)]) }
    let findings = diagnose(model, loss: .meanSquaredError, data: numbers())
    #expect(
      kinds(findings) == [.unreachableTargets]
        && findings[0].sentence.contains("gives at least 0, but targets go from -1."))
    // For targets that are not negative it is the right choice.
    #expect(diagnose(model, loss: .meanSquaredError, data: numbers { square($0) }) == [])
    let squashed = Sequential([Dense(6, 1, activation: .tanh)])
    #expect(kinds(diagnose(squashed, loss: .meanSquaredError, data: numbers())) == [.unreachableTargets])
  }

  @Test("H3: the symmetry of equal weights is named, and lasts") func symmetry() throws {
    func model(_ first: Initializer?, _ second: Initializer?) -> Sequential {
      withSeed(1) { Sequential([Dense(6, 5, activation: .tanh, weights: first), Dense(5, 1, weights: second)]) }
    }
    let zero = model(.zeros, .zeros)
    let findings = diagnose(zero, loss: .meanSquaredError)
    #expect(kinds(findings) == [.symmetricUnits] && findings[0].layer == "0")
    #expect(findings[0].sentence.contains("all 5 units"))
    #expect(kinds(diagnose(model(.constant(0.3), .constant(0.1)), loss: .meanSquaredError)) == [.symmetricUnits])
    // The biases do not need it (notes), and random weights on one side are enough.
    #expect(diagnose(model(nil, nil), loss: .meanSquaredError) == [])
    #expect(diagnose(model(.zeros, nil), loss: .meanSquaredError) == [])
    // It lasts: equal after training, while random ones of the same size learn.
    let equal = model(.constant(0.3), .constant(0.1))
    let random = model(nil, nil)
    for network in [equal, random] {
      try Trainer(network, loss: .meanSquaredError, optimizer: Adam(learningRate: 0.02)).fit(
        numbers(), epochs: 30, batchSize: 16, progress: .silent)
    }
    #expect(kinds(diagnose(equal, loss: .meanSquaredError)) == [.symmetricUnits])
    let rows = equal.parameters[0].value
    #expect(abs(rows - rows[0..<1]).max().item == 0 && abs(rows).max().item > 0.31)
  }

  @Test func unscaledFeatures() throws {
    let (wine, _) = try Dataset.wine().split(testFraction: 0, seed: 1)
    let model = withSeed(1) { Sequential([Dense(13, 8, activation: .relu), Dense(8, 3)]) }
    let findings = diagnose(model, loss: .softmaxCrossEntropy, data: wine)
    #expect(findings.first?.kind == .unscaledFeatures && findings[0].sentence.contains("'proline'"))
    let scaled = try Preprocessing(fittedTo: wine)(wine)
    #expect(diagnose(model, loss: .softmaxCrossEntropy, data: scaled) == [])
  }

  // MARK: What is measured

  @Test("G15, H4: saturation for weights of deviation 0.01, 1 and 10") func saturation() throws {
    let data = numbers(256)
    func measure(_ deviation: Double, _ activation: Activation) throws -> (share: Double, slope: Double, [Finding]) {
      let weights = Initializer.normal(standardDeviation: deviation)
      let model = withSeed(2) {
        Sequential([Dense(6, 50, activation: activation, weights: weights), Dense(50, 1)])
      }
      let measured = LayerMeasurements(of: model, loss: .meanSquaredError, on: data)
      // What passes through, as a share of the largest slope.
      let z = linear(data.features, weight: model.parameters[0].value, bias: nil)
      let slope = gradient(at: z) { activation($0).sum() }
      let flat = (slope .< 0.05 * (activation == .sigmoid ? 0.25 : 1)).cast(to: .float32).mean().item
      let reading = try #require(measured.readings.first)
      let share = try #require(reading.saturatedShare)
      #expect(abs(share - flat) < 1e-3)
      return (share, slope.mean().item, measured.findings)
    }
    for activation in [Activation.tanh, .sigmoid] {
      let results = try [0.01, 1, 10].map { try measure($0, activation) }
      #expect(results[0].share == 0 && results[1].share > 0.05 && results[2].share > 0.8, "\(results.map(\.share))")
      // Large weights, flat part, slow learning.
      #expect(results[0].slope > 2 * results[2].slope && results[1].slope > results[2].slope)
      #expect(!kinds(results[0].2).contains(.saturation) && kinds(results[2].2).contains(.saturation))
    }
  }

  @Test("G16: dead units are counted") func deadUnits() throws {
    let biases = Tensor((0..<10).map { $0 < 7 ? Float(-1000) : 0 })
    let dense = withSeed(1) { Dense(6, 10, activation: .relu) }
    dense.bias!.value = biases
    let model = Sequential([dense, Dense(10, 1)])
    let measured = LayerMeasurements(of: model, loss: .meanSquaredError, on: numbers())
    #expect(measured.readings[0].deadUnits == 7 && measured.readings[0].unitCount == 10)
    #expect(measured.description.contains("7/10") && measured.readings[1].deadUnits == nil)
    #expect(kinds(measured.findings) == [.deadUnits] && measured.findings[0].sentence.hasPrefix("7 of the 10 units"))
    // They die for good: no gradient, so training does not revive them.
    let before = dense.weight.value[0..<7].floats
    try Trainer(model, loss: .meanSquaredError, optimizer: Adam(learningRate: 0.01)).fit(
      numbers(), epochs: 5, progress: .silent)
    #expect(dense.weight.value[0..<7].floats == before)
  }

  @Test("H5: gradient norms of layers; sigmoids let at most (1/4)⁴ through, ReLUs are the cure") func vanishing() throws
  {
    // Four units in a row with weights of 1.
    func slope(_ activation: Activation) -> Double {
      gradient(at: Tensor(0.1)) { x in (0..<4).reduce(x) { y, _ in activation(y) } }.item
    }
    #expect(slope(.sigmoid) <= 0.00390625 && slope(.sigmoid) > 0.002 && slope(.relu) == 1)
    func network(_ activation: Activation, _ depth: Int) -> Sequential {
      withSeed(4) {
        Sequential {
          Dense(6, 20, activation: activation)
          for _ in 0..<depth { Dense(20, 20, activation: activation) }
          Dense(20, 1)
        }
      }
    }
    let deep = LayerMeasurements(of: network(.sigmoid, 6), loss: .meanSquaredError, on: numbers())
    let cured = LayerMeasurements(of: network(.relu, 6), loss: .meanSquaredError, on: numbers())
    let (small, large) = (try #require(deep.gradientRatio), try #require(cured.gradientRatio))
    #expect(small < 1e-4 && large > 0.05, "\(small) \(large)")
    #expect(kinds(deep.findings) == [.vanishingGradient] && kinds(cured.findings) == [])
    #expect(deep.findings[0].sentence.contains("7 of them by at most 6.104e-05"), "\(deep.findings[0])")
    // The norms are those of the gradients.
    let data = numbers()
    let model = network(.sigmoid, 6)
    let (_, gradients) = valueWithGradient(of: model) { meanSquaredError($0(data.features), target: data.targets) }
    let norms = gradientNorms(of: model, loss: .meanSquaredError, on: data)
    #expect(norms.map(\.layer) == (0..<8).map(String.init))
    for (i, norm) in norms.enumerated() {
      let both = gradients.tensors[2 * i..<2 * i + 2].reduce(0) { $0 + square($1).sum().item }
      #expect(abs(norm.norm - both.squareRoot()) <= 1e-5 * norm.norm)
      #expect(abs(deep.readings[i].gradientNorm! - norm.norm) <= 1e-9 * norm.norm)
    }
  }

  // MARK: How it went

  @Test func thePlateauOfXORIsNamed() throws {
    // N-22: weights of deviation 0.01; the rate of one deck never leaves the plateau.
    func history(_ rate: Double, deviation: Double = 0.01, epochs: Int) throws -> History {
      let model = withSeed(1) {
        let small = Initializer.normal(standardDeviation: deviation)
        return Sequential([Dense(2, 4, activation: .tanh, weights: small), Dense(4, 1, weights: small)])
      }
      return try Trainer(model, loss: .binaryCrossEntropy, optimizer: SGD(learningRate: rate)).fit(
        try Dataset(named: "xor"), epochs: epochs, batchSize: .all, progress: .silent)
    }
    let stuck = try history(0.001, epochs: 500).findings()
    #expect(
      kinds(stuck) == [.plateau] && stuck[0].sentence.contains("has not moved in 500 epochs: it was 0.69314"),
      "\(stuck)")
    #expect(try history(1.2, deviation: 1, epochs: 2000).findings() == [])
  }

  @Test("I1, P4: the gap between training and validation is reported with numbers") func overfitting() throws {
    var random = RandomSource(seed: 5)
    func noise(_ count: Int) -> Dataset {
      Dataset(
        "noise", features: .randomNormal([count, 8], using: &random),
        targets: Tensor((0..<count).map { _ in Int32.random(in: 0..<2, using: &random) }), kind: .classes(["a", "b"]))
    }
    let (training, validation) = (noise(40), noise(200))
    let model = withSeed(2) { Sequential([Dense(8, 64, activation: .relu), Dense(64, 2)]) }
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy])
    let history = try trainer.fit(training, validation: validation, epochs: 150, progress: .silent)
    let findings = history.findings()
    #expect(kinds(findings) == [.overfitting] && findings[0].sentence.contains("high variance"))
    let last = try #require(history.epochs.last)
    let reading = BiasVarianceReading(
      trainingError: 1 - last.metrics["accuracy"]!, validationError: 1 - last.validationMetrics["accuracy"]!)
    #expect(!reading.isBiasHigh && reading.isVarianceHigh, "\(reading)")
    // Where there is something to learn, there is no gap.
    let sound = try Trainer(
      Small.network(2, 3), loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy]
    ).fit(Small.blobs(), validation: Small.blobs(count: 60), epochs: 30, progress: .silent)
    #expect(sound.findings() == [])
  }
}
