import Testing

@testable import ApusData

@Suite struct DecimalNumberTests {
  /// A decimal as files have it: any number of digits before and after the point, sometimes an exponent.
  private func randomDecimal(_ random: inout some RandomNumberGenerator) -> String {
    func digits(_ count: Int) -> String { String((0..<count).map { _ in "0123456789".randomElement(using: &random)! }) }
    var text = ["", "", "-", "+"].randomElement(using: &random)!
    text += digits(Int.random(in: 1...(Int.random(in: 1...24, using: &random)), using: &random))
    if Bool.random(using: &random) { text += "." + digits(Int.random(in: 0...22, using: &random)) }
    if Int.random(in: 0..<3, using: &random) == 0 {
      text += "e\(Int.random(in: -40...40, using: &random))"
    } else if Int.random(in: 0..<10, using: &random) == 0 {
      text += "E\(Int.random(in: -345...330, using: &random))"
    }
    return text
  }

  @Test func agreesWithTheStandardLibrary() throws {
    var random = TestRandom(seed: 1)
    for _ in 0..<200_000 {
      let text = randomDecimal(&random)
      let expected = try #require(Double(text))
      if DecimalNumber.value(of: text)?.bitPattern != expected.bitPattern {
        Issue.record("\(text): \(String(describing: DecimalNumber.value(of: text))) instead of \(expected)")
      }
    }
  }

  @Test func shortestDescriptionsReadBackExactly() {
    var random = TestRandom(seed: 2)
    for index in 0..<100_000 {
      let value =
        index % 2 == 0
        ? Double(bitPattern: random.next()) : Double.random(in: -1000...1000, using: &random)
      guard value.isFinite else { continue }
      if DecimalNumber.value(of: "\(value)") != value { Issue.record("\(value)") }
    }
  }

  /// Halfway between two neighbours, and just beside: what a rounding that loses bits gets wrong.
  @Test func tiesGoToEven() {
    for text in [
      "9007199254740993", "9007199254740992.5", "9007199254740993.0000000001", "9007199254740995",
      "18014398509481986", "36028797018963972e0", "1.00000000000000011102230246251565404",
      "1.00000000000000011102230246251565405", "0.500000000000000055511151231257827021", "18446744073709551615",
      "9999999999999999999", "1e23", "8.5e-27", "9007199254740993e-27", "9007199254740993e27",
      "2.2250738585072011e-308", "4.9406564584124654e-324", "1.7976931348623157e308", "0.1", "123456789012345678e-5",
    ] {
      #expect(DecimalNumber.value(of: text)?.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
  }

  @Test func valuesOutsideTheRange() {
    #expect(DecimalNumber.value(of: "1e309") == .infinity)
    #expect(DecimalNumber.value(of: "-1e999999999999999999999") == -.infinity)
    #expect(DecimalNumber.value(of: "1e-999999999999999999999") == 0)
    #expect(DecimalNumber.value(of: "0e999999") == 0)
    #expect(DecimalNumber.value(of: "-0")?.sign == .minus)
    #expect(DecimalNumber.value(of: String(repeating: "9", count: 400)) == .infinity)
    #expect(DecimalNumber.value(of: String(repeating: "0", count: 400) + "1.50") == 1.5)
    #expect(DecimalNumber.value(of: "0." + String(repeating: "0", count: 300) + "25") == 2.5e-301)
    #expect(DecimalNumber.value(of: "0." + String(repeating: "0", count: 200_000) + "1e200001") == 1)
    #expect(DecimalNumber.value(of: "1" + String(repeating: "0", count: 200_000) + "e-200000") == 1)
  }

  @Test(arguments: [
    "", " ", "-", "+", ".", "-.", "e5", "1e", "1e+", "1.2.3", "1,5", "0x10", "inf", "nan", "1_000", "1 2", "--1", "１",
    "1f",
  ])
  func otherTextsAreNoNumbers(text: String) {
    #expect(DecimalNumber.value(of: text) == nil)
  }

  @Test(arguments: [("5.", 5.0), (".5", 0.5), ("+1", 1), (" 2\t", 2), ("1E2", 100), ("007", 7), ("-1.5e-1", -0.15)])
  func unusualNumbersCount(text: String, value: Double) {
    #expect(DecimalNumber.value(of: text) == value)
  }
}
