import ApusData
import ApusNN
import Testing

@testable import ApusFormats

/// How the preparation of data is kept in model files.
@Suite struct PreprocessingJSONTests {
  private static let classification = Preprocessing(
    features: FeatureEncoder(columns: [
      .init(name: "age", categories: nil), .init(name: "grün, \"x\"\n", categories: ["a", "ß", ""]),
    ]),
    steps: [
      .scaling(Scaling(method: .standardize, offsets: [0.1, 0, 1e300, -4e-308], factors: [1, 1.0 / 3, 2e-308, -1]))
    ],
    target: TargetEncoding(name: "y", classes: ["no", "yes"]), targetScaling: nil)

  private static let regression = Preprocessing(
    features: FeatureEncoder(names: ["a"]), steps: [.scaling(Scaling(method: .none, offsets: [0], factors: [1]))],
    target: TargetEncoding(name: "y", classes: nil),
    targetScaling: Scaling(method: .minMax, offsets: [7], factors: [0.25]))

  /// Every kind of step.
  private static let pipeline = Preprocessing(
    features: FeatureEncoder(names: ["a", "b"]),
    steps: [
      .imputation(Imputation(method: .constant(-0.1), fills: [-0.1, 1e-300])),
      .polynomial(try! PolynomialFeatures(degree: 3, isInteractionOnly: true, hasBias: true, inputs: 2)),
      .imputation(Imputation(method: .mode, fills: [1, 2, 3, 4])),
      .scaling(Scaling(method: .robust, offsets: [1, 2, 3, 4], factors: [1, 0.1, 3, 7])),
    ], target: TargetEncoding(name: "y", classes: nil), targetScaling: nil)

  @Test("J2: what was fitted is saved with the model", arguments: [classification, regression, pipeline])
  func roundTrip(preprocessing: Preprocessing) throws {
    // Bit for bit, also through the text.
    #expect(try Preprocessing(json: preprocessing.json) == preprocessing)
    #expect(try Preprocessing(json: try JSON(parsing: preprocessing.json.text())) == preprocessing)
  }

  @Test func theTextIsStable() {
    #expect(
      Self.regression.json.text() == """
        {"features":[{"name":"a"}],"steps":[{"step":"scale","method":"none","offsets":[0.0],"factors":[1.0]}],"target":{"name":"y"},\
        "target_scaling":{"method":"minMax","offsets":[7.0],"factors":[0.25]}}
        """)
  }

  /// Numbers that another program wrote without a point are numbers too, and unknown members do not matter.
  @Test func otherWritersAreUnderstood() throws {
    let json = try JSON(
      parsing: """
        {"note":1,"target":{"name":"y"},"features":[{"name":"a","unit":"cm"}],
         "scaling":{"method":"standardize","offsets":[3],"factors":[2]}}
        """)
    let preprocessing = try Preprocessing(json: json)
    // The first files had no list of steps.
    #expect(preprocessing.steps == [.scaling(Scaling(method: .standardize, offsets: [3], factors: [2]))])
    #expect(preprocessing.targetScaling == nil)
  }

  /// The preprocessing of two numbers and a text column, with one part replaced.
  private static func text(
    features: String = #"[{"name":"a"},{"name":"c","categories":["u","v"]}]"#,
    scaling: String = #"{"method":"none","offsets":[0,0,0],"factors":[1,1,1]}"#,
    target: String = #"{"name":"y","classes":["n","j"]}"#, more: String = ""
  ) -> String {
    #"{"features":\#(features),"scaling":\#(scaling),"target":\#(target)\#(more)}"#
  }

  private static func scaling(_ method: String, _ offsets: String, _ factors: String) -> String {
    #"{"method":\#(method),"offsets":\#(offsets),"factors":\#(factors)}"#
  }

  @Test func theTemplateIsGood() throws { _ = try Preprocessing(json: try JSON(parsing: Self.text())) }

  @Test(
    arguments: [
      ("null", "'features' is absent"), ("{}", "'features' is absent"), ("[1]", "'features' is absent"),
      (text(features: "3"), "'features' is absent or not an array"), (text(features: "[3]"), "'name' is absent"),
      (text(features: #"[{"name":3}]"#), "'name' is absent or not a text"),
      (text(features: #"[{"name":"a"}]"#), "takes 3 columns, but there are 1"),
      (text(features: "[]"), "takes 3 columns, but there are 0"),
      (text(features: #"[{"name":"a"},{"name":"c","categories":[]}]"#), "categories of a column"),
      (text(features: #"[{"name":"a"},{"name":"c","categories":["u","u"]}]"#), "categories of a column"),
      (text(features: #"[{"name":"a"},{"name":"c","categories":["u",2]}]"#), "'categories' is not an array of texts"),
      (text(features: #"[{"name":"a"},{"name":"c","categories":null}]"#), "'categories' is not an array of texts"),
      (text(features: #"[{"name":"c"},{"name":"c","categories":["u","v"]}]"#), "feature column twice"),
      (text(features: #"[{"name":"y"},{"name":"c","categories":["u","v"]}]"#), "target is one of its features"),
      (text(scaling: "[]"), "'scaling' is absent or not an object"),
      (text(scaling: scaling("3", "[0,0,0]", "[1,1,1]")), "'method' is absent or not a text"),
      (text(scaling: scaling("\"log\"", "[0,0,0]", "[1,1,1]")), "unknown scaling 'log'"),
      (text(scaling: scaling("\"none\"", "[0,0]", "[1,1,1]")), "do not fit each other"),
      (text(scaling: scaling("\"none\"", "[0,0]", "[1,1]")), "takes 2 columns, but there are 3"),
      (text(scaling: scaling("\"none\"", "[0,0,0]", "[1,0,1]")), "do not fit each other"),
      (text(scaling: scaling("\"none\"", "[0,0,\"0\"]", "[1,1,1]")), "'offsets' are not numbers"),
      (text(scaling: scaling("\"none\"", "{}", "[1,1,1]")), "'offsets' is absent or not an array"),
      (text(target: "\"y\""), "'target' is absent or not an object"), (text(target: "{}"), "'name' is absent"),
      (text(target: #"{"name":"y","classes":["n"]}"#), "2 to 1000 different ones"),
      (text(target: #"{"name":"y","classes":["n","n"]}"#), "2 to 1000 different ones"),
      (text(target: #"{"name":"y","classes":"no"}"#), "'classes' is not an array of texts"),
      (text(more: #","target_scaling":{"method":"none","offsets":[0],"factors":[1]}"#), "target scaling does not fit"),
      (
        text(target: #"{"name":"y"}"#, more: #","target_scaling":{"method":"none","offsets":[0,0],"factors":[1,1]}"#),
        "target scaling does not fit"
      ),
      (text(target: #"{"name":"y"}"#, more: #","target_scaling":null"#), "'method' is absent"),
    ])
  func hostileJSON(text: String, part: String) throws {
    let json = try JSON(parsing: text)
    #expect {
      try Preprocessing(json: json)
    } throws: { error in
      error is ConfigurationError && "\(error)".contains(part)
    }
  }

  private static func steps(_ steps: String) -> String {
    #"{"features":[{"name":"a"},{"name":"b"}],"steps":\#(steps),"target":{"name":"y"}}"#
  }

  @Test(
    arguments: [
      ("[]", nil), ("3", "'steps' is absent or not an array"), ("[3]", "'step' is absent or not a text"),
      (#"[{"step":"log"}]"#, "the unknown step 'log'"),
      (#"[{"step":"impute","method":"mean","fills":[1,2]}]"#, nil),
      (#"[{"step":"impute","method":"mean","fills":[1]}]"#, "takes 1 columns, but there are 2"),
      (#"[{"step":"impute","method":"best","fills":[1,2]}]"#, "the unknown imputation 'best'"),
      (#"[{"step":"impute","method":"mean"}]"#, "'fills' is absent"),
      (#"[{"step":"polynomial","inputs":2,"degree":2}]"#, nil),
      (#"[{"step":"polynomial","inputs":2,"degree":2},{"step":"polynomial","inputs":5,"degree":2}]"#, nil),
      (
        #"[{"step":"polynomial","inputs":2,"degree":2},{"step":"polynomial","inputs":2,"degree":2}]"#, "but there are 5"
      ),
      (#"[{"step":"polynomial","inputs":2}]"#, "'degree' is absent"),
      (#"[{"step":"polynomial","inputs":2,"degree":0}]"#, "expected at least 1"),
      (#"[{"step":"polynomial","inputs":2,"degree":9223372036854775807}]"#, "more than 100000 columns"),
      (#"[{"step":"polynomial","inputs":9223372036854775807,"degree":2}]"#, "more than 100000 columns"),
      (#"[{"step":"scale","method":"maxAbs","offsets":[0,0],"factors":[1,2]}]"#, nil),
      (#"[{"step":"scale","method":"maxAbs","offsets":[0],"factors":[1]}]"#, "takes 1 columns, but there are 2"),
    ] as [(String, String?)])
  func listsOfSteps(steps: String, part: String?) throws {
    let json = try JSON(parsing: Self.steps(steps))
    guard let part else {
      let preprocessing = try Preprocessing(json: json)
      #expect(try Preprocessing(json: preprocessing.json) == preprocessing)
      return
    }
    #expect {
      try Preprocessing(json: json)
    } throws: { $0 is ConfigurationError && "\($0)".contains(part) }
  }

  @Test func aThousandClassesAreEnough() throws {
    for (count, isRefused) in [(1000, false), (1001, true)] {
      let classes = JSON.array((0..<count).map { .string("\($0)") }).text()
      let json = try JSON(parsing: Self.text(target: #"{"name":"y","classes":\#(classes)}"#))
      #expect(((try? Preprocessing(json: json)) == nil) == isRefused, "\(count)")
    }
  }

  /// Any change of a character ends with a preprocessing or a typed error.
  @Test func mutations() {
    let characters = Array(Self.classification.json.text())
    var random = TestRandom(seed: 1)
    var accepted = 0
    for _ in 0..<3000 {
      var changed = characters
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let position = Int.random(in: 0..<changed.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: changed.remove(at: position)
        case 1: changed[position] = "{}[]\",:0123e-.x".randomElement(using: &random)!
        default: changed.insert(changed[Int.random(in: 0..<changed.count, using: &random)], at: position)
        }
      }
      guard let json = try? JSON(parsing: String(changed)) else { continue }
      do throws(ConfigurationError) {
        let preprocessing = try Preprocessing(json: json)
        // What is accepted can be used: as many offsets as there are encoded columns.
        #expect(preprocessing.steps.allSatisfy { $0.inputs == preprocessing.features.names.count })
        accepted += 1
      } catch { #expect(!error.description.isEmpty) }
    }
    #expect(accepted > 10)
  }
}
