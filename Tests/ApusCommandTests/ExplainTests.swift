import Apus
import Testing

/// Networks written out.
extension CommandTests {
  @Suite struct ExplainTests {
    let workspace = Workspace()

    @Test(arguments: Explanation.Example.allCases) func examples(example: Explanation.Example) {
      let outcome = workspace.apus("explain", example.rawValue)
      expectSuccess(outcome)
      #expect(outcome.output == Explanation(example, learningRate: 0.1).text() + "\n")
    }

    @Test func formatsConventionsAndNotations() throws {
      let markdown = workspace.apus("explain", "n-17", "--format", "markdown", "--digits", "9")
      expectSuccess(markdown)
      #expect(markdown.output.contains("-0.822488627") && markdown.output.contains("\\begin{bmatrix}"))
      let html = workspace.apus("explain", "3-4-1", "--format", "html", "--output", "page.html")
      expectSuccess(html)
      #expect(html.output == "")
      let page = workspace.text("page.html")
      #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("<math") && !page.contains("<script"))
      let deltas = workspace.apus(
        "explain", "n-18", "--notation", "deltas", "--convention", "rows", "--learning-rate", "0.5")
      expectSuccess(deltas)
      #expect(deltas.output.contains("δ^(2) = a^(2) − y") && deltas.output.contains("α = 0.5"))
      #expect(deltas.output.contains("z^(2) = [1, a^(1)] Θ^(1)ᵀ"))
      let decided = workspace.apus("explain", "3-4-1", "--threshold", "0.4")
      #expect(decided.output.contains("ŷ = [a^[2] ≥ 0.4]"))
    }

    @Test("N-17 as JSON: every step with its name, dimensions and numbers") func json() throws {
      let outcome = workspace.apus("explain", "n-17", "--json")
      expectSuccess(outcome)
      let json = try JSON(parsing: outcome.output)
      #expect(
        json.keys == [
          "network", "notation", "convention", "loss", "examples", "layers", "layers_with_input", "learning_rate",
          "cost", "disagreement", "steps",
        ])
      #expect(json["layers"]?.integer == 2 && json["layers_with_input"]?.integer == 3)
      #expect(abs(try #require(json["cost"]?.number) - 0.521606843732619) < 1e-12)
      let step = try #require(json["steps"]?.array?.first { $0["name"]?.string == "dW^[1]" })
      #expect(step.keys == ["part", "layer", "name", "formula", "dimensions", "rows", "columns", "values"])
      #expect(step["rows"]?.integer == 2 && step["columns"]?.integer == 2 && step["part"]?.string == "backward")
      let expected = [-0.0633270540175364, -0.126654108035073, 0.232517925539698, 0.465035851079396]
      let values = try #require(step["values"]?.array).compactMap(\.number)
      #expect(values.count == 4 && zip(values, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    private func train(_ arguments: String...) {
      expectSuccess(workspace.run([Workspace.executable, "train"] + arguments + ["--json", "--output", "run"]))
    }

    @Test func savedModels() throws {
      workspace.write("a,b,y\n" + (0..<30).map { "\($0 % 5),\($0 % 3),\($0 % 2)\n" }.joined(), to: "data.csv")
      train("data.csv", "--hidden", "3", "--epochs", "2", "--task", "classification")
      workspace.write("b,y,a\n1,0,2\n2,1,4\n0,1,3\n", to: "rows.csv")
      let all = workspace.apus("explain", "run", "--input", "rows.csv", "--l2", "0.1")
      expectSuccess(all)
      #expect(all.output.contains("m = 3 examples") && all.output.contains("dW^[2] = 1/m dZ^[2] A^[1]ᵀ + λ₂ W^[2]"))
      // What the network predicts is what is explained.
      let one = workspace.apus("explain", "run/model.safetensors", "--input", "rows.csv", "--examples", "1", "--json")
      expectSuccess(one)
      let steps = try #require(try JSON(parsing: one.output)["steps"]?.array)
      let last = try #require(steps.last { $0["part"]?.string == "forward" })
      let predicted = workspace.apus("predict", "run", "--input", "rows.csv").outputLines[1].split(separator: ",")
      let values = try #require(last["values"]?.array).compactMap(\.number)
      let probabilities = predicted.dropFirst().compactMap { Double($0) }
      #expect(zip(values.reversed(), probabilities.reversed()).allSatisfy { abs($0 - $1) < 1e-5 }, "\(values)")
      // Without the target, the forward pass alone.
      workspace.write("a,b\n1,2\n", to: "unknown.csv")
      let forward = workspace.apus("explain", "run", "--input", "unknown.csv")
      expectSuccess(forward)
      #expect(forward.output.contains("Forward") && !forward.output.contains("Backward"))
      // Regressions too: their targets are scaled as in training.
      workspace.write("a,y\n" + (1...20).map { "\($0),\(Double($0) * 2.5)\n" }.joined(), to: "line.csv")
      train("line.csv", "--hidden", "2", "--epochs", "1")
      let regression = workspace.apus("explain", "run", "--input", "line.csv", "--examples", "2")
      expectSuccess(regression)
      #expect(regression.output.contains("the squared error"))
    }

    @Test func badInput() {
      expectFailure(workspace.apus("explain"), 64, "source")
      expectFailure(workspace.apus("explain", "n-99"), 65, "n-99: there is no such file, and no example", "3-4-1")
      expectFailure(workspace.apus("explain", "n-17", "--format", "pdf"), 64, "pdf")
      expectFailure(workspace.apus("explain", "n-17", "--convention", "diagonal"), 64, "diagonal")
      expectFailure(workspace.apus("explain", "n-17", "--notation", "prose"), 64, "prose")
      expectFailure(workspace.apus("explain", "n-17", "--digits", "0"), 64, "--digits 0")
      expectFailure(workspace.apus("explain", "n-17", "--digits", "18"), 64, "--digits 18")
      expectFailure(workspace.apus("explain", "n-17", "--learning-rate", "0"), 64, "--learning-rate 0.0")
      expectFailure(workspace.apus("explain", "n-17", "--learning-rate", "nan"), 64, "--learning-rate nan")
      expectFailure(workspace.apus("explain", "n-17", "--threshold", "nan"), 64, "--threshold")
      expectFailure(workspace.apus("explain", "n-17", "--output", ""), 64, "--output: expected a file")
      expectFailure(workspace.apus("explain", "n-17", "--output", "no/such/file"), 73, "no/such/file")
      expectFailure(workspace.apus("explain", "n-17", "--input", "a.csv"), 64, "--input is for a model")
      expectFailure(workspace.apus("explain", "n-17", "--examples", "2"), 64, "--examples is for a model")
      workspace.write("no model", to: "text.safetensors")
      expectFailure(workspace.apus("explain", "text.safetensors", "--input", "a.csv"), 65, "text.safetensors")
      train("iris", "--hidden", "4", "--epochs", "1")
      expectFailure(workspace.apus("explain", "run"), 64, "--input is missing")
      expectFailure(workspace.apus("explain", "run", "--input", "absent.csv"), 65, "absent.csv: there is no such file")
      expectFailure(workspace.apus("explain", "run", "--input", "iris"), 65, "600 numbers", "at most 400")
      expectSuccess(workspace.apus("explain", "run", "--input", "iris", "--examples", "2"))
      expectSuccess(workspace.apus("explain", "run", "--input", "iris", "--limit", "600"))
      workspace.write("sepal_length\nabc\n", to: "wrong.csv")
      expectFailure(workspace.apus("explain", "run", "--input", "wrong.csv"), 65, "wrong.csv")
      train("iris", "--hidden", "64", "--epochs", "1")
      expectFailure(
        workspace.apus("explain", "run", "--input", "iris", "--examples", "1"), 65, "515 parameters", "at most 400")
      expectFailure(workspace.apus("explain", "run", "--input", "iris", "--limit", "0"), 64, "--limit 0")
    }
  }
}
