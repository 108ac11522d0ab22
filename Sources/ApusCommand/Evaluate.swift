import Apus
import ArgumentParser

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure a model on data with known targets.")

  @Argument(help: "A model file, or the directory of a run.")
  var model: String
  @Argument(help: "A bundled data set or the path of a CSV file with the columns that the model was trained on.")
  var data: String
  @Flag(help: "Write one line of JSON to standard output.")
  var json = false

  func run() throws {
    try Failure.catching {
      let model = try TabularModel(path: model)
      let dataset = try model.dataset(named: data)
      let evaluation = try model.evaluate(dataset)
      guard evaluation.loss.isFinite else {
        throw DatasetError(
          "\(dataset.name): the loss is \(evaluation.loss); the data are too far from what the model was trained on")
      }
      try Console.print(json ? Self.line(evaluation, count: dataset.count).text() : evaluation.description)
    }
  }

  private static func line(_ evaluation: TabularEvaluation, count: Int) -> JSON {
    var members = [
      JSON.Member("event", "evaluation"), JSON.Member("examples", .integer(count)),
      JSON.Member("loss", .finite(evaluation.loss)),
    ]
    switch evaluation.quality {
    case .regression(let rmse, let r2):
      members += [JSON.Member("rmse", .finite(rmse)), JSON.Member("r2", .finite(r2))]
    case .classification(let report):
      let classes = zip(report.classNames, report.counts).map { name, score -> JSON in
        .object([
          JSON.Member("class", .string(name)), JSON.Member("precision", .finite(score.precision)),
          JSON.Member("recall", .finite(score.recall)), JSON.Member("f1", .finite(score.f1)),
          JSON.Member("support", .integer(score.support)),
        ])
      }
      members += [
        JSON.Member("accuracy", .finite(report.accuracy)), JSON.Member("classes", .array(classes)),
        JSON.Member("confusion", .array(report.confusion.map { .array($0.map { .integer($0) }) })),
      ]
    }
    return .object(members)
  }
}
