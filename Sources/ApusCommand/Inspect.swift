import Apus
import ArgumentParser

struct Summary: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary", abstract: "Show a model's layers, shapes and parameters.")

  @Argument(help: "A model file, or the directory of a run.")
  var model: String

  func run() throws {
    try Failure.catching {
      switch try SavedModel(path: model) {
      case .table(let model): try show(model)
      case .image(let model):
        try Console.print(try model.network.summary(inputShape: Shape([1] + model.imageShape)).description)
        try Console.print("\ninputs: images of \(model.imageShape)")
        try Console.print("target: one of \(shortened(model.classNames))")
      case .text(let model):
        try Console.print("\(model.network): \(model.network.parameterCount) parameters")
        try Console.print("\ntokens: \(model.tokenizer.vocabularySize)")
      case .generative(let model):
        try Console.print("\(model.network): \(model.network.parameterCount) parameters")
        try Console.print("\nimages of \(model.imageShape)")
      }
    }
  }

  private func show(_ model: TabularModel) throws {
    let features = model.preprocessing.features
    try Console.print(try model.network.summary(inputShape: [1, model.preprocessing.inputCount]).description)
    try Console.print("")
    try Console.print("inputs: \(shortened(features.names))")
    for step in model.preprocessing.steps {
      switch step {
      case .imputation(let imputation): try Console.print("missing values: \(imputation.method)")
      case .polynomial(let products):
        try Console.print("products: up to degree \(products.degree), \(products.outputs) columns")
      case .scaling: break
      }
    }
    let target = model.preprocessing.target
    try Console.print(
      "target: \(target.name)" + (target.classes.map { ", one of \(shortened($0))" } ?? ", a number"))
  }

  private func shortened(_ names: [String]) -> String {
    let shown = names.count > 12 ? names[..<11] + ["… (\(names.count) in all)"] : names[...]
    return shown.joined(separator: ", ")
  }
}

struct Datasets: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "datasets", abstract: "List the bundled data sets and generators.")

  func run() throws {
    try Failure.catching {
      let rows = try Dataset.names.map { name in
        let data = try Dataset(named: name)
        let classes = data.classNames.isEmpty ? "–" : "\(data.classNames.count)"
        return [name, "\(data.count)", "\(data.features.shape[1])", classes, Dataset.summary(of: name)]
      }
      try Console.print(
        alignedTable([["name", "examples", "features", "classes", "what it is"]] + rows, leading: [0, 4]))
    }
  }
}
