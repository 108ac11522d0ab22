import Apus
import ArgumentParser

struct Plot: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case svg, png, text }

  static let configuration = CommandConfiguration(
    commandName: "plot", abstract: "Draw a run: its losses, its answers and its weights.",
    discussion: """
      Losses and metrics over the epochs, and first-layer weights. On the test data the confusion matrix; of tables for two classes \
      the ROC and precision-recall curves, for two features the decision boundary, and for a regression the predictions; of images \
      feature maps, saliency, occlusion and where the last hidden layer puts them. Of texts the embedding of the tokens; of networks \
      that make images samples, reconstructions and codes. The paths are printed. With --format text the curves and the \
      decision boundary are printed themselves.
      """)

  @Argument(help: "The directory of a run.")
  var directory: String
  @Option(
    name: [.customLong("output"), .customLong("out")],
    help: "The directory for the pictures (default: pictures in the run's directory).")
  var output: String?
  @Option(help: "svg, png or text.")
  var format: Format = .svg
  @Option(
    help: "Where the data are if they are no longer where they were: a table, or the directory of the images' files.")
  var data: String?

  func validate() throws { try require(output != "", "--output: expected a directory.") }

  func run() throws {
    try Failure.catching {
      let record = try RunRecord(directory: directory)
      var pictures = record.picturesOfTraining()
      if format == .text {
        let charts = pictures.compactMap { $0.picture as? Chart }.map { $0.text() }.filter { !$0.isEmpty }
        let map = try? record.testData(data).flatMap { try record.decisionMap(on: $0) }
        return try Console.print((charts + [map ?? nil].compactMap { $0 }).joined(separator: "\n\n"))
      }
      let target = output ?? directory + "/pictures"
      _ = try Failure.writing { try FileSystem.makeDirectory(target) }
      var missing: Failure?
      do {
        pictures += try Failure.catching {
          try record.testData(data).map { try record.picturesOfPredictions(on: $0) } ?? []
        }
      } catch let failure as Failure {
        // Data that were asked for must be there; those of the training may have gone.
        if data != nil { throw failure }
        missing = failure
      }
      for (name, picture) in pictures {
        let path = "\(target)/\(name).\(format.rawValue)"
        try Failure.writing { try picture.write(to: path) }
        try Console.print(path)
      }
      if let missing { Console.error("apus: without pictures of the predictions: \(missing.sentence)") }
    }
  }
}
