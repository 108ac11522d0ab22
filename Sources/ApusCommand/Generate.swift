import Apus
import ArgumentParser

struct Generate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Let a model write a text or make images.",
    discussion: """
      A model of texts goes on from the prompt; the text appears on standard output as it is written. A model of images writes a \
      grid of them into a PNG file.
      """)

  @Argument(help: "A model file, or the directory of a run.")
  var model: String
  @Option(help: "Texts: what to go on from (default: the end of a line).")
  var prompt: String?
  @Option(help: "Texts: how many tokens to write (default: 500).")
  var length: Int?
  @Option(
    help:
      "Texts: below 1 the likely becomes likelier, above 1 all become more equal; 0 takes the likeliest (default: 0.8)."
  )
  var temperature: Double?
  @Option(help: "Texts: draw from this many of the likeliest tokens alone.")
  var topK: Int?
  @Option(help: "Texts: draw from the likeliest tokens that have this probability together.")
  var topP: Double?
  @Option(help: "Images: how many to make (default: 64).")
  var count: Int?
  @Option(help: "Images: the PNG file to write (default: samples.png).")
  var output: String?
  @Option(help: "Where all random choices start; the same seed gives the same result.")
  var seed: UInt64 = 0
  @Flag(help: "Write one line of JSON to standard output.")
  var json = false

  func validate() throws {
    if let length { try require((0...10_000_000).contains(length), "--length \(length): expected 0 to 10000000.") }
    if let temperature {
      try require(temperature >= 0 && temperature.isFinite, "--temperature \(temperature): expected at least 0.")
    }
    if let topK { try require(topK >= 1, "--top-k \(topK): expected at least 1.") }
    if let topP { try require(topP > 0 && topP <= 1, "--top-p \(topP): expected more than 0 and at most 1.") }
    if let count { try require((1...10_000).contains(count), "--count \(count): expected 1 to 10000.") }
    try require(output != "", "--output: expected a file.")
  }

  func run() throws {
    try Failure.catching {
      switch try SavedModel(path: model) {
      case .text(let model): try write(model)
      case .generative(let model): try draw(model)
      case .table, .image:
        throw Failure(
          sentence: "\(model): this model tells what it sees; it makes neither texts nor images.", code: Failure.data)
      }
    }
  }

  private func write(_ text: TextModel) throws {
    try refuse(("--count", count != nil), ("--output", output != nil), as: "texts")
    var random = RandomSource(seed: seed)
    let prompt = prompt ?? ""
    // Before anything is written: does the model know these characters?
    do { _ = try text.tokenizer.encode(prompt) } catch {
      throw Failure(sentence: "--prompt: \(error).", code: Failure.usage)
    }
    if !json { try Console.stream(prompt) }
    var problem: (any Error)?
    let written = try text.generate(
      after: prompt, count: length ?? 500,
      by: Sampler(temperature: temperature ?? 0.8, topK: topK, topP: topP), using: &random
    ) { piece in
      guard !json, problem == nil else { return }
      do { try Console.stream(piece) } catch { problem = error }
    }
    if let problem { throw problem }
    guard json else { return try Console.print("") }
    try Console.print(
      JSON.object([
        JSON.Member("event", "generated"), JSON.Member("prompt", .string(prompt)),
        JSON.Member("text", .string(written)),
      ]).text())
  }

  private func draw(_ model: GenerativeModel) throws {
    try refuse(
      ("--prompt", prompt != nil), ("--length", length != nil), ("--temperature", temperature != nil),
      ("--top-k", topK != nil), ("--top-p", topP != nil), as: "images")
    var random = RandomSource(seed: seed)
    let count = count ?? 64
    guard let images = model.generate(count, using: &random) else {
      throw Failure(
        sentence: "\(self.model): this model reproduces images, it does not make new ones.", code: Failure.data)
    }
    let path = output ?? "samples.png"
    try Failure.writing { try Image(gridOf: images).write(to: path) }
    if json {
      try Console.print(
        JSON.object([
          JSON.Member("event", "generated"), JSON.Member("images", .integer(count)),
          JSON.Member("path", .string(path)),
        ]).text())
    } else {
      try Console.print("\(count) images: \(path)")
    }
  }

  private func refuse(_ options: (name: String, isGiven: Bool)..., as kind: String) throws {
    if let wrong = options.first(where: \.isGiven) {
      throw Failure(
        sentence: "\(wrong.name): the model makes \(kind); this option is not for them.", code: Failure.usage)
    }
  }
}
