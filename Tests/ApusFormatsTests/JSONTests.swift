import Testing

@testable import ApusFiles
@testable import ApusFormats

@Suite struct JSONTests {
  @Test(
    arguments: [
      ("null", JSON.null), ("true", true), ("false", false), ("0", 0), ("-7", -7),
      ("9223372036854775807", .integer(.max)),
      ("-9223372036854775808", .integer(.min)), ("0.1", 0.1), ("1.0", 1.0), ("1e3", 1000.0), ("1E+2", 100.0),
      ("-0", -0.0),
      ("5e-324", .number(.leastNonzeroMagnitude)), ("1e-999", 0.0),
      ("1.7976931348623157e308", .number(.greatestFiniteMagnitude)),
      ("0.1000000000000000055511151231257827021181583404541015625", 0.1), ("\"\"", ""), ("\"aé😀\"", "aé😀"),
      (#""\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00""#, "\"\\/\u{8}\u{C}\n\r\té😀"), ("[]", []), ("[ 1 , [2] ]", [1, [2]]),
      ("{}", [:]), (" {\"b\":1,\n\"a\":{}}\t\r\n", ["b": 1, "a": [:]]), (#"{"":null}"#, ["": nil]),
    ] as [(String, JSON)])
  func parses(_ text: String, _ value: JSON) throws {
    #expect(try JSON(parsing: text) == value)
  }

  @Test(arguments: [
    ("", "line 1, column 1: the text ends where a value should stand"),
    ("[1,\n é]", "line 2, column 2: a value should stand here"),
    ("[1,]", "line 1, column 4: a value should stand here"),
    ("[1 2]", "line 1, column 4: a comma or a closing bracket should stand here"),
    ("[", "line 1, column 2: the text ends where a value should stand"),
    ("{\"a\":1,}", "line 1, column 8: a key in double quotes should stand here"),
    ("{a:1}", "line 1, column 2: a key in double quotes should stand here"),
    ("{\"a\" 1}", "line 1, column 6: a colon should follow the key"),
    ("{\"a\":1 \"b\":2}", "line 1, column 8: a comma or a closing brace should stand here"),
    ("{\"a\":1,\"\\u0061\":2}", "line 1, column 8: a key stands twice in one object"),
    ("{\"é\":1,\"e\u{301}\":2}", "line 1, column 8: a key stands twice in one object"),
    ("1 2", "line 1, column 3: something follows the end of the value"),
    ("tru", "line 1, column 1: a value should stand here"),
    ("NaN", "line 1, column 1: a value should stand here"),
    ("-", "line 1, column 2: a digit should follow the sign"),
    ("01", "line 1, column 1: a number begins with a zero"),
    ("-01", "line 1, column 1: a number begins with a zero"),
    ("1.", "line 1, column 3: a digit should follow the decimal point"),
    (".5", "line 1, column 1: a value should stand here"),
    ("1e", "line 1, column 3: a digit should stand in the exponent"),
    ("1e999", "line 1, column 1: a number is too large"),
    ("9223372036854775808", "line 1, column 1: a whole number does not fit 64 bits"),
    ("\"a", "line 1, column 1: a text is never closed"),
    ("\"a\nb\"", "line 1, column 3: a control character in a text must be escaped"),
    (#""\x""#, "line 1, column 2: there is no such escape"),
    (#""\u12g4""#, "line 1, column 2: four hexadecimal digits should stand here"),
    (#""\ud83d""#, "line 1, column 2: one half of a character's escape stands alone"),
    (#""\ude00\ud83d""#, "line 1, column 2: one half of a character's escape stands alone"),
    (#""\ud83d\u0041""#, "line 1, column 2: one half of a character's escape stands alone"),
    ("// c\n1", "line 1, column 1: a value should stand here"),
  ])
  func refuses(_ text: String, _ sentence: String) {
    #expect { try JSON(parsing: text) } throws: { "\($0)" == sentence }
  }

  @Test func refusesWhatIsNotUTF8() {
    for bytes: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3]] {
      #expect(throws: JSONError(line: 1, column: 1, reason: "a text is not valid UTF-8")) {
        try JSON(parsing: [0x22] + bytes + [0x22])
      }
    }
  }

  @Test func limits() throws {
    let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    #expect(try JSON(parsing: deep).text() == deep)
    #expect(throws: JSONError.self) { try JSON(parsing: "[\(deep)]") }
    // Recursion ends at the limit, however deep the text goes on.
    #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 1_000_000)) }
    #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "{\"a\":", count: 100_000)) }
    #expect(try JSON(parsing: "[1,2]", maximumValues: 3) == [1, 2])
    #expect(throws: JSONError.self) { try JSON(parsing: "[1,2]", maximumValues: 2) }
  }

  @Test func prints() throws {
    let value: JSON = [
      "name": "a\"\\\n\u{1}é", "list": [1, 2.5, -0.0, 1e300, nil, true], "nested": [["x": []], [:]], "number": 1.0,
    ]
    let line = #"{"name":"a\"\\\n\u0001é","list":[1,2.5,-0.0,1e+300,null,true],"nested":[{"x":[]},{}],"number":1.0}"#
    #expect(value.text() == line)
    #expect("\(value)" == line)
    #expect(try JSON(parsing: line) == value)
    #expect(
      value.text(pretty: true) == #"""
        {
          "name": "a\"\\\n\u0001é",
          "list": [1, 2.5, -0.0, 1e+300, null, true],
          "nested": [
            {
              "x": []
            },
            {}
          ],
          "number": 1.0
        }
        """#)
    #expect(try JSON(parsing: value.text(pretty: true)) == value)
    #expect(JSON.array([.number(.nan), .number(.infinity)]).text() == "[null,null]")
  }

  @Test func numbersSurvive() throws {
    var random = TestRandom(seed: 1)
    for _ in 0..<5_000 {
      let number = Double(bitPattern: random.next())
      guard number.isFinite else { continue }
      #expect(try JSON(parsing: JSON.number(number).text()) == .number(number))
    }
  }

  @Test func accessors() {
    let value: JSON = ["flag": true, "count": 3, "rate": 0.5, "name": "x", "list": [1, "b"], "nothing": nil]
    #expect(value["flag"]?.bool == true && value["flag"]?.integer == nil)
    #expect(value["count"]?.integer == 3 && value["count"]?.number == 3)
    #expect(value["rate"]?.number == 0.5 && value["rate"]?.integer == nil)
    #expect(value["name"]?.string == "x" && value["name"]?.number == nil)
    #expect(value["list"]?[1]?.string == "b" && value["list"]?[2] == nil && value["list"]?[-1] == nil)
    #expect(value["nothing"] == .null && value["other"] == nil && value["name"]?["x"] == nil)
    #expect(value.object?.map(\.key) == ["flag", "count", "rate", "name", "list", "nothing"])
  }

  @Test func survivesMutations() throws {
    var random = TestRandom(seed: 3)
    let seed = Array(#"{"a":[1,-2.5e3,true,null,"x\n\u00e9\ud83d\ude00é"],"b":{"c":{}},"d":"😀"}"#.utf8)
    let pieces = Array(#"{}[]":,\u0e-+.19tfn é"#.utf8)
    for _ in 0..<20_000 {
      var bytes = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(pieces.randomElement(using: &random)!, at: place)
        default: bytes.remove(at: place)
        }
      }
      guard let value = try? JSON(parsing: bytes) else { continue }
      #expect(try JSON(parsing: value.text()) == value)
    }
  }
}
