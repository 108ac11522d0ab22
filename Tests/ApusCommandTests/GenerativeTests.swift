import Apus
import Testing

/// `apus` with networks that make or reproduce images.
extension CommandTests {
  @Suite struct GenerativeTests {
    let workspace = Workspace()
    private static let models = ["autoencoder", "vae", "dcgan"]

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
      let losses = model == "dcgan" ? ["loss", "generator_loss"] : ["loss"]
      for (i, event) in events.dropLast().enumerated() {
        #expect(event.keys == ["event", "epoch"] + losses + ["seconds"] && event["epoch"]?.integer == i + 1)
        for key in losses { #expect(event[key]?.number != nil) }
      }
      #expect(events[2].keys == ["event"] + (model == "dcgan" ? [] : ["test_error"]) + ["model"])
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
      if model == "dcgan" {
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

    @Test(arguments: ["vae", "dcgan"]) func generates(model: String) throws {
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
        + (model == "dcgan" ? ["generator_loss", "samples"] : model == "vae" ? ["samples"] : [])
        + (model == "dcgan" ? [] : ["reconstructions", "codes"])
      #expect(outcome.outputLines == names.map { "run/pictures/\($0).svg" })
      for name in names { #expect(workspace.text("run/pictures/\(name).svg").hasSuffix("</svg>\n")) }
      #expect(workspace.apus("summary", "run").output.contains("images of (28, 28, 1)"))
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
