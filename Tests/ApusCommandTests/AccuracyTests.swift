import Apus
import Testing

/// How well networks learn without any choice but the seed.
extension CommandTests {
  @Suite struct AccuracyTests {
    let workspace = Workspace()

    private func accuracy(_ arguments: [String], key: String = "test_accuracy") throws -> Double {
      let outcome = workspace.run([Workspace.executable, "train"] + arguments + ["--json", "--output", "run"])
      expectSuccess(outcome)
      return try #require(try JSON(parsing: outcome.outputLines.last ?? "")[key]?.number)
    }

    @Test(arguments: zip(["iris", "wine", "breast-cancer"], [0.93, 0.96, 0.95]))
    func smallSets(name: String, least: Double) throws {
      let accuracies = try (1...5).map { try accuracy([name, "--seed", "\($0)"]) }
      #expect(accuracies.reduce(0, +) / 5 >= least, "\(accuracies)")
    }

    @Test func digits() throws { #expect(try accuracy(["digits", "--seed", "1"]) >= 0.97) }

    @Test func xor() throws {
      let accuracy = try accuracy(
        [
          "xor", "--hidden", "4", "--activation", "tanh", "--optimizer", "sgd", "--learning-rate", "1.2", "--epochs",
          "10000", "--test", "0", "--validation", "0",
        ], key: "accuracy")
      #expect(accuracy == 1)
    }

    @Test(arguments: ["moons", "circles", "spiral"])
    func generatedPoints(name: String) throws { #expect(try accuracy([name]) >= 0.95) }
  }
}
