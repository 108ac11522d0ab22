/// A network together with everything between a table's columns and its inputs: what `apus train` makes and saves.
public struct TabularModel: Sendable {
  /// What the network's outputs are.
  public enum Outputs: String, Sendable, Hashable, CaseIterable {
    /// Logits of probabilities, or a regression's scaled numbers.
    case logits
    /// Scores: the second of two classes where one is at least 0 (notes A5), or the class with the largest.
    case perceptron
    /// Close to 0 and 1: the second of two classes where one is at least one half (notes A9), or the class with the largest.
    case adaline
  }

  public let network: Sequential
  public let preprocessing: Preprocessing
  public let outputs: Outputs

  public init(network: Sequential, preprocessing: Preprocessing, outputs: Outputs = .logits) {
    self.network = network
    self.preprocessing = preprocessing
    self.outputs = outputs
  }

  private static let preprocessingKey = "apus.preprocessing"
  private static let outputsKey = "apus.outputs"

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
    let parameters = network.namedParameters
    if let parameter = parameters.first(where: {
      $0.parameter.dtype != parameters[0].parameter.dtype || ![.float32, .float64].contains($0.parameter.dtype)
    }) {
      throw malformed(
        "parameter '\(parameter.name)' is \(parameter.parameter.dtype); tables are float32, or all float64")
    }
    let name = file.metadata[Self.outputsKey] ?? Outputs.logits.rawValue
    guard let outputs = Outputs(rawValue: name) else {
      throw malformed("'\(Self.outputsKey)' is the unknown '\(shown(name))'")
    }
    let inputs = preprocessing.inputCount
    let classes = preprocessing.target.classes?.count
    let output: Shape
    do { output = try network.outputShape(for: [1, inputs]) } catch {
      throw malformed("the network does not fit the preprocessing's \(inputs) inputs: \(error)")
    }
    guard output.rank == 2, output[1] == 1 ? classes == nil || classes == 2 : output[1] == classes else {
      throw malformed("the network's output of shape \(output) does not fit its targets")
    }
    guard outputs == .logits || classes != nil else {
      throw malformed("'\(Self.outputsKey)' is '\(name)', which is for classes; the targets are numbers")
    }
    self.init(network: network, preprocessing: preprocessing, outputs: outputs)
  }

  /// Writes network and preprocessing into one file, as a whole or not at all.
  public func save(to path: String) throws(FileFormatError) {
    var metadata = [Self.preprocessingKey: preprocessing.json.text()]
    if outputs != .logits { metadata[Self.outputsKey] = outputs.rawValue }
    try network.save(to: path, metadata: metadata)
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
    return try Table.read(
      csv: path, options: CSVOptions(allowsMissing: preprocessing.fillsMissing), schema: schema)
  }

  /// The examples of a bundled data set or a CSV file, scaled as the model expects; targets in their original units.
  /// - Parameter seed: for generated data.
  /// - Throws: `CSVError` or `DatasetError` for data that do not fit the model.
  public func dataset(named name: String, seed: UInt64 = 0) throws -> Dataset {
    if let table = Dataset.bundledTable(named: name) { return try dataset(table) }
    if !Dataset.isNamed(name) { return try dataset(try table(csv: name, needsTarget: true)) }
    let data = try Dataset(named: name, seed: seed)
    guard data.featureNames == preprocessing.features.names, data.classNames == classNames ?? [] else {
      throw DatasetError("\(name): the model was trained on other features or classes")
    }
    return data.replacing(features: preprocessing(data.features))
  }

  /// The examples of a table, scaled as the model expects; targets in their original units.
  public func dataset(_ table: Table) throws -> Dataset {
    let target = preprocessing.target
    let features = try preprocessing.features(of: table)
    let column = try table.column(target.name)
    try table.requireValues(of: column)
    return Dataset(
      table.source, features: features,
      targets: try target.encode(column, source: table.source, line: table.lineNumber(ofRow:)), kind: target.kind,
      featureNames: preprocessing.inputNames)
  }

  /// What the network puts out for scaled features.
  private func networkOutputs(_ features: Tensor) throws -> Tensor {
    try network.predict(features.cast(to: network.parameters.first?.dtype ?? features.dtype))
  }

  /// Probabilities (rows, classes), or for a regression predictions (rows, 1) in original units, from scaled features. Perceptrons and
  /// Adalines are sure: 1 for the class that they choose, 0 for the others.
  public func predict(scaled features: Tensor) throws -> Tensor {
    let values = try networkOutputs(features)
    guard let classNames else { return preprocessing.targetScaling?.inverted(values) ?? values }
    let isSingle = values.shape[1] == 1
    if outputs != .logits {
      let chosen =
        isSingle
        ? (values .>= (outputs == .perceptron ? 0 : 0.5)).flattened().cast(to: .int32) : values.argMax(axis: 1)
      return .oneHot(chosen, classCount: classNames.count)
    }
    guard isSingle else { return softmax(values) }
    let second = sigmoid(values)
    return concatenate([1 - second, second], axis: 1)
  }

  /// The classes of predictions as ``predict(scaled:)`` gives them: the likeliest; of two that are equally likely the second, as the notes
  /// decide (A17), if the network has one output.
  public func labels(of predictions: Tensor) -> [Int] {
    guard classNames?.count == 2, hasOneOutput else { return predictions.argMax(axis: 1).ints }
    return (predictions[.all, 1] .>= predictions[.all, 0]).cast(to: .int32).ints
  }

  private var hasOneOutput: Bool { (try? network.outputShape(for: [1, preprocessing.inputCount]))?.last == 1 }

  /// The loss that the network's outputs are measured by.
  public var loss: Loss {
    guard let classNames else { return .meanSquaredError }
    /// 0 and 1 for each output.
    @Sendable func targets(_ outputs: Tensor, _ labels: Tensor) -> Tensor {
      outputs.shape[1] == 1
        ? labels.reshaped([labels.count, 1]).cast(to: outputs.dtype)
        : .oneHot(labels, classCount: classNames.count, dtype: outputs.dtype)
    }
    switch outputs {
    case .logits: return classNames.count == 2 && hasOneOutput ? .binaryCrossEntropy : .softmaxCrossEntropy
    case .perceptron:
      return Loss("perceptron", task: .classification) { outputs, labels, reduction in
        perceptronLoss(outputs, target: targets(outputs, labels), reduction: reduction)
      }
    case .adaline:
      return Loss("halfMeanSquaredError", task: .classification) { outputs, labels, reduction in
        halfMeanSquaredError(outputs, target: targets(outputs, labels), reduction: reduction)
      }
    }
  }

  /// How good the model is on a data set with scaled features and targets in original units.
  public func evaluate(_ data: Dataset) throws -> TabularEvaluation {
    let outputs = try networkOutputs(data.features)
    let predictions = try predict(scaled: data.features)
    if let classNames {
      let loss = loss(outputs, target: data.targets).item
      return TabularEvaluation(
        loss: loss,
        quality: .classification(
          ClassificationReport(
            labels: data.targets.ints, predictions: labels(of: predictions), classNames: classNames)))
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
  /// Predictions as ``predict(scaled:)`` gives them, as CSV: the class and the probability of every class, or the number. Of a model
  /// that knows no probabilities, the class alone.
  public func csv(predictions: Tensor) -> String {
    let columns = predictions.shape[1]
    let values = predictions.floats
    guard let classNames else {
      return CSVField.quoted(preprocessing.target.name) + "\n" + values.map { "\($0)\n" }.joined()
    }
    let names = classNames.map { CSVField.quoted($0) }
    let labels = labels(of: predictions)
    guard outputs == .logits else {
      return CSVField.quoted(preprocessing.target.name) + "\n" + labels.map { names[$0] + "\n" }.joined()
    }
    var text =
      ([preprocessing.target.name] + classNames.map { "probability of \($0)" }).map { CSVField.quoted($0) }
      .joined(separator: ",") + "\n"
    for row in 0..<predictions.shape[0] {
      let probabilities = values[row * columns..<(row + 1) * columns]
      text += names[labels[row]]
      for probability in probabilities { text += ",\(probability)" }
      text += "\n"
    }
    return text
  }
}
