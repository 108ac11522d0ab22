/// Turns texts into numbers for a network, and back.
///
/// ```swift
/// let tokenizer = BytePairTokenizer(trainedOn: text, vocabularySize: 1000)
/// let tokens = tokenizer.encode("to be or not")
/// try tokenizer.save(to: "shakespeare.tokens.json")
/// let same = try TokenizerFile(path: "shakespeare.tokens.json").tokenizer
/// ```
public protocol Tokenizer: Sendable {
  /// The tokens in the order of their numbers, as text: special ones first.
  var vocabulary: [String] { get }
  /// Tokens that no text is turned into, such as "<pad>" and "<end>": their numbers are 0, 1, …
  var specialTokens: [String] { get }
  /// The numbers of a text's tokens.
  /// - Throws: `TokenizerError` if the text holds something that the tokenizer has no number for.
  func encode(_ text: String) throws -> [Int]
  /// The text of tokens; special ones appear by their names.
  /// - Precondition: numbers from 0 to `vocabularySize` - 1.
  func decode(_ tokens: [Int]) -> String
  /// The tokenizer as its file holds it; see ``save(to:)``.
  var json: JSON { get }
}

/// Text or tokens that a tokenizer cannot work with: one sentence says why.
public struct TokenizerError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

extension Tokenizer {
  /// How many different tokens there are.
  public var vocabularySize: Int { vocabulary.count }

  /// The number of a token by its text; nil if there is none.
  public func number(of token: String) -> Int? { vocabulary.firstIndex(of: token) }

  /// Writes the tokenizer as a JSON file, whole or not at all.
  ///
  /// The file is an object: "format" is "apus.tokenizer" and "version" 1; "kind" is "characters", "words" or "byte_pairs";
  /// "special_tokens" are texts. Then "characters" is a text of all of them in their order; "words" are texts, the first being the one
  /// for unknown words, with "lowercases", true or false; or "merges" are pairs of numbers, each pair making the next new token, where
  /// the bytes 0 to 255 come right after the special tokens.
  /// - Throws: `FileFormatError` if the system cannot write the file.
  public func save(to path: String) throws(FileFormatError) {
    try TextFile.write(json.text(pretty: true) + "\n", to: path)
  }
}

/// A tokenizer, read from a file that ``Tokenizer/save(to:)`` wrote.
public struct TokenizerFile: Sendable {
  public let tokenizer: any Tokenizer

  static let format = "apus.tokenizer"
  static let version = 1

  /// Reads the file at `path`.
  /// - Throws: `FileFormatError` for anything that is not such a file as it should be.
  public init(path: String) throws(FileFormatError) {
    let json: JSON
    let bytes = try ByteStream(reading: path).rest(atMost: 1 << 28)
    do { json = try JSON(parsing: bytes, maximumDepth: 4, maximumValues: 1 << 24) } catch {
      throw FileFormatError(.malformed, path: path, "this is not valid JSON (\(error))")
    }
    guard json["format"]?.string == Self.format else {
      throw FileFormatError(.wrongFormat, path: path, "this is not a tokenizer: 'format' is not '\(Self.format)'")
    }
    guard json["version"]?.integer == Self.version else {
      throw FileFormatError(.unsupported, path: path, "the tokenizer is not of version \(Self.version) of the format")
    }
    do throws(TokenizerError) { try self.init(json: json) } catch {
      throw FileFormatError(.malformed, path: path, error.description)
    }
  }

  /// The tokenizer that `json`, as ``Tokenizer/json`` gives it, describes.
  public init(json: JSON) throws(TokenizerError) {
    switch json["kind"]?.string {
    case CharacterTokenizer.kind: tokenizer = try CharacterTokenizer(json: json)
    case WordTokenizer.kind: tokenizer = try WordTokenizer(json: json)
    case BytePairTokenizer.kind: tokenizer = try BytePairTokenizer(json: json)
    default: throw TokenizerError("'kind' is not one of 'characters', 'words' and 'byte_pairs'")
    }
  }
}

/// What the files of all tokenizers have in common.
extension TokenizerFile {
  static func json(_ kind: String, specialTokens: [String], _ members: [JSON.Member]) -> JSON {
    .object(
      [
        JSON.Member("format", .string(format)), JSON.Member("version", .integer(version)),
        JSON.Member("kind", .string(kind)), JSON.Member("special_tokens", texts(specialTokens)),
      ] + members)
  }

  static func texts(_ texts: [String]) -> JSON { .array(texts.map { .string($0) }) }

  static func texts(_ json: JSON, _ key: String) throws(TokenizerError) -> [String] {
    guard let array = json[key]?.array, case let texts = array.compactMap(\.string), texts.count == array.count else {
      throw TokenizerError("'\(key)' is not an array of texts")
    }
    return texts
  }

  /// Stops if two tokens are the same: what the numbers mean is the programmer's to say.
  static func requireDifferent(_ tokens: [String]) {
    var seen: Set<[UInt8]> = []
    for token in tokens where !seen.insert(Array(token.utf8)).inserted {
      fatalError("a tokenizer's token '\(token)' occurs twice")
    }
  }

  static func areDifferent(_ tokens: [String]) -> Bool { Set(tokens.map { Array($0.utf8) }).count == tokens.count }
}

/// The place of a number in a vocabulary of `count`, checked: a wrong number is the programmer's.
func checkedToken(_ token: Int, _ count: Int) -> Int {
  guard 0..<count ~= token else { fatalError("decode: there is no token \(token); there are \(count)") }
  return token
}
