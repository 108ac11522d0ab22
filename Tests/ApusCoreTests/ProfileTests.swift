import Testing

@testable import ApusCore

/// What ``Program/profile(_:runs:)`` says about a step; never how long anything takes.
@Suite struct ProfileTests {
  private static func numbers(_ shape: Shape, _ seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomNormal(shape, using: &random)
  }

  /// Something that runs operations, as a layer does.
  private final class Part: Sendable, CustomStringConvertible {
    let weight = Parameter(ProfileTests.numbers([8, 8], 1))
    var description: String { "Part(8)" }
    func callAsFunction(_ x: Tensor) -> Tensor { LayerFrame.run(self) { tanh(x • weight.value) } }
  }

  /// Two equal parts, one after the other.
  private final class Whole: Sendable, CustomStringConvertible {
    let parts = [Part(), Part()]
    var description: String { "Whole" }
    func callAsFunction(_ x: Tensor) -> Tensor {
      LayerFrame.run(self, parts: parts.enumerated().map { ("\($0)", $1) }) { parts[1](parts[0](x)) }
    }
  }

  private func step(_ whole: Whole) -> Program {
    Program("step") { x in
      let parameters = whole.parts.map(\.weight)
      let (loss, gradients, _) = valueWithGradient(of: parameters, at: []) { _ in square(whole(x[0])).sum() }
      try requireFinite(loss)
      Recorder.during(.update) {
        for (p, g) in zip(parameters, gradients) { p.value = p.stored - g * 0.001 }
      }
      return [loss]
    }
  }

  @Test func rowsAreTheInstructions() throws {
    let program = step(Whole())
    let profile = try program.profile([Self.numbers([4, 8], 2)], runs: 3)
    guard case .recorded(let compiled, _)? = program.latest?.version.kind else {
      Issue.record("\(program)")
      return
    }
    let instructions = compiled.recording.instructions
    #expect(profile.reasonForNoRows == nil && profile.rows.count == instructions.count)
    for (row, instruction) in zip(profile.rows, instructions) {
      #expect(row.operation == instruction.name && row.results == instruction.outputs.map(\.type))
      #expect(row.bytes == instruction.bytes && row.flops == instruction.flops)
      if case .requireFinite = instruction.kernel {
        #expect(row.nanoseconds == 0)
      } else {
        #expect(row.nanoseconds > 0, "\(row)")
      }
      #expect(row.isArithmetic == (row.operation.contains("matmul")), "\(row)")
    }
    #expect(profile.arenaBytes == compiled.memory.byteCount && profile.arenaBytes > 0)
    #expect(profile.peakMemory > profile.arenaBytes)
    #expect(profile.stepNanoseconds > 0)
    #expect(profile.machine.flopsPerSecond > 0 && profile.machine.bytesPerSecond > 0 && profile.machine.threads > 0)
  }

  @Test func sumsAddUp() throws {
    let profile = try step(Whole()).profile([Self.numbers([4, 8], 2)], runs: 3)
    for parts in [profile.byPhase, profile.byLayer] {
      let sum = parts.reduce(0) { $0 + $1.nanoseconds }
      #expect(abs(sum - profile.total) <= 1e-9 * profile.total)
    }
    #expect(profile.byPhase.map(\.name) == ["forward", "backward", "update"])
    #expect(profile.byPhase.allSatisfy { $0.nanoseconds > 0 })
  }

  @Test func equalLayersAreToldApart() throws {
    let profile = try step(Whole()).profile([Self.numbers([4, 8], 2)], runs: 1)
    #expect(profile.byLayer.map(\.name) == ["0: Part(8)", "1: Part(8)", ""])
    for layer in ["0: Part(8)", "1: Part(8)"] {
      let phases = Set(profile.rows.filter { $0.layer == layer }.map(\.phase))
      #expect(phases == [.forward, .backward, .update], "\(layer)")
    }
  }

  @Test func layersWithoutAModelAreNumbered() throws {
    let (first, second) = (Part(), Part())
    let program = Program { [second(first($0[0]))] }
    #expect(
      try program.profile([Self.numbers([4, 8], 2)], runs: 1).byLayer.map(\.name).prefix(2) == [
        "Part(8)", "#2: Part(8)",
      ])
  }

  @Test func eventsFollowEachOtherWithinTheirSteps() throws {
    let profile = try step(Whole()).profile([Self.numbers([4, 8], 2)], runs: 4)
    #expect(profile.steps.count == 4)
    var end = 0.0
    for step in profile.steps {
      #expect(step.start >= end)
      end = step.start
      for event in step.events {
        // Fractions of a nanosecond are the rounding of large numbers.
        #expect(event.start >= end - 0.01 && event.duration > 0)
        end = event.start + event.duration
      }
      #expect(step.start + step.duration >= end - 0.01)
      end = step.start + step.duration
      let rows = step.events.map(\.row)
      #expect(Set(rows).count == rows.count && rows.count == profile.rows.filter { $0.nanoseconds > 0 }.count)
    }
  }

  @Test func theTextSaysEverything() throws {
    let profile = try step(Whole()).profile([Self.numbers([4, 8], 2)], runs: 2)
    let lines = profile.description.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "step(float32(4, 8))")
    #expect(lines[1].hasPrefix("phase") && lines[profile.rows.count + 2] == "")
    for (row, line) in zip(profile.rows, lines.dropFirst(2)) {
      #expect(line.hasPrefix(row.phase.rawValue) && line.contains(row.layer) && line.contains(row.operation))
      if row.isArithmetic { #expect(line.contains(" GFLOP/s ")) }
    }
    for part in ["outside of layers", "medians of 2", "peak measured here: ", " GB/s with ", "memory: "] {
      #expect(profile.description.contains(part), "\(part)")
    }
  }

  @Test func itIsARunLikeAnyOther() throws {
    let (one, two) = (Whole(), Whole())
    let x = Self.numbers([4, 8], 2)
    _ = try step(one).profile([x], runs: 3)
    let program = step(two)
    for _ in 0..<7 { _ = try program([x]) }
    #expect(one.parts.map { $0.weight.value.floats } == two.parts.map { $0.weight.value.floats })
  }

  // MARK: Operation by operation

  @Test func aStepThatCannotBeRecordedSaysWhy() throws {
    let program = Program { x in x[0].sum().item > 0 ? [x[0]] : [-x[0]] }
    let profile = try program.profile([Tensor([1, 2] as [Float])], runs: 2)
    #expect(profile.rows.isEmpty && profile.steps.isEmpty && profile.stepNanoseconds > 0 && profile.total == 0)
    #expect(profile.byLayer.isEmpty && profile.arenaBytes == 0)
    #expect(profile.description.contains("runs operation by operation, since it reads numbers"))
  }

  @Test func aStepThatIsToRunEagerlySaysSo() throws {
    let program = Program(isEager: true) { [$0[0] * 2] }
    #expect(try program.profile([Tensor([1] as [Float])]).reasonForNoRows == "that was asked for")
  }

  @Test func aStepWithinAGradientSaysSo() throws {
    let program = Program { [square($0[0]).sum()] }
    var reason: String?
    _ = try valueWithGradient(at: Self.numbers([3], 1)) { x in
      reason = try program.profile([x], runs: 1).reasonForNoRows
      return x.sum()
    }
    #expect(reason == "it is a part of a larger recording or gradient")
  }
}
