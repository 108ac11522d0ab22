import Apus
import Testing

/// `apus` on texts: networks that go on with them.
extension CommandTests {
  @Suite struct TextTests {
    let workspace = Workspace()

    init() { workspace.write(Self.rhyme, to: "rhyme.txt") }

    /// 9,600 characters, 12 different ones.
    private static let rhyme = String(repeating: "the cat sat on the mat.\n", count: 400)

    private func train(_ arguments: String...) -> Outcome {
      workspace.run([Workspace.executable, "train", "rhyme.txt", "--json", "--output", "run"] + arguments)
    }

    private func generate(_ arguments: String...) -> Outcome {
      workspace.run([Workspace.executable, "generate", "run"] + arguments)
    }

    @Test(
      "M3, M4: every network for texts, with its JSON lines", arguments: ["char-lstm", "char-gru", "char-gpt"])
    func jsonLines(model: String) throws {
      let outcome = train("--model", model, "--epochs", "2", "--batch-size", "16", "--seed", "1")
      expectSuccess(outcome)
      let events = try outcome.outputLines.map { try JSON(parsing: $0) }
      #expect(events.count == 3)
      for (i, event) in events.dropLast().enumerated() {
        #expect(event.keys == ["event", "epoch", "loss", "validation_loss", "seconds"])
        #expect(event["event"]?.string == "epoch" && event["epoch"]?.integer == i + 1)
        for key in event.keys.dropFirst(2) { #expect(event[key]?.number != nil, "\(key)") }
      }
      #expect(events[2].keys == ["event", "test_loss", "model"])
      #expect(events[2]["test_loss"] == events[1]["validation_loss"])
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors"])
      // The last tenth as a file of its own: the model that was saved is the one that was measured. Its streams, 7 of at least 128 tokens
      // or 14 of at least 64, share what follows the first token.
      let tokens = model == "char-gpt" ? 14 * (959 / 14) : 7 * (959 / 7)
      workspace.write(String(Self.rhyme.suffix(960)), to: "rest.txt")
      let evaluated = workspace.apus("evaluate", "run", "rest.txt", "--json")
      expectSuccess(evaluated)
      let evaluation = try JSON(parsing: evaluated.outputLines[0])
      #expect(evaluation.keys == ["event", "tokens", "loss"] && evaluation["tokens"]?.integer == tokens)
      #expect(evaluation["loss"] == events[2]["test_loss"])
      let written = generate("--prompt", "the ", "--length", "30", "--json")
      expectSuccess(written)
      let text = try JSON(parsing: written.outputLines[0])
      #expect(text.keys == ["event", "prompt", "text"] && text["prompt"]?.string == "the ")
      #expect(text["text"]?.string?.unicodeScalars.count == 30)
    }

    @Test func configurationHoldsEveryChoice() throws {
      expectSuccess(
        train(
          "--model", "char-gru", "--dropout", "0.25", "--optimizer", "momentum", "--learning-rate", "0.5", "--schedule",
          "constant", "--epochs", "1", "--batch-size", "8", "--seed", "7", "--threads", "1"))
      let expected: JSON = [
        "apus_version": .string(apusVersion), "data": "rhyme.txt", "model": "char-gru", "optimizer": "momentum",
        "learning_rate": 0.5, "schedule": "constant", "epochs": 1, "batch_size": 8, "dropout": 0.25,
        "precision": "float32", "seed": "7", "threads": 1,
      ]
      #expect(try workspace.json("run/config.json") == expected)
    }

    /// What it has learnt by heart it writes, for people and for programs.
    @Test func learnsALineAndWritesIt() throws {
      expectSuccess(train("--epochs", "10", "--batch-size", "16", "--seed", "1"))
      let written = generate("--prompt", "the cat", "--length", "41", "--temperature", "0")
      expectSuccess(written)
      #expect(written.output == "the cat sat on the mat.\nthe cat sat on the mat.\n\n")
      let json = generate("--prompt", "the cat", "--length", "41", "--temperature", "0", "--json")
      #expect(
        try JSON(parsing: json.output)["text"]?.string == String(written.output.dropFirst(7).dropLast()))
      // The beginning is a line's.
      let line = generate("--length", "23", "--temperature", "0")
      #expect(line.output == "the cat sat on the mat.\n")
      #expect(generate("--prompt", "on", "--length", "0").output == "on\n")
    }

    @Test func seedsAndSampling() {
      expectSuccess(train("--epochs", "3", "--batch-size", "16"))
      // At a high temperature nothing is certain.
      func wild(_ seed: String) -> String { generate("--seed", seed, "--temperature", "3").output }
      let (first, second) = (wild("1"), wild("2"))
      #expect(first.unicodeScalars.count == 501 && first != second)
      #expect(wild("1") == first)
      // The single likeliest token is what temperature 0 takes.
      let greedy = generate("--temperature", "0", "--length", "50").output
      #expect(generate("--top-k", "1", "--temperature", "2", "--seed", "3", "--length", "50").output == greedy)
      #expect(generate("--top-p", "1e-9", "--seed", "3", "--length", "50").output == greedy)
    }

    @Test(arguments: ["char-lstm", "char-gpt"])
    func sameSeedSameBytesAndOtherSeedOtherBytes(model: String) {
      func bytes(_ arguments: String...) -> [UInt8] {
        expectSuccess(
          workspace.run(
            [Workspace.executable, "train", "rhyme.txt", "--model", model, "--epochs", "2", "--batch-size", "16"]
              + ["--json", "--output", "run"] + arguments))
        return workspace.bytes("run/model.safetensors")
      }
      let first = bytes("--seed", "3")
      #expect(first.count > 100_000)
      #expect(bytes("--seed", "3", "--threads", "1") == first)
      #expect(bytes("--seed", "4") != first)
    }

    /// A dropout that practically never drops draws random numbers all the same, but none of those that choose the text's windows.
    @Test("another dropout does not change the order of the text", arguments: ["char-lstm", "char-gru"])
    func dropoutChangesNoOrder(model: String) {
      func history(_ dropout: String) -> String {
        expectSuccess(
          train("--model", model, "--epochs", "2", "--batch-size", "16", "--seed", "5", "--dropout", dropout))
        // Without the seconds, which come last.
        let rows = workspace.text("run/history.csv").split(separator: "\n")
        return rows.map { $0.split(separator: ",").dropLast().joined(separator: ",") }.joined(separator: "\n")
      }
      let without = history("0")
      #expect(without.contains("loss") && history("1e-12") == without && history("0.2") != without)
    }

    /// Whatever a batch is, it holds no more windows than there are in the text.
    @Test func aHugeBatchIsTheWholeText() throws {
      let all = train("--epochs", "2", "--batch-size", "\(Int.max)")
      expectSuccess(all)
      // 8,640 characters in windows of 64.
      expectSuccess(train("--epochs", "2", "--batch-size", "135"))
      let (first, second) = (
        all.outputLines.last, train("--epochs", "2", "--batch-size", "1000000000").outputLines.last
      )
      #expect(first == second && first?.contains("test_loss") == true)
    }

    @Test("batches beyond the machine's memory are refused before it is taken") func hugeBatches() {
      _ = workspace.shell("yes 'the cat sat on the mat.' | head -c 12000000 >long.txt")
      expectFailure(
        workspace.run(
          [
            Workspace.executable, "train", "long.txt", "--model", "char-gpt", "--batch-size", "1000000000", "--output",
            "run",
          ], megabytes: 4000), 64, "GB of memory; choose smaller batches.")
    }

    @Test func forPeople() {
      let outcome = workspace.apus(
        "train", "rhyme.txt", "--model", "char-gpt", "--epochs", "1", "--batch-size", "16", "--output", "run")
      #expect(outcome.code == 0 && outcome.error.hasPrefix("epoch 1/1  loss "))
      #expect(
        outcome.output.hasPrefix("rhyme.txt: 8640 characters to train on and 960 to test on, 12 different ones\n"))
      #expect(outcome.output.contains("nats for each character on the last tenth of the text"))
      let summary = workspace.apus("summary", "run")
      expectSuccess(summary)
      #expect(summary.output.contains("GPT(vocabulary: 12") && summary.output.contains("tokens: 12"))
      let evaluated = workspace.apus("evaluate", "run", "rhyme.txt")
      expectSuccess(evaluated)
      #expect(evaluated.output.hasPrefix("loss ") && evaluated.output.contains("on 9536 tokens"))
    }

    @Test func pictures() {
      for model in ["char-lstm", "char-gpt"] {
        expectSuccess(train("--model", model, "--epochs", "2", "--batch-size", "16"))
        let outcome = workspace.apus("plot", "run")
        expectSuccess(outcome)
        #expect(outcome.outputLines == ["run/pictures/loss.svg", "run/pictures/embedding.svg"])
        let picture = workspace.text("run/pictures/embedding.svg")
        #expect(picture.hasSuffix("</svg>\n") && picture.contains("newline") && picture.contains("vowel"))
      }
      #expect(workspace.apus("plot", "run", "--format", "text").output.contains("Loss, validation"))
    }

    // MARK: Bad input

    @Test func textsThatCannotBeUsed() {
      func expect(_ bytes: [UInt8], _ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        workspace.write(bytes, to: "bad.txt")
        for model in ["char-lstm", "char-gpt"] {
          expectFailure(
            workspace.apus("train", "bad.txt", "--model", model, "--output", "run"), 65, "bad.txt", part,
            sourceLocation: sourceLocation)
        }
        #expect(!workspace.names().contains("run"), sourceLocation: sourceLocation)
      }
      expect([], "there are 0 characters; expected at least 1300")
      expect(Array(Self.rhyme.utf8.prefix(1299)), "there are 1299 characters")
      expect((0..<5000).map { UInt8($0 % 256) }, "this is not a text in UTF-8")
      expect(Array(Self.rhyme.utf8) + [0xC3], "this is not a text in UTF-8")
      expectFailure(workspace.apus("train", "absent.txt", "--output", "run"), 65, "absent.txt: there is no such file")
      expectFailure(workspace.apus("train", ".", "--model", "char-gru", "--output", "run"), 65, ".")
    }

    /// Zeros, and characters beyond the basic plane, are characters too.
    @Test func unusualCharacters() throws {
      let bird = "\u{1F426}e\u{0301}\r\n\u{0}"
      workspace.write(String(repeating: bird, count: 400), to: "birds.txt")
      expectSuccess(workspace.apus("train", "birds.txt", "--epochs", "1", "--json", "--output", "run"))
      let written = generate("--prompt", bird, "--length", "60", "--temperature", "5", "--json")
      expectSuccess(written)
      let text = try #require(try JSON(parsing: written.output)["text"]?.string)
      #expect(text.unicodeScalars.count == 60 && text.unicodeScalars.allSatisfy { bird.unicodeScalars.contains($0) })
      // For people no control characters but those that make lines.
      let shown = generate("--prompt", bird, "--length", "60", "--temperature", "5").output
      #expect(text.unicodeScalars.contains("\u{0}") && !shown.unicodeScalars.contains("\u{0}"))
      #expect(shown.unicodeScalars.contains("\r") && shown.unicodeScalars.contains("\n"))
    }

    /// A single character is enough to write, but nothing can be learnt about it.
    @Test func oneCharacter() {
      workspace.write(String(repeating: "a", count: 2000), to: "a.txt")
      expectSuccess(workspace.apus("train", "a.txt", "--epochs", "1", "--json", "--output", "run"))
      #expect(generate("--length", "5").output == "aaaaa\n")
      for (text, count) in [("", 0), ("a", 1)] {
        workspace.write(text, to: "short.txt")
        expectFailure(workspace.apus("evaluate", "run", "short.txt"), 65, "short.txt: there are \(count) tokens")
      }
      workspace.write("aa", to: "short.txt")
      expectSuccess(workspace.apus("evaluate", "run", "short.txt"))
      expectSuccess(workspace.apus("plot", "run"))
    }

    @Test func optionsThatDoNotFit() {
      for (arguments, part) in [
        (["--model", "lenet"], "for texts there are char-lstm, char-gru, char-gpt"), (["--data", "x"], "--data"),
        (["--augment"], "--augment"), (["--hidden", "4"], "--hidden"), (["--validation", "0.1"], "--validation"),
        (["--test", "0.1"], "--test"), (["--profile"], "--profile"), (["--dropout", "1"], "--dropout"),
        (["--learning-rate", "0"], "--learning-rate"),
      ] {
        let outcome = workspace.run(
          [Workspace.executable, "train", "rhyme.txt", "--output", "run"] + arguments)
        expectFailure(outcome, 64, part)
      }
      expectFailure(workspace.apus("train", "iris", "--model", "char-rnn"), 64, "char-rnn")
      #expect(workspace.names() == ["rhyme.txt"])
    }

    @Test func generatingThatCannotBeDone() {
      expectSuccess(train("--epochs", "1", "--batch-size", "16"))
      for (arguments, part) in [
        (["--prompt", "the Cat"], "--prompt: the text's character 5 is 'C' (U+43)"), (["--length", "-1"], "--length"),
        (["--length=-1"], "--length -1: expected 0 to"), (["--length", "many"], "many"),
        (["--temperature=-1"], "--temperature -1.0: expected at least 0"), (["--temperature", "nan"], "--temperature"),
        (["--temperature", "inf"], "--temperature"), (["--top-k", "0"], "--top-k"), (["--top-p", "0"], "--top-p"),
        (["--top-p", "1.5"], "--top-p"), (["--count", "3"], "--count: the model makes texts"),
        (["--output", "a.png"], "--output: the model makes texts"), (["--seed", "-1"], "--seed"),
      ] { expectFailure(workspace.run([Workspace.executable, "generate", "run"] + arguments), 64, part) }
      expectFailure(workspace.apus("generate", "absent"), 65, "absent: there is no such file")
      expectFailure(workspace.apus("generate", "rhyme.txt"), 65, "rhyme.txt")
      expectFailure(workspace.apus("predict", "run", "--input", "rhyme.txt"), 65, "see 'apus generate'")
      workspace.write("THE CAT", to: "loud.txt")
      expectFailure(workspace.apus("evaluate", "run", "loud.txt"), 65, "loud.txt: the text's character 1 is 'T'")
      expectFailure(workspace.apus("evaluate", "run", "rhyme.txt", "--data", "x"), 64, "--data")
      expectSuccess(workspace.apus("train", "iris", "--epochs", "1", "--json", "--output", "table"))
      expectFailure(workspace.apus("generate", "table"), 65, "makes neither texts nor images")
    }

    @Test func modelFilesThatCannotBeUsed() throws {
      expectSuccess(train("--epochs", "1", "--batch-size", "16"))
      let file = try ModelFile(path: workspace.path + "/run/model.safetensors", registry: .models)
      let key = "apus.tokenizer"
      let good = try #require(file.metadata[key])
      for (metadata, part) in [
        ("{}", "'apus.tokenizer' cannot be used"), ("[", "'apus.tokenizer' cannot be used"),
        (good.replacing("sat", with: "s"), "the network knows 12 tokens, the tokenizer"),
        (good.replacing("characters\"", with: "magic\""), "'apus.tokenizer' cannot be used"),
      ] {
        try file.model.save(to: workspace.path + "/bad.safetensors", metadata: [key: metadata])
        for outcome in [
          workspace.apus("summary", "bad.safetensors"), workspace.apus("generate", "bad.safetensors"),
          workspace.apus("evaluate", "bad.safetensors", "rhyme.txt"),
        ] {
          if metadata != good { expectFailure(outcome, 65, "bad.safetensors", part) }
        }
      }
      try Sequential { Dense(3, 12) }.save(to: workspace.path + "/bad.safetensors", metadata: [key: good])
      expectFailure(workspace.apus("generate", "bad.safetensors"), 65, "the network is a Sequential")
      // A tokenizer that can write nothing.
      let mute = CharacterTokenizer(trainedOn: "", specialTokens: ["<end>"])
      try GPT(vocabulary: 1, context: 8, blocks: 1, heads: 1, width: 8)
        .save(to: workspace.path + "/bad.safetensors", metadata: [key: mute.json.text()])
      expectFailure(workspace.apus("generate", "bad.safetensors"), 65, "the tokenizer knows no text")
    }

    // MARK: The real text

    private static let real = realData("tinyshakespeare.txt")

    @Test("a part of Shakespeare in one epoch", .enabled(if: real != nil, "the text is not on this machine"))
    func shakespeare() throws {
      let text = try TextFile.read(try #require(Self.real)).prefix(60_000)
      workspace.write(String(text), to: "plays.txt")
      let outcome = workspace.apus("train", "plays.txt", "--epochs", "6", "--json", "--output", "run")
      expectSuccess(outcome)
      let loss = try #require(try JSON(parsing: outcome.outputLines.last ?? "")["test_loss"]?.number)
      // Letters by their frequencies alone give 3.3 nats.
      #expect(loss < 2.9)
      #expect(generate("--prompt", "First Citizen:\n", "--length", "100").output.hasPrefix("First Citizen:\n"))
    }
  }
}

extension String {
  fileprivate func replacing(_ old: String, with new: String) -> String {
    guard let range = firstRange(of: old) else { return self }
    return String(self[..<range.lowerBound]) + new + self[range.upperBound...]
  }
}
