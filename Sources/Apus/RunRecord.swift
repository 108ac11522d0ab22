/// What a training on a table left in its directory: model, choices and history.
public struct RunRecord: Sendable {
  public let model: TabularModel
  public let history: History
  /// The data set or the path of the file that the model was trained on.
  public let dataName: String
  private let seed: UInt64
  private let testFraction: Double

  /// Reads `model.safetensors`, `config.json` and `history.csv`.
  /// - Throws: `FileFormatError` or `TrainingError` naming the file.
  public init(directory: String) throws {
    guard FileSystem.isDirectory(directory) else {
      throw FileFormatError(.notFound, path: directory, "there is no such directory; name one that 'apus train' made")
    }
    model = try TabularModel(path: directory)
    let historyPath = directory + "/history.csv"
    history = try History(csv: try TextFile.read(historyPath), source: historyPath)
    let path = directory + "/config.json"
    let text = try TextFile.read(path)
    func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
    let json: JSON
    do { json = try JSON(parsing: text) } catch { throw malformed("this is no JSON: \(error)") }
    guard let name = json["data"]?.string else { throw malformed("'data' is missing; expected a text") }
    guard let seed = json["seed"]?.string.flatMap({ UInt64($0) }) else {
      throw malformed("'seed' is missing; expected a whole number as a text")
    }
    guard let fraction = json["test"]?.number, fraction >= 0, fraction < 1 else {
      throw malformed("'test' is missing; expected a number from 0 up to 1")
    }
    (dataName, self.seed, testFraction) = (name, seed, fraction)
  }

  /// The examples that were held back to measure the result, divided as before the training, or all if none were; scaled as the model
  /// expects, targets in their original units.
  /// - Parameter name: where the data are now; where they were if nil.
  /// - Throws: `CSVError` or `DatasetError` for data that cannot be read or do not fit the model.
  public func testData(_ name: String? = nil) throws -> Dataset {
    let data = try model.dataset(named: name ?? dataName, seed: seed)
    let test = data.split(testFraction: testFraction, seed: seed).test
    return test.count > 0 ? test : data
  }
}

extension RunRecord {
  /// A picture with a name for its file.
  public typealias NamedPicture = (name: String, picture: any Picture)

  /// The losses and metrics over the epochs, and what the first layer looks at.
  public func picturesOfTraining() -> [NamedPicture] {
    var pictures: [NamedPicture] = [("loss", Chart.lossCurves(history))]
    pictures += history.metricNames.map { ($0, Chart.metricCurves(history, metric: $0)) }
    guard let weight = model.network.namedParameters.first?.parameter.value, weight.rank == 2 else { return pictures }
    let names = model.preprocessing.inputNames
    let side = Int(Double(names.count).squareRoot())
    // Inputs of a square number are the pixels of an image if nobody gave them better names.
    if side * side == names.count, side >= 5, Set(names.map { $0.filter { !$0.isNumber } }).count == 1,
      let grid = ImageGrid.weights(of: model.network)
    {
      pictures.append(("weights", grid))
    } else if weight.shape[1] == names.count, names.count <= 200 {
      let units = weight.shape[0]
      let shown = min(units, 256)
      pictures.append(
        (
          "weights",
          Chart.weightMatrix(
            weight[0..<shown], inputs: names, subtitle: shown < units ? "units 0 to \(shown - 1) of \(units)" : "")
        ))
    }
    return pictures
  }

  /// How the model answers on `data`, which are scaled, targets in their original units: the confusion matrix, for two classes the
  /// curves of all thresholds, for two features the decision boundary; for a regression the predictions over the truth.
  public func picturesOfPredictions(on data: Dataset) throws -> [NamedPicture] {
    let predictions = try model.predict(scaled: data.features)
    guard predictions.isFinite else {
      throw DatasetError("\(data.name): the model's predictions are no numbers on these data")
    }
    guard let classNames = model.classNames else {
      let name = model.preprocessing.target.name
      return [("predictions", Chart.predictions(predictions.doubles, truth: data.targets.doubles, name: name))]
    }
    let labels = data.targets.ints
    var pictures: [NamedPicture] = []
    if classNames.count <= 500 {
      let report = ClassificationReport(
        labels: labels, predictions: model.labels(of: predictions), classNames: classNames)
      pictures.append(("confusion-matrix", Chart.confusionMatrix(report)))
    }
    // A model that knows no probabilities has one threshold.
    if classNames.count == 2, Set(labels).count == 2, model.outputs == .logits {
      let scores = predictions[.all, 1].doubles
      let isPositive = labels.map { $0 == 1 }
      pictures += [
        ("roc", Chart.rocCurve(ROCCurve(scores: scores, labels: isPositive))),
        ("precision-recall", Chart.precisionRecallCurve(PrecisionRecallCurve(scores: scores, labels: isPositive))),
      ]
    }
    if let original = inThePlane(data) {
      pictures.append(
        (
          "decision-boundary",
          try Chart.decisionBoundary(original) { try model.predict(scaled: model.preprocessing($0)) }
        ))
    }
    return pictures
  }

  /// The decision boundary as text; nil unless the model tells classes of points in the plane apart.
  public func decisionMap(on data: Dataset) throws -> String? {
    try inThePlane(data).map { original in
      try DecisionMap(original) { model.labels(of: try model.predict(scaled: model.preprocessing($0))) }.description
    }
  }

  /// Scaled data of two features in their original units, if there are classes to tell apart.
  private func inThePlane(_ data: Dataset) -> Dataset? {
    guard let classNames = model.classNames, classNames.count <= 50, model.preprocessing.features.names.count == 2
    else { return nil }
    return Dataset(
      data.name, features: model.preprocessing.inverted(data.features), targets: data.targets, kind: data.kind,
      featureNames: model.preprocessing.features.names)
  }
}

extension Tensor {
  fileprivate var isFinite: Bool { ApusCore.isFinite(self).all().elements(as: Bool.self)[0] }
}
