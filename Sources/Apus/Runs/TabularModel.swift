/// A network together with everything between a table's columns and its inputs: what `apus train` makes and saves.
public struct TabularModel: Sendable {
  public let network: Sequential
  public let preprocessing: Preprocessing

  public init(network: Sequential, preprocessing: Preprocessing) {
    self.network = network
    self.preprocessing = preprocessing
  }

  private static let preprocessingKey = "apus.preprocessing"

  /// Reads a model that ``save(to:)`` wrote. A directory stands for the `model.safetensors` in it.
  /// - Throws: `FileFormatError` for anything that is not such a file.
  public init(path: String) throws(FileFormatError) {
    let path = FileSystem.isDirectory(path) ? path + "/model.safetensors" : path
    try self.init(try ModelFile(path: path, registry: .models), path: path)
  }

  /// The model in a file.
  /// - Throws: `FileFormatError` if there is none, or not as it should be.
  public init(_ file: ModelFile, path: String) throws(FileFormatError) {
    func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
    guard let text = file.metadata[Self.preprocessingKey] else {
      throw malformed("the metadata lack '\(Self.preprocessingKey)': this model was not trained on a table")
    }
    let preprocessing: Preprocessing
    do { preprocessing = try Preprocessing(json: try JSON(parsing: text)) } catch {
      throw malformed("'\(Self.preprocessingKey)' cannot be used: \(error)")
    }
    guard let network = file.model as? Sequential else {
      throw malformed("the network is a \(type(of: file.model)); expected a Sequential")
    }
    if let parameter = network.namedParameters.first(where: { $0.parameter.dtype != .float32 }) {
      throw malformed("parameter '\(parameter.name)' is \(parameter.parameter.dtype); tables are float32")
    }
    let inputs = preprocessing.features.names.count
    let classes = preprocessing.target.classes?.count
    let output: Shape
    do { output = try network.outputShape(for: [1, inputs]) } catch {
      throw malformed("the network does not fit the preprocessing's \(inputs) inputs: \(error)")
    }
    guard output.rank == 2, output[1] == 1 ? classes == nil || classes == 2 : output[1] == classes else {
      throw malformed("the network's output of shape \(output) does not fit its targets")
    }
    self.init(network: network, preprocessing: preprocessing)
  }

  /// Writes network and preprocessing into one file, as a whole or not at all.
  public func save(to path: String) throws(FileFormatError) {
    try network.save(to: path, metadata: [Self.preprocessingKey: preprocessing.json.text()])
  }

  /// The class names; nil for a regression.
  public var classNames: [String]? { preprocessing.target.classes }

  /// Reads a file with the columns that the model was trained on, found by name; the target may be absent.
  /// - Throws: `CSVError` naming file, line and column.
  public func table(csv path: String, needsTarget: Bool) throws(CSVError) -> Table {
    var schema = preprocessing.features.schema
    let target = preprocessing.target
    if needsTarget {
      let kind: TableSchema.Kind = target.classes.map { .category(names: $0) } ?? .number
      schema.columns.append(TableSchema.Column(name: target.name, kind: kind))
    }
    return try Table.read(csv: path, schema: schema)
  }

  /// The examples of a bundled data set or a CSV file, scaled as the model expects; targets in their original units.
  /// - Parameter seed: for generated data.
  /// - Throws: `CSVError` or `DatasetError` for data that do not fit the model.
  public func dataset(named name: String, seed: UInt64 = 0) throws -> Dataset {
    if let table = Dataset.bundledTable(named: name) { return try dataset(table) }
    if !Dataset.names.contains(name) { return try dataset(try table(csv: name, needsTarget: true)) }
    let data = try Dataset(named: name, seed: seed)
    guard data.featureNames == preprocessing.features.names, data.classNames == classNames ?? [] else {
      throw DatasetError("\(name): the model was trained on other features or classes")
    }
    return data.replacing(features: preprocessing.scaling(data.features))
  }

  /// The examples of a table, scaled as the model expects; targets in their original units.
  public func dataset(_ table: Table) throws -> Dataset {
    let target = preprocessing.target
    return Dataset(
      table.source, features: preprocessing.scaling(try preprocessing.features.encode(table)),
      targets: try target.encode(
        try table.column(target.name), source: table.source, line: table.lineNumber(ofRow:)), kind: target.kind,
      featureNames: preprocessing.features.names)
  }

  /// Probabilities (rows, classes), or for a regression predictions (rows, 1) in original units, from scaled features.
  public func predict(scaled features: Tensor) throws -> Tensor {
    let outputs = try network.predict(features)
    guard classNames != nil else { return preprocessing.targetScaling?.inverted(outputs) ?? outputs }
    guard outputs.shape[1] == 1 else { return softmax(outputs) }
    let second = sigmoid(outputs)
    return concatenate([1 - second, second], axis: 1)
  }

  /// The loss that the network's outputs are measured by.
  public var loss: Loss {
    guard let classNames else { return .meanSquaredError }
    let isSingle = (try? network.outputShape(for: [1, preprocessing.features.names.count]))?.last == 1
    return classNames.count == 2 && isSingle ? .binaryCrossEntropy : .softmaxCrossEntropy
  }

  /// How good the model is on a data set with scaled features and targets in original units.
  public func evaluate(_ data: Dataset) throws -> TabularEvaluation {
    let outputs = try network.predict(data.features)
    let predictions = try predict(scaled: data.features)
    if let classNames {
      let loss = loss(outputs, target: data.targets).item
      return TabularEvaluation(
        loss: loss,
        quality: .classification(
          ClassificationReport(
            labels: data.targets.ints, predictions: predictions.argMax(axis: 1).ints, classNames: classNames)))
    }
    let scaled = preprocessing.targetScaling?(data.targets) ?? data.targets
    let (truth, predicted) = (data.targets.cast(to: .float64), predictions.cast(to: .float64))
    let residual = square(truth - predicted).sum().item
    let total = square(truth - truth.mean()).sum().item
    return TabularEvaluation(
      loss: loss(outputs, target: scaled).item,
      quality: .regression(
        rmse: (residual / Double(data.count)).squareRoot(), r2: total > 0 ? 1 - residual / total : .nan))
  }
}

extension TabularModel {
  /// Predictions as ``predict(scaled:)`` gives them, as CSV: the class and the probability of every class, or the number.
  public func csv(predictions: Tensor) -> String {
    let columns = predictions.shape[1]
    let values = predictions.floats
    guard let classNames else {
      return CSVField.quoted(preprocessing.target.name) + "\n" + values.map { "\($0)\n" }.joined()
    }
    let names = classNames.map { CSVField.quoted($0) }
    var text =
      ([preprocessing.target.name] + classNames.map { "probability of \($0)" }).map { CSVField.quoted($0) }
      .joined(separator: ",") + "\n"
    for row in 0..<predictions.shape[0] {
      let probabilities = values[row * columns..<(row + 1) * columns]
      let best = probabilities.indices.max { probabilities[$0] < probabilities[$1] }! - row * columns
      text += names[best]
      for probability in probabilities { text += ",\(probability)" }
      text += "\n"
    }
    return text
  }
}

/// The result of an evaluation.
public struct TabularEvaluation: Sendable, Hashable, CustomStringConvertible {
  public enum Quality: Sendable, Hashable {
    case classification(ClassificationReport)
    /// The root of the mean squared error, in the target's units, and the share of the variance that is explained.
    case regression(rmse: Double, r2: Double)
  }

  /// The mean loss, as in training.
  public let loss: Double
  public let quality: Quality

  public init(loss: Double, quality: Quality) {
    self.loss = loss
    self.quality = quality
  }

  public var description: String {
    let loss = "loss \(loss.formatted(precision: 4))"
    switch quality {
    case .classification(let report): return "\(loss), \(report)"
    case .regression(let rmse, let r2):
      return "\(loss), root mean squared error \(rmse.formatted("g", precision: 6)), R² \(r2.formatted(precision: 4))"
    }
  }
}
