/// Every word and every other character that is not blank is a token; words that were too rare in training are all the same one.
///
/// A word consists of letters, digits, underscores, and apostrophes between letters: "don't". Decoding puts blanks between all tokens.
public struct WordTokenizer: Tokenizer {
  static let kind = "words"
  /// The token of all words that are not in the vocabulary.
  public static let unknown = "<unk>"

  public let specialTokens: [String]
  /// The words in the order of their numbers, after the one for unknown words.
  public let words: [String]
  /// Whether texts are turned to lower case first.
  public let lowercases: Bool
  private let numbers: [String: Int]

  /// The words of `text`, most frequent first, equally frequent ones in the order of their UTF-8 bytes.
  /// - Parameters:
  ///   - minimumCount: how often a word has to occur.
  ///   - maximumSize: of the whole vocabulary, special tokens and the unknown one included; nil for any.
  public init(
    trainedOn text: String, minimumCount: Int = 1, maximumSize: Int? = nil, lowercases: Bool = true,
    specialTokens: [String] = []
  ) {
    var counts: [String: Int] = [:]
    for word in Self.split(text, lowercases: lowercases) { counts[word, default: 0] += 1 }
    let frequent = counts.filter { $0.value >= minimumCount && !specialTokens.contains($0.key) }.sorted {
      $0.value != $1.value ? $0.value > $1.value : $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }
    let room = max(0, (maximumSize ?? .max) - specialTokens.count - 1)
    self.init(words: frequent.prefix(room).map(\.key), lowercases: lowercases, specialTokens: specialTokens)
  }

  /// - Precondition: all words are different.
  public init(words: [String], lowercases: Bool = true, specialTokens: [String] = []) {
    TokenizerFile.requireDifferent(specialTokens + [Self.unknown] + words)
    self.words = words
    self.lowercases = lowercases
    self.specialTokens = specialTokens
    // Canonically equivalent spellings are one key to Swift: the more frequent stands for both.
    numbers = Dictionary(words.enumerated().map { ($1, $0 + specialTokens.count + 1) }) { first, _ in first }
  }

  /// The number of the token for unknown words.
  public var unknownToken: Int { specialTokens.count }
  public var vocabulary: [String] { specialTokens + [Self.unknown] + words }

  public func encode(_ text: String) -> [Int] {
    Self.split(text, lowercases: lowercases).map { numbers[$0] ?? unknownToken }
  }

  public func decode(_ tokens: [Int]) -> String {
    let vocabulary = vocabulary
    return tokens.map { vocabulary[checkedToken($0, vocabulary.count)] }.joined(separator: " ")
  }

  /// The words and other characters of a text, in their order.
  static func split(_ text: String, lowercases: Bool) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    func finish() {
      if !word.isEmpty { words.append(String(word)) }
      word = String.UnicodeScalarView()
    }
    let scalars = Array((lowercases ? text.lowercased() : text).unicodeScalars)
    for (i, scalar) in scalars.enumerated() {
      if isPartOfWord(scalar) {
        word.append(scalar)
      } else if scalar == "'" || scalar == "\u{2019}", !word.isEmpty, i + 1 < scalars.count,
        scalars[i + 1].properties.isAlphabetic
      {
        word.append(scalar)
      } else {
        finish()
        if !scalar.properties.isWhitespace { words.append(String(Character(scalar))) }
      }
    }
    finish()
    return words
  }

  private static func isPartOfWord(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return (48...57).contains(scalar.value) || scalar.properties.isAlphabetic || scalar == "_" }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .decimalNumber, .letterNumber: return true
    default: return scalar.properties.isAlphabetic
    }
  }

  public var json: JSON {
    TokenizerFile.json(
      Self.kind, specialTokens: specialTokens,
      [
        JSON.Member("lowercases", .bool(lowercases)),
        JSON.Member("words", TokenizerFile.texts([Self.unknown] + words)),
      ])
  }

  init(json: JSON) throws(TokenizerError) {
    let specialTokens = try TokenizerFile.texts(json, "special_tokens")
    let words = try TokenizerFile.texts(json, "words")
    guard let lowercases = json["lowercases"]?.bool else { throw TokenizerError("'lowercases' is not true or false") }
    guard words.first == Self.unknown else { throw TokenizerError("'words' does not begin with '\(Self.unknown)'") }
    guard TokenizerFile.areDifferent(specialTokens + words) else {
      throw TokenizerError("the words and special tokens are not all different")
    }
    self.init(words: Array(words.dropFirst()), lowercases: lowercases, specialTokens: specialTokens)
  }
}
