import ApusFiles
import ApusTestSupport
import Testing

@testable import ApusData

@Suite struct TokenizerTests {
  private let directory = ScratchDirectory()

  /// The tokenizer after saving and reading.
  private func reread(_ tokenizer: some Tokenizer) throws -> any Tokenizer {
    let path = directory.file("tokens.json")
    try tokenizer.save(to: path)
    return try TokenizerFile(path: path).tokenizer
  }

  private static let texts = [
    "", "a", "The swift flies.", "e\u{301} é ﬁ \r\n \t", "日本語 アマツバメ", "🐦‍⬛🇩🇪👩‍👩‍👧", "\0\u{7f}\u{85}\u{2028}",
    "a\u{FEFF}b\u{FFFD}",
  ]

  // MARK: Characters

  @Test("M9: texts as characters") func characters() throws {
    let tokenizer = CharacterTokenizer(trainedOn: "hello world", specialTokens: ["<pad>", "<end>"])
    #expect(tokenizer.vocabulary == ["<pad>", "<end>", " ", "d", "e", "h", "l", "o", "r", "w"])
    #expect(tokenizer.vocabularySize == 10 && tokenizer.number(of: "h") == 5 && tokenizer.number(of: "x") == nil)
    #expect(try tokenizer.encode("hold") == [5, 7, 6, 3])
    #expect(tokenizer.decode([5, 7, 6, 3, 1]) == "hold<end>")
    let error = #expect(throws: TokenizerError.self) { try tokenizer.encode("held up") }
    #expect(error?.description == "the text's character 6 is 'u' (U+75), which is none of the tokenizer's 8")
    for text in Self.texts {
      let own = CharacterTokenizer(trainedOn: text)
      #expect(own.decode(try own.encode(text)).utf8.elementsEqual(text.utf8))
      let same = try #require(try reread(own) as? CharacterTokenizer)
      #expect(same.characters == own.characters)
    }
  }

  // MARK: Words

  @Test func words() throws {
    let text = "The cat, the dog: don't! Stop... the café\u{301} über 3.5 snake_case 'quoted'"
    #expect(
      WordTokenizer.split(text, lowercases: true) == [
        "the", "cat", ",", "the", "dog", ":", "don't", "!", "stop", ".", ".", ".", "the", "café\u{301}", "über", "3",
        ".", "5",
        "snake_case", "'", "quoted", "'",
      ])
    let tokenizer = WordTokenizer(trainedOn: "b a c a b a the", minimumCount: 2, specialTokens: ["<pad>"])
    #expect(tokenizer.vocabulary == ["<pad>", "<unk>", "a", "b"] && tokenizer.unknownToken == 1)
    #expect(tokenizer.encode("A b, c") == [2, 3, 1, 1] && tokenizer.decode([2, 1, 0]) == "a <unk> <pad>")
    #expect(WordTokenizer(trainedOn: "b a c a b a", maximumSize: 3).vocabulary == ["<unk>", "a", "b"])
    #expect(WordTokenizer(trainedOn: "B b a", lowercases: false).words == ["B", "a", "b"])
    let same = try #require(try reread(tokenizer) as? WordTokenizer)
    #expect(same.vocabulary == tokenizer.vocabulary && same.lowercases && same.encode("a b x") == [2, 3, 1])
  }

  // MARK: Byte pairs

  /// The merges and tokens of a plain implementation in Python.
  @Test func bytePairsLikePython() throws {
    let json = try JSON(parsing: ScratchDirectory.bytes(fixturePath("byte_pairs.json")))
    let text = try #require(json["text"]?.string)
    let tokenizer = BytePairTokenizer(trainedOn: text, vocabularySize: 2000)
    let expected = try #require(json["merges"]?.array).map { [$0[0]?.integer, $0[1]?.integer] }
    #expect(tokenizer.merges.map { [$0.first, $0.second] } == expected)
    let shifted = BytePairTokenizer(merges: tokenizer.merges, specialTokens: ["<pad>", "<end>"])
    for sample in try #require(json["samples"]?.array) {
      let (text, tokens) = (
        try #require(sample["text"]?.string), try #require(sample["tokens"]?.array).compactMap(\.integer)
      )
      #expect(tokenizer.encode(text) == tokens, "\(text)")
      #expect(tokenizer.decode(tokens).utf8.elementsEqual(text.utf8))
      #expect(shifted.encode(text) == tokens.map { $0 + 2 })
    }
    // A smaller vocabulary is the beginning of a larger one.
    let small = BytePairTokenizer(trainedOn: text, vocabularySize: 270, specialTokens: ["<pad>"])
    #expect(small.vocabularySize == 270 && small.merges == Array(tokenizer.merges.prefix(13)))
    #expect(small.vocabulary.count == 270 && small.vocabulary[0] == "<pad>" && small.vocabulary[1 + 97] == "a")
    let same = try #require(try reread(shifted) as? BytePairTokenizer)
    #expect(same.merges == shifted.merges && same.specialTokens == shifted.specialTokens)
  }

  @Test func bytePairsGiveBackEveryText() {
    let tokenizer = BytePairTokenizer(trainedOn: Self.texts.joined() + Self.texts.joined(), vocabularySize: 400)
    #expect(!tokenizer.merges.isEmpty)
    var random = TestRandom(seed: 5)
    for _ in 0..<2000 {
      var text = String.UnicodeScalarView()
      for _ in 0..<Int.random(in: 0...20, using: &random) {
        let limit: UInt32 = [0x20, 0x7f, 0x3000, 0x10ffff].randomElement(using: &random)!
        if let scalar = Unicode.Scalar(UInt32.random(in: 0...limit, using: &random)) { text.append(scalar) }
      }
      let string = String(text)
      let tokens = tokenizer.encode(string)
      #expect(tokenizer.decode(tokens).utf8.elementsEqual(string.utf8))
      #expect(BytePairTokenizer.pieces(Array(string.utf8)).flatMap { $0 } == Array(string.utf8))
    }
    // A character cut apart.
    #expect(BytePairTokenizer(merges: []).decode([0xe3, 97]) == "\u{FFFD}a")
  }

  @Test(.enabled(if: sharedPath("tinyshakespeare.txt") != nil, "the text is not on this machine"))
  func shakespeare() throws {
    let bytes = ScratchDirectory.bytes(try #require(sharedPath("tinyshakespeare.txt")))
    let text = String(decoding: bytes, as: UTF8.self)
    let characters = CharacterTokenizer(trainedOn: text)
    #expect(characters.vocabularySize == 65)
    #expect(try characters.decode(characters.encode(text)) == text)
    let pairs = BytePairTokenizer(trainedOn: text, vocabularySize: 1000)
    let tokens = pairs.encode(text)
    #expect(pairs.vocabularySize == 1000 && pairs.decode(tokens) == text)
    // More than two letters a token.
    #expect(tokens.count < bytes.count / 2)
  }

  // MARK: Files

  @Test(
    arguments: [
      ("", .malformed, "this is not valid JSON"),
      ("[]", .wrongFormat, "this is not a tokenizer"),
      (#"{"format":"apus.tokenizer","version":2}"#, .unsupported, "not of version 1"),
      (#"{"format":"apus.tokenizer","version":1,"kind":"x"}"#, .malformed, "'kind' is not one of"),
      (#"{"format":"apus.tokenizer","version":1,"kind":"words"}"#, .malformed, "'special_tokens' is not an array"),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"words","special_tokens":[1]}"#, .malformed,
        "'special_tokens' is"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"words","special_tokens":[],"words":["a"],"lowercases":true}"#,
        .malformed, "'words' does not begin with '<unk>'"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"words","special_tokens":["a"],"words":["<unk>","a"],"lowercases":true}"#,
        .malformed, "not all different"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"characters","special_tokens":[],"characters":"aba"}"#,
        .malformed,
        "not all different"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"byte_pairs","special_tokens":[],"merges":[[97,256]]}"#,
        .malformed,
        "tokens that do not exist yet"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"byte_pairs","special_tokens":[],"merges":[[97,-1]]}"#,
        .malformed,
        "tokens that do not exist yet"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"byte_pairs","special_tokens":[],"merges":[[97,97],[97,97]]}"#,
        .malformed, "repeats a pair"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"byte_pairs","special_tokens":[],"merges":[[97]]}"#, .malformed,
        "not pairs of whole numbers"
      ),
      (
        #"{"format":"apus.tokenizer","version":1,"kind":"byte_pairs","special_tokens":["a","a"],"merges":[]}"#,
        .malformed,
        "not all different"
      ),
    ] as [(String, FileFormatError.Kind, String)])
  func damagedFiles(text: String, kind: FileFormatError.Kind, part: String) {
    let path = directory.file("damaged.json", text.utf8)
    let error = #expect(throws: FileFormatError.self) { try TokenizerFile(path: path) }
    #expect(error?.kind == kind && error?.description.contains(part) == true, "\(String(describing: error))")
  }

  /// Merges that double each time would be petabytes.
  @Test func hugeTokensAreRefused() {
    let merges = (0..<50).map { $0 == 0 ? "[97,97]" : "[\(255 + $0),\(255 + $0)]" }.joined(separator: ",")
    let path = directory.file(
      "huge.json",
      #"{"format":"apus.tokenizer","version":1,"kind":"byte_pairs","special_tokens":[],"merges":[\#(merges)]}"#.utf8)
    #expect(throws: FileFormatError.self) { try TokenizerFile(path: path) }
  }
}
