import Apus
import Testing

/// What a run prints and leaves.
extension CommandTests {
  @Suite struct TrainTests {
    let workspace = Workspace()

    /// Every line of the standard output as JSON.
    private func events(_ outcome: Outcome) throws -> [JSON] { try outcome.outputLines.map { try JSON(parsing: $0) } }

    @Test func classificationPrintsJSONLinesAndNothingElse() throws {
      let outcome = workspace.apus("train", "iris", "--epochs", "3", "--json", "--output", "run")
      expectSuccess(outcome)
      let events = try events(outcome)
      #expect(events.count == 4)
      for (i, event) in events.dropLast().enumerated() {
        #expect(
          event.keys == [
            "event", "epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "seconds",
          ])
        #expect(event["event"]?.string == "epoch" && event["epoch"]?.integer == i + 1)
        for key in event.keys.dropFirst(2) { #expect(event[key]?.number != nil, "\(key)") }
      }
      let last = events[3]
      #expect(last.keys == ["event", "loss", "accuracy", "test_loss", "test_accuracy", "model"])
      #expect(last["event"]?.string == "finished" && last["model"]?.string == "run/model.safetensors")
      #expect((last["test_accuracy"]?.number).map { (0...1).contains($0) } == true)
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors"])
    }

    @Test func regressionPrintsRootMeanSquaredErrorAndR2() throws {
      workspace.write("x,y\n" + (0..<40).map { "\($0),\(Double($0) * 2.5)\n" }.joined(), to: "line.csv")
      let outcome = workspace.apus("train", "line.csv", "--epochs", "2", "--json", "--output", "run")
      expectSuccess(outcome)
      let events = try events(outcome)
      #expect(events.count == 3)
      #expect(events[0].keys == ["event", "epoch", "loss", "validation_loss", "seconds"])
      #expect(events[2].keys == ["event", "loss", "rmse", "r2", "test_loss", "test_rmse", "test_r2", "model"])
    }

    @Test func withoutValidationAndTestTheFieldsAreNull() throws {
      let outcome = workspace.apus(
        "train", "iris", "--epochs", "1", "--json", "--test", "0", "--validation", "0", "--output", "run")
      let events = try events(outcome)
      #expect(events[0]["validation_loss"] == .null && events[0]["validation_accuracy"] == .null)
      #expect(events[1]["test_loss"] == .null && events[1]["test_accuracy"] == .null)
      #expect(events[1]["accuracy"]?.number != nil)
    }

    @Test func forPeopleProgressGoesToStandardError() {
      let outcome = workspace.apus("train", "iris", "--epochs", "2", "--output", "run")
      #expect(outcome.code == 0)
      let lines = outcome.error.split(separator: "\n")
      #expect(lines.count == 2 && lines[0].hasPrefix("epoch 1/2  loss ") && lines[1].hasPrefix("epoch 2/2  loss "))
      #expect(!outcome.output.contains("epoch"))
      #expect(
        outcome.output.hasPrefix("iris: 108 training, 12 validation and 30 test examples, 4 features, classification\n")
      )
      #expect(outcome.output.contains("Dense(4, 128, activation: .relu)"))
      #expect(outcome.output.contains("\ntest: loss ") && outcome.output.contains("true \\ predicted"))
      #expect(outcome.output.hasSuffix("\nmodel: run/model.safetensors\n"))
    }

    @Test func configurationHoldsEveryChoice() throws {
      expectSuccess(
        workspace.apus(
          "train", "breast-cancer", "--target", "diagnosis", "--task", "classification", "--hidden", "5,3",
          "--activation", "tanh", "--loss", "softmaxCrossEntropy", "--optimizer", "momentum", "--learning-rate", "0.25",
          "--epochs", "2", "--batch-size", "17", "--precision", "bfloat16", "--dropout", "0.125", "--validation", "0.2",
          "--test", "0.3",
          "--scaling", "minMax", "--seed", "18446744073709551615", "--threads", "1", "--regularizer", "elastic",
          "--lambda",
          "0.001", "--early-stopping", "7", "--batch-norm", "--max-steps", "1000", "--max-time", "60", "--schedule",
          "linear",
          "--json", "--output", "run"))
      let expected: JSON = [
        "apus_version": .string(apusVersion), "data": "breast-cancer", "target": "diagnosis", "task": "classification",
        "hidden": [5, 3], "activation": "tanh", "activation_parameters": [:], "loss": "softmaxCrossEntropy",
        "optimizer": "momentum",
        "learning_rate": 0.25, "schedule": "linear", "epochs": 2, "batch_size": 17, "precision": "bfloat16",
        "dropout": 0.125,
        "validation": 0.2, "test": 0.3,
        "scaling": "minMax", "seed": "18446744073709551615", "threads": 1, "regularizer": "elastic", "lambda": 0.001,
        "early_stopping": 7, "batch_norm": true, "max_steps": 1000, "max_seconds": 60.0,
      ]
      #expect(try workspace.json("run/config.json") == expected)
      let summary = workspace.apus("summary", "run").output
      for layer in [
        "Dense(30, 5)", "BatchNorm(5)", "ActivationLayer(.tanh)", "Dropout(0.125)", "Dense(5, 3)", "Dense(3, 2)",
      ] {
        #expect(summary.contains(layer))
      }
    }

    @Test func configurationHoldsTheDefaultsToo() throws {
      expectSuccess(workspace.apus("train", "wine", "--epochs", "1", "--json", "--output", "run"))
      let expected: JSON = [
        "apus_version": .string(apusVersion), "data": "wine", "target": "cultivar", "task": "classification",
        "hidden": [128, 64], "activation": "relu", "activation_parameters": [:], "loss": "softmaxCrossEntropy",
        "optimizer": "adam",
        "learning_rate": 0.001, "schedule": "constant", "epochs": 1, "batch_size": 32, "precision": "float32",
        "dropout": 0.0,
        "validation": 0.1, "test": 0.2,
        "scaling": "standardize", "seed": "0", "threads": 0, "regularizer": .null, "lambda": .null,
        "early_stopping": .null, "batch_norm": false, "max_steps": .null, "max_seconds": .null,
      ]
      #expect(try workspace.json("run/config.json") == expected)
    }

    @Test func historyHoldsWhatWasPrinted() throws {
      let outcome = workspace.apus("train", "iris", "--epochs", "3", "--json", "--output", "run")
      let events = try events(outcome).dropLast()
      let rows = workspace.text("run/history.csv").split(separator: "\n").map { $0.split(separator: ",") }
      #expect(rows.count == 4)
      #expect(rows[0] == ["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy", "seconds"])
      for (row, event) in zip(rows.dropFirst(), events) {
        for (name, field) in zip(rows[0], row) { #expect(Double(field) == event[String(name)]?.number, "\(name)") }
      }
    }

    // MARK: Repeating

    /// Dropout and mini-batches, so that every random choice matters.
    private func model(_ arguments: String...) -> [UInt8] {
      let outcome = workspace.run(
        [
          Workspace.executable, "train", "breast-cancer", "--epochs", "3", "--dropout", "0.2", "--json", "--output",
          "run",
        ]
          + arguments)
      #expect(outcome.code == 0, "\(outcome.error)")
      let bytes = workspace.bytes("run/model.safetensors")
      #expect(bytes.count > 40_000)
      return bytes
    }

    @Test func sameSeedSameBytesAndOtherSeedOtherBytes() {
      let first = model("--seed", "3")
      #expect(model("--seed", "3") == first)
      #expect(model("--seed", "4") != first)
    }

    @Test func theNumberOfThreadsDoesNotMatter() {
      let one = model("--threads", "1", "--batch-size", "400")
      #expect(model("--threads", "2", "--batch-size", "400") == one)
      #expect(model("--threads", "3", "--batch-size", "400") == one)
    }

    // MARK: Directories

    @Test func withoutOutputEveryRunHasADirectoryOfItsOwn() {
      for _ in 0..<3 { expectSuccess(workspace.apus("train", "xor", "--epochs", "1", "--json")) }
      #expect(workspace.names("runs") == ["xor-1", "xor-2", "xor-3"])
      workspace.write("a,b\n1,x\n2,y\n3,x\n4,y\n", to: "my data.csv")
      let outcome = workspace.apus("train", "./my data.csv", "--epochs", "1")
      #expect(outcome.output.hasSuffix("\nmodel: runs/my data-1/model.safetensors\n"))
    }

    @Test func aNumberThatIsTakenIsPassedOver() {
      #expect(workspace.shell("mkdir -p runs/xor-1 && echo precious > runs/xor-2").code == 0)
      expectSuccess(workspace.apus("train", "xor", "--epochs", "1", "--json"))
      #expect(workspace.names("runs") == ["xor-1", "xor-2", "xor-3"])
      #expect(workspace.names("runs/xor-1") == [] && workspace.text("runs/xor-2") == "precious\n")
    }

    @Test func anExistingDirectoryKeepsItsOtherFiles() {
      #expect(workspace.shell("mkdir -p deep/run && echo notes > deep/run/notes.txt").code == 0)
      expectSuccess(workspace.apus("train", "xor", "--epochs", "1", "--json", "--output", "deep/run"))
      #expect(workspace.names("deep/run") == ["config.json", "history.csv", "model.safetensors", "notes.txt"])
      #expect(workspace.text("deep/run/notes.txt") == "notes\n")
    }

    @Test func directoriesAboveAreMade() {
      expectSuccess(workspace.apus("train", "xor", "--epochs", "1", "--json", "--output", "a//b/c/"))
      #expect(workspace.names("a/b/c") == ["config.json", "history.csv", "model.safetensors"])
    }
  }
}
