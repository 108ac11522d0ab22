import Apus
import Testing

/// The classics on the command line: train, evaluate, predict, summary and plot as for networks.
extension CommandTests {
  @Suite struct EstimatorTests {
    let workspace = Workspace()

    private func events(_ outcome: Outcome) throws -> [JSON] { try outcome.outputLines.map { try JSON(parsing: $0) } }

    private func train(_ arguments: String...) throws -> [JSON] {
      let outcome = workspace.run([Workspace.executable, "train"] + arguments + ["--json", "--output", "run"])
      expectSuccess(outcome)
      return try events(outcome)
    }

    @Test("N-20, A6: the perceptron on AND, its mistakes epoch by epoch") func perceptron() throws {
      let events = try train("and", "--model", "perceptron", "--test", "0", "--scaling", "none")
      #expect(events.dropLast().map { $0["mistakes"]?.number } == [2, 3, 3, 2, 1, 0])
      let last = try #require(events.last)
      #expect(last.keys == ["event", "loss", "accuracy", "test_loss", "test_accuracy", "mistakes", "model"])
      #expect(last["accuracy"]?.number == 1 && last["mistakes"]?.number == 0 && last["loss"]?.number == 0)
      #expect(last["test_accuracy"] == .null)
      // The file holds the notes' weights.
      let model = try TabularModel(path: "\(workspace.path)/run")
      #expect(model.network.parameters.map(\.value.doubles) == [[2, 1], [-3]])
      // Exactly 0 or 1, and at z = 0 1 (A5): 3 - 3 = 0.
      workspace.write("x1,x2\n1,1\n1,0.999\n0,3\n", to: "new.csv")
      let predicted = workspace.apus("predict", "run", "--input", "new.csv")
      expectSuccess(predicted)
      #expect(predicted.output == "class\n1\n0\n1\n")
    }

    @Test(
      "A22: the boundary on XOR as text and as SVG, and who is right", arguments: ["perceptron", "logistic", "mlp"])
    func boundaries(model: String) throws {
      var arguments = ["xor", "--model", model, "--test", "0", "--seed", "1"]
      if model == "mlp" {
        arguments += [
          "--hidden", "4", "--activation", "tanh", "--optimizer", "sgd", "--learning-rate", "1.2", "--epochs", "3000",
          "--validation", "0",
        ]
      }
      let outcome = workspace.run([Workspace.executable, "train"] + arguments + ["--json", "--output", "run"])
      expectSuccess(outcome)
      let accuracy = try #require(try events(outcome).last?["accuracy"]?.number)
      // One line leaves at least one of four points on the wrong side.
      #expect(model == "mlp" ? accuracy == 1 : accuracy <= 0.75)
      expectSuccess(workspace.apus("plot", "run"))
      let picture = workspace.text("run/pictures/decision-boundary.svg")
      #expect(picture.hasPrefix("<svg") && picture.contains("Decision boundary"))
      let text = workspace.apus("plot", "run", "--format", "text")
      expectSuccess(text)
      let map = text.output.split(separator: "\n").filter { $0.contains("│") || $0.contains("┤") }.suffix(16)
      #expect(map.count == 16)
      // The four corners of the map lie beside the four examples.
      let corners = [map.first!.last!, map.last!.last!]
      if model == "mlp" { #expect(corners == ["a", "b"]) }
    }

    @Test("A8, A22: on XOR the perceptron says that it is not separable, and draws why") func notSeparable() throws {
      let outcome = workspace.apus(
        "train", "xor", "--model", "perceptron", "--test", "0", "--scaling", "none", "--epochs", "50", "--output", "run"
      )
      expectSuccess(outcome)
      #expect(outcome.output.contains("\nnot separable after 50 epochs: 4 mistakes in the last\n"))
      #expect(
        outcome.output.hasPrefix(
          "xor: 4 training and 0 test examples, 2 features, classification\nperceptron, 3 parameters\n"))
      let rows = workspace.text("run/history.csv").split(separator: "\n")
      #expect(rows.count == 51 && rows[0] == "epoch,loss,mistakes,validation_loss,validation_mistakes,seconds")
      let separable = workspace.apus("train", "or", "--model", "perceptron", "--test", "0", "--output", "other")
      #expect(separable.output.contains("\nseparated after "))
      let plot = workspace.apus("plot", "run")
      expectSuccess(plot)
      #expect(workspace.names("run/pictures").contains("decision-boundary.svg"))
      let text = workspace.apus("plot", "run", "--format", "text")
      expectSuccess(text)
      // All four examples are there, two of each class; a line cannot divide them.
      #expect(text.output.contains("a: class 0; A: an example of it") && text.output.contains("b: class 1"))
      let map = text.output.split(separator: "\n").filter { $0.contains("│") || $0.contains("┤") }.joined()
      #expect(map.count { $0 == "A" } == 2 && map.count { $0 == "B" } == 2)
    }

    @Test("N-21, A9, A10: an Adaline, all examples at once or one by one") func adaline() throws {
      let options = [
        "--model", "adaline", "--learning-rate", "0.1", "--epochs", "4", "--test", "0", "--scaling", "none",
      ]
      let events = try self.events(
        workspace.run([Workspace.executable, "train", "and"] + options + ["--json", "--output", "run"]))
      let losses = events.dropLast().compactMap { $0["loss"]?.number }
      #expect(zip(losses.dropFirst(), [0.29, 0.2483, 0.230459]).allSatisfy { abs($0 - $1) < 1e-9 })
      #expect(losses.count == 4 && events[0]["updates"]?.number == 1)
      let single = try self.events(
        workspace.run([Workspace.executable, "train", "and", "--batch-size", "1"] + options + ["--json"]))
      #expect(single[0]["updates"]?.number == 4 && single.count == 5)
      // Without a learning rate it converges, whatever the data, and its threshold is one half.
      let iris = try train("breast-cancer", "--model", "adaline").last
      #expect((iris?["test_accuracy"]?.number ?? 0) > 0.92)
    }

    @Test(
      "every classic learns, and what is saved gives the same scores and predictions",
      arguments: [
        ("logistic", "breast-cancer", 0.96), ("logistic", "wine", 0.94), ("softmax", "iris", 0.93),
        ("perceptron", "iris", 0.8), ("adaline", "iris", 0.7),
      ])
    func savedModels(model: String, data: String, least: Double) throws {
      let finished = try #require(try train(data, "--model", model, "--test", "0", "--seed", "2").last)
      let accuracy = try #require(finished["accuracy"]?.number)
      #expect(accuracy >= least)
      let evaluated = workspace.apus("evaluate", "run", data, "--json")
      expectSuccess(evaluated)
      let result = try JSON(parsing: evaluated.output)
      #expect(result["accuracy"] == finished["accuracy"] && result["loss"] == finished["loss"])
      let summary = workspace.apus("summary", "run")
      expectSuccess(summary)
      #expect(summary.output.contains("Dense("))
      #expect(try workspace.json("run/config.json")["model"]?.string == model)
      expectSuccess(workspace.apus("plot", "run"))
    }

    @Test("A13: linear regression in closed form and down the gradient") func linear() throws {
      var text = "m,b,c,y\n"
      for i in 0..<40 { text += "\(i),\(i % 2 == 0 ? "red" : "blue"),\(i % 3),\(Double(2 * i + (i % 2) * 5 + 1))\n" }
      workspace.write(text, to: "line.csv")
      // Red and blue together are always 1: there is a solution all the same.
      let closed = try train("line.csv", "--model", "linear", "--task", "regression")
      #expect((closed.last?["test_r2"]?.number ?? 0) > 0.999999 && closed.count == 2)
      workspace.write("m,b,c\n100,blue,0\n", to: "new.csv")
      let predicted = workspace.apus("predict", "run", "--input", "new.csv").outputLines
      #expect(predicted.count == 2 && abs((Double(predicted[1]) ?? 0) - 206) < 1e-3)
      let descent = try train(
        "line.csv", "--model", "linear", "--task", "regression", "--learning-rate", "0.3", "--epochs", "400")
      #expect(descent.count == 401 && (descent.last?["test_r2"]?.number ?? 0) > 0.999)
      expectSuccess(workspace.apus("plot", "run"))
    }

    @Test("the playground's sets, houses and parity are data sets like others") func newDatasets() throws {
      #expect((try train("playground-gauss", "--model", "logistic").last?["test_accuracy"]?.number ?? 0) > 0.97)
      #expect((try train("playground-circle", "--epochs", "30").last?["test_accuracy"]?.number ?? 0) > 0.97)
      #expect((try train("playground-plane", "--model", "linear").last?["test_r2"]?.number ?? 0) > 0.999999)
      expectSuccess(workspace.apus("evaluate", "run", "playground-plane-10", "--json"))
      #expect((try train("houses", "--model", "linear", "--test", "0").last?["r2"]?.number ?? 0) > 0.999)
      #expect(try train("parity-3", "--model", "logistic", "--test", "0").last?["accuracy"]?.number == 0.5)
      let list = workspace.apus("datasets")
      expectSuccess(list)
      for name in ["houses", "nand", "parity-4", "playground-spiral", "playground-multi-gauss"] {
        #expect(list.output.contains("\n\(name) "), "\(name)")
      }
    }

    @Test("circles are not linear, their products are") func polynomial() throws {
      let plain = try train("circles", "--model", "logistic").last?["test_accuracy"]?.number ?? 1
      #expect(plain < 0.7)
      let events = try train("circles", "--model", "logistic", "--polynomial", "2", "--scaling", "robust")
      #expect((events.last?["test_accuracy"]?.number ?? 0) > 0.95)
      let model = try TabularModel(path: "\(workspace.path)/run")
      #expect(model.preprocessing.inputNames == ["x1", "x2", "x1^2", "x1 * x2", "x2^2"])
      expectSuccess(workspace.apus("evaluate", "run", "circles", "--json"))
      #expect(workspace.apus("summary", "run").output.contains("products: up to degree 2, 5 columns"))
      expectSuccess(workspace.apus("plot", "run"))
      #expect(workspace.names("run/pictures").contains("decision-boundary.svg"))
      let configuration = try workspace.json("run/config.json")
      #expect(configuration["polynomial"]?.integer == 2 && configuration["scaling"]?.string == "robust")
    }

    @Test(arguments: ["standardize", "minMax", "robust", "maxAbs", "none"])
    func scalings(method: String) throws {
      let finished = try #require(
        try train("wine", "--model", "softmax", "--scaling", method, "--test", "0").last)
      #expect((finished["accuracy"]?.number ?? 0) > 0.9)
      let evaluated = workspace.apus("evaluate", "run", "wine", "--json")
      #expect(try JSON(parsing: evaluated.output)["loss"] == finished["loss"])
    }

    @Test("missing values are filled from the training part, in training and in use") func imputation() throws {
      let text =
        "a,colour,y\n"
        + (0..<60).map { i in
          "\(i % 7 == 0 ? "" : "\(i % 2 == 0 ? i : -i)"),\(i % 11 == 0 ? "NA" : i % 2 == 0 ? "red" : "blue"),\(i % 2 == 0 ? "yes" : "no")\n"
        }.joined()
      workspace.write(text, to: "holes.csv")
      expectFailure(
        workspace.apus("train", "holes.csv", "--json"), 65,
        "holes.csv, line 2: column 'a' is empty; fill or remove the row.")
      for method in ["mean", "median", "mode", "-3.5"] {
        let events = try train("holes.csv", "--model", "logistic", "--impute=\(method)")
        #expect((events.last?["accuracy"]?.number ?? 0) > 0.9)
        #expect(try workspace.json("run/config.json")["impute"]?.string == method)
      }
      expectSuccess(workspace.apus("evaluate", "run", "holes.csv", "--json"))
      #expect(workspace.apus("summary", "run").output.contains("missing values: -3.5"))
      workspace.write("a,colour\n,red\n-50,?\n", to: "new.csv")
      let predicted = workspace.apus("predict", "run", "--input", "new.csv")
      expectSuccess(predicted)
      #expect(predicted.outputLines.count == 3)
      // The filled value itself predicts the same.
      workspace.write("a,colour\n-3.5,red\n-50,\(try mostFrequent())\n", to: "filled.csv")
      #expect(workspace.apus("predict", "run", "--input", "filled.csv").output == predicted.output)
      workspace.write("a,colour,y\n1,red,\n", to: "bad.csv")
      expectFailure(workspace.apus("evaluate", "run", "bad.csv"), 65, "bad.csv, line 2: column 'y' is empty")
    }

    private func mostFrequent() throws -> String {
      let preprocessing = try TabularModel(path: "\(workspace.path)/run").preprocessing
      guard case .imputation(let imputation) = preprocessing.steps[0] else { return "" }
      #expect(imputation.fills[0] == -3.5)
      return imputation.fills[1] == 1
        ? preprocessing.features.columns[1].categories![0] : preprocessing.features.columns[1].categories![1]
    }

    @Test("P1: duplicates across the parts are announced") func duplicates() throws {
      workspace.write("a,y\n" + (0..<40).map { "\($0 / 4),\($0 % 8 < 4 ? "u" : "v")\n" }.joined(), to: "twins.csv")
      for model in ["logistic", "mlp"] {
        let outcome = workspace.apus("train", "twins.csv", "--model", model, "--epochs", "1", "--output", "run")
        let lines = outcome.outputLines
        #expect(lines.contains { $0.hasSuffix("of the test part are also in the training part") }, "\(lines)")
      }
      let clean = workspace.apus("train", "xor", "--model", "logistic", "--output", "run")
      #expect(!clean.output.contains("also in the training part"))
    }

    @Test(
      arguments: [
        (["and", "--model", "perceptron", "--hidden", "3"], "--hidden: this is not for the model perceptron"),
        (["and", "--model", "logistic", "--learning-rate", "1"], "--learning-rate"),
        (["and", "--model", "adaline", "--batch-size", "2"], "--batch-size 2: an Adaline"),
        (["and", "--model", "softmax", "--batch-size", "2"], "--batch-size"),
        (["and", "--model", "perceptron", "--validation", "0.1"], "--validation"),
        (["and", "--model", "perceptron", "--optimizer", "adam"], "--optimizer"),
        (["and", "--model", "perceptron", "--loss", "hinge"], "--loss"),
        (["and", "--model", "linear", "--activation", "relu"], "--activation"),
        (["and", "--model", "perceptron", "--profile"], "--profile"), (["and", "--model", "svm"], "--model svm"),
        (["and", "--model", "perceptron", "--precision", "bfloat16"], "--precision"),
        (["and", "--model", "perceptron", "--regularizer", "l2"], "--regularizer"),
        (
          ["and", "--model", "logistic", "--regularizer", "l1"], "--regularizer l1: for the model logistic there is l2"
        ),
        (["and", "--model", "logistic", "--early-stopping", "3"], "--early-stopping"),
        (["iris", "--impute", "average"], "'average'"), (["iris", "--polynomial", "0"], "--polynomial 0"),
        (["iris", "--polynomial", "21"], "--polynomial 21"), (["iris", "--deviation", "none"], "'none'"),
        (["iris", "--deviation", "sample", "--scaling", "robust"], "--deviation"),
      ] as [([String], String)])
    func usage(arguments: [String], part: String) {
      expectFailure(workspace.run([Workspace.executable, "train"] + arguments + ["--json"]), 64, part)
      #expect(workspace.names() == [])
    }

    @Test func penalty() throws {
      func run(_ name: String, _ lambda: String) throws -> Double {
        expectSuccess(
          workspace.apus(
            "train", "breast-cancer", "--model", "logistic", "--test", "0", "--regularizer", "l2", "--lambda", lambda,
            "--output", name))
        return try TabularModel(path: "\(workspace.path)/\(name)").network.parameters[0].value.doubles.reduce(0) {
          $0 + $1 * $1
        }
      }
      let (weak, strong) = (try run("weak", "0.001"), try run("strong", "1"))
      #expect(strong < 0.2 * weak, "a stronger penalty, smaller weights: \(weak) \(strong)")
      // λ beside the mean of 569 losses is 569 λ beside their sum.
      #expect(try workspace.json("strong/config.json")["l2"] == 569.0)
    }

    @Test func dataThatDoNotSuit() {
      expectFailure(workspace.apus("train", "iris", "--model", "linear"), 65, "a linear model needs numbers")
      expectFailure(workspace.apus("train", "houses", "--model", "logistic"), 65, "a logistic model needs classes")
      expectFailure(
        workspace.apus("train", "and", "--model", "adaline", "--learning-rate", "100", "--test", "0", "--json"), 65,
        "try a smaller learning rate than 100.0")
      expectFailure(workspace.apus("train", "digits", "--polynomial", "20"), 65, "more than 100000 columns")
      expectFailure(workspace.apus("train", "and", "--model", "perceptron", "--test", "0.99"), 65, "no example is left")
      #expect(workspace.names("runs") == [])
    }
  }
}
