import Apus
import ArgumentParser

struct Explain: ParsableCommand {
  enum Format: String, ExpressibleByArgument, CaseIterable { case text, markdown, html }

  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Write out forward pass, cost, backward pass and update of a small network.",
    discussion: """
      Every matrix with its name, formula, dimensions and numbers. The examples are those of the lecture notes:

      \(Explanation.Example.allCases.map { "  \($0.rawValue): \($0.summary)" }.joined(separator: "\n"))

      A saved model of a table needs --input; without known targets in it, the forward pass alone is written.
      """)

  @Argument(help: "An example's name, a model file, or the directory of a run.")
  var source: String
  @Option(
    help:
      "For a model: a CSV file with rows to explain, or a bundled data set. Features are scaled as the model expects.")
  var input: String?
  @Option(help: "For a model: how many of the input's first rows to explain (default: all).")
  var examples: Int?
  @Option(help: "text, markdown or html.")
  var format: Format = .text
  @Option(help: "columns or rows: how examples lie in matrices.")
  var convention: Explanation.Convention = .columns
  @Option(help: "matrices (W, b, dZ) or deltas (Θ, δ, Δ).")
  var notation: Explanation.Notation = .matrices
  @Option(help: "The learning rate of the update.")
  var learningRate = 0.1
  @Option(help: "From which output on the decision is 1 (default: the example's own, or no decision).")
  var threshold: Double?
  @Option(help: "For a model: λ of the penalty λ/2 ‖W‖² on its weights.")
  var l2 = 0.0
  @Option(help: "Significant digits of every number, from 1 to 17.")
  var digits = 6
  @Option(help: "For a model: how many parameters it may have, and the input numbers.")
  var limit = 400
  @Flag(help: "Print JSON: every step with its name, dimensions and values.")
  var json = false
  @Option(help: "The file to write (default: standard output).")
  var output: String?

  func validate() throws {
    try require((1...17).contains(digits), "--digits \(digits): expected a number from 1 to 17.")
    try require(
      learningRate.isFinite && learningRate > 0, "--learning-rate \(learningRate): expected a positive number.")
    try require(threshold?.isFinite ?? true, "--threshold: expected a number.")
    try require(l2.isFinite && l2 >= 0, "--l2 \(l2): expected a number that is not negative.")
    try require((examples ?? 1) > 0, "--examples: expected at least 1.")
    try require(limit > 0, "--limit \(limit): expected at least 1.")
    try require(output != "", "--output: expected a file.")
  }

  func run() throws {
    try Failure.catching {
      let explanation: Explanation
      if let example = Explanation.Example(rawValue: source) {
        let options = [
          (input != nil, "--input"), (examples != nil, "--examples"), (l2 != 0, "--l2"), (limit != 400, "--limit"),
        ]
        if let (_, option) = options.first(where: \.0) {
          throw Failure(
            sentence: "\(option) is for a model; \(source) is an example with numbers of its own.", code: Failure.usage)
        }
        explanation = Explanation(
          example, learningRate: learningRate, threshold: threshold, convention: convention, notation: notation)
      } else {
        explanation = try explanationOfModel()
      }
      try write(explanation)
    }
  }

  private func explanationOfModel() throws -> Explanation {
    let model = try savedModel()
    guard let input else {
      throw Failure(sentence: "--input is missing: a model is explained on rows of a CSV file.", code: Failure.usage)
    }
    var (features, targets) = try rows(of: input, for: model)
    if let examples, examples < features.shape[0] {
      features = features[0..<examples]
      targets = targets.map { $0[0..<examples] }
    }
    return try Explanation(
      of: model.network, loss: Explanation.Loss(model.loss), features: features, targets: targets,
      learningRate: learningRate, regularizer: l2 > 0 ? .l2(l2) : nil, threshold: threshold, convention: convention,
      notation: notation, limit: limit)
  }

  private func savedModel() throws -> TabularModel {
    do {
      if case .table(let model) = try SavedModel(path: source) { return model }
    } catch {
      guard error.kind == .notFound else { throw error }
      let names = Explanation.Example.allCases.map(\.rawValue).joined(separator: ", ")
      throw Failure(
        sentence: "\(error.path): there is no such file, and no example of that name; the examples are \(names).",
        code: Failure.data)
    }
    throw Failure(sentence: "\(source): only models of tables can be explained.", code: Failure.data)
  }

  /// The rows as the network gets them; targets where the file has them, scaled as the loss expects.
  private func rows(of input: String, for model: TabularModel) throws -> (features: Tensor, targets: Tensor?) {
    do {
      let data = try model.dataset(named: input)
      return (data.features, model.preprocessing.targetScaling?(data.targets) ?? data.targets)
    } catch let error as CSVError where error.column == model.preprocessing.target.name {
      guard case .columnNotFound = error.kind else { throw error }
      let table = try model.table(csv: input, needsTarget: false)
      return (try model.preprocessing.features(of: table), nil)
    }
  }

  private func write(_ explanation: Explanation) throws {
    let text: String
    if json {
      text = explanation.json.text(pretty: true) + "\n"
    } else {
      text =
        switch format {
        case .text: explanation.text(digits: digits) + "\n"
        case .markdown: explanation.markdown(digits: digits)
        case .html: explanation.html(digits: digits)
        }
    }
    if let output {
      try Failure.writing { try TextFile.write(text, to: output) }
    } else {
      try Console.write(text, to: 1)
    }
  }
}

extension Explanation.Convention: ExpressibleByArgument {}
extension Explanation.Notation: ExpressibleByArgument {}
