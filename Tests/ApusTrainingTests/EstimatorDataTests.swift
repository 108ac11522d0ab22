import Apus
import ApusTestSupport
import Testing

/// The notes' small problems, by the estimators.
@Suite("The notes' data, learnt") struct EstimatorDataTests {
  // MARK: Houses

  @Test("N-09, A13, A14: the cost of no knowledge, and the smallest weights that explain the houses") func houses()
    throws
  {
    let data = Dataset.houses(hasBias: true)
    let descent = try LinearRegression(solver: .gradientDescent(learningRate: 1e-6, steps: 2), hasBias: false).fitted(
      to: data)
    // J(0) = 1/(2m) Σ y², with targets that float32 rounds.
    #expect(abs(descent.history[0] - 2.76) < 1e-6 && descent.history[1] < descent.history[0] && descent.bias.item == 0)
    // Four rows, five parameters: there are exact solutions, and this is the one of least norm.
    let model = try LinearRegression(solver: .leastNorm, hasBias: false).fitted(to: data)
    let expected = [-0.25374006, 0.0032687, -0.20415517, 1.62437666, -0.09955676]
    #expect(zip(model.weights!.doubles, expected).allSatisfy { abs($0 - $1) < 1e-6 })
    #expect(model.history[0] < 1e-20 && model.weights!.count == 5)
    // A weight vector plus any that the data do not see is as good and longer.
    #expect {
      try LinearRegression(hasBias: false).fitted(to: data)
    } throws: { "\($0)".contains("the weights are not determined") }
  }

  @Test("A13: with a column given twice the weight is shared; otherwise least norm is least squares") func leastNorm()
    throws
  {
    var random = RandomSource(seed: 3)
    let x = Tensor.randomNormal([30, 3], dtype: .float64, using: &random)
    let y = x • Tensor([[1.0], [-2], [0.5]]) + 4 + 0.1 * Tensor.randomNormal([30, 1], dtype: .float64, using: &random)
    let data = Dataset("x", features: x, targets: y, kind: .numbers(["y"]))
    let plain = try LinearRegression().fitted(to: data)
    let least = try LinearRegression(solver: .leastNorm).fitted(to: data)
    #expect(least.weights!.doubles == plain.weights!.doubles && least.bias.item == plain.bias.item)
    let twice = Dataset("x", features: concatenate([x, x[.all, 0..<1]], axis: 1), targets: y, kind: .numbers(["y"]))
    let shared = try LinearRegression(solver: .leastNorm).fitted(to: twice)
    let w = plain.weights!.doubles
    #expect(firstDifference(shared.weights!.doubles, [w[0] / 2, w[1], w[2], w[0] / 2], tolerance: 1e-10) == nil)
    #expect(abs(shared.bias.item - plain.bias.item) < 1e-10)
    // Weights of examples count here too: a weight of 2 is the example twice.
    let doubled = twice.selecting(Array(0..<30) + [4])
    var weighted = LinearRegression(solver: .leastNorm)
    try weighted.fit(twice, sampleWeights: (0..<30).map { $0 == 4 ? 2 : 1 })
    let repeated = try LinearRegression(solver: .leastNorm).fitted(to: doubled)
    #expect(firstDifference(weighted.weights!.doubles, repeated.weights!.doubles, tolerance: 1e-10) == nil)
  }

  @Test("A13: gradient descent needs features of one scale: 3000 dwarfs 5 and 3") func scales() throws {
    let data = Dataset.houses()
    let steps = 3000
    func cost(_ data: Dataset, _ rate: Double) -> Double {
      let model = try? LinearRegression(solver: .gradientDescent(learningRate: rate, steps: steps)).fitted(to: data)
      return model?.history.last ?? .infinity
    }
    // The rate that suits scaled features makes the others diverge; one that does not leaves them almost where they began.
    let scaled = try Preprocessing(fittedTo: data.asTrainingPart())(data.asTrainingPart())
    #expect(cost(scaled, 0.1) < 1e-4)
    #expect(cost(data, 0.1) == .infinity)
    #expect(cost(data, 1e-5) > 0.02)
  }

  @Test("A15: the head decides: a number, or whether it is affordable") func affordable() throws {
    let data = Dataset.houses().asTrainingPart()
    let x = try Preprocessing(fittedTo: data)(data).features
    let (price, decision) = (
      withSeed(1) { Sequential.dense([4, 1]) }, withSeed(1) { Sequential.dense([4, 1], output: .sigmoid) }
    )
    // The same weights; the sigmoid alone differs.
    let (z, a) = (price(x).doubles, decision(x).doubles)
    #expect(firstDifference(a, sigmoid(Tensor(z)).doubles, tolerance: 1e-6) == nil)
    #expect(a.allSatisfy { $0 > 0 && $0 < 1 })
    // "Can we afford it", up to 1.5, is learnt from size, bedrooms, floors and age.
    let labels = Tensor(data.targets.doubles.map { $0 <= 1.5 ? 1 : 0 } as [Int32])
    let question = Dataset("houses", features: x, targets: labels, kind: .classes(["no", "yes"]))
    #expect(try LogisticRegression().fitted(to: question).predict(x).ints == [1, 1, 0, 0])
  }

  // MARK: Depth

  @Test("A23: networks from lists of widths; the summary counts layers both ways", arguments: [0, 1, 2, 5])
  func depths(hidden: Int) throws {
    let network = Sequential.dense([3] + Array(repeating: 4, count: hidden) + [1], activation: .tanh)
    #expect(network.layers.count == hidden + 1)
    let text = try network.summary(inputShape: [1, 3]).description
    let layers = "\(hidden + 1) \(hidden == 0 ? "layer" : "layers") with parameters (\(hidden + 2) counting the input)"
    #expect(text.contains(layers), "\(text)")
    #expect(network.layers.dropLast().allSatisfy { ($0 as? Dense)?.activation == .tanh })
    #expect((network.layers.last as? Dense)?.activation == .identity)
  }

  // MARK: Rules

  @Test("A19: the perceptron's and the logistic update are −(y − ŷ)x, through the same call") func sameRule() throws {
    let x = Tensor([[0.5, -1.5, 2]])
    for (label, bias) in [(0.0, 0.3), (1, 0.3), (0, -2), (1, -2), (1, -0.75), (0, 3)] {
      for (loss, activation) in [(Loss.perceptron, Activation.step), (.binaryCrossEntropy, .sigmoid)] {
        let layer = Dense(3, 1, weights: .constant(0.25), biases: .constant(bias), dtype: .float64)
        let (_, gradients) = valueWithGradient(of: layer) { loss($0(x), target: Tensor([label])) }
        let guess = activation(layer(x)).item
        let expected = x.doubles.map { -(label - guess) * $0 }
        let found = try #require(gradients[layer.weight])
        #expect(firstDifference(found.doubles, expected, tolerance: 1e-12) == nil, "\(loss) \(label) \(bias)")
        #expect(try abs(#require(gradients[layer.bias!]).item + (label - guess)) < 1e-12)
      }
    }
  }

  @Test("A10: the perceptron changes after examples, an Adaline after the whole set: both histories say so")
  func updates() throws {
    let data = try Dataset(named: "and")
    let perceptron = try Perceptron().fitted(to: data)
    #expect(perceptron.history == [2, 3, 3, 2, 1, 0])
    #expect(perceptron.losses.count == 6 && perceptron.losses.last == 0 && perceptron.losses[1] > 0)
    let (batch, single) = (
      try Adaline(learningRate: 0.1, epochs: 6).fitted(to: data),
      try Adaline(learningRate: 0.1, epochs: 6, update: .perSample).fitted(to: data)
    )
    #expect(batch.updateCount == 6 && single.updateCount == 24 && batch.history.count == single.history.count)
  }

  @Test("A17: a probability of exactly one half is decided as 1") func halves() throws {
    // Of XOR a line knows nothing: p = ½ everywhere.
    let data = try Dataset(named: "xor")
    let model = try LogisticRegression().fitted(to: data)
    #expect(try model.predictProbability(data.features).doubles == [0.5, 0.5, 0.5, 0.5])
    #expect(try model.predict(data.features).ints == [1, 1, 1, 1])
    #expect(try model.predict(data.features, threshold: 0.5).ints == [1, 1, 1, 1])
    #expect(try model.predict(data.features, threshold: 0.5001).ints == [0, 0, 0, 0])
  }

  // MARK: Sample weights

  @Test("a multi-layer perceptron's example of weight k is as good as k examples") func weightedExamples() throws {
    var settings = MLPSettings()
    settings.hidden = [5]
    settings.activation = .tanh
    settings.epochs = 40
    settings.optimizer = { SGD(learningRate: 0.1) }
    // Whole batches, so that the order does not matter.
    settings.batchSize = 1000
    let data = try Dataset(named: "playground-gauss-50", seed: 1).selecting((0..<30).map { $0 * 16 })
    let weights = (0..<30).map { Double($0 % 4) }
    let repeated = data.selecting((0..<30).flatMap { i in Array(repeating: i, count: i % 4) })
    var weighted = MLPClassifier(settings)
    try weighted.fit(data, sampleWeights: weights)
    let plain = try MLPClassifier(settings).fitted(to: repeated)
    func close(_ a: Sequential?, _ b: Sequential?) throws {
      for (a, b) in zip(try #require(a).parameters, try #require(b).parameters) {
        #expect(firstDifference(a.value.doubles, b.value.doubles, tolerance: 2e-4) == nil)
      }
    }
    try close(weighted.network, plain.network)
    #expect(firstDifference(weighted.history, plain.history, tolerance: 1e-4) == nil)
    // They matter, their common factor does not.
    var (scaled, equal) = (MLPClassifier(settings), MLPClassifier(settings))
    try scaled.fit(data, sampleWeights: weights.map { $0 * 7 })
    try equal.fit(data, sampleWeights: Array(repeating: 3, count: 30))
    try close(scaled.network, weighted.network)
    #expect(firstDifference(equal.history, weighted.history, tolerance: 1e-2) != nil, "\(equal.history)")
    var regressor = MLPRegressor(settings)
    let numbers = Dataset(
      "numbers", features: data.features, targets: data.features[.all, 0], kind: .numbers(["x"]))
    try regressor.fit(numbers, sampleWeights: weights)
    let repeatedNumbers = numbers.selecting((0..<30).flatMap { i in Array(repeating: i, count: i % 4) })
    try close(regressor.network, try MLPRegressor(settings).fitted(to: repeatedNumbers).network)
    for wrong in [[1.0], Array(repeating: -1, count: 30), Array(repeating: 0, count: 30)] {
      #expect(throws: TrainingError.self) { try weighted.fit(data, sampleWeights: wrong) }
    }
  }
}
