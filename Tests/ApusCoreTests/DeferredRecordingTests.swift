import Testing

@testable import ApusCore

private func numbers(_ shape: Shape, _ seed: UInt64) -> Tensor {
  var random = RandomSource(seed: seed)
  return .randomNormal(shape, using: &random)
}

private func hasMemory(_ tensor: Tensor) -> Bool { tensor.object.storage!.isBacked }

/// What the first run of a program does when: nothing before the step is known, unless somebody has to see elements earlier.
@Suite struct DeferredRecordingTests {
  private let x = numbers([6, 8], 1)

  private static func isRecorded(_ program: Program) -> Bool { !program.description.contains("operation by operation") }

  @Test func nothingTheStepMakesHasMemoryWhileItIsRecorded() throws {
    var seen: [Bool] = []
    let program = Program { x in
      let y = exp(x[0]) * 2
      seen.append(hasMemory(y))
      return [y.sum()]
    }
    let first = try program([x])[0].item
    #expect(seen == [false] && Self.isRecorded(program))
    #expect(first == (exp(x) * 2).sum().item)
    #expect(try program([x])[0].item == first)
  }

  @Test func whatIsReadIsThere() throws {
    var sums: [Double] = []
    let weight = Parameter(numbers([8], 2))
    let before = weight.value.floats
    let program = Program { x in
      weight.value = weight.value * 2
      let y = exp(x[0]) * weight.value
      let gone = tanh(y).sum()  // nobody holds `tanh(y)` any more when this is read
      sums.append(gone.item)
      weight.value = weight.value + gone
      return [y.sum() + gone]
    }
    var expected: [Double] = []
    var value = Tensor(before)
    for _ in 0..<2 {
      value = value * 2
      let y = exp(x) * value
      let sum = tanh(y).sum()
      value = value + sum
      expected.append(sum.item)
      #expect(try program([x])[0].item == (y.sum() + sum).item)
      #expect(weight.value.floats == value.floats)
    }
    #expect(sums == expected && !Self.isRecorded(program))
  }

  @Test func whatIsKeptIsThere() throws {
    var kept: Tensor?
    let program = Program { x in
      let y = exp(x[0])
      kept = y * 3
      return [y.sum()]
    }
    #expect(try program([x])[0].item == exp(x).sum().item)
    #expect(kept?.floats == (exp(x) * 3).floats && !Self.isRecorded(program))
  }

  @Test func aResultThatIsAlsoKeptIsThere() throws {
    var kept: Tensor?
    let program = Program { x in
      let y = exp(x[0]).sum(axes: [1])
      kept = y
      return [y]
    }
    let expected = exp(x).sum(axes: [1]).floats
    #expect(try program([x])[0].floats == expected)
    #expect(kept?.floats == expected && Self.isRecorded(program))
    let twice = Program { x in
      let y = exp(x[0]).sum(axes: [1])
      return [y, y, y.reshaped([2, 3])]
    }
    for _ in 0..<2 { #expect(try twice([x]).map(\.floats) == [expected, expected, expected]) }
  }

  @Test func aNumberThatMustBeFiniteEndsTheStepWhereItStands() throws {
    let (early, late) = (Parameter(Tensor([1, 1] as [Float])), Parameter(Tensor([1, 1] as [Float])))
    var passed = 0
    let program = Program { x in
      early.value = early.value + 1
      let loss = log(x[0]).sum()
      try requireFinite(loss)
      passed += 1
      late.value = late.value * 2
      return [loss]
    }
    #expect(throws: NotFiniteError(value: -.infinity)) { try program([Tensor([0, 1] as [Float])]) }
    #expect(passed == 0 && early.value.floats == [2, 2] && late.value.floats == [1, 1])
    #expect(try program([Tensor([1, 1] as [Float])])[0].item == 0)
    #expect(passed == 1 && early.value.floats == [3, 3] && late.value.floats == [2, 2])
    #expect(try program([Tensor([1, 1] as [Float])])[0].item == 0)
    #expect(passed == 1 && late.value.floats == [4, 4] && Self.isRecorded(program))
  }

  @Test func aNumberMayDependOnAParameterThatTheStepHasChanged() throws {
    let weight = Parameter(Tensor([1, 2] as [Float]))
    let program = Program { x in
      weight.value = weight.value * 3
      let loss = (weight.value * x[0]).sum()
      try requireFinite(loss)
      weight.value = weight.value + loss
      return [loss]
    }
    #expect(try program([Tensor([1, 1] as [Float])])[0].item == 9)
    #expect(weight.value.floats == [12, 15])
    #expect(try program([Tensor([1, 1] as [Float])])[0].item == 81)
    #expect(weight.value.floats == [117, 126] && Self.isRecorded(program))
  }

  @Test func aNewParameterHasItsElements() throws {
    // Larger than what is kept as a constant: it is computed when the parameter needs it.
    let count = 300_000
    var memory: Parameter?
    let large = numbers([count], 3)
    let program = Program { x in
      if memory == nil { memory = Parameter(large * 2) }
      memory!.value = memory!.value + x[0]
      return [memory!.value.sum()]
    }
    let one = Tensor([1] as [Float])
    let (first, second) = (large * 2 + 1, large * 2 + 1 + 1)
    #expect(try program([one])[0].item == first.sum().item)
    #expect(memory!.value.floats == first.floats)
    #expect(try program([one])[0].item == second.sum().item)
    #expect(memory!.value.floats == second.floats && Self.isRecorded(program))
  }

  @Test func whoLooksAtAParameterKeepsWhatItSaw() throws {
    let weight = Parameter(numbers([8], 4))
    let start = weight.value
    let copy = start.floats
    let program = Program { x in
      weight.value = weight.value + 1
      let seen = weight.value
      weight.value = weight.value * seen
      return [seen + x[0], weight.value.sum()]
    }
    let one = start + 1
    let results = try program([x])
    #expect(results[0].floats == (one + x).floats && results[1].item == (one * one).sum().item)
    #expect(start.floats == copy && weight.value.floats == (one * one).floats)
    let next = one * one + 1
    #expect(try program([x])[0].floats == (next + x).floats)
    #expect(weight.value.floats == (next * next).floats && start.floats == copy)
  }

  @Test func computedIndicesAreChecked() throws {
    let program = Program { x in
      let rows = x[0].argMax(axis: 1)
      return [x[1].gathering(rows)]
    }
    let table = numbers([8, 3], 5)
    let expected = table.gathering(x.argMax(axis: 1)).floats
    for _ in 0..<2 { #expect(try program([x, table])[0].floats == expected) }
    #expect(Self.isRecorded(program))
  }

  @Test func aStepThatThrowsHasDoneWhatCameBefore() throws {
    struct Stop: Error {}
    let weight = Parameter(Tensor([1, 2] as [Float]))
    let program = Program { x in
      weight.value = weight.value + x[0]
      throw Stop()
    }
    #expect(throws: Stop.self) { try program([Tensor([1, 1] as [Float])]) }
    #expect(weight.value.floats == [2, 3])
  }

  @Test func randomNumbersOfTheFirstRunAreThoseOfTheCall() throws {
    let program = Program { x in
      let noise = TrainingMode.current!.withRandom { Tensor.randomNormal([8], using: &$0) }
      return [x[0] + noise]
    }
    var (random, same) = (RandomSource(seed: 5), RandomSource(seed: 5))
    for _ in 0..<3 {
      let found = try withTraining(random: &random) { try program([x])[0] }
      #expect(found.floats == (x + Tensor.randomNormal([8], using: &same)).floats)
    }
    #expect(Self.isRecorded(program))
  }
}
