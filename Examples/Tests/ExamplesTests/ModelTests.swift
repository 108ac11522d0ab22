import Foundation
import Testing

/// The models' programs, each for a few steps.
extension ExampleTests {
  @Suite struct ModelTests {
    /// Runs `body` with the path of a directory with a few images in MNIST's files: noise with a bright square, whose place is the class.
    private func withDigits(_ body: (String) throws -> Void) throws {
      let path = FileManager.default.temporaryDirectory.appending(component: "apus-digits-\(UUID().uuidString)").path()
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: path) }
      for (name, count) in [("train", 128), ("t10k", 40)] {
        func write(_ kind: String, _ bytes: [UInt8]) throws {
          try Data(bytes).write(to: URL(filePath: "\(path)/\(name)-\(kind)-ubyte"))
        }
        let pixels = (0..<count).flatMap { n in
          (0..<784).map { (i: Int) -> UInt8 in
            let isBright = i / 28 / 7 == n % 10 / 4 && i % 28 / 7 == n % 10 % 4
            return UInt8((n * 31 + i * 17) % 29) + (isBright ? 200 : 0)
          }
        }
        try write("images-idx3", [0, 0, 8, 3, 0, 0, 0, UInt8(count), 0, 0, 0, 28, 0, 0, 0, 28] + pixels)
        try write("labels-idx1", [0, 0, 8, 1, 0, 0, 0, UInt8(count)] + (0..<count).map { UInt8($0 % 10) })
      }
      try body(path)
    }

    /// The key beside a grid is as wide as the numbers in it.
    private func expectGrid(_ path: String, width: ClosedRange<Int>, height: Int) throws {
      let size = try PNGSize(path)
      #expect(width.contains(size.width) && size.height == height, "\(path): \(size)")
    }

    @Test("M1: mlp learns, and repeats itself") func mlp() throws {
      try withDigits { path in
        let outcome = try run("mlp", "--data", path, "--epochs", "12", "--seed", "3", "--output", path)
        #expect(outcome.lines.count == 13)
        #expect(try #require(outcome.numbers(after: "test accuracy").first) > 0.8)
        let again = try run("mlp", "--data", path, "--epochs", "12", "--seed", "3")
        #expect(again.lines.dropLast() == outcome.lines.dropLast())
        try expectGrid("\(path)/weights.png", width: 1200...1400, height: 1242)
        #expect(try PNGSize("\(path)/confusion-matrix.png") == PNGSize(1120, 960))
      }
    }

    @Test("M2: lenet learns, and repeats itself") func lenet() throws {
      try withDigits { path in
        let outcome = try run("lenet", "--data", path, "--epochs", "12", "--seed", "3", "--output", path)
        #expect(outcome.lines.count == 13)
        try expectGrid("\(path)/filters.png", width: 740...860, height: 526)
        try expectGrid("\(path)/feature-maps.png", width: 1050...1250, height: 2216)
        #expect(try PNGSize("\(path)/hidden-layer.png") == PNGSize(1120, 920))
        #expect(try #require(outcome.numbers(after: "test accuracy").first) > 0.5)
        let again = try run("lenet", "--data", path, "--epochs", "12", "--seed", "3")
        #expect(again.lines.dropLast() == outcome.lines.dropLast())
      }
    }

    @Test("M5: the linear autoencoder stays above its bound, the other takes noise away") func autoencoders() throws {
      try withDigits { path in
        let outcome = try run("autoencoders", "--data", path, "--epochs", "6", "--output", path)
        #expect(try PNGSize("\(path)/denoised.png") == PNGSize(1252, 314))
        let numbers = try outcome.numbers(after: "linear: error")
        #expect(numbers[0] >= numbers[3] && numbers[1] >= 1)
        let (noisy, cleaned) = try (
          outcome.numbers(after: "noisy images: error"), outcome.numbers(after: "denoised: error")
        )
        #expect(cleaned[0] < noisy[0])
      }
    }

    @Test("M5: the variational autoencoder's bound falls") func vae() throws {
      try withDigits { path in
        let outcome = try run("vae", "--data", path, "--epochs", "8", "--output", path)
        #expect(outcome.lines.count == 8)
        // Eight by eight images with a pixel between them.
        for epoch in 1...8 { #expect(try PNGSize("\(path)/samples-\(epoch).png") == PNGSize(231, 231)) }
        #expect(try PNGSize("\(path)/reconstructions.png") == PNGSize(1252, 314))
        let (first, last) = try (outcome.numbers(after: "epoch 1: loss"), outcome.numbers(after: "epoch 8: loss"))
        #expect(last[0] < first[0] && last[0] > 0)
      }
    }

    @Test("M6: dcgan trains both its networks") func dcgan() throws {
      try withDigits { path in
        let outcome = try run("dcgan", "--data", path, "--epochs", "2", "--output", path)
        #expect(outcome.lines.count == 2)
        for epoch in 1...2 {
          #expect(try PNGSize("\(path)/samples-\(epoch).png") == PNGSize(231, 231))
          let losses = try outcome.numbers(after: "epoch \(epoch): discriminator")
          #expect(losses.count >= 2 && losses[..<2].allSatisfy { $0 > 0 && $0.isFinite })
        }
      }
    }

    @Test("M6: gan-1d finds mean and deviation") func gan1D() throws {
      let path = FileManager.default.temporaryDirectory.appending(component: "apus-gan-\(UUID().uuidString)").path()
      defer { try? FileManager.default.removeItem(atPath: path) }
      let outcome = try run("gan-1d", "--steps", "4000", "--output", path)
      let last = try outcome.numbers(after: "step 4000: mean")
      #expect(abs(last[0] - 3) < 0.25 && abs(last[1] - 0.5) < 0.25, "\(last)")
      #expect(try PNGSize("\(path)/densities.png") == PNGSize(1200, 800))
    }

    /// Runs `body` with the path of a text of so many characters at most: a line again and again.
    private func withRhyme(_ count: Int = 105_600, _ body: (String) throws -> Void) throws {
      let path = FileManager.default.temporaryDirectory.appending(component: "apus-\(UUID().uuidString).txt").path()
      defer { try? FileManager.default.removeItem(atPath: path) }
      let rhyme = String(repeating: "the cat sat on the mat.\n", count: 4400)
      try Data(rhyme.utf8.prefix(count)).write(to: URL(filePath: path))
      try body(path)
    }

    @Test("M4: the character models learn a rhyme") func characters() throws {
      try withRhyme(9600) { path in
        let gpt = try run("char-gpt", "--data", path, "--epochs", "2")
        #expect(try gpt.numbers(after: "epoch 2: loss")[0] < gpt.numbers(after: "epoch 1: loss")[0])
      }
      try withRhyme { path in
        let lstm = try run("char-lstm", "--data", path, "--steps", "20")
        #expect(try #require(lstm.numbers(after: ": loss").first) < 2.6)
      }
    }

    @Test("M3: char-gru learns a rhyme with memory carried on, and repeats itself to the bit") func gru() throws {
      func lines(_ path: String) throws -> [String] {
        // 23 steps go through the text; the others begin again.
        let outcome = try run("char-gru", "--data", path, "--steps", "30", "--seed", "2")
        let numbers = try outcome.numbers(after: ": loss")
        #expect(numbers.count >= 2 && numbers[..<2].allSatisfy { 0 < $0 && $0 < 2.6 }, "\(outcome.output)")
        // The seconds differ.
        return outcome.lines.map { $0.hasPrefix("step") ? String($0[$0.firstRange(of: ": loss")!.lowerBound...]) : $0 }
      }
      try withRhyme { path in
        let first = try lines(path)
        // What it writes are 400 letters after 20 of the text.
        #expect(first.dropFirst(2).reduce(0) { $0 + $1.count } > 380)
        #expect(try lines(path) == first)
      }
      try withRhyme(2000) { path in
        let short = try start("char-gru", ["--data", path])
        #expect(short.code == 1 && short.error.contains("64 streams of length 64 need at least 4097"), "\(short.error)")
      }
    }

    @Test func resnetOnDrawnShapes() throws {
      let outcome = try run("resnet", "--epochs", "1", "--images", "32")
      #expect(try #require(outcome.numbers(after: "epoch 1: loss").first).isFinite)
    }

    @Test func errorsAreOneSentence() throws {
      for (name, arguments, part) in [
        ("lenet", ["--data", "/no/such"], "/no/such: there is no such directory"),
        ("vae", ["--epochs", "0"], "--epochs 0: expected 1 to 10000000"), ("dcgan", ["--steps", "3"], "'--steps'"),
        ("gan-1d", ["--seed"], "'--seed'"), ("char-gpt", [], "expected --data with a text file"),
        ("char-gpt", ["--data", "/no/such.txt"], "/no/such.txt: there is no such file"),
        ("char-gru", [], "expected --data with a text file"),
        ("mlp", ["--data", "/no/such"], "/no/such: there is no such directory"),
        ("resnet", ["--data", "/no/such"], "/no/such"),
        ("autoencoders", ["--seed", "-1"], "--seed -1: expected a whole number"),
        ("char-lstm", ["--data", "/no/such.txt"], "/no/such.txt: there is no such file"),
      ] {
        let outcome = try start(name, arguments)
        #expect(outcome.code == 1 && outcome.error.hasPrefix("\(name): "), "\(name): \(outcome.error)")
        #expect(outcome.error.contains(part) && outcome.error.split(separator: "\n").count == 1, "\(outcome.error)")
      }
    }
  }
}
