extension RunRecord {
  /// A picture with a name for its file.
  public typealias NamedPicture = (name: String, picture: any Picture)

  /// The losses and metrics over the epochs, and what the model has learnt, as far as that can be seen without data.
  public func picturesOfTraining() -> [NamedPicture] {
    var pictures: [NamedPicture] = [("loss", Chart.lossCurves(history))]
    pictures += history.metricNames.map { ($0, Chart.metricCurves(history, metric: $0)) }
    switch model {
    case .table(let model): return pictures + model.picturesOfWeights()
    case .image(let model): return pictures + model.picturesOfWeights()
    case .text(let model): return pictures + model.picturesOfWeights()
    case .generative(let model): return pictures + model.picturesOfSamples()
    }
  }

  /// How the model answers on `data`, such as ``testData(_:)`` gives.
  /// - Throws: `DatasetError` or `TrainingError` if they do not fit the model.
  public func picturesOfPredictions(on data: Dataset) throws -> [NamedPicture] {
    switch model {
    case .table(let model): try model.picturesOfPredictions(on: data)
    case .image(let model): try model.picturesOfPredictions(on: data)
    case .text: []
    case .generative(let model): try model.picturesOfCopies(of: data)
    }
  }

  /// The decision boundary as text; nil unless the model tells classes of points in the plane apart.
  public func decisionMap(on data: Dataset) throws -> String? {
    guard case .table(let model) = model, let original = model.inThePlane(data) else { return nil }
    return try DecisionMap(original) { model.labels(of: try model.predict(scaled: model.preprocessing($0))) }
      .description
  }
}

// MARK: - Tables

extension TabularModel {
  /// What the first layer looks at.
  fileprivate func picturesOfWeights() -> [RunRecord.NamedPicture] {
    guard let weight = network.namedParameters.first?.parameter.value, weight.rank == 2 else { return [] }
    let names = preprocessing.inputNames
    let side = Int(Double(names.count).squareRoot())
    // Inputs of a square number are the pixels of an image if nobody gave them better names.
    if side * side == names.count, side >= 5, Set(names.map { $0.filter { !$0.isNumber } }).count == 1,
      let grid = ImageGrid.weights(of: network)
    {
      return [("weights", grid)]
    }
    guard weight.shape[1] == names.count, names.count <= 200 else { return [] }
    let units = weight.shape[0]
    let shown = min(units, 256)
    return [
      (
        "weights",
        Chart.weightMatrix(
          weight[0..<shown], inputs: names, subtitle: shown < units ? "units 0 to \(shown - 1) of \(units)" : "")
      )
    ]
  }

  /// How the model answers on `data`, which are scaled, targets in their original units: the confusion matrix, for two classes the
  /// curves of all thresholds, for two features the decision boundary; for a regression the predictions over the truth.
  fileprivate func picturesOfPredictions(on data: Dataset) throws -> [RunRecord.NamedPicture] {
    let predictions = try predict(scaled: data.features)
    guard predictions.isFinite else {
      throw DatasetError("\(data.name): the model's predictions are no numbers on these data")
    }
    guard let classNames else {
      let name = preprocessing.target.name
      return [("predictions", Chart.predictions(predictions.doubles, truth: data.targets.doubles, name: name))]
    }
    let labels = data.targets.ints
    var pictures: [RunRecord.NamedPicture] = []
    if classNames.count <= 500 {
      let report = ClassificationReport(
        labels: labels, predictions: self.labels(of: predictions), classNames: classNames)
      pictures.append(("confusion-matrix", Chart.confusionMatrix(report)))
    }
    // A model that knows no probabilities has one threshold.
    if classNames.count == 2, Set(labels).count == 2, outputs == .logits {
      let scores = predictions[.all, 1].doubles
      let isPositive = labels.map { $0 == 1 }
      pictures += [
        ("roc", Chart.rocCurve(ROCCurve(scores: scores, labels: isPositive))),
        ("precision-recall", Chart.precisionRecallCurve(PrecisionRecallCurve(scores: scores, labels: isPositive))),
      ]
    }
    if let original = inThePlane(data) {
      pictures.append(
        ("decision-boundary", try Chart.decisionBoundary(original) { try predict(scaled: preprocessing($0)) }))
    }
    return pictures
  }

  /// Scaled data of two features in their original units, if there are classes to tell apart.
  fileprivate func inThePlane(_ data: Dataset) -> Dataset? {
    guard let classNames, classNames.count <= 50, preprocessing.features.names.count == 2 else { return nil }
    return Dataset(
      data.name, features: preprocessing.inverted(data.features), targets: data.targets, kind: data.kind,
      featureNames: preprocessing.features.names)
  }
}

// MARK: - Images

extension ImageModel {
  /// The filters of the first layer, or what its units look at.
  fileprivate func picturesOfWeights() -> [RunRecord.NamedPicture] {
    guard let grid = ImageGrid.weights(of: network, imageShape: Array(imageShape)) else { return [] }
    let isConvolution = network.parameters.first?.shape.rank == 4
    return [(isConvolution ? "filters" : "weights", grid)]
  }

  /// The confusion matrix; what every layer makes of the first image; which pixels decide about the first eight; and where the last
  /// hidden layer puts the first thousand.
  fileprivate func picturesOfPredictions(on data: Dataset) throws -> [RunRecord.NamedPicture] {
    let report = try evaluate(data).report
    let images = data.pixels(0..<min(8, data.count))
    let captions = data.targets.ints[..<images.shape[0]].map { classNames[$0] }
    let maps = saliency(of: network, at: images)
    guard maps.isFinite else {
      throw DatasetError("\(data.name): the model's predictions are no numbers on these data")
    }
    let patch = max(1, min(imageShape[0], imageShape[1]) / 7)
    let covered = try (0..<images.shape[0]).map { try occlusion(of: network, at: images[$0], patch: patch) }
    var pictures: [RunRecord.NamedPicture] = [
      ("confusion-matrix", Chart.confusionMatrix(report)),
      ("feature-maps", Sheet.featureMaps(of: network, images[0..<1])),
      ("saliency", ImageGrid.attributions(images, maps: maps, captions: captions)),
      (
        "occlusion",
        ImageGrid.attributions(
          images, maps: stack(covered), captions: captions, title: "Occlusion", name: "drop of the score")
      ),
    ]
    let trace = ActivationTrace(of: network, data.pixels(0..<min(1000, data.count)))
    let vectors = trace.entries.dropLast().filter { $0.output.rank == 2 && $0.layer.children.isEmpty }
    // The last of them are the logits.
    if let hidden = vectors.dropLast().last?.output, hidden.shape[0] > 2, hidden.shape[1] > 2 {
      pictures.append(
        (
          "hidden-layer",
          principalPlane(hidden, data.targets.ints, classNames, title: "Last hidden layer, principal components")
        ))
    }
    return pictures
  }
}

extension GenerativeModel {
  /// What the network makes of noise.
  fileprivate func picturesOfSamples() -> [RunRecord.NamedPicture] {
    var random = RandomSource(seed: 0)
    guard let samples = generate(64, using: &random) else { return [] }
    return [("samples", ImageGrid.samples(samples, columns: 8, range: 0...1))]
  }

  /// What a network that reproduces images makes of them, and where it puts them by their codes.
  fileprivate func picturesOfCopies(of data: Dataset) throws -> [RunRecord.NamedPicture] {
    guard data.count > 0, data.features.shape.dropFirst().elementsEqual(imageShape) else {
      throw DatasetError("\(data.name): there are no images of \(imageShape), which the model was trained on")
    }
    let images = data.pixels(0..<min(1000, data.count))
    guard let copies = reconstruct(images), let codes = codes(of: images) else { return [] }
    guard copies.isFinite else { throw DatasetError("\(data.name): the model's outputs are no numbers on these data") }
    let shown = min(10, images.shape[0])
    var pictures: [RunRecord.NamedPicture] = [
      ("reconstructions", ImageGrid.reconstructions(images[0..<shown], copies[0..<shown], range: 0...1))
    ]
    if codes.shape[0] > 2, codes.rank == 2, codes.shape[1] > 2 {
      pictures.append(
        ("codes", principalPlane(codes, data.targets.ints, data.classNames, title: "Codes, principal components")))
    }
    return pictures
  }

  /// The codes of images (n, height, width, channels); nil for a network that makes images of noise alone.
  private func codes(of images: Tensor) -> Tensor? {
    withInference {
      switch network {
      case let model as Autoencoder: model.encoder(images)
      case let vae as VariationalAutoencoder:
        vae.encode(images.reshaped([images.shape[0], imageShape.reduce(1, *)])).mean
      default: nil
      }
    }
  }
}

// MARK: - Texts

extension TextModel {
  /// Where the network's embedding puts the tokens.
  fileprivate func picturesOfWeights() -> [RunRecord.NamedPicture] {
    let table: Tensor? =
      switch network {
      case let model as RecurrentLanguageModel: model.embedding.weight.value
      case let model as GPT: model.tokens.value
      default: nil
      }
    guard let table, table.isFinite, 3...1000 ~= table.shape[0], table.shape[1] > 2 else { return [] }
    let kinds = TokenKind.allCases
    let labels = tokenizer.vocabulary.map { kinds.firstIndex(of: TokenKind($0))! }
    return [
      (
        "embedding",
        principalPlane(
          table, labels, kinds.map(\.rawValue), names: tokenizer.vocabulary.map(TokenKind.shown),
          title: "Embedding, principal components")
      )
    ]
  }
}

/// What a token is, by its first character.
private enum TokenKind: String, CaseIterable {
  case vowel, consonant, capital, digit, other

  init(_ token: String) {
    guard let first = token.first else {
      self = .other
      return
    }
    self =
      first.isNumber
      ? .digit : !first.isLetter ? .other : first.isUppercase ? .capital : "aeiou".contains(first) ? .vowel : .consonant
  }

  /// A token as a text that can be seen.
  static func shown(_ token: String) -> String {
    switch token {
    case " ": "space"
    case "\n": "newline"
    case "\t": "tab"
    default: token
    }
  }
}

// MARK: - Common

/// Vectors (n, d) in the plane of their two principal components.
private func principalPlane(
  _ vectors: Tensor, _ labels: [Int], _ classNames: [String], names: [String] = [], title: String
) -> Chart {
  let components = PrincipalComponents(vectors, count: 2)
  // Vectors that are all the same have no variance to share.
  let shares = components.varianceShares.map { $0.isNaN ? 0 : Int(($0 * 100).rounded()) }
  return Chart.projection(
    components(vectors), labels: Array(labels.prefix(vectors.shape[0])), classNames: classNames, names: names,
    title: title, x: "component 1 (\(shares[0]) % of the variance)", y: "component 2 (\(shares[1]) %)")
}

extension Tensor {
  fileprivate var isFinite: Bool { ApusCore.isFinite(self).all().elements(as: Bool.self)[0] }
}
