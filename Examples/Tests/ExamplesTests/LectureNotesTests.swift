import Foundation
import Testing

/// The programs of the lecture notes print the notes' numbers.
extension ExampleTests {
  @Suite struct LectureNotesTests {
    private func expectNear(_ found: [Double], _ expected: [Double], _ tolerance: Double) {
      #expect(found.count >= expected.count, "\(found)")
      for (a, b) in zip(found, expected) { #expect(abs(a - b) <= tolerance, "\(a), expected \(b)") }
    }

    @Test("N-01: 000's neuron") func neuron() throws {
      let outcome = try run("notes-000-neuron")
      expectNear(try outcome.numbers(after: "z = Θᵀ x ="), [6.5], 1e-12)
      expectNear(try outcome.numbers(after: "a = σ(z) ="), [0.998498817743263], 1e-12)
      expectNear(try outcome.numbers(after: "a of the layer ="), [0.998498817743263], 1e-12)
    }

    @Test("N-02, A4: 000's network of equal neurons") func network() throws {
      let outcome = try run("notes-000-network")
      expectNear(try outcome.numbers(after: "hidden:"), [0.952574126822433, 0.952574126822433], 1e-12)
      expectNear(try outcome.numbers(after: "output:"), [0.721632560951842], 1e-12)
      #expect(outcome.output.contains("Forward\n-------") && outcome.output.contains("dW^[1]"))
    }

    /// What notes-001-numpy.py printed with NumPy 2.
    private static let costs = [
      0.001: [0.69314718059502, 0.693147180507979, 0.6931471798927225, 0.6931471788156482],
      1.2: [0.69314718059502, 0.6931471786897798, 0.6931471774296939, 0.0017962],
    ]

    @Test("N-22, O1: 001's network in arrays learns XOR with the rate 1.2, and not with 0.001") func arrays() throws {
      let outcome = try run("notes-001-numpy")
      for (rate, costs) in Self.costs {
        for (step, cost) in zip([0, 100, 1000, 9999], costs) {
          expectNear(
            try outcome.numbers(after: "rate \(rate) step \(step) cost"), [cost],
            step < 9999 ? 1e-14 : rate < 1 ? 1e-13 : 5e-8)
        }
      }
      let outputs = outcome.lines.filter { $0.hasPrefix("outputs") }.map {
        $0.split(separator: " ").dropFirst().compactMap { Double($0) }
      }
      expectNear(outputs[0], [0.5, 0.5, 0.5, 0.5], 1e-4)
      expectNear(outputs[1], [0, 1, 1, 0], 3e-3)
    }

    @Test("O1: plain Swift needs no more lines than NumPy") func lineCount() throws {
      func lines(_ name: String) throws -> Int {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../LectureNotes/\(name)")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").count { line in
          let line = line.trimmingCharacters(in: .whitespaces)
          return !line.isEmpty && !line.hasPrefix("//") && !line.hasPrefix("#")
        }
      }
      #expect(try lines("notes-001-numpy.swift") <= lines("notes-001-numpy.py"))
    }

    @Test("N-22: 003's network with tensors") func tensors() throws {
      let outcome = try run("notes-003-numpy")
      for (step, cost) in zip([0, 100, 1000, 9999], Self.costs[1.2]!) {
        expectNear(try outcome.numbers(after: "step \(step) cost"), [cost], step < 9999 ? 1e-14 : 5e-8)
      }
      #expect(outcome.lines.last == "XOR? true")
    }

    @Test("O2: 003's PyTorch program: 101,110 parameters, and a loss that falls") func pytorch() throws {
      let outcome = try run("notes-003-pytorch")
      #expect(try outcome.numbers(after: "parameters:") == [101_110])
      let losses = try [0, 100, 200, 300, 400, 499].map { try outcome.numbers(after: "step \($0) loss")[0] }
      // Outputs of unit variance at first, beside targets of unit variance: 640 squared differences.
      #expect(losses[0] > 500 && losses[0] < 2000)
      #expect(zip(losses, losses.dropFirst()).allSatisfy { $1 < 0.8 * $0 }, "\(losses)")
      #expect(losses[5] < 0.01)
    }

    @Test("O3, O10, N-14: 003's TensorFlow program: named variables, a graph, cost and accuracy of every epoch")
    func tensorflow() throws {
      let outcome = try run("notes-003-tensorflow")
      #expect(outcome.lines[0] == "variables: W1(64, 300), b1(300,), W2(300, 10), b2(10,)")
      #expect(try outcome.numbers(after: "parameters:") == [22_510])
      expectNear(try outcome.numbers(after: "snippet's loss:"), [0.685179011], 1e-9)
      for part in ["= W1  float32(64, 300)", "= matmul(", "= softmax(", "= W2  float32(300, 10)"] {
        #expect(outcome.output.contains(part), "\(part)")
      }
      let epochs = try (1...10).map { try outcome.numbers(after: "Epoch: \($0) cost =") }
      #expect(epochs[9][0] < 0.2 * epochs[0][0], "\(epochs)")
      let accuracies = outcome.lines.filter { $0.hasPrefix("Epoch:") }.compactMap { $0.split(separator: " ").last }
      #expect(accuracies.compactMap { Double($0) }.max() ?? 0 > 0.93, "\(accuracies)")
      #expect(outcome.lines.contains("Training complete!") && outcome.output.contains("instructions in"))
    }

    @Test("O4: 003's Keras program: summary, fit with validation data, evaluate") func keras() throws {
      let outcome = try run("notes-003-keras")
      #expect(outcome.output.contains("8,970 parameters"))
      let (first, last) = (try outcome.numbers(after: "epoch 1 loss"), try outcome.numbers(after: "epoch 20 loss"))
      #expect(last[0] < first[0])
      #expect(try outcome.numbers(after: "test accuracy")[0] > 0.93)
    }

    @Test("N-33, O9: 004's linear regression") func linearRegression() throws {
      let outcome = try run("notes-004-linear-regression")
      for label in ["by hand: b", "layer: b"] {
        expectNear(try outcome.numbers(after: label), [1.02354094], 1e-8)
        expectNear(try outcome.numbers(after: "\(label) ").suffix(1), [1.96896411], 1e-8)
      }
      expectNear(try outcome.numbers(after: "least squares: b"), [1.02354075], 1e-8)
      expectNear(try outcome.numbers(after: "least squares: b").suffix(1), [1.96896447], 1e-8)
    }

    @Test("O9: 004's reviews over-fit, and stopping early is better") func reviews() throws {
      let outcome = try run("notes-004-reviews")
      let best = try outcome.numbers(after: "lowest val_loss")
      let last = try outcome.numbers(after: "epoch 40 loss")
      let lastValidation = try #require(
        outcome.lines.first { $0.hasPrefix("epoch 40 ") }?.split(separator: " ").compactMap { Double($0) })
      #expect(last[0] < 0.15, "the training loss goes on falling: \(last)")
      // epoch, loss, val_loss, val_accuracy
      #expect(lastValidation[2] > 1.2 * best[0], "the validation loss rises again: \(lastValidation), \(best)")
      let early = try outcome.numbers(after: "stopped early: test loss")[0]
      let over = try outcome.numbers(after: "over-fitted: test loss")[0]
      #expect(early < over)
      #expect(try outcome.numbers(after: "'the music was superb':")[0] > 0.5)
      #expect(try outcome.numbers(after: "'the plot was dull':")[0] < 0.5)
    }
  }
}
