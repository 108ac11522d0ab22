import Apus
import ArgumentParser

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Predict the targets of a CSV file's rows, or what an image shows.",
    discussion: "One line for each row: the class and the probability of every class, or the predicted number.")

  @Argument(help: "A model file, or the directory of a run.")
  var model: String
  @Option(
    help: """
      A CSV file with the columns that the model was trained on, in any order; for a model of images a PNG, JPEG or PNM file, which \
      is resized to the model's size.
      """)
  var input: String
  @Option(help: "The CSV file to write (default: standard output).")
  var output: String?

  func run() throws {
    try Failure.catching {
      let text: String
      switch try SavedModel(path: model) {
      case .table(let model): text = try predictions(model)
      case .image(let model): text = try prediction(model)
      case .text, .generative:
        throw Failure(sentence: "\(model): this model makes texts or images; see 'apus generate'.", code: Failure.data)
      }
      if let output {
        try Failure.writing { try TextFile.write(text, to: output) }
      } else {
        try Console.write(text, to: 1)
      }
    }
  }

  private func predictions(_ model: TabularModel) throws -> String {
    let table = try model.table(csv: input, needsTarget: false)
    let features = try model.preprocessing.features(of: table)
    let predictions = try model.predict(scaled: features)
    if let bad = predictions.floats.firstIndex(where: { !$0.isFinite }) {
      let line = table.lineNumber(ofRow: bad / predictions.shape[1])
      throw DatasetError(
        "\(table.source), line \(line): the prediction is no number; the row is too far from what the model was trained on"
      )
    }
    return model.csv(predictions: predictions)
  }

  private func prediction(_ model: ImageModel) throws -> String {
    let probabilities = try model.probabilities(try Image(reading: input))
    guard probabilities.floats.allSatisfy(\.isFinite) else {
      throw DatasetError("\(input): the model's answer is no number")
    }
    return CSVField.line(["class"] + model.classNames.map { "probability of \($0)" })
      + CSVField.line([model.classNames[probabilities.argMax(axis: 0).ints[0]]] + probabilities.floats.map { "\($0)" })
  }
}
