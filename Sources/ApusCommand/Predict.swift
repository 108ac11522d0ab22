import Apus
import ArgumentParser

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict", abstract: "Predict the targets of a CSV file's rows.",
    discussion: "One line for each row: the class and the probability of every class, or the predicted number.")

  @Argument(help: "A model file, or the directory of a run.")
  var model: String
  @Option(help: "A CSV file with the columns that the model was trained on, in any order.")
  var input: String
  @Option(help: "The CSV file to write (default: standard output).")
  var output: String?

  func run() throws {
    try Failure.catching {
      let model = try TabularModel(path: model)
      let table = try model.table(csv: input, needsTarget: false)
      let features = model.preprocessing.scaling(try model.preprocessing.features.encode(table))
      let predictions = try model.predict(scaled: features)
      if let bad = predictions.floats.firstIndex(where: { !$0.isFinite }) {
        let line = table.lineNumber(ofRow: bad / predictions.shape[1])
        throw DatasetError(
          "\(table.source), line \(line): the prediction is no number; the row is too far from what the model was trained on"
        )
      }
      let text = model.csv(predictions: predictions)
      if let output {
        try Failure.writing { try TextFile.write(text, to: output) }
      } else {
        try Console.write(text, to: 1)
      }
    }
  }
}
