import Testing

@testable import ApusCore

@Suite struct GradientCheckTests {
  private let x = Tensor([[0.5, -1], [2, 0.25]] as [[Float]])

  @Test("D20: right gradients pass, with the relative error of each input") func rightGradientsPass() {
    let report = checkGradients(of: { exp($0[0]) • $0[1] }, at: [x, x])
    #expect(report.isPassed)
    #expect(report.entries.map(\.name) == ["input 0", "input 1"])
    #expect(report.entries.allSatisfy { $0.checkedCount == 4 && $0.maximumRelativeError < 1e-8 })
    #expect(report.description.split(separator: "\n").count == 2)
    #expect(report.description.hasPrefix("ok    input 0 (2, 2): relative error "))
  }

  @Test("D20: a wrong element is found") func aWrongElementIsFound() throws {
    // The gradient is wrong by a thousandth at one element.
    let wrong = CustomOperation("wrong") { x in
      x * x
    } gradient: { dy, x, y in
      dy * 2 * x * Tensor([[1, 1], [1.001, 1]] as [[Double]])
    }
    let report = checkGradients(of: { wrong($0[0]) }, at: [x])
    #expect(!report.isPassed)
    let entry = try #require(report.entries.first)
    #expect(entry.position == [1, 0])
    #expect(abs(entry.gradient / entry.difference - 1.001) < 1e-8)
    #expect(report.description.hasPrefix("WRONG input 0 (2, 2): relative error 1.0e-03 at [1, 0]: "))
  }

  @Test func aMissingGradientIsFound() {
    #expect(!checkGradients(of: { $0[0].stopGradient() * 1.0 }, at: [x]).isPassed)
    #expect(!checkGradients(of: { $0[0] * $0[0].stopGradient() }, at: [x]).isPassed)
  }

  @Test func notANumberIsNotPassed() {
    let report = checkGradients(of: { sqrt($0[0]) }, at: [Tensor([0, 1] as [Double])])
    #expect(!report.isPassed)
    #expect(report.entries[0].maximumRelativeError == .infinity)
  }

  @Test func declaredKinksAreSkipped() {
    let x = Tensor([-1, 0, 1] as [Double])
    #expect(!checkGradients(of: { relu($0[0]) }, at: [x]).isPassed)
    let report = checkGradients(of: { relu($0[0]) }, at: [x], kinks: [0: [1]])
    #expect(report.isPassed)
    #expect(report.entries[0].checkedCount == 2)
  }

  @Test func labelsAreLeftAlone() {
    let labels = Tensor([1, 0] as [Int32])
    let report = checkGradients(of: { softmaxCrossEntropyRows($0[0], labels: $0[1]) }, at: [x, labels])
    #expect(report.isPassed)
    #expect(report.entries.count == 1)
  }

  @Test func wrongSecondDerivativesAreFound() {
    // The slope is right, but a constant to the second derivative.
    let flat = CustomOperation("flat") { x in
      x * x * x
    } gradient: { dy, x, y in
      dy * 3 * (x * x).stopGradient()
    }
    #expect(checkGradients(of: { flat($0[0]) }, at: [x]).isPassed)
    #expect(!checkSecondGradients(of: { flat($0[0]) }, at: [x]).isPassed)
    #expect(checkSecondGradients(of: { $0[0] * $0[0] * $0[0] }, at: [x]).isPassed)
  }

  @Test func largeAndEmptyInputs() {
    #expect(checkGradients(of: { $0[0] * $0[0] }, at: [Tensor([1e6, -3e4] as [Double])]).isPassed)
    let nothing = checkGradients(of: { $0[0] * 2 }, at: [Tensor.zeros([0, 3])])
    #expect(nothing.isPassed && nothing.description.hasSuffix("nothing to compare"))
  }
}
