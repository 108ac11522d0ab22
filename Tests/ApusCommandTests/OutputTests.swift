import Apus
import Testing

/// Places where nothing can be written, readers that go away, interruptions.
extension CommandTests {
  @Suite struct OutputTests {
    let workspace = Workspace()

    /// So many epochs that a run that began to train would not end within the test.
    private let long = ["--epochs", "10000000", "--json"]

    @Test(arguments: ["file", "file/run", "file/deep/run", "/proc/apus", "/dev/null"])
    func aBadOutputIsFoundBeforeTraining(output: String) {
      workspace.write("precious\n", to: "file")
      let outcome = workspace.run([Workspace.executable, "train", "iris", "--output", output] + long)
      expectFailure(outcome, 73, output.hasPrefix("file") ? "file" : output)
      #expect(workspace.names() == ["file"] && workspace.text("file") == "precious\n")
    }

    @Test(arguments: ["model.safetensors", "config.json", "history.csv"])
    func aDirectoryInTheWayIsFoundBeforeTraining(name: String) {
      #expect(workspace.shell("mkdir -p run/\(name)").code == 0)
      let outcome = workspace.run([Workspace.executable, "train", "iris", "--output", "run"] + long)
      expectFailure(outcome, 73, "run/\(name): this is a directory")
      #expect(workspace.names("run") == [name])
    }

    @Test func runsMayBeInTheWay() {
      workspace.write("precious\n", to: "runs")
      expectFailure(
        workspace.run([Workspace.executable, "train", "iris"] + long), 73, "runs: the directory cannot be made")
    }

    @Test func predictionsThatCannotBeWritten() {
      expectSuccess(workspace.apus("train", "iris", "--epochs", "1", "--json", "--output", "run"))
      workspace.write(
        "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0.2\n", to: "new.csv")
      #expect(workspace.shell("mkdir directory").code == 0)
      for output in ["directory", "absent/out.csv", "new.csv/out.csv", "/proc/out.csv", "/dev/null", ""] {
        expectFailure(workspace.apus("predict", "run", "--input", "new.csv", "--output", output), 73)
      }
      #expect(workspace.names("directory") == [])
    }

    /// Results that do not reach anybody are an error; they are none of the program's own files either.
    @Test(arguments: ["/dev/full", "&-"])
    func fullAndClosedOutputs(target: String) {
      expectSuccess(workspace.apus("train", "iris", "--epochs", "1", "--json", "--output", "run"))
      workspace.write(
        "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0.2\n", to: "new.csv")
      for command in [
        "predict run --input new.csv", "evaluate run iris", "evaluate run iris --json", "summary run", "datasets",
        "--help",
        "--version", "train iris", "train iris --json",
      ] {
        let outcome = workspace.shell("$APUS \(command) >\(target)")
        expectFailure(outcome, 74, "standard output cannot be written")
      }
      #expect(workspace.names("runs") == [])
    }

    @Test func withoutStandardFilesNothingIsMixedUp() throws {
      #expect(workspace.shell("$APUS train iris --epochs 2 --output run <&- 2>&-").code == 0)
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors"])
      expectSuccess(workspace.apus("evaluate", "run", "iris", "--json"))
      #expect(try workspace.json("run/config.json")["epochs"]?.integer == 2)
      #expect(workspace.shell("$APUS predict run --input absent.csv >&- 2>&- <&-").code == 65)
    }

    @Test func aReaderThatGoesAwayEndsTheRunQuietly() {
      let outcome = workspace.shell(
        "{ $APUS train iris --json --epochs 10000000; echo $? >code; } | head -1")
      #expect(outcome.outputLines.count == 1 && outcome.error == "")
      #expect(workspace.text("code") == "74\n")
      #expect(workspace.names("runs") == [])
    }

    @Test(arguments: ["INT", "TERM", "HUP"])
    func anInterruptionLeavesNothingBroken(signal: String) {
      // It comes after the first epoch.
      _ = workspace.shell(
        """
        mkfifo pipe
        set -m
        $APUS train iris --json --epochs 10000000 >pipe &
        exec 3<pipe
        read line <&3
        kill -\(signal) $!
        wait $!
        echo $? >code
        """)
      let number = ["INT": 2, "TERM": 15, "HUP": 1][signal]!
      #expect(workspace.text("code") == "\(128 + number)\n")
      #expect(workspace.names("runs") == [])
    }

    /// A limit on the size of files is an error like a full disk, and the old model stays.
    @Test func aFileThatMayNotGrow() {
      expectSuccess(workspace.apus("train", "iris", "--epochs", "1", "--json", "--output", "run"))
      let before = workspace.bytes("run/model.safetensors")
      #expect(before.count > 20_000)
      let outcome = workspace.shell(
        "ulimit -f 8; $APUS train iris --seed 2 --epochs 1 --output run 2>error; echo $? >code")
      #expect(outcome.code == 0 && workspace.text("code") == "73\n")
      #expect(workspace.text("error").contains("apus: run/model.safetensors: the file cannot be written"))
      #expect(workspace.bytes("run/model.safetensors") == before)
      #expect(workspace.names("run") == ["config.json", "history.csv", "model.safetensors"])
    }
  }
}
