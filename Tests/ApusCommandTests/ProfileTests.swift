import Apus
import Testing

/// `apus train --profile` and `--trace`.
extension CommandTests {
  @Suite struct ProfileTests {
    let workspace = Workspace()

    private func train(_ arguments: String...) -> Outcome {
      workspace.run(
        [Workspace.executable, "train", "iris", "--epochs", "2", "--dropout", "0.1", "--json", "--output", "run"]
          + arguments)
    }

    @Test func standardOutputStaysJSONLines() throws {
      let outcome = train("--profile")
      #expect(outcome.code == 0)
      let events = try outcome.outputLines.map { try JSON(parsing: $0) }
      #expect(events.map { $0["event"]?.string } == ["epoch", "epoch", "finished"])
      for part in [
        "0: Dense(4, 128, activation: .relu)", "1: Dropout(0.1)", "forward", "backward", "update", "peak measured",
      ] {
        #expect(outcome.error.contains(part), "\(part)")
      }
    }

    @Test func theModelIsTheSame() {
      expectSuccess(train())
      let without = workspace.bytes("run/model.safetensors")
      #expect(without.count > 10_000)
      #expect(train("--profile", "--trace", "trace.json").code == 0)
      #expect(workspace.bytes("run/model.safetensors") == without)
    }

    @Test func aTraceAloneIsSilent() throws {
      expectSuccess(train("--trace", "run/trace.json"))
      let trace = try workspace.json("run/trace.json")
      #expect((trace["traceEvents"]?.array?.count ?? 0) > 50)
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors", "trace.json"])
    }

    @Test func regression() {
      workspace.write("x,y\n" + (0..<40).map { "\($0),\(Double($0) * 2.5)\n" }.joined(), to: "line.csv")
      let outcome = workspace.apus("train", "line.csv", "--epochs", "1", "--profile", "--output", "run")
      #expect(outcome.code == 0 && outcome.error.contains("Dense(1, 128"))
    }

    @Test func aTraceThatCannotBeWrittenIsRefusedBeforeTraining() {
      expectFailure(train("--trace", "nowhere/trace.json"), 73, "nowhere")
      expectFailure(train("--trace", "."), 73)
      #expect(workspace.names() == [])
    }
  }
}
