import Apus
import Testing

/// Pictures of a run.
extension CommandTests {
  @Suite struct PlotTests {
    let workspace = Workspace()

    private func train(_ arguments: String...) -> Outcome {
      workspace.run([Workspace.executable, "train"] + arguments + ["--json", "--output", "run"])
    }

    private func accuracy(_ outcome: Outcome) throws -> Double? {
      try JSON(parsing: try #require(outcome.outputLines.last))["test_accuracy"]?.number
    }

    @Test func twoClassesInThePlane() throws {
      let trained = train("moons", "--epochs", "4", "--seed", "7")
      expectSuccess(trained)
      let outcome = workspace.apus("plot", "run")
      expectSuccess(outcome)
      let names = ["loss", "accuracy", "weights", "confusion-matrix", "roc", "precision-recall", "decision-boundary"]
      #expect(outcome.outputLines == names.map { "run/pictures/\($0).svg" })
      #expect(workspace.names("run/pictures") == names.map { "\($0).svg" }.sorted())
      // The test data are those of the training: the accuracy says so.
      let accuracy = try #require(try accuracy(trained))
      let matrix = workspace.text("run/pictures/confusion-matrix.svg")
      #expect(matrix.contains(">accuracy \(accuracy.formatted(precision: 4)) on 80 examples<"))
      for name in names { #expect(workspace.text("run/pictures/\(name).svg").hasSuffix("</svg>\n")) }
    }

    @Test func severalClassesAndDigits() {
      expectSuccess(train("digits", "--epochs", "1", "--hidden", "8"))
      let outcome = workspace.apus("plot", "run", "--format", "png", "--out", "somewhere/else")
      expectSuccess(outcome)
      let names = ["accuracy.png", "confusion-matrix.png", "loss.png", "weights.png"]
      #expect(workspace.names("somewhere/else") == names && workspace.names("run").count == 3)
      for name in names { #expect(workspace.bytes("somewhere/else/\(name)").prefix(4) == [0x89, 0x50, 0x4E, 0x47]) }
    }

    @Test func regressionOnAFile() {
      workspace.write("a,y\n" + (1...40).map { "\($0),\(Double($0 * $0) / 7)\n" }.joined(), to: "data.csv")
      expectSuccess(train("data.csv", "--epochs", "2"))
      #expect(
        workspace.apus("plot", "run").outputLines
          == ["loss", "weights", "predictions"].map { "run/pictures/\($0).svg" })
      #expect(workspace.text("run/pictures/predictions.svg").contains(">true y<"))
      // Without the data, what does not need them.
      _ = workspace.shell("mv data.csv moved.csv")
      let without = workspace.apus("plot", "run")
      #expect(without.code == 0 && without.outputLines.count == 2)
      #expect(
        without.error == "apus: without pictures of the predictions: data.csv: there is no such file; check the path.\n"
      )
      let moved = workspace.apus("plot", "run", "--data", "moved.csv")
      expectSuccess(moved)
      #expect(moved.outputLines.count == 3)
      expectFailure(workspace.apus("plot", "run", "--data", "data.csv"), 65, "data.csv: there is no such file")
      workspace.write("b,y\n1,2\n3,4\n", to: "other.csv")
      expectFailure(workspace.apus("plot", "run", "--data", "other.csv"), 65, "other.csv", "'a'")
    }

    @Test func curvesInTheTerminal() {
      expectSuccess(train("iris", "--epochs", "3"))
      let outcome = workspace.apus("plot", "run", "--format", "text")
      expectSuccess(outcome)
      #expect(workspace.names("run").count == 3)
      for text in ["Loss, training", "Loss, validation", "Accuracy, training", "┤", "epoch"] {
        #expect(outcome.output.contains(text), "\(text)")
      }
      #expect(outcome.output.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) })
    }

    @Test func whatIsNoRun() {
      expectFailure(workspace.apus("plot", "absent"), 65, "absent: there is no such directory")
      expectFailure(workspace.apus("plot", "."), 65, "./model.safetensors: there is no such file")
      expectFailure(workspace.apus("plot"), 64, "directory")
      expectFailure(workspace.apus("plot", "run", "--format", "gif"), 64, "gif")
      expectFailure(workspace.apus("plot", "run", "--out", ""), 64, "--output: expected a directory")
      expectSuccess(train("xor", "--epochs", "1", "--hidden", "2"))
      let (history, configuration) = (workspace.text("run/history.csv"), workspace.text("run/config.json"))
      workspace.write("", to: "run/history.csv")
      expectFailure(workspace.apus("plot", "run"), 65, "run/history.csv: this is no history")
      workspace.write([0xFF, 0xFE], to: "run/history.csv")
      expectFailure(workspace.apus("plot", "run"), 65, "run/history.csv: this is not a text in UTF-8")
      workspace.write(history, to: "run/history.csv")
      for (old, new, part) in [
        ("\"data\"", "\"date\"", "'data' is missing"), ("\"seed\": \"0\"", "\"seed\": \"-1\"", "'seed'"),
        ("\"test\": 0.2", "\"test\": 1.5", "'test'"), ("{", "[", "no JSON"),
      ] {
        workspace.write(configuration.replacing(old, with: new), to: "run/config.json")
        expectFailure(workspace.apus("plot", "run"), 65, "run/config.json", part)
      }
      workspace.write(configuration, to: "run/config.json")
      workspace.write("", to: "file")
      expectFailure(workspace.apus("plot", "run", "--out", "file"), 73, "file")
      expectFailure(workspace.shell("$APUS plot run --out /proc/pictures"), 73, "/proc/pictures")
      expectSuccess(workspace.apus("plot", "run"))
    }
  }
}

extension String {
  fileprivate func replacing(_ old: String, with new: String) -> String {
    guard let range = firstRange(of: old) else { return self }
    return String(self[..<range.lowerBound]) + new + self[range.upperBound...]
  }
}
