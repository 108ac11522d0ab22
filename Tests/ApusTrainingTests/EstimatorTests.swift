import Apus
import ApusTestSupport
import Foundation
import Testing

@Suite("Classic estimators") struct EstimatorTests {
  private func points(_ name: String, _ labels: [Int32]) -> Dataset {
    Dataset(
      name, features: Tensor([[0, 0], [0, 1], [1, 0], [1, 1]] as [[Float]]), targets: Tensor(labels),
      kind: .classes(["0", "1"]))
  }

  @Test(
    "N-20, A6: the perceptron's passes and weights",
    arguments: [
      ("and", [0, 0, 0, 1] as [Int32], 6, [2.0, 1], -3.0), ("or", [0, 1, 1, 1], 4, [1, 1], -1),
      ("nand", [1, 1, 1, 0], 6, [-2, -1], 2),
    ])
  func perceptron(name: String, labels: [Int32], passes: Int, weights: [Double], bias: Double) throws {
    let data = points(name, labels)
    let model = try Perceptron().fitted(to: data)
    #expect(model.history.count == passes && model.isSeparated && model.history.last == 0)
    #expect(model.weights?.doubles == weights && model.bias == bias)
    #expect(try model.score(data) == 1)
  }

  @Test("N-20, A8, A22: XOR is not separated: four mistakes in every late pass, and the model says so") func xor()
    throws
  {
    let model = try Perceptron(epochs: 50).fitted(to: points("xor", [0, 1, 1, 0]))
    #expect(!model.isSeparated && model.history.count == 50 && model.history[49] == 4)
  }

  @Test("A5: a tie goes to 1") func tie() throws {
    var model = Perceptron(epochs: 1)
    try model.fit(points("ones", [1, 1, 1, 1]))
    #expect(model.weights?.doubles == [0, 0] && model.bias == 0)
    #expect(try model.predict(Tensor([[0, 0]] as [[Float]])).ints == [1])
  }

  @Test("N-21, A9, C6: three steps of Adaline on AND, and where they lead") func adaline() throws {
    let data = points("and", [0, 0, 0, 1])
    func near(_ found: [Double], _ expected: [Double]) -> Bool {
      zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 } && found.count == expected.count
    }
    for (steps, weights, bias) in [(1, 0.1, 0.1), (2, 0.15, 0.12), (3, 0.181, 0.112)] {
      let model = try Adaline(learningRate: 0.1, epochs: steps).fitted(to: data)
      #expect(near(model.weights!.doubles, [weights, weights]) && abs(model.bias - bias) < 1e-12)
    }
    // The notes count J after each step; the history has it before.
    let model = try Adaline(learningRate: 0.1, epochs: 2000).fitted(to: data)
    #expect(near(Array(model.history[1...3]), [0.29, 0.2483, 0.230459]))
    #expect(abs(model.weights!.doubles[0] - 0.5) < 1e-6 && abs(model.bias + 0.25) < 1e-6)
    #expect(try model.score(data) == 1)
  }

  @Test("A10: one update for the whole set, or one for each example") func whenAdalineUpdates() throws {
    let data = points("and", [0, 0, 0, 1])
    #expect(try Adaline(epochs: 5).fitted(to: data).updateCount == 5)
    let perSample = try Adaline(learningRate: 0.1, epochs: 1, update: .perSample).fitted(to: data)
    #expect(perSample.updateCount == 4)
    // Only the last example has an error of 1: w = 0.1 x, b = 0.1.
    #expect(perSample.weights?.doubles == [0.1, 0.1] && perSample.bias == 0.1 && perSample.history == [0.5])
  }

  // MARK: Against scikit-learn

  private static let fixture: Result<ApusTestSupport.JSON, any Error> = Result {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/estimators.json")
    return try ApusTestSupport.JSON(String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }

  private func expected(_ name: String) throws -> (weights: [Double], bias: [Double]) {
    let entry = try #require(try Self.fixture.get()[name])
    let weights = try #require(entry["weights"]?.array).flatMap { $0.array!.compactMap(\.number) }
    return (weights, try #require(entry["bias"]?.array).compactMap(\.number))
  }

  private func isNear(_ found: [Double], _ expected: [Double]) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-4 }
  }

  private func standardized(_ name: String) throws -> Dataset {
    let data = try Dataset(named: name.replacing("_", with: "-"))
    let x = data.features.cast(to: .float64)
    return data.replacing(features: (x - x.mean(axes: [0])) / x.standardDeviation(axes: [0]))
  }

  @Test("A17, A18: logistic regression finds scikit-learn's coefficients") func logistic() throws {
    let data = try standardized("breast_cancer")
    let classes = try #require(try Self.fixture.get()["classes"]?["breast_cancer"]?.array).compactMap(\.string)
    // scikit-learn's second class must be ours.
    try #require(classes == data.classNames)
    var model = LogisticRegression()
    try model.fit(data)
    let plain = try expected("breast_cancer logistic")
    #expect(isNear(model.weights!.doubles, plain.weights) && isNear([model.bias], plain.bias) && model.isConverged)
    #expect(model.history.count < 20 && zip(model.history, model.history.dropFirst()).allSatisfy { $0 >= $1 })
    var balanced = LogisticRegression(l2: 10, classWeights: .balanced)
    try balanced.fit(data)
    let other = try expected("breast_cancer logistic balanced")
    #expect(isNear(balanced.weights!.doubles, other.weights) && isNear([balanced.bias], other.bias))
    try model.fit(data, sampleWeights: (0..<data.count).map { 0.5 + Double($0 % 3) })
    let weighted = try expected("breast_cancer logistic weighted")
    #expect(isNear(model.weights!.doubles, weighted.weights) && isNear([model.bias], weighted.bias))
    // p and the log-odds belong together (A18), and the threshold decides.
    let (p, z) = (try model.predictProbability(data.features).doubles, try model.decision(data.features).doubles)
    #expect(zip(p, z).allSatisfy { abs($1) > 15 || abs(Foundation.log($0 / (1 - $0)) - $1) < 1e-6 })
    #expect(try model.predict(data.features, threshold: 0.9).ints == p.map { $0 >= 0.9 ? 1 : 0 })
  }

  @Test(
    "A20, N-19: softmax regression finds scikit-learn's coefficients, and K - 1 vectors describe as much",
    arguments: ["iris", "wine"])
  func softmaxRegression(name: String) throws {
    let data = try standardized(name)
    let classes = try #require(try Self.fixture.get()["classes"]?[name]?.array).compactMap(\.string)
    try #require(classes == data.classNames)
    let model = try SoftmaxRegression().fitted(to: data)
    let (weights, bias) = try expected("\(name) softmax")
    #expect(isNear(model.weights!.doubles, weights) && isNear(model.bias.doubles, bias) && model.isConverged)
    let p = try model.predictProbabilities(data.features)
    #expect(p.sum(axes: [1]).doubles.allSatisfy { abs($0 - 1) < 1e-12 })
    // The K - 1 form with a vanishing penalty gives the full form's probabilities.
    let (full, reduced) = (
      try SoftmaxRegression(l2: 1e-3).fitted(to: data), try SoftmaxRegression(l2: 1e-3, form: .reduced).fitted(to: data)
    )
    #expect(reduced.weights![2].doubles.allSatisfy { $0 == 0 } && reduced.bias.doubles[2] == 0)
    #expect(try full.score(data) == reduced.score(data))
    // Subtracting the last class's vector changes no probability.
    let shifted = full.weights! - full.weights![2]
    let logits = data.features • shifted.swappingAxes(0, 1) + (full.bias - full.bias[2])
    let difference = softmax(logits) - (try full.predictProbabilities(data.features))
    #expect(max(difference.max().item, -difference.min().item) < 1e-12)
  }

  @Test(
    "A13: linear and ridge regression find scikit-learn's coefficients, gradient descent the same",
    arguments: [
      "iris", "wine", "breast_cancer",
    ])
  func linear(name: String) throws {
    let all = try standardized(name).features
    let last = all.shape[1] - 1
    let data = Dataset(
      name, features: all[0..., 0..<last], targets: all[0..., last], kind: .numbers(["last"]))
    for (key, l2) in [("linear", 0.0), ("ridge", 10)] {
      let (weights, bias) = try expected("\(name) \(key)")
      let model = try LinearRegression(l2: l2).fitted(to: data)
      #expect(isNear(model.weights!.doubles, weights) && isNear(model.bias.doubles, bias))
      guard name == "iris" else { continue }
      let descent = try LinearRegression(l2: l2, solver: .gradientDescent(learningRate: 0.3, steps: 8000)).fitted(
        to: data)
      #expect(isNear(descent.weights!.doubles, weights) && isNear(descent.bias.doubles, bias))
      #expect(abs(descent.history[7999] - model.history[0]) < 1e-9)
    }
    // R² of least squares is at least that of the mean, and what scikit-learn calls the score.
    let model = try LinearRegression().fitted(to: data)
    let report = RegressionReport(truth: data.targets.doubles, predictions: try model.predict(data.features).doubles)
    #expect(try abs(model.score(data) - report.r2) < 1e-12 && report.r2 > 0)
  }

  @Test("A21: one class of several against the rest, and several labels at once") func manyClasses() throws {
    let data = try standardized("iris")
    let model = try OneVersusRest(LogisticRegression()).fitted(to: data)
    #expect(model.classifiers.count == 3 && model.history.count >= 3)
    #expect(try model.score(data) > 0.9)
    #expect(try OneVersusRest(Perceptron(epochs: 200)).fitted(to: data).score(data) > 0.8)
    let labels = concatenate(
      [
        (data.targets .== 0).cast(to: .float32).reshaped([150, 1]),
        (data.targets .>= 1).cast(to: .float32).reshaped([150, 1]),
      ], axis: 1)
    let both = Dataset("labels", features: data.features, targets: labels, kind: .numbers(["setosa", "other"]))
    let multi = try MultiLabel(LogisticRegression()).fitted(to: both)
    #expect(try multi.score(both) == 1 && multi.report(both).hammingLoss == 0)
  }

  @Test("M1: multi-layer perceptrons as estimators") func multilayer() throws {
    var settings = MLPSettings()
    settings.hidden = [16]
    settings.epochs = 60
    settings.optimizer = { Adam(learningRate: 1e-2) }
    let raw = try standardized("iris")
    let data = raw.replacing(features: raw.features.cast(to: .float32))
    let model = try MLPClassifier(settings).fitted(to: data)
    #expect(try model.score(data) > 0.95)
    #expect(model.history.count == 60 && model.history[59] < model.history[0])
    #expect(try model.predictProbabilities(data.features).sum(axes: [1]).doubles.allSatisfy { abs($0 - 1) < 1e-6 })
    #expect(try MLPClassifier(settings).fitted(to: data).history == model.history)
    let numbers = Dataset(
      "sine", features: data.features[0..., 0..<3], targets: data.features[0..., 3], kind: .numbers(["width"]))
    #expect(try MLPRegressor(settings).fitted(to: numbers).score(numbers) > 0.9)
  }

  // MARK: Errors

  @Test("what a model cannot learn from is refused in one sentence") func refusals() throws {
    func sentence(_ body: () throws -> Void) -> String? {
      #expect(throws: TrainingError.self) { try body() }?.description
    }
    let iris = try Dataset.iris()
    #expect(
      sentence { _ = try Perceptron().fitted(to: iris) }
        == "iris.csv: there are 3 classes; a perceptron tells 2 apart (OneVersusRest makes more of it)")
    #expect(
      sentence { _ = try LinearRegression().fitted(to: iris) }
        == "iris.csv: the targets are classes; a linear regression needs numbers")
    #expect(
      sentence { _ = try LogisticRegression().predict(iris.features) }
        == "LogisticRegression: it has not been fitted yet")
    let and = points("and", [0, 0, 0, 1])
    #expect(
      sentence { _ = try Perceptron().fitted(to: and).predict(iris.features) }
        == "Perceptron: features of shape (150, 4) were found; it was fitted to (n, 2)")
    #expect(
      sentence {
        var model = Perceptron()
        try model.fit(and, sampleWeights: [1])
      }
        == "there are 1 sample weights for 4 examples")
    #expect(
      sentence { _ = try Adaline(learningRate: 100).fitted(to: and) }?.contains(
        "try a smaller learning rate than 100.0") == true)
    let twice = Dataset(
      "twice", features: Tensor([[1, 2], [2, 4], [3, 6]] as [[Float]]), targets: Tensor([1, 2, 3] as [Float]),
      kind: .numbers(["y"]))
    #expect(
      sentence { _ = try LinearRegression().fitted(to: twice) }
        == "twice: some features are combinations of others, so the weights are not determined; leave one out or add a penalty"
    )
    #expect(try LinearRegression(l2: 1e-6).fitted(to: twice).score(twice) > 0.999)
    let broken = points("nan", [0, 0, 1, 1]).replacing(
      features: Tensor([[0, 0], [0, .nan], [1, 0], [1, 1]] as [[Float]]))
    #expect(sentence { _ = try LogisticRegression().fitted(to: broken) } == "nan: a feature is not a finite number")
  }
}
