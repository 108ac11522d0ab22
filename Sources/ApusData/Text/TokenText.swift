import ApusCore

/// A text as the numbers of its tokens, to learn from which token follows.
///
/// ```swift
/// let tokenizer = CharacterTokenizer(trainedOn: text)
/// let (training, validation) = TokenText("shakespeare", try tokenizer.encode(text), tokenizer).split()
/// try trainer.fit(DataLoader(training.windows(length: 64), batchSize: 32), epochs: 1)
/// ```
public struct TokenText: Sendable {
  /// Where the text comes from, for messages.
  public let name: String
  public let tokens: [Int32]
  /// The tokens that there are, in the order of their numbers.
  public let vocabulary: [String]

  /// - Precondition: every token is a number from 0 to one less than the vocabulary's size.
  public init(_ name: String, tokens: [Int], vocabulary: [String]) {
    if let wrong = tokens.first(where: { !vocabulary.indices.contains($0) }) {
      fatalError("TokenText: there is no token \(wrong); there are \(vocabulary.count)")
    }
    (self.name, self.tokens, self.vocabulary) = (name, tokens.map(Int32.init), vocabulary)
  }

  /// A text as `tokenizer` encodes it.
  /// - Throws: whatever the tokenizer throws.
  public init(_ name: String, _ text: String, by tokenizer: some Tokenizer) throws {
    self.init(name, tokens: try tokenizer.encode(text), vocabulary: tokenizer.vocabulary)
  }

  /// The number of tokens.
  public var count: Int { tokens.count }

  /// The beginning and, to validate on, the last part of the text.
  /// - Parameter fraction: the share of the last part, from 0 to 1.
  public func split(validationFraction fraction: Double = 0.1) -> (training: TokenText, validation: TokenText) {
    guard (0...1).contains(fraction) else { fatalError("split: the fraction \(fraction) must lie in 0...1") }
    let place = count - Int((Double(count) * fraction).rounded())
    return (part(0..<place), part(place..<count))
  }

  private func part(_ range: Range<Int>) -> TokenText {
    TokenText(name, tokens: tokens[range].map(Int.init), vocabulary: vocabulary)
  }

  // MARK: Windows

  /// Windows of the text as examples: `length` tokens, and as targets the tokens that follow each of them.
  /// - Parameter stride: how far apart windows begin; 1 gives every window there is, by default they do not overlap.
  public func windows(length: Int, stride: Int? = nil) -> TokenWindows {
    let stride = stride ?? length
    guard length > 0, stride > 0 else {
      fatalError("windows: a length of \(length), a stride of \(stride); expected at least 1")
    }
    let count = self.count > length ? (self.count - length - 1) / stride + 1 : 0
    return TokenWindows(text: self, length: length, count: count) { $0 * stride }
  }

  /// `count` windows that begin at random places, as examples likewise.
  ///
  /// A new draw for each epoch, from a stream of its own, makes the places depend on nothing but that:
  /// ```swift
  /// var places = RandomSource(seed: seed, stream: UInt64(epoch))
  /// let windows = try text.randomWindows(count: 64 * steps, length: 64, using: &places)
  /// let batches = DataLoader(windows, batchSize: 64, isShuffled: false).batches()
  /// ```
  /// - Throws: `DatasetError` if the text is shorter than a window and the token after it.
  public func randomWindows(
    count: Int, length: Int, using random: inout RandomSource
  ) throws(DatasetError) -> TokenWindows {
    guard count >= 0, length > 0 else {
      fatalError("randomWindows: \(count) windows of length \(length); expected a length of at least 1")
    }
    let places = self.count - length
    guard places > 0 else { throw tooShort(for: length) }
    let starts = (0..<count).map { _ in Int(random.next().multipliedFullWidth(by: UInt64(places)).high) }
    return TokenWindows(text: self, length: length, count: count) { starts[$0] }
  }

  /// The text as `count` parallel streams, each read on from batch to batch: for truncated backpropagation through time, where a
  /// recurrent network goes on from the state that the last batch left.
  ///
  /// Row i of every batch continues row i of the batch before: int32 of shape (count, length). What is left at the end, less than a
  /// whole batch, is left out, so that all batches have one shape.
  /// - Parameter keepsRest: whether a last batch (count, 1...length) has what is left of the streams: all but fewer tokens than there are
  ///   streams.
  /// - Throws: `DatasetError` if the text is too short for one batch.
  public func streams(count: Int, length: Int, keepsRest: Bool = false) throws(DatasetError) -> TokenStreams {
    guard count > 0, length > 0 else {
      fatalError("streams: \(count) streams of length \(length); expected at least 1")
    }
    // The last target stands one place behind the last token.
    let each = (self.count - 1) / count
    guard each >= length else {
      throw DatasetError(
        "\(name): there are \(self.count) tokens; \(count) streams of length \(length) need at least \(count * length + 1)"
      )
    }
    return TokenStreams(
      text: self, streams: count, length: length, each: keepsRest ? each : each / length * length, step: each)
  }

  private func tooShort(for length: Int) -> DatasetError {
    DatasetError(
      "\(name): there are \(count) tokens; a window of length \(length) and the next token need \(length + 1)")
  }

  /// Windows that begin at `starts`.
  fileprivate func batch(_ starts: [Int], _ length: Int) -> Batch {
    func tensor(_ shift: Int) -> Tensor {
      tokens.withUnsafeBufferPointer { tokens in
        Tensor(type: TensorType([starts.count, length], .int32)) { target in
          guard let target = target.bindMemory(to: Int32.self).baseAddress else { return }
          for (i, start) in starts.enumerated() {
            (target + i * length).update(from: tokens.baseAddress! + start + shift, count: length)
          }
        }
      }
    }
    return (tensor(0), tensor(1))
  }
}

/// Windows of a text; see ``TokenText/windows(length:stride:)`` and ``TokenText/randomWindows(count:length:using:)``.
public struct TokenWindows: ExampleSource {
  let text: TokenText
  public let length: Int
  public let count: Int
  /// Where the window of a number begins.
  let start: @Sendable (Int) -> Int

  public var name: String { text.name }
  public var featureType: TensorType { TensorType([length], .int32) }
  public var targetType: TensorType { TensorType([length], .int32) }
  public var kind: Dataset.Targets { .classes(text.vocabulary) }
  public func batch(_ indices: [Int]) -> Batch {
    if let wrong = indices.first(where: { !(0..<count).contains($0) }) {
      fatalError("batch: the index \(wrong) is outside the \(count) windows")
    }
    return text.batch(indices.map(start), length)
  }
}

/// Batches of parallel streams; see ``TokenText/streams(count:length:keepsRest:)``.
public struct TokenStreams: Sequence, Sendable {
  let text: TokenText
  let streams: Int
  let length: Int
  /// How many tokens of each stream the batches have, and how far apart the streams begin.
  let each, step: Int

  /// The number of batches.
  public var count: Int { (each + length - 1) / length }
  /// The number of tokens that all batches predict together.
  public var tokenCount: Int { streams * each }

  public func makeIterator() -> AnyIterator<Batch> {
    var number = 0
    return AnyIterator {
      guard number < count else { return nil }
      defer { number += 1 }
      return text.batch((0..<streams).map { $0 * step + number * length }, Swift.min(length, each - number * length))
    }
  }
}
