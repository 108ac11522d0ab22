import Apus
import Testing

/// `apus` on the data sets of images that are known by name: all of them, from the cache, and when they are too much.
extension CommandTests {
  @Suite struct ImageSetTests {
    let workspace = Workspace()

    init() { ImageFiles().writeMNIST(to: workspace) }

    private func events(_ outcome: Outcome) throws -> [JSON] { try outcome.outputLines.map { try JSON(parsing: $0) } }

    @Test("clothes, and photographs of a hundred classes", arguments: ["fashion-mnist", "cifar100"])
    func otherSets(name: String) throws {
      if name == "cifar100" {
        ImageFiles(side: 32, trainingCount: 60, testCount: 20).writeCIFAR100(to: workspace, "images")
      }
      let (count, classes) = name == "cifar100" ? (20, 100) : (40, 10)
      for model in ["mlp", "vae"] {
        let outcome = workspace.apus(
          "train", name, "--data", "images", "--model", model, "--epochs", "2", "--batch-size", "20", "--json",
          "--output", model)
        expectSuccess(outcome)
        let last = try #require(try events(outcome).last)
        #expect(last[model == "mlp" ? "test_loss" : "test_error"]?.number != nil)
        expectSuccess(workspace.apus("plot", model))
      }
      let evaluated = workspace.apus("evaluate", "mlp", name, "--data", "images", "--json")
      expectSuccess(evaluated)
      let evaluation = try JSON(parsing: evaluated.outputLines[0])
      #expect(evaluation["examples"]?.integer == count && evaluation["classes"]?.array?.count == classes)
      #expect(evaluation["classes"]?.array?[1]["class"]?.string == (name == "cifar100" ? "kind 1" : "trouser"))
    }

    // MARK: The cache

    @Test("without --data the files come from the cache") func cache() throws {
      _ = workspace.shell("mkdir cache; mv images cache/mnist; gzip cache/mnist/*")
      let outcome = workspace.shell(
        "APUS_CACHE=cache $APUS train mnist --epochs 1 --json --output run")
      expectSuccess(outcome)
      #expect(try events(outcome).count == 2)
      #expect(try workspace.json("run/config.json")["directory"] == .null)
      expectSuccess(workspace.shell("APUS_CACHE=cache $APUS evaluate run mnist --json"))
    }

    /// As without a network: where there are no programs that download.
    @Test(
      "offline a sentence says which files to put where", arguments: zip(["mnist", "cifar10"], ["mnist", "cifar-10"]))
    func offline(name: String, folder: String) throws {
      let outcome = workspace.shell("mkdir cache; APUS_CACHE=$PWD/cache PATH= $APUS train \(name) --output run")
      #expect(outcome.code == 65 && outcome.output == "", "\(outcome)")
      let lines = outcome.error.split(separator: "\n").map(String.init)
      let set = name == "mnist" ? Download.mnist : .cifar10
      #expect(lines.count == 1 + set.files.count)
      #expect(
        lines[0].hasPrefix("apus: \(folder) cannot be downloaded: ")
          && lines[0].hasSuffix(
            "neither curl nor wget is installed. Put these files into \(workspace.path)/cache/\(folder) by hand:"),
        "\(lines[0])")
      for (line, file) in zip(lines.dropFirst(), set.files) {
        #expect(line.hasPrefix("  \(file.name)  https://") && line.contains("  \(file.checksum)"), "\(line)")
      }
      #expect(!workspace.names().contains("run") && workspace.names("cache/\(folder)") == [])
    }

    // MARK: Memory

    @Test("networks beyond the machine's memory are refused before it is taken") func hugeNetworks() {
      expectFailure(
        workspace.run(
          [
            Workspace.executable, "train", "mnist", "--data", "images", "--model", "mlp", "--hidden",
            "65536,65536,65536",
            "--output", "run",
          ], megabytes: 2000), 64, "the network would have 8642166794 parameters and need 128 GB of memory",
        "choose fewer units or layers.")
      #expect(!workspace.names().contains("run"))
    }

    @Test("batches too") func hugeBatches() {
      // Blank images, of which a residual network keeps half a million numbers each.
      func file(_ name: String, _ header: String, _ count: Int) -> String {
        "{ printf '\(header)'; head -c \(count) /dev/zero; } >many/\(name)"
      }
      let number = #"\000\000\234\100"#  // 40,000
      _ = workspace.shell(
        "mkdir many; cp images/t10k* many; "
          + file(
            "train-images-idx3-ubyte", #"\000\000\010\003"# + number + #"\000\000\000\034\000\000\000\034"#,
            40_000 * 784)
          + "; " + file("train-labels-idx1-ubyte", #"\000\000\010\001"# + number, 40_000))
      expectFailure(
        workspace.run(
          [
            Workspace.executable, "train", "mnist", "--data", "many", "--model", "resnet18", "--batch-size",
            "\(Int.max)", "--output", "run",
          ], megabytes: 4000), 64, "GB of memory; choose smaller batches.")
      expectSuccess(
        workspace.apus(
          "train", "mnist", "--data", "images", "--model", "mlp", "--batch-size", "\(Int.max)", "--epochs", "1",
          "--json",
          "--output", "run"))
    }
  }
}
