import ApusCore
import Testing

/// Bits, so that NaN equals itself and -0 is not 0.
private func bits(_ tensor: Tensor) -> [UInt32] { tensor.floats.map(\.bitPattern) }

@Suite struct ProgramTests {
  private static func numbers(_ shape: Shape, _ seed: UInt64) -> Tensor {
    var random = RandomSource(seed: seed)
    return .randomNormal(shape, using: &random)
  }

  /// Steps of many kinds, each a function of one to three matrices (6, 8).
  private static let steps: [(name: String, body: @Sendable ([Tensor]) -> [Tensor])] = [
    ("a chain", { x in [tanh(x[0] * x[1] + x[2]) * 3 - x[0]] }),
    ("products that a sum must not take over", { x in [x[0] * x[1] + x[2], (x[0] * x[1]) * x[2] + x[0]] }),
    ("equal parts", { x in [exp(x[0]) + 1, exp(x[0]) * 2, exp(x[1])] }),
    ("rows", { x in [x[0] + x[1].sum(axes: [0]), x[0] * x[2].mean(axes: [1], keepsAxes: true)] }),
    ("masks", { x in [`where`(x[0] .> 0, x[1], x[2]), (x[0] .> x[1]).cast(to: .float32) * x[2]] }),
    ("products", { x in [x[0] • x[1].transposed() + 1, (x[0].transposed() • x[2]).sum()] }),
    ("views", { x in [x[0][1..<4, 2..<6] * 2, x[1].reshaped([8, 6]).transposed() + x[2]] }),
    ("joining", { x in [concatenate([x[0], x[1] * 2, x[2]], axis: 1), stack([x[0], x[1]]).sum(axes: [0])] }),
    ("softmax", { x in [softmax(x[0] * 2), logSoftmax(x[1]).sum(axes: [1])] }),
    ("results that are inputs", { x in [x[0], x[0], x[1].transposed()] }),
    ("constants", { x in [x[0] + Tensor([1, 2, 3, 4, 5, 6, 7, 8] as [Float]), .ones([3]) * 2] }),
    // c is read for the last time after y has been written: y must not take its place.
    (
      "results of a call beside an input's last use",
      { x in
        let (c, d) = (x[0] • x[1].transposed(), x[1] • x[2].transposed())
        let y = tanh(d)
        return [y • x[0], (c * y) • x[0], d • x[0]]
      }
    ),
    ("sorting and picking", { x in [x[0].sorted(axis: 1), x[1].topK(3).values, x[2].gathering(Tensor([5, 0]))] }),
    ("cumulative", { x in [x[0].cumulativeSum(axis: 1), x[1].max(axes: [0]), x[2].variance(axes: [0])] }),
    (
      "a gradient",
      { x in
        let (value, gradients) = valueWithGradient(at: [x[0], x[1]]) { (tanh($0[0] • $0[1].transposed()) * 0.5).sum() }
        return [value] + gradients
      }
    ),
    (
      "a second derivative",
      { x in
        [gradient(at: x[0]) { a in gradient(at: a) { (square($0) * $0 * x[1]).sum() }.sum() }]
      }
    ),
  ]

  @Test(arguments: steps.indices) func givesTheSameBits(_ number: Int) throws {
    let (name, body) = Self.steps[number]
    let program = Program(name, body)
    for seed in 0..<4 as Range<UInt64> {
      let inputs = (0..<3).map { Self.numbers([6, 8], 10 * seed + $0) }
      let expected = body(inputs)
      let found = try program(inputs)
      #expect(found.map(\.type) == expected.map(\.type), "\(name)")
      for (a, b) in zip(found, expected) { #expect(bits(a) == bits(b), "\(name), run \(seed)") }
    }
    #expect(!program.description.contains("operation by operation"), "\(program.description)")
  }

  @Test func fusesAChainIntoOneInstruction() throws {
    let program = Program { x in [sigmoid(tanh(x[0] * 2) + exp(x[1])) - x[0]] }
    _ = try program([Self.numbers([50], 1), Self.numbers([50], 2)])
    #expect(program.description.contains("1 instructions in 1 groups"), "\(program.description)")
  }

  @Test func leavesOutWhatNobodyNeeds() throws {
    let program = Program { x in
      _ = matmul(exp(x[0]), x[1])
      return [x[0] + 1]
    }
    _ = try program([Self.numbers([4, 4], 1), Self.numbers([4, 4], 2)])
    #expect(program.description.contains("1 instructions"), "\(program.description)")
  }

  @Test func describesWhatItDoes() throws {
    let (a, b) = (Parameter(Self.numbers([4, 4], 1), name: "w"), Parameter(Self.numbers([4, 4], 2), name: "w"))
    let program = Program("step") { x in
      a.value = a.value + x[0]
      b.value = matmul(b.value, x[0])
      return [a.value.sum()]
    }
    #expect(program.description == "step: has not run yet")
    _ = try program([Self.numbers([4, 4], 3)])
    for part in ["step(float32(4, 4))", "group  phase", "w1", "w2", "result0", "matmul"] {
      #expect(program.description.contains(part), "\(part) in \(program.description)")
    }
    #expect(!program.description.contains("us\n"))
    _ = try program.profile([Self.numbers([4, 4], 3)], runs: 3)
    #expect(program.description.contains("us\n"))
  }

  @Test func recordsAnewForOtherTypes() throws {
    let program = Program { x in [x[0] * 2] }
    for count in [3, 5, 3, 5] {
      let x = Self.numbers([count], UInt64(count))
      #expect(bits(try program([x])[0]) == bits(x * 2))
    }
    #expect(try program([Tensor([1, 2] as [Double])])[0].doubles == [2, 4])
    #expect(program.description.split(separator: "\n").filter { $0.hasPrefix("program(") }.count == 3)
  }

  @Test func keepsResultsThatTheCallerKeeps() throws {
    let program = Program { x in [x[0] + 1] }
    let kept = try (0..<5).map { try program([Tensor([Float($0)])])[0] }
    #expect(kept.map(\.item) == [1, 2, 3, 4, 5])
  }

  @Test func takesInputsThatAreOneTensorApart() throws {
    let program = Program { x in [x[0] - x[1]] }
    let x = Self.numbers([4], 1)
    #expect(try program([x, x])[0].floats == [0, 0, 0, 0])
    #expect(try program([x, x * 2])[0].floats == (x - x * 2).floats)
  }

  @Test func acceptsViews() throws {
    let program = Program { x in [x[0] + 1] }
    let x = Self.numbers([4, 6], 1)
    _ = try program([x])
    #expect(bits(try program([x.transposed().reshaped([4, 6])])[0]) == bits(x.transposed().reshaped([4, 6]) + 1))
    let slice = Self.numbers([8, 6], 2)[2..<6]
    #expect(bits(try program([slice])[0]) == bits(slice + 1))
  }

  @Test func changesParameters() throws {
    let (a, b) = (Parameter(Self.numbers([5], 1)), Parameter(Self.numbers([5], 1)))
    func step(_ p: Parameter, _ x: Tensor) -> [Tensor] {
      p.value = p.value * 0.9 + x * 0.1
      return [p.value.sum(), p.value]
    }
    let program = Program { step(a, $0[0]) }
    var kept: [(Tensor, [Float])] = []
    for i in 0..<6 as Range<UInt64> {
      let x = Self.numbers([5], i)
      let (found, expected) = (try program([x]), step(b, x))
      #expect(zip(found, expected).allSatisfy { bits($0) == bits($1) })
      #expect(bits(a.value) == bits(b.value))
      // Somebody looks at the value now and then: it must not change under their eyes.
      if i % 2 == 1 { kept.append((a.value, a.value.floats)) }
      if i == 3 { for p in [a, b] { p.value = Tensor([1, 2, 3, 4, 5] as [Float]) } }
    }
    for (tensor, floats) in kept { #expect(tensor.floats == floats) }
    #expect(!program.description.contains("operation by operation"))
  }

  @Test func drawsNewRandomNumbers() throws {
    @Sendable func drop(_ x: Tensor) -> Tensor {
      let mask = TrainingMode.current!.withRandom { Tensor.randomBernoulli(x.shape, probability: 0.5, using: &$0) }
      return x * mask
    }
    let program = Program { x in [drop(x[0]) + drop(x[0] * 2)] }
    var (eager, recorded) = (RandomSource(seed: 7, stream: 3), RandomSource(seed: 7, stream: 3))
    var seen: Set<[UInt32]> = []
    for _ in 0..<5 {
      let x = Self.numbers([64], 1)
      let expected = withTraining(random: &eager) { drop(x) + drop(x * 2) }
      let found = try withTraining(random: &recorded) { try program([x])[0] }
      #expect(bits(found) == bits(expected))
      #expect(eager == recorded)
      seen.insert(bits(found))
    }
    #expect(seen.count == 5)
  }

  @Test func stopsBeforeAnythingIsSpoilt() throws {
    let p = Parameter(Tensor([1, 2] as [Float]))
    let program = Program { x in
      let loss = (p.value * x[0]).sum()
      try requireFinite(loss)
      p.value = p.value - x[0]
      return [loss]
    }
    #expect(try program([Tensor([1, 1] as [Float])])[0].item == 3)
    #expect(try program([Tensor([0.5, 0.5] as [Float])])[0].item == 0.5)
    #expect(throws: NotFiniteError.self) { try program([Tensor([.infinity, 1] as [Float])]) }
    #expect(p.value.floats == [-0.5, 0.5])
  }

  @Test func repeats() throws {
    let p = Parameter(Tensor([1] as [Float]))
    let program = Program { x in
      p.value = p.value * x[0]
      return [p.value, p.value.sum()]
    }
    let results = try program([Tensor([2] as [Float])], repeating: 4)
    #expect(results[0].shape == [4, 1])
    #expect(results[0].floats == [2, 4, 8, 16])
    #expect(results[1].floats == [2, 4, 8, 16])
  }

  // MARK: What cannot be recorded runs operation by operation, and says so

  @Test func controlFlowByElements() throws {
    let program = Program { x in x[0].sum().item > 0 ? [x[0]] : [-x[0]] }
    for value in [1, -2, 3] as [Float] { #expect(try program([Tensor([value])])[0].item == Double(abs(value))) }
    #expect(program.description.contains("operation by operation, since it reads numbers"))
  }

  @Test func tensorsThatAreKept() throws {
    var kept: Tensor?
    let program = Program { x in
      kept = x[0] * 2
      return [x[0]]
    }
    for value in [1, 2, 3] as [Float] {
      _ = try program([Tensor([value])])
      #expect(kept?.item == Double(2 * value))
    }
    #expect(program.description.contains("operation by operation, since memory"))
  }

  @Test func randomNumbersFromElsewhere() throws {
    var random = RandomSource(seed: 1)
    let program = Program { x in [x[0] + Tensor.randomUniform([2], using: &random)] }
    let x = Tensor([0, 0] as [Float])
    #expect(try program([x])[0].floats != program([x])[0].floats)
    #expect(program.description.contains("operation by operation, since it draws"))
  }

  @Test func withinAGradient() throws {
    let program = Program { x in [square(x[0]).sum()] }
    let x = Self.numbers([3], 1)
    _ = try program([x])
    let slope = try valueWithGradient(at: x) { try program([$0])[0] }.gradient
    #expect(bits(slope) == bits(x * 2))
  }

  @Test func errorsOfTheStepPassThrough() throws {
    struct Refused: Error {}
    let program = Program { _ in throw Refused() }
    for _ in 0..<2 { #expect(throws: Refused.self) { try program([]) } }
  }
}
