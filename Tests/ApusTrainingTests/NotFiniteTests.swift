import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Training that leaves the finite numbers names the layer and the operation.
@Suite struct NotFiniteTests {
  /// The sentence of the training that fails.
  private func sentence(
    _ layers: [any Layer], features: Tensor? = nil, targets: Tensor? = nil, rate: Double = 0.01, epochs: Int = 1,
    batchSize: Int = 64, loss: Loss = .meanSquaredError, checksGradients: Bool = false
  ) -> String {
    let line = Small.line()
    let data = Dataset(
      "line", features: features ?? line.features, targets: targets ?? line.targets, kind: line.kind,
      featureNames: line.featureNames)
    let trainer = Trainer(
      Sequential(layers), loss: loss, optimizer: SGD(learningRate: rate), seed: 1, checksGradients: checksGradients)
    do {
      try trainer.fit(data, epochs: epochs, batchSize: batchSize, progress: .silent)
      return "nothing was thrown"
    } catch { return "\(error)" }
  }

  @Test func exponentialOverflows() {
    let text = sentence([Dense(2, 4, weights: .constant(200)), Lambda("exp") { exp($0) }, Dense(4, 1)])
    #expect(text.hasPrefix("the loss became "), "\(text)")
    #expect(
      text.contains("after 0 updates: layer 1: Lambda(\"exp\"): exp put out inf of shape (64, 4) from (64, 4)"),
      "\(text)")
  }

  @Test func logarithmOfZero() {
    let text = sentence([Dense(2, 4, activation: .relu), Lambda("log") { log($0) }, Dense(4, 1)])
    #expect(text.contains(": layer 1: Lambda(\"log\"): log put out -inf of shape (64, 4)"), "\(text)")
  }

  @Test func divisionByZero() {
    let text = sentence([Dense(2, 4, activation: .relu), Lambda("quotient") { $0 / $0 }, Dense(4, 1)])
    #expect(
      text.contains(": layer 1: Lambda(\"quotient\"): divide put out nan of shape (64, 4) from (64, 4) and (64, 4)"),
      "\(text)")
  }

  @Test func theLossItself() {
    let bad = Loss("logLoss", task: .regression) { prediction, target, _ in log(prediction - prediction).mean() }
    let text = sentence([Dense(2, 1)], loss: bad)
    #expect(text.contains(": outside of the layers: log put out -inf of shape (64, 1)"), "\(text)")
  }

  @Test func layersInsideLayers() {
    let inner = Sequential([Dense(4, 4), Lambda("exp") { exp($0 * 1000) }])
    let text = sentence([Dense(2, 4, weights: .constant(9)), Residual(inner), Dense(4, 1)])
    #expect(text.contains(": layer 1.body.1: Lambda(\"exp\"): exp put out inf"), "\(text)")
  }

  /// A mask's infinities are none to blame.
  @Test func infinitiesThatGoNowhere() {
    let masked = Lambda("mask") { x in
      let hidden = x + log(maximum(x * 0, 0)) * 0  // -inf * 0 is NaN, but only here
      return `where`(isNaN(hidden), x, x)
    }
    let text = sentence([Dense(2, 4), masked, Lambda("sqrt") { sqrt(-abs($0) - 1) }, Dense(4, 1)])
    #expect(text.contains(": layer 2: Lambda(\"sqrt\"): sqrt put out nan"), "\(text)")
  }

  @Test func dataThatAreNoNumbers() {
    var features = Small.line().features.doubles
    features[2 * 17 + 1] = .nan
    let text = sentence([Dense(2, 1)], features: Tensor(features.map { Float($0) }, shape: [64, 2]), batchSize: 10)
    #expect(text.hasPrefix("line: the loss became nan in epoch 1, after "), "\(text)")
    #expect(text.hasSuffix(": the feature 'b' of example 17 (counted from 0) is nan"), "\(text)")
    var targets = Small.line().targets.doubles
    targets[40] = -.infinity
    let other = sentence([Dense(2, 1)], targets: Tensor(targets.map { Float($0) }, shape: [64, 1]), batchSize: 10)
    #expect(other.hasSuffix(": the target of example 40 (counted from 0) is -inf"), "\(other)")
  }

  @Test func tooLargeALearningRate() {
    let text = sentence(
      [Dense(2, 1, weights: .constant(1))], features: Small.line().features * 1000, rate: 1000, epochs: 50)
    #expect(text.hasPrefix("the loss became inf in epoch 3, after 2 updates: outside of the layers: "), "\(text)")
    #expect(text.hasSuffix("; try a smaller learning rate than 1000.0, or scale the features"))
  }

  @Test func aParameterThatIsNoNumber() {
    let dense = Dense(2, 1)
    dense.weight.value = Tensor([[1, .nan]] as [[Float]])
    let text = sentence([dense])
    #expect(text.contains(": the parameter '0.weight' of shape (1, 2) holds nan;"), "\(text)")
  }

  /// √0 is 0, but its slope is infinite: only the gradients tell, and only a check of them tells in time.
  @Test func gradientsAlone() throws {
    let layers: () -> [any Layer] = { [Dense(2, 4, weights: .zeros), Lambda("root") { sqrt($0) }, Dense(4, 1)] }
    let late = sentence(layers(), epochs: 2)
    #expect(late.contains("after 1 updates: the parameter '0."), "\(late)")
    let early = sentence(layers(), checksGradients: true)
    #expect(
      early.hasPrefix("the gradients stopped being finite in epoch 1, after 0 updates: layer 1: Lambda(\"root\"): "),
      "\(early)")
    #expect(early.contains("for the gradient of sqrt, put out"), "\(early)")
  }

  @Test func checkingGradientsChangesNothing() throws {
    func losses(_ checks: Bool, eager: Bool) throws -> [Double] {
      let trainer = Trainer(
        Small.network(2, 3), loss: .softmaxCrossEntropy, optimizer: Adam(), seed: 2, checksGradients: checks,
        runsEagerly: eager)
      return try trainer.fit(Small.blobs(), epochs: 3, progress: .silent).losses
    }
    let plain = try losses(false, eager: false)
    #expect(try losses(true, eager: false) == plain && losses(true, eager: true) == plain)
  }

  /// The second run drops the same units: the failure is found although it depends on them.
  @Test func dropoutDropsTheSame() {
    // Fails only when the single unit that is 0 is kept beside the others: log of a sum of kept ones.
    let text = sentence(
      [
        Dense(2, 8, weights: .zeros, biases: .constant(1)), Dropout(0.5),
        Lambda("log", outputShape: { [$0[0], 1] }) { log($0.sum(axes: [1], keepsAxes: true)) }, Dense(1, 1),
      ], epochs: 50, batchSize: 1)
    // All eight of one example were dropped: with probability 1/256 at each.
    #expect(text.contains(": layer 2: Lambda(\"log\"): log put out -inf of shape (1, 1) from (1, 1)"), "\(text)")
  }

  @Test func runningStatisticsAreNotSpoiltByTheSearch() throws {
    let norm = BatchNorm(2)
    let model = Sequential([norm, Lambda("log") { log($0 * 0) }, Dense(2, 1)])
    let before = norm.runningMean.value.floats
    let data = Small.line()
    #expect(findNotFinite(in: model) { meanSquaredError($0(data.features), target: data.targets) } != nil)
    #expect(norm.runningMean.value.floats == before)
    let good = Sequential([norm, Dense(2, 1)])
    #expect(findNotFinite(in: good) { meanSquaredError($0(data.features), target: data.targets) } == nil)
  }
}
