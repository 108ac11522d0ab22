import Apus
import ArgumentParser

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate", abstract: "Measure a model on data with known targets.")

  @Argument(help: "A model file, or the directory of a run.")
  var model: String
  @Argument(
    help: """
      Tables: a bundled data set or a CSV file with the columns that the model was trained on. Images: the name of the data set, \
      whose test images are taken. Texts: a text file.
      """)
  var data: String
  @Option(name: .customLong("data"), help: "Images: the directory with the data set's files (default: the cache).")
  var directory: String?
  @Flag(help: "Write one line of JSON to standard output.")
  var json = false

  func run() throws {
    try Failure.catching {
      switch try SavedModel(path: model) {
      case .table(let model): try measure(model)
      case .image(let model): try measure(model)
      case .text(let model): try measure(model)
      case .generative(let model): try measure(model)
      }
    }
  }

  private func measure(_ model: TabularModel) throws {
    try refuseDirectory("tables")
    let dataset = try model.dataset(named: data)
    let evaluation = try model.evaluate(dataset)
    guard evaluation.loss.isFinite else {
      throw DatasetError(
        "\(dataset.name): the loss is \(evaluation.loss); the data are too far from what the model was trained on")
    }
    try Console.print(json ? Self.line(evaluation, count: dataset.count).text() : evaluation.description)
  }

  private func measure(_ model: ImageModel) throws {
    let test = try testImages()
    let (loss, report) = try model.evaluate(test)
    try requireFinite(loss, test.name)
    let evaluation = TabularEvaluation(loss: loss, quality: .classification(report))
    try Console.print(json ? Self.line(evaluation, count: test.count).text() : evaluation.description)
  }

  private func measure(_ model: GenerativeModel) throws {
    let test = try testImages()
    guard let error = try model.reconstructionError(on: test) else {
      throw Failure(
        sentence: "\(self.model): this model makes images of noise; there is nothing to compare them with.",
        code: Failure.data)
    }
    try requireFinite(error, test.name)
    guard json else {
      return try Console.print(
        "mean squared error of the reproduced pixels \(error.formatted(precision: 5)) on \(test.count) images")
    }
    try Console.print(
      JSON.object([
        JSON.Member("event", "evaluation"), JSON.Member("examples", .integer(test.count)),
        JSON.Member("error", .finite(error)),
      ]).text())
  }

  private func testImages() throws -> Dataset {
    guard let set = ImageData(rawValue: data) else {
      throw DatasetError(
        "there are no images '\(data)'; there are \(ImageData.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return try set.load(directory: directory).test
  }

  private func requireFinite(_ value: Double, _ name: String) throws {
    guard value.isFinite else { throw DatasetError("\(name): the model's outputs are no numbers on these data") }
  }

  private func measure(_ model: TextModel) throws {
    try refuseDirectory("texts")
    let text: TokenText
    do { text = try TokenText(data, try TextFile.read(data), by: model.tokenizer) } catch let error as TokenizerError {
      throw DatasetError("\(data): \(error)")
    }
    let (loss, tokens) = try model.evaluate(text)
    try requireFinite(loss, data)
    guard json else {
      return try Console.print("loss \(loss.formatted(precision: 4)) nats for each token on \(tokens) tokens")
    }
    try Console.print(
      JSON.object([
        JSON.Member("event", "evaluation"), JSON.Member("tokens", .integer(tokens)),
        JSON.Member("loss", .finite(loss)),
      ]).text())
  }

  private func refuseDirectory(_ kind: String) throws {
    if directory != nil {
      throw Failure(sentence: "--data: the model is for \(kind); this option is for images.", code: Failure.usage)
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
