import Apus
import Testing

/// Help, and wrong use: exit code 64 and one sentence.
extension CommandTests {
  @Suite struct UsageTests {
    let workspace = Workspace()

    @Test func helpNamesEverything() {
      let help = workspace.apus("--help")
      expectSuccess(help)
      for name in ["train", "lr-find", "evaluate", "predict", "generate", "plot", "summary", "datasets", "--version"] {
        #expect(help.output.contains(name))
      }
      #expect(workspace.apus().output == help.output)
      let train = workspace.apus("train", "--help")
      expectSuccess(train)
      for option in [
        "--target", "--task", "--hidden", "--activation", "--loss", "--optimizer", "--learning-rate", "--epochs",
        "--batch-size", "--precision", "--dropout", "--validation", "--test", "--scaling", "--seed", "--threads",
        "--output", "--json", "--regularizer", "--lambda", "--early-stopping", "--batch-norm", "--max-steps",
        "--max-time",
        "--profile", "--trace", "--model", "--data", "--schedule", "--augment",
        "(default: 128,64)", "default: relu)", "(default: 50 for tables)",
      ] {
        // Lines are broken anywhere.
        #expect(train.output.split(whereSeparator: \.isWhitespace).joined(separator: " ").contains(option), "\(option)")
      }
    }

    @Test func version() {
      let outcome = workspace.apus("--version")
      expectSuccess(outcome)
      #expect(outcome.output == apusVersion + "\n")
    }

    @Test func datasetsListsEverySet() {
      let outcome = workspace.apus("datasets")
      expectSuccess(outcome)
      #expect(outcome.outputLines.count == Dataset.names.count + 1)
      for name in Dataset.names { #expect(outcome.outputLines.contains { $0.hasPrefix(name + " ") }, "\(name)") }
    }

    @Test(
      arguments: [
        (["--epochs", "0"], "--epochs 0: expected 1 to 10000000"),
        (["--epochs=-1"], "--epochs -1"), (["--epochs", "-1"], "--epochs"),
        (["--epochs", "99999999999999999999999"], "--epochs"), (["--epochs", "100000000"], "--epochs 100000000"),
        (["--epochs", "abc"], "'abc'"), (["--epochs", "1.5"], "'1.5'"), (["--epochs", ""], "--epochs"),
        (["--hidden", "0"], "'0' is no number of units"), (["--hidden", ""], "'' is no number"),
        (["--hidden", "a,b"], "'a' is no number"), (["--hidden", "3,"], "--hidden"), (["--hidden", "3,-4"], "'-4'"),
        (["--hidden", "1000000000"], "'1000000000'"), (["--hidden", "65536,65536"], "parameters"),
        (["--hidden", Array(repeating: "1", count: 101).joined(separator: ",")], "101 layers"),
        (["--hidden", Array(repeating: "65536", count: 100).joined(separator: ",")], "parameters"),
        (["--learning-rate", "0"], "--learning-rate 0.0: expected more than 0"),
        (["--learning-rate=-1"], "--learning-rate -1.0"), (["--learning-rate", "nan"], "--learning-rate nan"),
        (["--learning-rate", "inf"], "--learning-rate inf"), (["--learning-rate", "fast"], "'fast'"),
        (["--threads=-1"], "--threads -1"), (["--threads", "100000"], "--threads 100000"),
        (["--batch-size", "0"], "--batch-size 0"), (["--batch-size=-5"], "--batch-size -5"),
        (["--dropout", "1"], "--dropout 1.0"), (["--dropout=-0.1"], "--dropout -0.1"),
        (["--dropout", "nan"], "--dropout nan"),
        (["--validation", "1"], "--validation 1.0"), (["--validation=-0.5"], "--validation -0.5"),
        (["--test", "1"], "--test 1.0"), (["--test", "nan"], "--test nan"), (["--test", "2"], "--test 2.0"),
        (["--seed=-1"], "'-1'"), (["--seed", "-1"], "--seed"), (["--seed", "18446744073709551616"], "--seed"),
        (["--activation", "magic"], "'magic'"), (["--optimizer", "magic"], "'magic'"),
        (["--scaling", "magic"], "'magic'"),
        (["--loss", "magic"], "--loss magic: expected one of softmaxCrossEntropy"), (["--task", "magic"], "'magic'"),
        (["--loss", "meanSquaredError"], "does not fit a classification"),
        (["--loss", "binaryCrossEntropy"], "for 2 classes; the data have 3"), (["--output", ""], "--output"),
        (["--regularizer", "l3"], "'l3'"), (["--lambda", "0.1"], "--lambda: this is the factor of a penalty"),
        (["--regularizer", "l2", "--lambda=-1"], "--lambda -1.0: expected at least 0"),
        (["--regularizer", "l2", "--lambda", "nan"], "--lambda nan"),
        (["--early-stopping", "0"], "--early-stopping 0: expected at least 1"), (["--early-stopping", "x"], "'x'"),
        (["--max-steps", "0"], "--max-steps 0"), (["--max-time", "0"], "--max-time 0.0"),
        (["--max-time", "inf"], "--max-time inf"), (["--batch-norm=1"], "--batch-norm"),
        (["--batch-norm", "--batch-size", "1"], "batch normalisation needs at least 2 examples in a batch"),
        (["--trace", ""], "--trace"), (["--trace"], "--trace"), (["--profile=1"], "--profile"),
        (["--colour", "red"], "'--colour'"), (["wine"], "'wine'"), (["--target"], "--target"),
      ] as [([String], String)])
    func train(options: [String], part: String) {
      let outcome = workspace.run([Workspace.executable, "train", "iris", "--json"] + options)
      expectFailure(outcome, 64, part)
      #expect(workspace.names() == [])
    }

    @Test(
      arguments: [
        (["fly"], "'fly'"), (["--fly"], "'--fly'"), (["train"], "<data>"), (["evaluate"], "<model>"),
        (["evaluate", "x"], "<data>"), (["predict", "x"], "--input"), (["summary"], "<model>"),
        (["summary", "a", "b"], "'b'"), (["datasets", "iris"], "'iris'"), (["predict", "x", "--input"], "--input"),
      ] as [([String], String)])
    func commands(arguments: [String], part: String) {
      expectFailure(workspace.run([Workspace.executable] + arguments), 64, part, "see 'apus")
    }

    @Test func aLossThatDoesNotFitARegression() {
      workspace.write("x,y\n1,0.5\n2,1.5\n3,2.5\n", to: "line.csv")
      expectFailure(
        workspace.apus("train", "line.csv", "--loss", "softmaxCrossEntropy"), 64, "does not fit a regression",
        "use 'meanSquaredError'")
    }

    /// Whatever a batch is, it cannot be larger than the data.
    @Test func aHugeBatchIsAllData() {
      expectSuccess(workspace.apus("train", "xor", "--epochs", "2", "--batch-size", "\(Int.max)", "--json"))
    }

    /// The network would need terabytes; nothing of that is taken.
    @Test func hugeNetworksAreRefusedBeforeMemoryIsTaken() {
      let outcome = workspace.run(
        [Workspace.executable, "train", "iris", "--hidden", "65536,65536,65536", "--json"], megabytes: 2000)
      expectFailure(outcome, 64, "GB of memory")
    }
  }
}
