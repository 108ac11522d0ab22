import Apus
import Testing

/// `apus` on data sets of images: networks that tell what they show.
extension CommandTests {
  @Suite struct ImageTests {
    let workspace = Workspace()
    private let files = ImageFiles()

    init() { files.writeMNIST(to: workspace) }

    private func train(_ arguments: String...) -> Outcome {
      workspace.run([Workspace.executable, "train", "mnist", "--data", "images", "--output", "run"] + arguments)
    }

    private func events(_ outcome: Outcome) throws -> [JSON] { try outcome.outputLines.map { try JSON(parsing: $0) } }

    @Test("M1: every network for images, with its JSON lines", arguments: ["lenet", "mlp", "resnet18"])
    func jsonLines(model: String) throws {
      // A deep network takes its time for each image.
      let (training, test) = model == "resnet18" ? (32, 8) : (160, 40)
      ImageFiles(trainingCount: training, testCount: test).writeMNIST(to: workspace)
      let outcome = workspace.run(
        [
          Workspace.executable, "train", "mnist", "--data", "images", "--model", model, "--epochs", "2", "--seed", "1",
          "--json", "--output", "run",
        ])
      expectSuccess(outcome)
      let events = try events(outcome)
      #expect(events.count == 3)
      for (i, event) in events.dropLast().enumerated() {
        #expect(
          event.keys == ["event", "epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "seconds"])
        #expect(event["event"]?.string == "epoch" && event["epoch"]?.integer == i + 1)
        #expect(event["loss"]?.number != nil && event["validation_loss"] == .null)
      }
      #expect(events[2].keys == ["event", "loss", "accuracy", "test_loss", "test_accuracy", "model"])
      #expect(events[2]["event"]?.string == "finished" && events[2]["model"]?.string == "run/model.safetensors")
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors"])
      // The model that was saved is the one that was measured.
      let evaluated = workspace.apus("evaluate", "run", "mnist", "--data", "images", "--json")
      expectSuccess(evaluated)
      let evaluation = try JSON(parsing: try #require(evaluated.outputLines.first))
      #expect(evaluation.keys == ["event", "examples", "loss", "accuracy", "classes", "confusion"])
      #expect(evaluation["examples"]?.integer == test && evaluation["loss"] == events[2]["test_loss"])
      #expect(evaluation["accuracy"] == events[2]["test_accuracy"])
    }

    @Test func learnsAndReadsPictures() throws {
      let outcome = train("--epochs", "12", "--batch-size", "16", "--seed", "3", "--json")
      expectSuccess(outcome)
      let last = try #require(try events(outcome).last)
      #expect(try #require(last["test_accuracy"]?.number) >= 0.95, "\(last.text())")
      // A picture of another size is resized.
      var large = files
      large.side = 56
      for (number, set) in [(1003, files), (1005, large)] {
        set.writePicture(number, to: workspace, "picture.pgm")
        let predicted = workspace.apus("predict", "run", "--input", "picture.pgm")
        expectSuccess(predicted)
        let rows = predicted.outputLines.map { $0.split(separator: ",").map(String.init) }
        #expect(rows.count == 2 && rows[0] == ["class"] + (0..<10).map { "probability of \($0)" })
        #expect(rows[1][0] == "\(ImageFiles.label(number))")
        let probabilities = rows[1].dropFirst().compactMap { Double($0) }
        #expect(probabilities.count == 10 && abs(probabilities.reduce(0, +) - 1) < 1e-5)
      }
      expectSuccess(workspace.apus("predict", "run", "--input", "picture.pgm", "--output", "answer.csv"))
      #expect(workspace.text("answer.csv").hasPrefix("class,probability of 0"))
    }

    @Test func forPeople() {
      let outcome = train("--epochs", "1", "--validation", "0.25", "--augment")
      #expect(outcome.code == 0 && outcome.error.hasPrefix("epoch 1/1  loss "))
      #expect(
        outcome.output.hasPrefix(
          "mnist: 120 training, 40 validation and 40 test images of (28, 28, 1), 10 classes\n"))
      #expect(outcome.output.contains("Conv2D(1, 6, kernel: 5") && outcome.output.contains("61,706"))
      #expect(outcome.output.contains("\ntest: loss ") && outcome.output.hasSuffix("\nmodel: run/model.safetensors\n"))
      let summary = workspace.apus("summary", "run")
      expectSuccess(summary)
      #expect(summary.output.contains("Conv2D(1, 6, kernel: 5") && summary.output.contains("images of (28, 28, 1)"))
      let evaluated = workspace.apus("evaluate", "run", "mnist", "--data", "images")
      expectSuccess(evaluated)
      #expect(evaluated.output.contains("true \\ predicted"))
    }

    @Test func configurationHoldsEveryChoice() throws {
      expectSuccess(
        train(
          "--model", "mlp", "--hidden", "9,8", "--dropout", "0.25", "--optimizer", "sgd", "--learning-rate", "0.5",
          "--schedule", "linear", "--epochs", "1", "--batch-size", "32", "--validation", "0.25", "--augment", "--seed",
          "7", "--threads", "1", "--precision", "bfloat16", "--json"))
      let expected: JSON = [
        "apus_version": .string(apusVersion), "data": "mnist", "directory": "images", "model": "mlp", "hidden": [9, 8],
        "augmented": true, "validation": 0.25,
        "regularizer": .null, "lambda": .null, "early_stopping": .null, "batch_norm": false, "max_steps": .null,
        "max_seconds": .null, "optimizer": "sgd", "learning_rate": 0.5, "schedule": "linear",
        "epochs": 1, "batch_size": 32, "dropout": 0.25, "precision": "bfloat16", "seed": "7", "threads": 1,
      ]
      #expect(try workspace.json("run/config.json") == expected)
      let summary = workspace.apus("summary", "run").output
      for layer in ["Dense(784, 9, activation: .relu)", "Dropout(0.25)", "Dense(8, 10)"] {
        #expect(summary.contains(layer))
      }
    }

    @Test func photographs() throws {
      var files = ImageFiles(side: 32)
      files.trainingCount = 50
      files.writeCIFAR(to: workspace)
      let outcome = workspace.apus(
        "train", "cifar10", "--data", "photos", "--epochs", "1", "--augment", "--json", "--output", "run")
      expectSuccess(outcome)
      let measured = try #require(try events(outcome).last)["test_loss"]
      let evaluated = workspace.apus("evaluate", "run", "cifar10", "--data", "photos", "--json")
      expectSuccess(evaluated)
      #expect(try JSON(parsing: evaluated.outputLines[0])["loss"] == measured)
      expectSuccess(workspace.apus("plot", "run", "--format", "png"))
      expectFailure(
        workspace.apus("evaluate", "run", "mnist", "--data", "images"), 65, "(28, 28, 1)", "(32, 32, 3)")
      files.writePicture(1001, to: workspace, "picture.pgm")
      expectSuccess(workspace.apus("predict", "run", "--input", "picture.pgm"))
      let made = workspace.apus(
        "train", "cifar10", "--data", "photos", "--model", "autoencoder", "--epochs", "1", "--batch-size", "10",
        "--json", "--output", "copies")
      expectSuccess(made)
      #expect(workspace.names("copies").contains("reconstructions.png"))
    }

    // MARK: Repeating

    private func model(_ arguments: String...) -> [UInt8] {
      let outcome = workspace.run(
        [
          Workspace.executable, "train", "mnist", "--data", "images", "--epochs", "2", "--augment", "--validation",
          "0.1", "--json", "--output", "run",
        ] + arguments)
      expectSuccess(outcome)
      return workspace.bytes("run/model.safetensors")
    }

    @Test func sameSeedSameBytesAndOtherSeedOtherBytes() {
      let first = model("--seed", "3")
      #expect(first.count > 200_000)
      #expect(model("--seed", "3", "--threads", "1") == first)
      #expect(model("--seed", "4") != first)
    }

    // MARK: Pictures

    @Test func picturesOfALeNet() throws {
      expectSuccess(train("--epochs", "2", "--json"))
      let outcome = workspace.apus("plot", "run")
      expectSuccess(outcome)
      let names = [
        "loss", "accuracy", "filters", "confusion-matrix", "feature-maps", "saliency", "occlusion", "hidden-layer",
      ]
      #expect(outcome.outputLines == names.map { "run/pictures/\($0).svg" })
      for name in names { #expect(workspace.text("run/pictures/\(name).svg").hasSuffix("</svg>\n"), "\(name)") }
      let evaluation = try JSON(
        parsing: workspace.apus("evaluate", "run", "mnist", "--data", "images", "--json").output)
      let accuracy = try #require(evaluation["accuracy"]?.number)
      #expect(
        workspace.text("run/pictures/confusion-matrix.svg")
          .contains(">accuracy \(accuracy.formatted(precision: 4)) on 40 examples<"))
      // Without the data, what does not need them.
      _ = workspace.shell("mv images moved")
      let without = workspace.apus("plot", "run")
      #expect(without.code == 0 && without.outputLines.count == 3)
      #expect(without.error == "apus: without pictures of the predictions: images: there is no such directory.\n")
      #expect(workspace.apus("plot", "run", "--data", "moved").outputLines.count == names.count)
      expectFailure(workspace.apus("plot", "run", "--data", "images"), 65, "images: there is no such directory")
    }

    @Test func curvesInTheTerminal() {
      expectSuccess(train("--model", "mlp", "--epochs", "2", "--json"))
      let outcome = workspace.apus("plot", "run", "--format", "text")
      expectSuccess(outcome)
      #expect(outcome.output.contains("Loss, training") && outcome.output.contains("Accuracy, training"))
      #expect(workspace.apus("plot", "run").outputLines.contains("run/pictures/weights.svg"))
    }

    // MARK: Bad input

    @Test func directoriesAndFilesThatCannotBeUsed() {
      func expect(_ part: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let outcome = workspace.apus("train", "mnist", "--data", "bad", "--output", "run", "--json")
        expectFailure(outcome, 65, part, sourceLocation: sourceLocation)
        #expect(workspace.names().contains("run") == false, sourceLocation: sourceLocation)
      }
      expect("bad: there is no such directory")
      _ = workspace.shell("mkdir bad")
      expect("there is no file train*-images-idx3-ubyte")
      func spoil(_ script: String) { _ = workspace.shell("rm -rf bad; cp -r images bad; cd bad; \(script)") }
      spoil("gzip train-images-idx3-ubyte")
      #expect(workspace.apus("train", "mnist", "--data", "bad", "--epochs", "1", "--json", "--output", "ok").code == 0)
      spoil("gzip -c train-images-idx3-ubyte | head -c 5000 > train-images-idx3-ubyte.gz; rm train-images-idx3-ubyte")
      expect("train-images-idx3-ubyte.gz: the packed bytes end too early")
      spoil("head -c 1000 ../images/train-images-idx3-ubyte > train-images-idx3-ubyte")
      expect("bytes than the file holds")
      spoil("cp ../images/train-labels-idx1-ubyte train-images-idx3-ubyte")
      expect("expected images")
      spoil("printf 'no images here' > train-images-idx3-ubyte")
      expect("this is not an IDX file")
      workspace.write(files.labels(0..<159), to: "fewer")
      spoil("cp ../fewer train-labels-idx1-ubyte")
      expect("a label for each image")
      workspace.write(files.labels(0..<160).dropLast() + [10], to: "eleventh")
      spoil("cp ../eleventh train-labels-idx1-ubyte")
      expect("the label 10 is outside 0 to 9")
      workspace.write(files.images(0..<0), to: "none")
      workspace.write(files.labels(0..<0), to: "nothing")
      spoil("cp ../none t10k-images-idx3-ubyte; cp ../nothing t10k-labels-idx1-ubyte")
      expect("there are no images")
      workspace.write(ImageFiles(side: 27).images(1000..<1040), to: "other")
      spoil("cp ../other t10k-images-idx3-ubyte")
      expect("(27, 27, 1)")
    }

    /// Networks that do not fit the images' size say so before anything is built.
    @Test(arguments: [("lenet", 8), ("autoencoder", 10), ("dcgan", 8)])
    func sizesThatDoNotFit(model: String, side: Int) {
      ImageFiles(side: side).writeMNIST(to: workspace, "small")
      let outcome = workspace.apus("train", "mnist", "--data", "small", "--model", model, "--output", "run")
      expectFailure(outcome, 64, "the network \(model)", "\(side) x \(side)")
    }

    @Test func smallImagesTrainToo() {
      ImageFiles(side: 1).writeMNIST(to: workspace, "dots")
      for model in ["mlp", "vae", "gan"] {
        expectSuccess(
          workspace.apus(
            "train", "mnist", "--data", "dots", "--model", model, "--epochs", "1", "--json", "--output", model))
        expectSuccess(workspace.apus("plot", model))
      }
    }

    @Test func optionsThatDoNotFit() {
      for (arguments, part) in [
        (["--model", "char-lstm"], "for images there are lenet, mlp, resnet18, autoencoder, vae, gan, dcgan"),
        (["--model", "lenet", "--hidden", "4"], "--hidden"), (["--model", "dcgan", "--augment"], "--augment"),
        (["--target", "x"], "--target"), (["--activation", "tanh"], "--activation"), (["--epochs", "0"], "--epochs"),
        (["--batch-size", "0"], "--batch-size"), (["--validation", "1"], "--validation"),
        (["--model", "vae", "--validation", "0.1"], "--validation"), (["--learning-rate", "nan"], "--learning-rate"),
        (["--schedule", "sometimes"], "sometimes"),
      ] {
        let outcome = workspace.run(
          [Workspace.executable, "train", "mnist", "--data", "images", "--output", "run"] + arguments)
        expectFailure(outcome, 64, part)
      }
      expectFailure(workspace.apus("train", "iris", "--data", "images"), 64, "--data")
      expectFailure(
        workspace.apus("train", "mnist", "--data", "images", "--validation", "0.999", "--output", "run"), 65,
        "no images left")
      #expect(workspace.names() == ["images"])
    }

    @Test func aLossThatIsNoNumberEndsTheRun() {
      let outcome = train("--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "3", "--json")
      #expect(outcome.code == 65 && outcome.error.contains("try a smaller learning rate"), "\(outcome.error)")
      #expect(!workspace.names().contains("run"))
    }

    /// The loss is looked at before each update: what the only one of this run does is seen afterwards.
    @Test(arguments: ["mlp", "vae"]) func aLastUpdateThatGoesTooFarHarmsNothing(model: String) {
      expectSuccess(train("--model", model, "--epochs", "1", "--json"))
      let before = workspace.bytes("run/model.safetensors")
      let outcome = train(
        "--model", model, "--optimizer", "sgd", "--learning-rate", "1e38", "--epochs", "1", "--batch-size", "160",
        "--json")
      #expect(outcome.code == 65 && outcome.error.contains("after training"), "\(outcome.error)")
      #expect(outcome.error.contains("try a smaller learning rate"))
      #expect(workspace.bytes("run/model.safetensors") == before)
    }

    @Test func modelsAndPicturesThatCannotBeUsed() throws {
      expectSuccess(train("--epochs", "1", "--json"))
      files.writePicture(1001, to: workspace, "picture.pgm")
      expectFailure(workspace.apus("predict", "run", "--input", "absent.png"), 65, "absent.png")
      workspace.write("P5 28 28 255\nshort", to: "short.pgm")
      expectFailure(workspace.apus("predict", "run", "--input", "short.pgm"), 65, "short.pgm")
      expectFailure(workspace.apus("predict", "run", "--input", "run/config.json"), 65, "run/config.json")
      expectFailure(workspace.apus("evaluate", "run", "iris"), 65, "there are no images 'iris'; there are mnist")
      expectFailure(workspace.apus("generate", "run"), 65, "makes neither texts nor images")
      let file = try ModelFile(path: workspace.path + "/run/model.safetensors")
      let key = "apus.images"
      let good = try #require(file.metadata[key])
      for (metadata, part) in [
        ("[]", "not an image shape"), (good.replacing("[28,28,1]", with: "[28,28]"), "not an image shape"),
        (good.replacing("[28,28,1]", with: "[28,28,99999999]"), "not an image shape"),
        (good.replacing("[28,28,1]", with: "[28,28,5]"), "not an image shape"),
        (good.replacing("[28,28,1]", with: "[65536,65536,1]"), "not an image shape"),
        (good.replacing("[28,28,1]", with: "[27,28,3]"), "does not fit images of shape (27, 28, 3)"),
        (good.replacing("\"9\"", with: "\"9\",\"10\""), "does not fit 11 classes"),
      ] {
        #expect(metadata != good)
        try file.model.save(to: workspace.path + "/bad.safetensors", metadata: [key: metadata])
        for outcome in [
          workspace.apus("summary", "bad.safetensors"),
          workspace.apus("predict", "bad.safetensors", "--input", "picture.pgm"),
          workspace.apus("evaluate", "bad.safetensors", "mnist", "--data", "images"),
        ] { expectFailure(outcome, 65, "bad.safetensors", part) }
      }
      try Sequential {
        Flatten()
        Dense(784, 10, dtype: .float64)
      }.save(to: workspace.path + "/bad.safetensors", metadata: [key: good])
      expectFailure(workspace.apus("predict", "bad.safetensors", "--input", "picture.pgm"), 65, "'1.weight' is float64")
      // Parameters that are no numbers.
      let bias = try #require(file.model.parameters.first { $0.shape == [10] })
      bias.value = Tensor([Float](repeating: .nan, count: 10))
      try file.model.save(to: workspace.path + "/bad.safetensors", metadata: [key: good])
      expectFailure(
        workspace.apus("predict", "bad.safetensors", "--input", "picture.pgm"), 65, "picture.pgm", "no number")
      expectFailure(workspace.apus("evaluate", "bad.safetensors", "mnist", "--data", "images"), 65, "no numbers")
    }

    // MARK: The real data

    private static let real = realData("mnist")

    @Test("the real digits in one epoch", .enabled(if: real != nil, "MNIST is not on this machine"))
    func realDigits() throws {
      let outcome = workspace.apus(
        "train", "mnist", "--data", try #require(Self.real), "--epochs", "1", "--seed", "1", "--json", "--output", "run"
      )
      expectSuccess(outcome)
      let last = try #require(try events(outcome).last)
      #expect(try #require(last["test_accuracy"]?.number) > 0.9, "\(last.text())")
    }
  }
}

/// Data that lie beside the package, where a machine has them; nil where not.
func realData(_ name: String) -> String? {
  let package = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
  let path = "\(package)/../shared/data/\(name)"
  return FileSystem.isDirectory(path) || (try? TextFile.read(path)) != nil ? path : nil
}

extension String {
  fileprivate func replacing(_ old: String, with new: String) -> String {
    guard let range = firstRange(of: old) else { return self }
    return String(self[..<range.lowerBound]) + new + self[range.upperBound...]
  }
}
