import Apus
import Testing

/// `apus` with networks that make or reproduce images.
extension CommandTests {
  @Suite struct GenerativeTests {
    let workspace = Workspace()
    private static let models = ["autoencoder", "vae", "gan", "dcgan"]
    /// Those that make images of noise alone.
    private static let pairs = ["gan", "dcgan"]

    init() { ImageFiles().writeMNIST(to: workspace) }

    private func train(_ model: String, _ arguments: String...) -> Outcome {
      workspace.run(
        [Workspace.executable, "train", "mnist", "--data", "images", "--model", model, "--json", "--output", "run"]
          + arguments)
    }

    /// The pixels of a PNG file.
    private func image(_ name: String) throws -> Image { try Image(reading: "\(workspace.path)/\(name)") }

    @Test("M5, M6: networks that make images, with their JSON lines", arguments: models)
    func jsonLines(model: String) throws {
      let outcome = train(model, "--epochs", "2", "--seed", "1")
      expectSuccess(outcome)
      let events = try outcome.outputLines.map { try JSON(parsing: $0) }
      #expect(events.count == 3)
      let losses = Self.pairs.contains(model) ? ["loss", "generator_loss"] : ["loss"]
      for (i, event) in events.dropLast().enumerated() {
        #expect(event.keys == ["event", "epoch"] + losses + ["seconds"] && event["epoch"]?.integer == i + 1)
        for key in losses { #expect(event[key]?.number != nil) }
      }
      #expect(events[2].keys == ["event"] + (Self.pairs.contains(model) ? [] : ["test_error"]) + ["model"])
      let pictures: [String] =
        switch model {
        case "autoencoder": ["reconstructions.png"]
        case "vae": ["reconstructions.png", "samples.png"]
        default: ["samples.png"]
        }
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors"] + pictures)
      for picture in pictures {
        let image = try image("run/\(picture)")
        // Eight by eight samples, or ten images above their copies, with a pixel between them.
        #expect(image.width == (picture == "samples.png" ? 8 * 29 - 1 : 10 * 29 - 1) && image.channels == 1)
        #expect(image.height == (picture == "samples.png" ? 8 * 29 - 1 : 2 * 29 - 1))
      }
      // The model that was saved is the one that was measured.
      let evaluated = workspace.apus("evaluate", "run", "mnist", "--data", "images", "--json")
      if Self.pairs.contains(model) {
        expectFailure(evaluated, 65, "this model makes images of noise")
      } else {
        expectSuccess(evaluated)
        let evaluation = try JSON(parsing: evaluated.outputLines[0])
        #expect(evaluation.keys == ["event", "examples", "error"] && evaluation["error"] == events[2]["test_error"])
        #expect(workspace.apus("evaluate", "run", "mnist", "--data", "images").output.hasSuffix(" on 40 images\n"))
      }
    }

    @Test(arguments: ["autoencoder", "vae"]) func learnsToReproduce(model: String) throws {
      func error(_ epochs: Int) throws -> Double {
        let outcome = train(model, "--epochs", "\(epochs)", "--batch-size", "16", "--learning-rate", "0.003")
        return try #require(try JSON(parsing: outcome.outputLines.last ?? "")["test_error"]?.number)
      }
      // Before learning every pixel is about one half: an error of 0.2 and more. Images without the square: 0.05.
      let (first, last) = try (error(1), error(25))
      #expect(last < 0.02 && last < first / 2, "\(first), \(last)")
    }

    @Test func configurationHoldsEveryChoice() throws {
      expectSuccess(
        train(
          "vae", "--optimizer", "momentum", "--learning-rate", "0.0001", "--schedule", "linear", "--epochs", "1",
          "--batch-size", "32", "--seed", "7", "--threads", "1", "--precision", "bfloat16"))
      let expected: JSON = [
        "apus_version": .string(apusVersion), "data": "mnist", "directory": "images", "model": "vae",
        "optimizer": "momentum", "learning_rate": 0.0001, "schedule": "linear", "epochs": 1, "batch_size": 32,
        "dropout": 0.0, "precision": "bfloat16", "seed": "7", "threads": 1,
      ]
      #expect(try workspace.json("run/config.json") == expected)
    }

    @Test(arguments: models) func sameSeedSameBytesAndOtherSeedOtherBytes(model: String) {
      func bytes(_ arguments: String...) -> [UInt8] {
        expectSuccess(
          workspace.run(
            [Workspace.executable, "train", "mnist", "--data", "images", "--model", model, "--epochs", "1"]
              + ["--batch-size", "40", "--json", "--output", "run"] + arguments))
        return workspace.bytes("run/model.safetensors")
      }
      let first = bytes("--seed", "3")
      #expect(first.count > 100_000)
      #expect(bytes("--seed", "3", "--threads", "1") == first)
      #expect(bytes("--seed", "4") != first)
    }

    @Test(arguments: ["vae", "gan", "dcgan"]) func generates(model: String) throws {
      expectSuccess(train(model, "--epochs", "1"))
      let outcome = workspace.apus("generate", "run", "--count", "12", "--seed", "5", "--json")
      expectSuccess(outcome)
      let event = try JSON(parsing: outcome.outputLines[0])
      #expect(event.keys == ["event", "images", "path"] && event["images"]?.integer == 12)
      #expect(event["path"]?.string == "samples.png")
      let first = try image("samples.png")
      #expect(first.width == 4 * 29 - 1 && first.height == 3 * 29 - 1)
      #expect(
        workspace.apus("generate", "run", "--count", "12", "--seed", "5", "--output", "b.png").output
          == "12 images: b.png\n")
      #expect(try image("b.png") == first)
      expectSuccess(workspace.apus("generate", "run", "--count", "12", "--seed", "6", "--output", "b.png"))
      #expect(try image("b.png") != first)
    }

    @Test(arguments: models) func pictures(model: String) {
      expectSuccess(train(model, "--epochs", "1"))
      let outcome = workspace.apus("plot", "run")
      expectSuccess(outcome)
      let names =
        ["loss"]
        + (Self.pairs.contains(model) ? ["generator_loss", "samples"] : model == "vae" ? ["samples"] : [])
        + (Self.pairs.contains(model) ? [] : ["reconstructions", "codes"])
      #expect(outcome.outputLines == names.map { "run/pictures/\($0).svg" })
      for name in names { #expect(workspace.text("run/pictures/\(name).svg").hasSuffix("</svg>\n")) }
      #expect(workspace.apus("summary", "run").output.contains("images of (28, 28, 1)"))
    }

    // MARK: Pictures while it trains

    @Test("the pictures of every epoch are of the same noise and change nothing", arguments: ["vae", "gan", "dcgan"])
    func picturesOfEpochs(model: String) throws {
      func train(_ epochs: Int, looks: Bool = true) throws -> (pictures: [Image], parameters: [[Float]]) {
        var choices = TrainingChoices()
        (choices.epochs, choices.seed, choices.batchSize) = (epochs, 3, 40)
        let run = try GenerativeRun(
          .mnist, directory: workspace.path + "/images", network: try #require(.init(rawValue: model)), choices: choices
        )
        var pictures: [Image] = []
        _ = try run.train(progress: .silent) { _ in
          guard looks else { return }
          try run.writeExtras(to: workspace.path)
          #expect(Set(run.extraFiles).isSubset(of: workspace.names()))
          pictures.append(try image("samples.png"))
        }
        return (pictures, run.model.network.parameters.map(\.value.floats))
      }
      let (one, three) = (try train(1), try train(3))
      #expect(three.pictures.count == 3 && Set(three.pictures.map(\.pixels)).count == 3)
      #expect(one.pictures[0] == three.pictures[0])
      #expect(try train(3, looks: false).parameters == three.parameters)
    }

    /// Runs without an end, of which `script` reads the JSON lines.
    private func whileTraining(_ model: String, _ script: String) -> Outcome {
      workspace.shell(
        """
        { $APUS train mnist --data images --model \(model) --json --output run --epochs 10000000; echo $? >code; } |
        { \(script); }
        """)
    }

    @Test("M5, M6: pictures are there after the first epoch, and not after a run that failed", arguments: models)
    func picturesWhileTraining(model: String) throws {
      let outcome = whileTraining(model, "read line; ls run; cat run/*.png | head -c 4 | tail -c 3")
      let names =
        model == "vae"
        ? ["reconstructions.png", "samples.png"] : model == "autoencoder" ? ["reconstructions.png"] : ["samples.png"]
      #expect(outcome.outputLines == names + ["PNG"] && outcome.error == "", "\(outcome)")
      // The reader went away.
      #expect(workspace.text("code") == "74\n" && !workspace.names().contains("run"))
    }

    @Test func anInterruptedRunTakesItsPicturesAlong() {
      _ = workspace.shell(
        """
        mkfifo pipe
        { exec 3<pipe; read line <&3; ls run >seen; kill -INT $(cat process); cat <&3 >/dev/null; } &
        sh -c "echo \\$\\$ >process; exec $APUS train mnist --data images --model gan --json --output run --epochs 10000000 >pipe"
        echo $? >code
        wait
        """)
      #expect(workspace.text("seen") == "samples.png\n" && workspace.text("code") == "130\n")
      #expect(!workspace.names().contains("run"))
    }

    @Test(arguments: zip(["gan", "vae"], ["samples.png", "reconstructions.png"]))
    func aDirectoryInTheWayOfAPictureIsFoundBeforeTraining(model: String, name: String) {
      #expect(workspace.shell("mkdir -p run/\(name)").code == 0)
      expectFailure(train(model, "--epochs", "10000000"), 73, "run/\(name): this is a directory")
      #expect(workspace.names("run") == [name])
    }

    // MARK: Bad input

    @Test func whatCannotBeGenerated() throws {
      expectSuccess(train("autoencoder", "--epochs", "1"))
      expectFailure(workspace.apus("generate", "run"), 65, "it does not make new ones")
      expectSuccess(train("vae", "--epochs", "1"))
      for (arguments, part) in [
        (["--prompt", "a"], "--prompt: the model makes images"), (["--length", "5"], "--length"),
        (["--temperature", "1"], "--temperature"), (["--top-k", "1"], "--top-k"), (["--count", "0"], "--count"),
        (["--count", "10001"], "--count"), (["--output", ""], "--output"),
      ] { expectFailure(workspace.run([Workspace.executable, "generate", "run"] + arguments), 64, part) }
      for output in ["absent/a.png", "images", "/proc/a.png"] {
        expectFailure(workspace.apus("generate", "run", "--output", output), 73)
      }
      expectFailure(
        workspace.apus("predict", "run", "--input", "images/t10k-images-idx3-ubyte"), 65, "see 'apus generate'")
      expectFailure(workspace.apus("evaluate", "run", "iris"), 65, "there are no images 'iris'")
      ImageFiles(side: 12).writeMNIST(to: workspace, "small")
      expectFailure(workspace.apus("evaluate", "run", "mnist", "--data", "small"), 65, "(28, 28, 1)")
      let file = try ModelFile(path: workspace.path + "/run/model.safetensors", registry: .models)
      for (metadata, part) in [
        ("[28, 28]", "not the shape of images"), ("[28, 28, 0]", "not the shape"), ("x", "not the shape"),
        ("[28, 4, 7]", "not the shape"),
        ("[27, 28, 1]", "does not fit images of shape (27, 28, 1)"),
      ] {
        try file.model.save(to: workspace.path + "/bad.safetensors", metadata: ["apus.generated": metadata])
        for outcome in [
          workspace.apus("summary", "bad.safetensors"), workspace.apus("generate", "bad.safetensors"),
          workspace.apus("evaluate", "bad.safetensors", "mnist", "--data", "images"),
        ] { expectFailure(outcome, 65, "bad.safetensors", part) }
      }
    }

    @Test func batchesLargerThanTheData() {
      expectFailure(train("dcgan", "--batch-size", "161"), 65, "there are 160 images; a batch has 161")
      #expect(!workspace.names().contains("run"))
    }
  }
}
