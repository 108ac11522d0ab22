/// Frequent sequences of bytes are tokens (byte pair encoding: Gage, 1994; Sennrich et al., 2016): every text has tokens, and decoding
/// gives back the very same bytes.
///
/// The bytes are the first 256 tokens. In training, the most frequent pair of neighbouring tokens becomes a new one, again and again. Pairs
/// do not reach across pieces: a piece is a run of letters (ASCII letters and all bytes from 128), of digits or of other characters, each
/// with one blank before it if there is one; or a run of blanks.
public struct BytePairTokenizer: Tokenizer {
  static let kind = "byte_pairs"

  public let specialTokens: [String]
  /// Each pair of tokens that became the next new token, in their order; numbered without the special tokens: bytes are 0 to 255.
  public let merges: [TokenPair]
  /// The bytes of every token, special ones aside.
  private let bytes: [[UInt8]]
  /// The new token of a pair; the smaller, the earlier it was made.
  private let merged: [TokenPair: Int]

  /// Two tokens next to each other.
  public struct TokenPair: Sendable, Hashable, Comparable {
    public let first, second: Int
    public init(_ first: Int, _ second: Int) { (self.first, self.second) = (first, second) }
    public static func < (a: TokenPair, b: TokenPair) -> Bool { (a.first, a.second) < (b.first, b.second) }
  }

  /// Learns from a text. Of equally frequent pairs, the one with the smaller numbers is merged first.
  /// - Parameter vocabularySize: of the whole vocabulary, at least 256 and the special tokens; smaller if no pair occurs twice any more.
  public init(trainedOn text: String, vocabularySize: Int, specialTokens: [String] = []) {
    var training = BytePairTraining(pieces: Self.pieces(Array(text.utf8)))
    self.init(
      merges: training.merges(atMost: vocabularySize - 256 - specialTokens.count), specialTokens: specialTokens)
  }

  /// - Precondition: each merge is of bytes and tokens that merges before it made, and none occurs twice.
  public init(merges: [TokenPair], specialTokens: [String] = []) {
    guard let tokenizer = Self(checking: merges, specialTokens) else {
      fatalError("BytePairTokenizer: a merge joins tokens that do not exist yet, or occurs twice")
    }
    self = tokenizer
  }

  private init?(checking merges: [TokenPair], _ specialTokens: [String]) {
    TokenizerFile.requireDifferent(specialTokens)
    var bytes = (0..<256).map { [UInt8($0)] }
    var merged: [TokenPair: Int] = [:]
    var size = 256
    for pair in merges {
      guard 0..<bytes.count ~= pair.first, 0..<bytes.count ~= pair.second,
        merged.updateValue(bytes.count, forKey: pair) == nil
      else { return nil }
      // Each may be twice as long as the one before: a small file must not ask for endless tokens.
      size += bytes[pair.first].count + bytes[pair.second].count
      guard size <= 1 << 30 else { return nil }
      bytes.append(bytes[pair.first] + bytes[pair.second])
    }
    (self.merges, self.specialTokens, self.bytes, self.merged) = (merges, specialTokens, bytes, merged)
  }

  public var vocabularySize: Int { specialTokens.count + bytes.count }

  /// Bytes that are no whole characters appear as the replacement character.
  public var vocabulary: [String] { specialTokens + bytes.map { String(decoding: $0, as: UTF8.self) } }

  public func encode(_ text: String) -> [Int] {
    var tokens: [Int] = []
    var known: [ArraySlice<UInt8>: [Int]] = [:]  // most words of a text occur again
    for piece in Self.pieces(Array(text.utf8)) {
      if let known = known[piece] {
        tokens += known
      } else {
        let new = encode(piece).map { $0 + specialTokens.count }
        known[piece] = new
        tokens += new
      }
    }
    return tokens
  }

  /// The tokens of a piece: the earliest merge that fits anywhere, everywhere it fits from the left, until none does.
  private func encode(_ piece: ArraySlice<UInt8>) -> [Int] {
    var tokens = piece.map(Int.init)
    while tokens.count > 1 {
      var best: (token: Int, pair: TokenPair)?
      for i in 1..<tokens.count {
        let pair = TokenPair(tokens[i - 1], tokens[i])
        if let token = merged[pair], token < best?.token ?? .max { best = (token, pair) }
      }
      guard let best else { break }
      BytePairTraining.merge(best.pair, into: best.token, &tokens)
    }
    return tokens
  }

  /// The text of tokens; bytes that are no valid UTF-8, as when a character's tokens are cut apart, appear as replacement characters.
  public func decode(_ tokens: [Int]) -> String {
    var all: [UInt8] = []
    for token in tokens {
      let token = checkedToken(token, vocabularySize)
      all += token < specialTokens.count ? Array(specialTokens[token].utf8) : bytes[token - specialTokens.count]
    }
    return String(decoding: all, as: UTF8.self)
  }

  public var json: JSON {
    TokenizerFile.json(
      Self.kind, specialTokens: specialTokens,
      [JSON.Member("merges", .array(merges.map { [.integer($0.first), .integer($0.second)] }))])
  }

  init(json: JSON) throws(TokenizerError) {
    let specialTokens = try TokenizerFile.texts(json, "special_tokens")
    guard let array = json["merges"]?.array else { throw TokenizerError("'merges' is not an array") }
    let merges = array.compactMap { pair in
      if let pair = pair.array, pair.count == 2, let a = pair[0].integer, let b = pair[1].integer {
        TokenPair(a, b)
      } else {
        nil
      }
    }
    guard merges.count == array.count else { throw TokenizerError("'merges' are not pairs of whole numbers") }
    guard TokenizerFile.areDifferent(specialTokens) else {
      throw TokenizerError("the special tokens are not all different")
    }
    guard let tokenizer = Self(checking: merges, specialTokens) else {
      throw TokenizerError("'merges' joins tokens that do not exist yet, repeats a pair, or makes tokens of a gigabyte")
    }
    self = tokenizer
  }
}

// MARK: - Pieces

extension BytePairTokenizer {
  private enum Kind { case letter, digit, blank, other }

  private static func kind(_ byte: UInt8) -> Kind {
    switch byte {
    case 0x41...0x5a, 0x61...0x7a, 0x80...: .letter
    case 0x30...0x39: .digit
    case 0x20, 9...13: .blank
    default: .other
    }
  }

  /// The parts of a text that are encoded by themselves; together they are the text.
  static func pieces(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
    var pieces: [ArraySlice<UInt8>] = []
    var start = 0
    while start < text.count {
      // The blank before a word belongs to it.
      let hasBlank = text[start] == 0x20 && start + 1 < text.count && kind(text[start + 1]) != .blank
      var end = hasBlank ? start + 1 : start
      let kind = kind(text[end])
      while end < text.count && self.kind(text[end]) == kind { end += 1 }
      // The last of several blanks is left to the word that follows.
      if kind == .blank && end < text.count && end - start > 1 && text[end - 1] == 0x20 { end -= 1 }
      pieces.append(text[start..<end])
      start = end
    }
    return pieces
  }
}
