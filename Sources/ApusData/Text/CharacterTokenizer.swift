/// Every character of a text is a token: every Unicode scalar, so that decoding gives back the very same text.
public struct CharacterTokenizer: Tokenizer {
  static let kind = "characters"

  public let specialTokens: [String]
  /// The characters in the order of their numbers.
  public let characters: [Unicode.Scalar]
  private let numbers: [Unicode.Scalar: Int]

  /// The characters that occur in `text`, in the order of their code points.
  public init(trainedOn text: String, specialTokens: [String] = []) {
    self.init(characters: Set(text.unicodeScalars).sorted { $0.value < $1.value }, specialTokens: specialTokens)
  }

  /// - Precondition: all characters are different.
  public init(characters: [Unicode.Scalar], specialTokens: [String] = []) {
    TokenizerFile.requireDifferent(specialTokens + characters.map { String(Character($0)) })
    self.characters = characters
    self.specialTokens = specialTokens
    numbers = Dictionary(uniqueKeysWithValues: characters.enumerated().map { ($1, $0 + specialTokens.count) })
  }

  public var vocabulary: [String] { specialTokens + characters.map { String(Character($0)) } }

  /// - Throws: `TokenizerError` for a character that is not among ``characters``.
  public func encode(_ text: String) throws(TokenizerError) -> [Int] {
    var tokens: [Int] = []
    tokens.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let number = numbers[scalar] else {
        throw TokenizerError(
          "the text's character \(tokens.count + 1) is '\(shown(String(Character(scalar))))' "
            + "(U+\(String(scalar.value, radix: 16, uppercase: true))), which is none of the tokenizer's \(characters.count)"
        )
      }
      tokens.append(number)
    }
    return tokens
  }

  public func decode(_ tokens: [Int]) -> String {
    var text = String.UnicodeScalarView()
    for token in tokens {
      let token = checkedToken(token, specialTokens.count + characters.count)
      if token < specialTokens.count {
        text.append(contentsOf: specialTokens[token].unicodeScalars)
      } else {
        text.append(characters[token - specialTokens.count])
      }
    }
    return String(text)
  }

  public var json: JSON {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: characters)
    return TokenizerFile.json(
      Self.kind, specialTokens: specialTokens, [JSON.Member("characters", .string(String(text)))])
  }

  init(json: JSON) throws(TokenizerError) {
    let specialTokens = try TokenizerFile.texts(json, "special_tokens")
    guard let text = json["characters"]?.string else { throw TokenizerError("'characters' is not a text") }
    let characters = Array(text.unicodeScalars)
    guard TokenizerFile.areDifferent(specialTokens + characters.map { String(Character($0)) }) else {
      throw TokenizerError("the characters and special tokens are not all different")
    }
    self.init(characters: characters, specialTokens: specialTokens)
  }
}
