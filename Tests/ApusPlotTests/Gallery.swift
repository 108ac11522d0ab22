import Apus

/// Every kind of picture, of small trainings.
enum Gallery {
  static func pictures() throws -> [(name: String, picture: any Picture)] {
    try training() + classification() + surfaces() + seeing() + [("activations", Sheet.activations())]
  }

  private static func training() throws -> [(name: String, picture: any Picture)] {
    let (train, test) = try Dataset.digits().split(testFraction: 0.2, seed: 1)
    let preprocessing = try Preprocessing(fittedTo: train, scaling: .minMax)
    let model = withSeed(3) {
      Sequential {
        Dense(64, 32, activation: .sigmoid)
        Dense(32, 32, activation: .sigmoid)
        Dense(32, 32, activation: .sigmoid)
        Dense(32, 10)
      }
    }
    let (x, y) = (preprocessing(train).features, preprocessing(train).targets)
    let (_, gradients) = valueWithGradient(of: model) { softmaxCrossEntropy(logits: $0(x), labels: y) }
    let flow = Chart.gradientFlow(of: model, gradients)
    let wide = withSeed(3) {
      Sequential {
        Dense(64, 64, activation: .relu)
        Dropout(0.3)
        Dense(64, 10)
      }
    }
    let trainer = Trainer(wide, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 2e-3), metrics: [.accuracy])
    let history = try trainer.fit(
      preprocessing(train), validation: preprocessing(test), epochs: 30, progress: .silent)
    let outputs = softmax(try wide.predict(preprocessing(test).features))
    let report = ClassificationReport(
      labels: test.targets.ints, predictions: outputs.argMax(axis: 1).ints, classNames: test.classNames)
    let images = preprocessing(test).features[0..<8]
    let maps = saliency(of: wide, at: images).reshaped([8, 8, 8])
    let covered = stack(
      try (0..<8).map { try occlusion(of: wide, at: images[$0], imageShape: [8, 8], patch: 2) })
    let labels = test.targets.ints[..<8].map { test.classNames[$0] }
    let features = preprocessing(test).features
    let hidden = ActivationTrace(of: wide, features)["0"]!
    let pca = PrincipalComponents(features, count: 2)
    let share = pca.varianceShares.map { ($0 * 100).rounded() }
    let back = PrincipalComponents(features, count: 8)
    return [
      ("loss", Chart.lossCurves(history)), ("accuracy", Chart.metricCurves(history, metric: "accuracy")),
      ("gradient-flow", flow), ("confusion", Chart.confusionMatrix(report)),
      ("weights", ImageGrid.weights(of: wide)!),
      ("saliency", ImageGrid.attributions(images.reshaped([8, 8, 8]), maps: maps, captions: labels)),
      (
        "occlusion",
        ImageGrid.attributions(
          images.reshaped([8, 8, 8]), maps: covered, captions: labels, title: "Occlusion", name: "drop of the score")
      ),
      (
        "pca",
        Chart.projection(
          pca(features), labels: test.targets.ints, classNames: test.classNames, title: "Digits, principal components",
          x: "component 1 (\(Int(share[0])) % of the variance)", y: "component 2 (\(Int(share[1])) %)")
      ),
      (
        "tsne",
        Chart.projection(
          TSNE(perplexity: 20, iterations: 500).embed(hidden), labels: test.targets.ints, classNames: test.classNames,
          title: "Digits, hidden layer by t-SNE")
      ),
      (
        "reconstructions",
        ImageGrid.reconstructions(
          images.reshaped([8, 8, 8]), back.inverted(back(images)).reshaped([8, 8, 8]),
          title: "Digits from 8 principal components")
      ),
      (
        "samples",
        ImageGrid.samples(
          features[0..<24].reshaped([24, 8, 8]), captions: test.targets.ints[..<24].map { test.classNames[$0] },
          columns: 8)
      ),
      ("feature-maps", Sheet.featureMaps(of: wide, images[0..<1])),
    ]
  }

  private static func classification() throws -> [(name: String, picture: any Picture)] {
    var pictures: [(name: String, picture: any Picture)] = []
    for name in ["moons", "spiral", "xor"] {
      // A part of the points is enough to see how they lie.
      let data = try Dataset(named: name, seed: 1).split(testFraction: name == "xor" ? 0 : 0.6, seed: 1).train
      let count = data.classNames.count
      let model = withSeed(2) {
        Sequential {
          Dense(2, 32, activation: .tanh)
          Dense(32, 32, activation: .tanh)
          Dense(32, count == 2 ? 1 : count)
        }
      }
      let trainer = Trainer(
        model, loss: count == 2 ? .binaryCrossEntropy : .softmaxCrossEntropy, optimizer: Adam(learningRate: 1e-2))
      try trainer.fit(data, epochs: name == "moons" ? 80 : 200, progress: .silent)
      pictures.append(
        ("boundary-\(name)", try Chart.decisionBoundary(of: model, data, title: "Decision boundary: \(name)")))
    }
    let (train, test) = try Dataset.breastCancer().split(testFraction: 0.5, seed: 1)
    let scaling = try Preprocessing(fittedTo: train)
    let model = withSeed(1) { Sequential { Dense(30, 1) } }
    try Trainer(model, loss: .binaryCrossEntropy, optimizer: Adam(learningRate: 3e-3)).fit(
      scaling(train), epochs: 8, progress: .silent)
    let scores = try model.predict(scaling(test).features).doubles
    let labels = test.targets.ints.map { $0 == 1 }
    pictures += [
      ("roc", Chart.rocCurve(ROCCurve(scores: scores, labels: labels))),
      ("precision-recall", Chart.precisionRecallCurve(PrecisionRecallCurve(scores: scores, labels: labels))),
      ("weight-matrix", Chart.weightMatrix(model.parameters[0].value, inputs: train.featureNames)),
      (
        "regression",
        Chart.predictions(
          scores.map { $0 * 2 + 1 }, truth: scores.map { $0 * 2 + 1 + ($0 * 7).truncatingRemainder(dividingBy: 3) },
          name: "price (EUR)")
      ),
    ]
    return pictures
  }

  private static func surfaces() throws -> [(name: String, picture: any Picture)] {
    var random = RandomSource(seed: 5)
    let x = Tensor.randomNormal([64, 1], mean: 0.7, using: &random)
    let noise = Tensor.randomNormal([64, 1], standardDeviation: 0.8, using: &random)
    let data = Dataset("line", features: x, targets: 1.5 * x - 0.5 + noise, kind: .numbers(["y"]))
    let model = Dense(1, 1)
    let surface = CostSurface(model, loss: .meanSquaredError, data: data, x: (model.weight, 0), y: (model.bias!, 0))
    let field = surface.field(x: -2...4, y: -3...3)
    let charts = [("batch", 64, 40), ("mini-batch of 8", 8, 8), ("one example", 1, 2)].map { name, size, epochs in
      let path = surface.path(
        SGD(learningRate: 0.1), from: Point(-1.5, 2.5), epochs: epochs, batchSize: size)
      var chart = Chart.costContours(
        field, title: "Gradient descent: \(name)", x: "weight w", y: "bias b", cost: "mean squared error",
        levels: field.levels(count: 8, scale: .logarithmic),
        paths: [("\(path.count - 1) updates", path)])
      (chart.width, chart.height) = (400, 340)
      return chart
    }
    return [("descent", Sheet(charts))]
  }

  private static func seeing() throws -> [(name: String, picture: any Picture)] {
    // A filter bank of known shapes: edges in all directions, in one channel and in colour.
    let gray = Tensor((0..<16).flatMap(edge), shape: [16, 7, 7, 1])
    let waves = (0..<600).map { (i: Int) -> Double in wave(Double(i * i % 97) / 7) }
    let colored = Tensor(waves, shape: [8, 5, 5, 3])
    return [
      ("filters", ImageGrid.filters(gray)), ("filters-color", ImageGrid.filters(colored, title: "Filters in colour")),
    ]
  }

  private static func edge(_ k: Int) -> [Double] {
    let angle = Double(k) / 8 * Double.pi
    let (c, s) = (wave(angle), wave(angle - Double.pi / 2))
    return (0..<49).map { i in
      let (u, v) = (Double(i % 7) - 3, Double(i / 7) - 3)
      return wave((u * c + v * s) * 1.2 + Double(k / 8)) / (1 + (u * u + v * v) / 6)
    }
  }

  private static func wave(_ x: Double) -> Double { cos(Tensor(x)).item }
}
