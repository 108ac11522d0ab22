import Apus
import Testing

/// Tables of one's own, from training to prediction.
extension CommandTests {
  @Suite struct TableTests {
    let workspace = Workspace()

    /// y = 3a - 2b + noise, and 10 more for red.
    private func houses(_ count: Int = 200) -> String {
      var random = RandomSource(seed: 1)
      return (0..<count).reduce(into: "a,colour,b,y\n") { text, _ in
        let (a, b) = (Double.random(in: 0..<5, using: &random), Double.random(in: 0..<5, using: &random))
        let isRed = Bool.random(using: &random)
        let noise = Double.random(in: -0.1..<0.1, using: &random)
        text += "\(a),\(isRed ? "red" : "blue"),\(b),\(3 * a - 2 * b + (isRed ? 10 : 0) + noise)\n"
      }
    }

    private func trainHouses(_ arguments: String...) throws -> JSON {
      workspace.write(houses(), to: "houses.csv")
      let outcome = workspace.run(
        [Workspace.executable, "train", "houses.csv", "--epochs", "150", "--json", "--output", "run"] + arguments)
      expectSuccess(outcome)
      return try JSON(parsing: outcome.outputLines.last ?? "")
    }

    private func rows(_ csv: String) -> [[String]] {
      csv.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
    }

    @Test func regression() throws {
      let finished = try trainHouses()
      let (r2, rmse) = (try #require(finished["test_r2"]?.number), try #require(finished["test_rmse"]?.number))
      #expect(r2 > 0.99 && rmse < 0.6, "\(finished)")

      workspace.write("colour,b,id,a\nred,1,x,2\nblue,1,y,2\n", to: "new.csv")
      let predicted = workspace.apus("predict", "run", "--input", "new.csv")
      expectSuccess(predicted)
      let lines = predicted.outputLines
      #expect(lines.count == 3 && lines[0] == "y")
      let (red, blue) = (try #require(Double(lines[1])), try #require(Double(lines[2])))
      #expect(abs(red - 14) < 0.8 && abs(blue - 4) < 0.8, "\(lines)")

      let evaluated = workspace.apus("evaluate", "run", "houses.csv", "--json")
      expectSuccess(evaluated)
      let result = try JSON(parsing: evaluated.output)
      #expect(result.keys == ["event", "examples", "loss", "rmse", "r2"] && result["examples"]?.integer == 200)
      #expect((result["r2"]?.number ?? 0) > 0.99)
    }

    @Test func aTargetThatIsNotTheLastColumn() throws {
      let finished = try trainHouses("--target", "colour")
      #expect((finished["test_accuracy"]?.number ?? 0) > 0.9)
      workspace.write("a,b,y\n2,1,14\n2,1,4\n", to: "new.csv")
      let lines = workspace.apus("predict", "run", "--input", "new.csv").outputLines
      #expect(
        lines[0] == "colour,probability of red,probability of blue"
          || lines[0] == "colour,probability of blue,probability of red")
      #expect(lines[1].hasPrefix("red,") && lines[2].hasPrefix("blue,"), "\(lines)")
    }

    /// Two clouds of points, with the labels 3 and 7, or words.
    private func clouds(_ labels: [String], _ count: Int = 120) -> String {
      var random = RandomSource(seed: 2)
      return (0..<count).reduce(into: "x,y,label\n") { text, i in
        let centre = Double(i % labels.count) * 3
        text += "\(centre + Double.random(in: -1..<1, using: &random)),"
        text += "\(-centre + Double.random(in: -1..<1, using: &random)),\(labels[i % labels.count])\n"
      }
    }

    @Test(arguments: [["3", "7"], ["7.0", "3.0", "5.0"], ["yes", "no"], ["ab", "cd", "ef"]])
    func classification(labels: [String]) throws {
      workspace.write(clouds(labels), to: "clouds.csv")
      let trained = workspace.apus("train", "clouds.csv", "--json", "--output", "run")
      expectSuccess(trained)
      let finished = try JSON(parsing: trained.outputLines.last ?? "")
      #expect((finished["test_accuracy"]?.number ?? 0) > 0.95)
      // The file that it was trained on can be evaluated, however its numbers are written.
      let evaluated = workspace.apus("evaluate", "run", "clouds.csv", "--json")
      expectSuccess(evaluated)
      let result = try JSON(parsing: evaluated.output)
      #expect((result["accuracy"]?.number ?? 0) > 0.95)
      let names = try #require(result["classes"]?.array).map { $0["class"]?.string ?? "" }
      let whole = labels.map { Double($0).map { String(Int($0)) } ?? $0 }
      #expect(Set(names) == Set(whole) && names.count == whole.count)
      if Double(labels[0]) != nil { #expect(names == whole.sorted()) }
    }

    @Test func theTaskCanBeForced() throws {
      workspace.write("x,y\n" + (0..<30).map { "\($0),\($0 % 3)\n" }.joined(), to: "data.csv")
      for (task, key) in [("regression", "test_rmse"), ("classification", "test_accuracy")] {
        let outcome = workspace.apus(
          "train", "data.csv", "--task", task, "--epochs", "1", "--json", "--output", "run")
        #expect(outcome.outputLines.last.map { $0.contains(key) } == true)
        #expect(try workspace.json("run/config.json")["task"]?.string == task)
      }
    }

    /// Train, summary, evaluate, predict: the predictions are those that the confusion matrix counts.
    @Test func predictionsAreWhatTheEvaluationCounted() throws {
      workspace.write(
        clouds(["ab", "cd", "ef"]).split(separator: "\n").enumerated().map { i, line in
          // A few wrong labels, so that the matrix is not diagonal.
          i > 0 && i % 10 == 0 ? line.dropLast(2) + "ab\n" : line + "\n"
        }.joined(), to: "clouds.csv")
      expectSuccess(workspace.apus("train", "clouds.csv", "--epochs", "30", "--json", "--output", "run"))
      let summary = workspace.apus("summary", "run")
      expectSuccess(summary)
      #expect(summary.output.hasSuffix("inputs: x, y\ntarget: label, one of ab, cd, ef\n"))
      #expect(workspace.apus("summary", "run/model.safetensors").output == summary.output)

      let evaluated = workspace.apus("evaluate", "run", "clouds.csv", "--json")
      let result = try JSON(parsing: evaluated.output)
      #expect(result.keys == ["event", "examples", "loss", "accuracy", "classes", "confusion"])
      let confusion = try #require(result["confusion"]?.array).map { $0.array?.compactMap(\.integer) ?? [] }

      expectSuccess(workspace.apus("predict", "run", "--input", "clouds.csv", "--output", "out.csv"))
      let predictions = rows(workspace.text("out.csv"))
      #expect(predictions[0] == ["label", "probability of ab", "probability of cd", "probability of ef"])
      let truth = rows(workspace.text("clouds.csv")).dropFirst().map { $0[2] }
      #expect(predictions.count == truth.count + 1)
      let names = ["ab", "cd", "ef"]
      var counted = Array(repeating: [0, 0, 0], count: 3)
      for (label, row) in zip(truth, predictions.dropFirst()) {
        counted[names.firstIndex(of: label)!][try #require(names.firstIndex(of: row[0]))] += 1
        let probabilities = row.dropFirst().compactMap(Double.init)
        #expect(probabilities.count == 3 && abs(probabilities.reduce(0, +) - 1) < 1e-5)
        #expect(names[probabilities.firstIndex(of: probabilities.max()!)!] == row[0])
      }
      #expect(counted == confusion && counted[1][0] + counted[0][1] + counted[0][2] > 0)

      // The scores follow from the matrix.
      for (i, scores) in try #require(result["classes"]?.array).enumerated() {
        #expect(scores.keys == ["class", "precision", "recall", "f1", "support"])
        let (right, support) = (Double(confusion[i][i]), Double(confusion[i].reduce(0, +)))
        let predicted = Double(confusion.reduce(0) { $0 + $1[i] })
        #expect(scores["precision"]?.number == right / predicted && scores["recall"]?.number == right / support)
        #expect(scores["f1"]?.number == 2 * right / (support + predicted) && scores["support"]?.number == support)
      }
      let text = workspace.apus("evaluate", "run", "clouds.csv").output
      #expect(text.contains("precision  recall") && text.contains("true \\ predicted"))
    }

    /// The order of columns, further columns and the target's presence do not matter.
    @Test func columnsAreFoundByName() throws {
      workspace.write(clouds(["yes", "no"]), to: "clouds.csv")
      expectSuccess(workspace.apus("train", "clouds.csv", "--epochs", "2", "--json", "--output", "run"))
      workspace.write("x,y\n1,2\n-1,4\n", to: "plain.csv")
      let plain = workspace.apus("predict", "run", "--input", "plain.csv")
      expectSuccess(plain)
      #expect(plain.outputLines.count == 3)
      for text in [
        "y,x\n2,1\n4,-1\n", "note,y,more,x\nhello,2,,1\n,4,NA,-1\n", "x,y,label\n1,2,yes\n-1,4,no\n",
        "label,x,y\nunheard of,1,2\n,-1,4\n", "x;y\r\n1;2\r\n-1;4\r\n", "\u{FEFF}x\ty\n1\t2\n-1\t4",
      ] {
        workspace.write(text, to: "other.csv")
        let other = workspace.apus("predict", "run", "--input", "other.csv")
        expectSuccess(other)
        #expect(other.output == plain.output, "\(text)")
      }
    }

    /// Nothing in a file of texts shows that its first line is a header; the target's name does.
    @Test func theTargetsNameTellsAHeader() throws {
      workspace.write(
        "shape,taste,fruit\n" + String(repeating: "round,sweet,apple\nlong,sour,bean\n", count: 10), to: "fruit.csv")
      let outcome = workspace.apus("train", "fruit.csv", "--target", "fruit", "--json", "--output", "run")
      expectSuccess(outcome)
      #expect(workspace.apus("summary", "run").output.contains("target: fruit, one of apple, bean"))
      let evaluated = workspace.apus("evaluate", "run", "fruit.csv", "--json")
      #expect(try JSON(parsing: evaluated.output)["examples"]?.integer == 20)
    }

    /// Columns without names are found by their positions, also in a single row that looks like a header.
    @Test func withoutHeaders() throws {
      workspace.write(String(repeating: "1,red,yes\n2,blue,no\n", count: 10), to: "bare.csv")
      expectSuccess(workspace.apus("train", "bare.csv", "--epochs", "2", "--json", "--output", "run"))
      #expect(workspace.apus("summary", "run").output.contains("target: column 3, one of yes, no"))
      workspace.write("1,red\n", to: "new.csv")
      let outcome = workspace.apus("predict", "run", "--input", "new.csv")
      expectSuccess(outcome)
      #expect(outcome.outputLines.count == 2)
      #expect(outcome.outputLines[0] == "column 3,probability of yes,probability of no")
    }

    @Test func namesMayHoldAnything() throws {
      workspace.write(
        "\"a,\"\"b\"\"\",\"grün\nrot\",\"Ω, \"\"z\"\"\"\n"
          + String(repeating: "1,2,\"x,y\"\n3,4,\"q\"\"r\nß\"\n5,6,日本\n", count: 10), to: "odd.csv")
      expectSuccess(workspace.apus("train", "odd.csv", "--epochs", "2", "--json", "--output", "run"))
      #expect(workspace.apus("evaluate", "run", "odd.csv").code == 0)
      #expect(workspace.apus("summary", "run").output.contains("日本"))
      expectSuccess(workspace.apus("predict", "run", "--input", "odd.csv", "--output", "out.csv"))
      // What was written is a table with these names again.
      let table = try Table.read(csv: workspace.path + "/out.csv")
      #expect(
        table.columns.map(\.name) == ["Ω, \"z\"", "probability of x,y", "probability of q\"r\nß", "probability of 日本"])
      #expect(table.rowCount == 30)
      #expect(Set(try table.categories("Ω, \"z\"").names).isSubset(of: ["x,y", "q\"r\nß", "日本"]))
    }

    @Test func fiveThousandColumns() throws {
      let header = (0..<5000).map { "c\($0)" }.joined(separator: ",")
      let lines = (0..<20).map { i in (0..<5000).map { "\(($0 * 7 + i * 13) % 11)" }.joined(separator: ",") }
      workspace.write(
        header + ",y\n" + lines.enumerated().map { "\($1),\($0 % 2 == 0 ? "a" : "b")\n" }.joined(), to: "wide.csv")
      expectSuccess(workspace.apus("train", "wide.csv", "--epochs", "1", "--json", "--output", "run"))
      #expect(workspace.apus("summary", "run").output.contains("… (5000 in all)"))
      let predicted = workspace.apus("predict", "run", "--input", "wide.csv")
      expectSuccess(predicted)
      #expect(predicted.outputLines.count == 21)
    }

    @Test func twoHundredThousandRows() throws {
      workspace.write(
        "a,b,y\n" + (0..<200_000).map { "\($0 % 100),\($0 % 7).5,\($0 % 100 > 49 ? "high" : "low")\n" }.joined(),
        to: "long.csv")
      let outcome = workspace.apus(
        "train", "long.csv", "--epochs", "1", "--hidden", "8", "--batch-size", "1000", "--json", "--output", "run")
      expectSuccess(outcome)
      #expect(try JSON(parsing: outcome.outputLines.last ?? "")["test_accuracy"]?.number ?? 0 > 0.9)
      expectSuccess(workspace.apus("predict", "run", "--input", "long.csv", "--output", "out.csv"))
      #expect(workspace.text("out.csv").utf8.count { $0 == 0x0A } == 200_001)
    }
  }
}
