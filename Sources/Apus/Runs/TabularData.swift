/// A table or generated points as a data set, with how its columns became features.
struct TabularData {
  let data: Dataset
  /// Nil for generated points, whose features are plain numbers.
  let encoder: FeatureEncoder?
  let targetName: String

  /// The data that a run is about.
  /// - Throws: `CSVError` or `DatasetError` for data that cannot be used.
  init(_ configuration: RunConfiguration) throws {
    let (name, target, task) = (configuration.data, configuration.target, configuration.task)
    guard let table = try Dataset.bundledTable(named: name) ?? (Dataset.isNamed(name) ? nil : Self.table(configuration))
    else {
      // Generated points have no columns to choose from.
      guard target == nil else { throw DatasetError("\(name): the data set is generated; its target cannot be chosen") }
      data = try Dataset(named: name, seed: configuration.seed)
      encoder = nil
      if case .numbers(let names) = data.kind { targetName = names.first ?? "target" } else { targetName = "class" }
      guard task != .regression || self.task == .regression else {
        throw DatasetError("\(name): the targets are classes; a regression needs numbers")
      }
      guard task != .classification || self.task == .classification else {
        throw DatasetError("\(name): the targets are numbers; a classification needs classes")
      }
      return
    }
    targetName = target ?? table.columns.last?.name ?? "target"
    let features = table.columns.filter { [targetName] in $0.name != targetName }
    encoder = FeatureEncoder(features)
    data = try Dataset(table, target: target, task: task)
  }

  /// A file of texts does not show whether its first line names the columns; the name of the target may tell.
  private static func table(_ configuration: RunConfiguration) throws(CSVError) -> Table {
    var options = CSVOptions(allowsMissing: configuration.imputation != nil)
    let table = try Table.read(csv: configuration.data, options: options)
    options.header = .present
    guard let target = configuration.target, !table.columns.contains(where: { $0.name == target }),
      let named = try? Table.read(csv: configuration.data, options: options),
      named.columns.contains(where: { $0.name == target })
    else { return table }
    return named
  }

  var task: Dataset.Task { if case .numbers = data.kind { .regression } else { .classification } }

  /// The preparation that `configuration` asks for, fitted to a training part.
  func preprocessing(fittedTo training: Dataset, _ configuration: RunConfiguration) throws -> Preprocessing {
    try Preprocessing(
      fittedTo: training, encoder: encoder, targetName: targetName, steps: configuration.featureSteps)
  }
}

extension Dataset {
  /// A line for each of the parts held back that shares examples with this training part; empty if there is none.
  func duplicateReport(_ parts: [(name: String, data: Dataset)]) -> String {
    parts.map { name, data in
      let count = duplicates(in: data).count
      guard count > 0 else { return "" }
      return "\(count) \(count == 1 ? "example" : "examples") of the \(name) part \(count == 1 ? "is" : "are") "
        + "also in the training part\n"
    }.joined()
  }
}

extension Dataset {
  /// The table behind a bundled data set; nil for generated ones and other names.
  package static func bundledTable(named name: String) -> Table? {
    switch name {
    case "iris": BundledData.iris.table
    case "wine": BundledData.wine.table
    case "breast-cancer": BundledData.breastCancer.table
    case "digits": BundledData.digits.table
    default: nil
    }
  }
}
