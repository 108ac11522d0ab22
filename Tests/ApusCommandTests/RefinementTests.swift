import Apus
import Testing

/// Regularisation, normalisation, an early end, warnings, and the search for a learning rate.
extension CommandTests {
  @Suite struct RefinementTests {
    let workspace = Workspace()

    private func events(_ outcome: Outcome) throws -> [JSON] { try outcome.outputLines.map { try JSON(parsing: $0) } }

    private func weights(_ arguments: String...) throws -> [Double] {
      let outcome = workspace.run(
        [
          Workspace.executable, "train", "iris", "--epochs", "200", "--learning-rate", "0.01", "--json", "--output",
          "run", "--hidden", "16",
        ] + arguments)
      #expect(outcome.code == 0, "\(outcome.error)")
      let network = try TabularModel(path: workspace.path + "/run").network
      return network.parameters.filter { $0.shape.rank == 2 }.flatMap { $0.value.doubles }
    }

    @Test("O10: every epoch's line has the cost and the accuracy on data that are not trained on") func progressLine() {
      let outcome = workspace.apus("train", "iris", "--epochs", "2", "--output", "run")
      for line in outcome.error.split(separator: "\n") {
        let names = ["loss ", "accuracy ", "validation loss ", "validation accuracy "]
        #expect(
          line.hasPrefix("epoch ") && names.allSatisfy { line.contains(", \($0)") || line.contains("  \($0)") },
          "\(line)")
      }
      #expect(outcome.output.contains("\ntest: loss ") && outcome.output.contains("accuracy "))
    }

    @Test func penaltiesMakeWeightsSmall() throws {
      func size(_ weights: [Double]) -> Double { weights.reduce(0) { $0 + $1 * $1 } }
      let plain = try weights()
      let l2 = try weights("--regularizer", "l2", "--lambda", "0.1")
      let elastic = try weights("--regularizer", "elastic", "--lambda", "0.1")
      #expect(size(l2) < 0.7 * size(plain) && size(elastic) < 0.8 * size(plain))
      let l1 = try weights("--regularizer", "l1", "--lambda", "0.05")
      // L1 pulls weights to 0: many more of them are tiny.
      func tiny(_ weights: [Double]) -> Int { weights.filter { abs($0) < 0.01 }.count }
      #expect(tiny(l1) > tiny(plain) + 20, "\(tiny(l1)) \(tiny(plain))")
    }

    @Test("I10: early stopping on the command line") func earlyStopping() throws {
      workspace.write(
        "a,b,c,y\n"
          + (0..<60).map {
            "\(($0 * 37) % 61),\(($0 * 11) % 59),\(($0 * 23) % 53),\(($0 * 7919) % 13 % 2 == 0 ? "p" : "q")\n"
          }
          .joined(), to: "noise.csv")
      let arguments = ["--epochs", "300", "--validation", "0.4", "--learning-rate", "0.01", "--output", "run"]
      let outcome = workspace.run([Workspace.executable, "train", "noise.csv", "--early-stopping", "3"] + arguments)
      #expect(outcome.code == 0, "\(outcome.error)")
      #expect(outcome.error.contains("ended: the validation loss has not improved for 3 epochs; it was best in epoch "))
      let rows = workspace.text("run/history.csv").split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
      let losses = rows.map { Double($0[3])! }
      let best = losses.firstIndex(of: losses.min()!)!
      #expect(rows.count == best + 4 && rows.count < 300)
      // Without it all epochs run, and the gap is told.
      let whole = workspace.run([Workspace.executable, "train", "noise.csv"] + arguments)
      #expect(
        whole.error.contains("epoch 300/300") && whole.error.contains("warning: the validation loss was best in epoch ")
      )
    }

    @Test func stepsEnd() throws {
      let outcome = workspace.apus("train", "wine", "--max-steps", "7", "--json", "--output", "run")
      #expect(try events(outcome).filter { $0["event"] == "epoch" }.count == 2)  // five batches in an epoch
      #expect(try workspace.json("run/config.json")["max_steps"]?.integer == 7)
    }

    @Test func batchNormalisationTrainsAndPredicts() throws {
      // 33 training examples in batches of 32: one would be left alone.
      workspace.write("x,y\n" + (0..<33).map { "\($0),\(Double($0) * 2.5)\n" }.joined(), to: "line.csv")
      expectSuccess(
        workspace.apus(
          "train", "line.csv", "--batch-norm", "--hidden", "8", "--epochs", "3", "--validation", "0", "--test", "0",
          "--json", "--output", "run"))
      #expect(workspace.apus("summary", "run").output.contains("BatchNorm(8)"))
      let one = workspace.apus("predict", "run", "--input", "line.csv")
      #expect(one.code == 0 && one.outputLines.count == 34, "\(one.error)")
      let digits = workspace.apus(
        "train", "iris", "--batch-norm", "--hidden", "16", "--epochs", "60", "--learning-rate", "0.01", "--json",
        "--output",
        "iris")
      let last = try #require(try events(digits).last)
      #expect(try #require(last["test_accuracy"]?.number) > 0.85)
    }

    @Test func schedulesAreForTablesToo() throws {
      let constant = workspace.apus("train", "iris", "--epochs", "3", "--json", "--output", "a")
      let cosine = workspace.apus("train", "iris", "--epochs", "3", "--json", "--schedule", "cosine", "--output", "b")
      expectSuccess(cosine)
      #expect(try events(constant)[2]["loss"] != events(cosine)[2]["loss"])
      #expect(try workspace.json("b/config.json")["schedule"] == "cosine")
    }

    @Test func whatDoesNotSuitIsRefused() {
      workspace.write(String(repeating: "to be or not to be. ", count: 100), to: "text.txt")
      for arguments in [["--early-stopping", "3"], ["--regularizer", "l2"], ["--batch-norm"], ["--max-steps", "3"]] {
        expectFailure(
          workspace.run([Workspace.executable, "train", "text.txt"] + arguments), 64, arguments[0],
          "this is not for the network char-lstm on texts")
      }
      expectFailure(
        workspace.apus("train", "mnist", "--model", "lenet", "--batch-norm"), 64, "not for the network lenet on images")
    }

    // MARK: Warnings

    @Test("G14: two linear layers are warned of before the training") func warnings() throws {
      let outcome = workspace.apus(
        "train", "iris", "--activation", "identity", "--hidden", "8", "--epochs", "1", "--output", "run")
      #expect(outcome.code == 0)
      #expect(
        outcome.error.hasPrefix("warning: layer 1: Dense(8, 3) follows Dense(4, 8, activation: .identity)")
          || outcome.error.hasPrefix("warning: layer 1: Dense(8, 3) follows Dense(4, 8) with no activation between"),
        "\(outcome.error)")
      let json = workspace.apus(
        "train", "wine", "--scaling", "none", "--epochs", "1", "--json", "--output", "run")
      #expect(json.error == "")
      let first = try events(json)[0]
      #expect(first.keys == ["event", "kind", "layer", "text"])
      #expect(first["event"] == "warning" && first["kind"] == "unscaledFeatures" && first["layer"] == .null)
    }

    @Test func aLossThatBecomesNaNNamesThePlace() {
      workspace.write("x,y\n" + (0..<40).map { "\($0)e30,\($0)\n" }.joined(), to: "huge.csv")
      let outcome = workspace.apus(
        "train", "huge.csv", "--scaling", "none", "--optimizer", "sgd", "--learning-rate", "1e9", "--json", "--hidden",
        "none")
      #expect(outcome.code == 65)
      for part in ["apus: the loss became inf in epoch 1", "put out inf of shape", "try a smaller learning rate"] {
        #expect(outcome.error.contains(part), "\(outcome.error)")
      }
    }

    // MARK: Learning rates

    @Test func learningRatesAreTried() throws {
      let outcome = workspace.apus("lr-find", "iris", "--steps", "60", "--plot", "rates.svg")
      expectSuccess(outcome)
      #expect(outcome.outputLines[0].hasPrefix("learning rate") && outcome.outputLines.count >= 20)
      #expect(outcome.output.contains("\nsuggestion: "))
      #expect(
        workspace.text("rates.svg").contains("learning rate") && workspace.text("rates.svg").contains("suggestion"))
      let json = try JSON(parsing: workspace.apus("lr-find", "iris", "--json", "--from", "1e-5", "--to", "1").output)
      let rates = try #require(json["rates"]?.array).compactMap(\.number)
      let suggestion = try #require(json["suggestion"]?.number)
      #expect(rates.first == 1e-5 && rates.contains(suggestion) && (1e-4...0.5).contains(suggestion))
      #expect(json["losses"]?.array?.count == rates.count)
      #expect(workspace.names() == ["rates.svg"])
    }

    @Test(
      arguments: [
        (["iris", "--steps", "2"], 64, "--steps 2: expected 3 to 100000"), (["iris", "--from", "0"], 64, "--from 0.0"),
        (["iris", "--from", "1", "--to", "1"], 64, "--to 1.0"), (["iris", "--to", "inf"], 64, "--to inf"),
        (["iris", "--batch-size", "0"], 64, "--batch-size 0"), (["iris", "--plot", "a.gif"], 64, "--plot"),
        (["iris", "--plot", "no/such/a.svg"], 73, "no/such/a.svg"), (["absent.csv"], 65, "absent.csv"),
        ([], 64, "<data>"),
        (["iris", "--hidden", "0"], 64, "'0'"), (["iris", "--target", "nothing"], 65, "nothing"),
      ] as [([String], Int32, String)])
    func wrongSearches(arguments: [String], code: Int32, part: String) {
      expectFailure(workspace.run([Workspace.executable, "lr-find"] + arguments), code, part)
    }
  }
}
