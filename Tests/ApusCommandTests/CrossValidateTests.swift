import Apus
import Testing

/// `apus cross-validate`.
extension CommandTests {
  @Suite struct CrossValidateTests {
    let workspace = Workspace()

    private func events(_ arguments: String...) throws -> [JSON] {
      let outcome = workspace.run([Workspace.executable, "cross-validate"] + arguments + ["--json"])
      expectSuccess(outcome)
      return try outcome.outputLines.map { try JSON(parsing: $0) }
    }

    @Test("P5: wines by logistic regression: fold by fold, and at least 0.97 in the mean") func wine() throws {
      let events = try events("wine", "--model", "logistic")
      #expect(events.count == 6)
      for (i, fold) in events.dropLast().enumerated() {
        #expect(fold.keys == ["event", "repeat", "fold", "examples", "loss", "accuracy"])
        #expect(fold["event"]?.string == "fold" && fold["fold"]?.integer == i + 1 && fold["repeat"]?.integer == 1)
      }
      #expect(events.dropLast().reduce(0) { $0 + ($1["examples"]?.integer ?? 0) } == 178)
      let last = events[5]
      #expect(
        last.keys == [
          "event", "model", "folds", "repeats", "mean_loss", "deviation_loss", "mean_accuracy", "deviation_accuracy",
        ])
      let mean = try #require(last["mean_accuracy"]?.number)
      #expect(mean >= 0.97)
      // Mean and deviation are those of the folds.
      let scores = CrossValidation(scores: events.dropLast().compactMap { $0["accuracy"]?.number })
      #expect(abs(mean - scores.mean) < 1e-12)
      #expect(try abs(#require(last["deviation_accuracy"]?.number) - scores.deviation) < 1e-12)
      #expect(workspace.names() == [])
    }

    @Test func seedsAndRepeats() throws {
      let once = try events("iris", "--folds", "3", "--seed", "4")
      #expect(try events("iris", "--folds", "3", "--seed", "4") == once)
      #expect(try events("iris", "--folds", "3", "--seed", "5") != once)
      let twice = try events("iris", "--folds", "3", "--seed", "4", "--repeats", "2")
      #expect(twice.count == 7 && Array(twice[0..<3]) == Array(once[0..<3]) && twice[3]["repeat"]?.integer == 2)
      #expect(twice[6]["repeats"]?.integer == 2 && twice[3]["loss"] != twice[0]["loss"])
    }

    @Test(arguments: zip(["mlp", "perceptron", "adaline", "logistic", "softmax"], ["20", "20", "500", "20", "20"]))
    func models(model: String, epochs: String) throws {
      let last = try #require(try events("breast-cancer", "--folds", "3", "--model", model, "--epochs", epochs).last)
      #expect(last["model"]?.string == model && (last["mean_accuracy"]?.number ?? 0) > 0.85)
    }

    @Test func regression() throws {
      let text = "a,b,y\n" + (0..<50).map { "\($0),\(($0 * 7) % 11),\(Double($0) * 1.5 + 2)\n" }.joined()
      workspace.write(text, to: "line.csv")
      let last = try #require(try events("line.csv", "--impute", "mean", "--scaling", "minMax").last)
      #expect(last["model"]?.string == "linear" && (last["mean_r2"]?.number ?? 0) > 0.999999)
      #expect(last.keys.suffix(2) == ["mean_r2", "deviation_r2"])
    }

    @Test func forPeople() {
      let outcome = workspace.apus("cross-validate", "wine", "--folds", "4")
      expectSuccess(outcome)
      let lines = outcome.outputLines
      #expect(lines.count == 7 && lines[0] == "wine: 178 examples, logistic, 4 folds")
      #expect(lines[1].hasPrefix("fold 1: loss ") && lines[1].hasSuffix(" examples"))
      #expect(lines[5].hasPrefix("loss: ") && lines[6].hasPrefix("accuracy: 0.9") && lines[6].contains(" ± "))
    }

    @Test func wrongUse() {
      expectFailure(workspace.apus("cross-validate", "iris", "--folds", "1"), 64, "--folds 1")
      expectFailure(workspace.apus("cross-validate", "iris", "--repeats", "0"), 64, "--repeats 0")
      expectFailure(workspace.apus("cross-validate", "iris", "--model", "svm"), 64, "'svm'")
      expectFailure(workspace.apus("cross-validate", "iris", "--hidden", "3"), 64, "--hidden")
      expectFailure(workspace.apus("cross-validate", "iris", "--learning-rate", "3"), 64, "--learning-rate")
      expectFailure(workspace.apus("cross-validate"), 64, "<data>")
      expectFailure(workspace.apus("cross-validate", "absent.csv"), 65, "absent.csv: there is no such file")
      expectFailure(
        workspace.apus("cross-validate", "xor", "--folds", "3", "--json"), 65,
        "3 folds were asked for, but there are only 2 examples in the smallest class")
      expectFailure(
        workspace.apus("cross-validate", "iris", "--model", "linear", "--json"), 65, "a linear model needs numbers")
      workspace.write("a,y\n1,x\n,y\n3,x\n4,y\n", to: "holes.csv")
      expectFailure(workspace.apus("cross-validate", "holes.csv", "--folds", "2"), 65, "holes.csv, line 3")
    }
  }
}
