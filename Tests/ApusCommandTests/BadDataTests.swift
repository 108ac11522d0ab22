import Apus
import Testing

/// Data that cannot be used: exit code 65 and a sentence that names the file, and the line where there is one.
extension CommandTests {
  @Suite struct BadDataTests {
    let workspace = Workspace()

    @Test(
      arguments: [
        ("", "data.csv: the file is empty"), ("\n\n", "data.csv: the file is empty"),
        ("a,b,y\n", "data.csv: there is a header but no row"),
        ("\u{0}\u{1}\u{2}", "data.csv, line 1: there is a zero byte"),
        ("a,b,y\n1,2,x\n1,2\n", "data.csv, line 3: the row has 2 fields instead of 3"),
        ("a,b,y\n1,2,x\n1,2,x,4\n", "data.csv, line 3: the row has 4 fields instead of 3"),
        ("a,b,y\n1,2,x\n1,,y\n", "data.csv, line 3: column 'b' is empty"),
        ("a,b,y\n1,2,x\n1,NaN,y\n", "data.csv, line 3: column 'b' has no value"),
        ("a,b,y\n1,inf,x\n1,2,y\n", "data.csv, line 2: column 'b' holds 'inf'"),
        ("a,b,y\n1,2,x\n1,-1e999,y\n", "data.csv, line 3: column 'b' holds '-1e999'"),
        ("a,b,y\n1,2,x\n1,1e39,y\n", "data.csv, line 3: column 'b' holds 1e+39, which is beyond the range of float32"),
        ("a,y\n1,0.5\n2,1.5\n3,-1e300\n", "data.csv, line 4: column 'y' holds -1e+300"),
        ("a,a,y\n1,2,x\n", "data.csv, line 1: there are two columns named 'a'"),
        ("a,y\n1,x\n2,x\n", "data.csv: column 'y' holds only 'x'"),
        ("a,y\n1,x\n", "data.csv: column 'y' holds only 'x'"),
        ("a\n1\n2\n", "data.csv: a data set needs at least one feature column"),
        ("a,y\n1,\"x\n2,y\n", "data.csv, line 2: the quoted text in column 2 is never closed"),
      ])
    func tables(text: String, part: String) {
      workspace.write(text, to: "data.csv")
      expectFailure(workspace.apus("train", "data.csv", "--json"), 65, part)
      #expect(workspace.names() == ["data.csv"])
    }

    @Test func notTexts() {
      let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0x0D]
      let gzip: [UInt8] = [0x1F, 0x8B, 0x08, 0x00, 0, 0, 0, 0]
      var random = RandomSource(seed: 1)
      let noise = (0..<10_000).map { _ in UInt8.random(in: 0...255, using: &random) }
      for bytes in [png, gzip, noise, [0xFF, 0xFE, 0x61, 0], Array(repeating: 0, count: 100)] {
        workspace.write(bytes, to: "data.csv")
        expectFailure(workspace.apus("train", "data.csv"), 65, "data.csv")
        expectFailure(workspace.apus("evaluate", "data.csv", "iris"), 65, "data.csv")
      }
    }

    @Test func notFiles() {
      expectFailure(workspace.apus("train", "absent.csv"), 65, "absent.csv: there is no such file")
      expectFailure(workspace.apus("train", "."), 65, ".: this is a directory")
      expectFailure(workspace.apus("train", ""), 65, "there is no such file")
      expectFailure(workspace.apus("train", "/dev/zero"), 65, "/dev/zero", "device")
      expectFailure(workspace.apus("train", "a\nb\u{1B}[31m.csv"), 65, "there is no such file")
      #expect(workspace.names() == [])
    }

    @Test func targetsThatDoNotFit() {
      workspace.write("a,b,y\n1,2,0.5\n2,3,1.5\n3,4,2.5\n", to: "data.csv")
      expectFailure(
        workspace.apus("train", "data.csv", "--target", "z"), 65,
        "data.csv: there is no column 'z'; there are 'a', 'b', 'y'")
      expectFailure(
        workspace.apus("train", "data.csv", "--task", "classification"), 65, "data.csv: column 'y' holds fractions")
      expectFailure(
        workspace.apus("train", "iris", "--task", "regression"), 65, "holds text; a regression needs numbers")
      expectFailure(workspace.apus("train", "moons", "--task", "regression"), 65, "moons")
      expectFailure(workspace.apus("train", "moons", "--target", "x1"), 65, "moons")
    }

    @Test func nothingLeftToTrainOn() {
      workspace.write("a,y\n1,0.5\n2,1.5\n", to: "two.csv")
      expectFailure(workspace.apus("train", "two.csv", "--test", "0.9", "--json"), 65, "two.csv: no example is left")
      expectFailure(
        workspace.apus("train", "two.csv", "--validation", "0.9", "--json"), 65, "two.csv: no example is left")
      expectFailure(workspace.apus("train", "iris", "--test", "0.999", "--json"), 65, "no example is left")
      #expect(workspace.names() == ["two.csv"])
      // One example is enough.
      workspace.write("a,y\n1,0.5\n", to: "one.csv")
      expectSuccess(workspace.apus("train", "one.csv", "--epochs", "1", "--json"))
      expectSuccess(workspace.apus("train", "two.csv", "--epochs", "1", "--json"))
    }

    /// Any two fractions end with a model or a sentence.
    @Test func fractionsOfAFewRows() {
      workspace.write("a,y\n1,x\n2,z\n3,x\n4,z\n5,x\n", to: "few.csv")
      for test in ["0", "0.1", "0.3", "0.5", "0.7", "0.9", "0.99"] {
        for validation in ["0", "0.2", "0.5", "0.99"] {
          let outcome = workspace.apus(
            "train", "few.csv", "--epochs", "1", "--test", test, "--validation", validation, "--json", "--output", "run"
          )
          if outcome.code != 0 { expectFailure(outcome, 65, "no example is left") }
        }
      }
    }

    /// A column of names would become as many columns as there are rows, and a target as many classes.
    @Test func aTextOfItsOwnInEveryRow() {
      let rows = (0..<200_000).map { "person \($0),\($0).5\n" }.joined()
      workspace.write("name,y\n" + rows, to: "names.csv")
      let outcome = workspace.run([Workspace.executable, "train", "names.csv"], megabytes: 4000)
      expectFailure(outcome, 65, "names.csv", "column 'name' alone has 200000 different texts")
      expectFailure(workspace.apus("train", "names.csv", "--target", "name"), 65, "holds 200000 different values")
    }

    // MARK: Divergence

    /// A run that fails says why, and harms nothing that is there.
    @Test(
      arguments: [
        ["--optimizer", "sgd"], ["--optimizer", "momentum"], ["--optimizer", "adam"],
        ["--optimizer", "sgd", "--epochs", "1", "--batch-size", "1000"],
      ])
    func divergence(options: [String]) {
      workspace.write("x,y\n" + (0..<50).map { "\($0),\(Double($0) * 2.5)\n" }.joined(), to: "line.csv")
      expectSuccess(workspace.apus("train", "line.csv", "--epochs", "1", "--json", "--output", "run"))
      let before = workspace.bytes("run/model.safetensors")
      for output in [["--output", "run"], ["--output", "new"], []] {
        let outcome = workspace.run(
          [Workspace.executable, "train", "line.csv", "--learning-rate", "1e30"] + options + output)
        #expect(outcome.code == 65)
        #expect(
          outcome.error.split(separator: "\n").last.map { $0.hasPrefix("apus: ") && $0.contains("learning rate") }
            == true)
      }
      #expect(workspace.bytes("run/model.safetensors") == before)
      #expect(workspace.names() == ["line.csv", "run", "runs"] && workspace.names("runs") == [])
    }

    // MARK: Predicting and evaluating

    private func trainClouds() {
      workspace.write("x,colour,y\n" + String(repeating: "1.5,red,a\n2.5,blue,b\n", count: 20), to: "data.csv")
      expectSuccess(workspace.apus("train", "data.csv", "--epochs", "1", "--json", "--output", "run"))
    }

    @Test(
      arguments: [
        ("", "new.csv: the file is empty"), ("x,colour\n", "new.csv: there is a header but no row"),
        ("x\n1\n", "new.csv: there is no column 'colour'"), ("1,red\n2,blue\n", "new.csv: there is no column 'x'"),
        (
          "x,colour\n1,red\n2,green\n", "new.csv, line 3: column 'colour' holds 'green', which is none of 'red', 'blue'"
        ),
        ("x,colour\n1,red\nmany,red\n", "new.csv, line 3: column 'x' holds 'many', which is not a number"),
        ("x,colour\n1,red\n1e39,red\n", "new.csv, line 3: column 'x' holds 1e+39"),
        ("x,colour\n1,red\n,red\n", "new.csv, line 3: column 'x' is empty"),
      ])
    func predictionInputs(text: String, part: String) {
      trainClouds()
      workspace.write(text, to: "new.csv")
      workspace.write("precious\n", to: "out.csv")
      expectFailure(workspace.apus("predict", "run", "--input", "new.csv"), 65, part)
      expectFailure(workspace.apus("predict", "run", "--input", "new.csv", "--output", "out.csv"), 65, part)
      #expect(workspace.text("out.csv") == "precious\n")
    }

    @Test func evaluationInputs() {
      trainClouds()
      expectFailure(workspace.apus("predict", "run", "--input", "absent.csv"), 65, "absent.csv: there is no such file")
      expectFailure(workspace.apus("evaluate", "run", "absent.csv"), 65, "absent.csv: there is no such file")
      expectFailure(workspace.apus("evaluate", "run", "iris"), 65, "iris", "there is no column 'x'")
      expectFailure(workspace.apus("evaluate", "run", "moons"), 65, "moons: the model was trained on other features")
      workspace.write("x,colour\n1,red\n", to: "new.csv")
      expectFailure(workspace.apus("evaluate", "run", "new.csv"), 65, "new.csv: there is no column 'y'")
      workspace.write("x,colour,y\n1,red,a\n1,red,c\n", to: "new.csv")
      expectFailure(
        workspace.apus("evaluate", "run", "new.csv"), 65,
        "new.csv, line 3: column 'y' holds 'c', which is none of 'a', 'b'")
      workspace.write("x,colour,y\n1,red,a\n", to: "new.csv")
      expectSuccess(workspace.apus("evaluate", "run", "new.csv", "--json"))
    }

    /// Numbers that float32 holds, and the scaled ones do not.
    @Test func aPredictionThatIsNoNumber() {
      workspace.write("x,y\n" + (0..<40).map { "\(Double($0) * 1e-30),\(Double($0) + 0.5)\n" }.joined(), to: "tiny.csv")
      expectSuccess(workspace.apus("train", "tiny.csv", "--epochs", "1", "--json", "--output", "run"))
      workspace.write("x\n1e-30\n1e30\n", to: "new.csv")
      expectFailure(workspace.apus("predict", "run", "--input", "new.csv"), 65, "new.csv, line 3")
    }
  }
}
