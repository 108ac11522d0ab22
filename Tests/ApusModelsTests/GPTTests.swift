import Apus
import ApusTestSupport
import Foundation
import Testing

@Suite struct GPTTests {
  private func model(isTied: Bool = true, dtype: DType = .float32) -> GPT {
    withSeed(3) {
      GPT(vocabulary: 11, context: 12, blocks: 2, heads: 2, width: 8, isTied: isTied, hasBias: !isTied, dtype: dtype)
    }
  }

  @Test(arguments: [true, false]) func layerIsSound(isTied: Bool) throws {
    let gpt = model(isTied: isTied)
    let names = gpt.namedParameters.map(\.name)
    #expect(names.prefix(2) == ["tokens", "positions.weight"] && names.contains("blocks.1.attention.inputWeight"))
    #expect((names.last == "head.weight") == !isTied)
    #expect(
      gpt.description == "GPT(vocabulary: 11, context: 12, blocks: 2, heads: 2, width: 8"
        + (isTied ? ")" : ", isTied: false, hasBias: true)"))
    let x = Tensor((0..<10).map { Int32($0) }, shape: [2, 5])
    #expect(gpt(x).shape == [2, 5, 11])
    #expect(try gpt.outputShape(for: [2, 5]) == [2, 5, 11])
    #expect(throws: ShapeError.self) { try gpt.outputShape(for: [2, 13]) }
  }

  @Test func survivesAFile() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "gpt-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appending(path: "gpt.safetensors").path
    let gpt = model(isTied: false)
    try gpt.save(to: path)
    #expect(throws: FileFormatError.self) { try ModelFile(path: path) }
    let copy = try ModelFile(path: path, registry: .models).model
    let x = Tensor([1, 2, 3] as [Int32], shape: [1, 3])
    #expect(copy(x).floats == gpt(x).floats && copy.description == gpt.description)
  }

  /// Losses, weights and gradients of a few steps with dropout, as bits, and what a file says about checkpoints.
  @Test("checkpoints change no bit", arguments: [true, false]) func checkpoints(isEager: Bool) throws {
    func make(_ isCheckpointed: Bool) -> GPT {
      withSeed(3) {
        GPT(
          vocabulary: 11, context: 12, blocks: 3, heads: 2, width: 8, dropout: 0.2, isCheckpointed: isCheckpointed)
      }
    }
    func train(_ gpt: GPT) throws -> (bits: [[UInt32]], bytes: Int) {
      let optimizer = AdamW(learningRate: 1e-2)
      let step = Program("step", isEager: isEager) { batch in
        let (loss, gradients) = valueWithGradient(of: gpt) {
          softmaxCrossEntropy(logits: $0(batch[0]), labels: batch[1])
        }
        optimizer.update(gpt, gradients)
        return [loss]
      }
      var random = RandomSource(seed: 4)
      let x = Tensor((0..<192).map { Int32($0 * $0 % 11) }, shape: [16, 12])
      let losses = try (0..<3).map { _ in
        try withTraining(random: &random) { try step([x, x])[0].floats[0].bitPattern }
      }
      return ([losses] + gpt.parameters.map { $0.value.floats.map(\.bitPattern) }, step.plannedBytes)
    }
    let (plain, checkpointed) = (try train(make(false)), try train(make(true)))
    #expect(zip(plain.bits, checkpointed.bits).allSatisfy { $0 == $1 } && plain.bits.count == checkpointed.bits.count)
    if !isEager { #expect(3 * checkpointed.bytes < 2 * plain.bytes, "\(checkpointed.bytes) of \(plain.bytes) bytes") }
    let copy = try GPT(configuration: make(true).configuration)
    #expect(copy.isCheckpointed && copy.description == make(true).description)
    #expect(try !GPT(configuration: make(false).configuration).isCheckpointed)
  }

  /// One position at a time gives the logits that the whole sequence gives.
  @Test(arguments: [DType.float32, .float64]) func generatingSeesWhatTrainingSees(dtype: DType) {
    let gpt = model(dtype: dtype)
    let tokens = [3, 1, 4, 1, 5, 9, 2, 6]
    let whole = gpt(Tensor(tokens.map { Int32($0) }, shape: [1, 8]))
    let sequence = gpt.makeSequence()
    let tolerance = dtype == .float64 ? 1e-13 : 1e-6
    var found = sequence.logits(after: Array(tokens[..<3]))
    #expect(firstDifference(found.doubles, whole[0, 2].doubles, tolerance: tolerance) == nil)
    for i in 3..<8 {
      found = sequence.logits(next: tokens[i])
      #expect(firstDifference(found.doubles, whole[0, i].doubles, tolerance: tolerance) == nil)
    }
    #expect(sequence.tokens == tokens)
  }

  /// Beyond the context the earlier half is forgotten: the logits are those of the last tokens alone.
  @Test func sequencesMayBeLongerThanTheContext() {
    let gpt = model(dtype: .float64)
    let sequence = gpt.makeSequence()
    let tokens = (0..<40).map { $0 * 7 % 11 }
    var held = 0
    for (i, token) in tokens.enumerated() {
      let logits = sequence.logits(next: token)
      held = held == 12 ? 6 : held + 1
      let last = tokens[(i + 1 - held)...i].map { Int32($0) }
      let expected = gpt(Tensor(last, shape: [1, held]))[0, held - 1]
      #expect(firstDifference(logits.doubles, expected.doubles, tolerance: 1e-12) == nil)
    }
  }

  /// It learns a text by heart and goes on with it.
  @Test func learnsToRecite() throws {
    let gpt = model()
    let text = (0..<200).map { [1, 5, 2, 8, 3, 9, 0][$0 % 7] }
    let rows = (0..<8).map { Array(text[($0 * 3)..<($0 * 3 + 12)]) }
    let next = (0..<8).map { Array(text[($0 * 3 + 1)..<($0 * 3 + 13)]) }
    let x = Tensor(rows.joined().map { Int32($0) }, shape: [8, 12])
    let y = Tensor(next.joined().map { Int32($0) }, shape: [8, 12])
    let optimizer = AdamW(learningRate: 1e-2, weightDecay: 0.01, decays: AdamW.matrices)
    let step = Program { inputs in
      let (loss, gradients) = valueWithGradient(of: gpt) {
        softmaxCrossEntropy(logits: $0(inputs[0]), labels: inputs[1])
      }
      optimizer.update(gpt, gradients)
      return [loss]
    }
    for _ in 0..<150 { _ = try step([x, y]) }
    var random = RandomSource(seed: 2)
    let found = gpt.generate(from: [1, 5, 2], count: 30, by: .greedy, using: &random)
    #expect(found == (3..<33).map { text[$0] })
    // Sampled among the likeliest one it is the same.
    #expect(gpt.generate(from: [1, 5, 2], count: 30, by: Sampler(topK: 1), using: &random) == found)
  }

  @Test func samplesFollowTheProbabilities() {
    let gpt = model(dtype: .float64)
    let logits = gpt.makeSequence().logits(next: 4)
    let expected = softmax(logits).doubles
    var random = RandomSource(seed: 9)
    var counts = [Double](repeating: 0, count: 11)
    for _ in 0..<4000 { counts[gpt.generate(from: [4], count: 1, using: &random)[0]] += 1 / 4000 }
    for (found, expected) in zip(counts, expected) { #expect(abs(found - expected) < 0.03) }
    #expect(gpt.generate(from: [4], count: 0, using: &random) == [])
  }
}
