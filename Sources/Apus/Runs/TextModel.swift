/// A network that goes on with texts, with the tokenizer that turns them into numbers.
public struct TextModel: Sendable {
  /// A ``RecurrentLanguageModel`` or a ``GPT``.
  public let network: any ConfigurableLayer
  public let tokenizer: any Tokenizer

  public init(network: any ConfigurableLayer, tokenizer: any Tokenizer) {
    self.network = network
    self.tokenizer = tokenizer
  }

  private static let key = "apus.tokenizer"

  /// Whether a model file holds one.
  static func isHeld(by file: ModelFile) -> Bool { file.metadata[key] != nil }

  /// The model in a file.
  /// - Throws: `FileFormatError` if there is none, or not as it should be.
  public init(_ file: ModelFile, path: String) throws(FileFormatError) {
    func malformed(_ reason: String) -> FileFormatError { FileFormatError(.malformed, path: path, reason) }
    guard let text = file.metadata[Self.key] else {
      throw malformed("the metadata lack '\(Self.key)': this model was not trained on a text")
    }
    let tokenizer: any Tokenizer
    do {
      tokenizer = try TokenizerFile(json: try JSON(parsing: text, maximumDepth: 4, maximumValues: 1 << 24)).tokenizer
    } catch { throw malformed("'\(Self.key)' cannot be used: \(error)") }
    let vocabulary: Int
    switch file.model {
    case let model as RecurrentLanguageModel: vocabulary = model.head.outputs
    case let model as GPT: vocabulary = model.vocabulary
    default: throw malformed("the network is a \(type(of: file.model)); expected one that goes on with texts")
    }
    guard vocabulary == tokenizer.vocabularySize else {
      throw malformed("the network knows \(vocabulary) tokens, the tokenizer \(tokenizer.vocabularySize)")
    }
    guard vocabulary > tokenizer.specialTokens.count else { throw malformed("the tokenizer knows no text") }
    try file.requireFloat32(path)
    self.init(network: file.model, tokenizer: tokenizer)
  }

  /// Writes network and tokenizer into one file, as a whole or not at all.
  public func save(to path: String) throws(FileFormatError) {
    try network.save(to: path, metadata: [Self.key: tokenizer.json.text()])
  }

  /// The mean loss in nats for each token of a text, which is read in parallel streams: a recurrent network from beginning to end, a
  /// transformer in windows as long as its context.
  /// - Returns: the loss, and how many tokens were predicted: all but the first and what the streams cannot share evenly.
  /// - Throws: `DatasetError` if the text is too short.
  public func evaluate(_ text: TokenText) throws -> (loss: Double, tokens: Int) {
    guard text.count >= 2 else {
      throw DatasetError("\(text.name): there are \(text.count) tokens; expected at least 2, one to go on from")
    }
    let length = min((network as? GPT)?.context ?? 128, text.count - 1)
    let streams = try text.streams(
      count: max(1, min(64, (text.count - 1) / length)), length: length, keepsRest: true)
    var total = 0.0
    let model = network as? RecurrentLanguageModel
    var memory = model?.emptyMemory(streams.first { _ in true }?.features.shape[0] ?? 1) ?? []
    let layer = network
    let step = Program("evaluation step") { inputs in
      guard let model else { return [softmaxCrossEntropy(logits: layer(inputs[0]), labels: inputs[1])] }
      let (logits, next) = model.logits(inputs[0], memory: Array(inputs[2...]))
      return [softmaxCrossEntropy(logits: logits, labels: inputs[1])] + next
    }
    for batch in streams {
      let results = try withInference { try step([batch.features, batch.targets] + memory) }
      total += results[0].item * Double(batch.targets.count)
      if model != nil { memory = Array(results[1...]) }
    }
    return (total / Double(streams.tokenCount), streams.tokenCount)
  }

  /// Up to `count` tokens that go on from `prompt`; of an empty prompt, from a line's end or the first token.
  /// - Parameter onText: called with each further piece of text.
  /// - Throws: `TokenizerError` if the prompt holds something that the tokenizer has no number for.
  public func generate(
    after prompt: String, count: Int, by sampler: Sampler, using random: inout RandomSource,
    onText: (String) -> Void = { _ in }
  ) throws -> String {
    var tokens = try tokenizer.encode(prompt)
    if tokens.isEmpty { tokens = [tokenizer.number(of: "\n") ?? tokenizer.specialTokens.count] }
    let report = { (token: Int) -> Bool in
      onText(tokenizer.decode([token]))
      return true
    }
    let found: [Int]
    switch network {
    case let model as RecurrentLanguageModel:
      found = model.generate(from: tokens, count: count, by: sampler, using: &random, onToken: report)
    case let model as GPT:
      found = model.generate(from: tokens, count: count, by: sampler, using: &random, onToken: report)
    default: found = []
    }
    return tokenizer.decode(found)
  }
}
