import Apus
import ArgumentParser

struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Predict the targets of a CSV file's rows.",
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
      let text = model.csv(predictions: try model.predict(scaled: features))
      if let output {
        try TextFile.write(text, to: output)
      } else {
        try Console.write(text, to: 1)
      }
    }
  }
}
