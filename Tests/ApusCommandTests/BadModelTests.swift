import Apus
import Testing

/// Model files that are damaged, or were made to do damage: exit code 65, one sentence that names the file, never a crash.
extension CommandTests {
  @Suite struct BadModelTests {
    let workspace = Workspace()
    private static let key = "apus.preprocessing"
    private static let input = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n5,3,1,0.2\n"

    init() {
      expectSuccess(workspace.apus("train", "iris", "--hidden", "4", "--epochs", "1", "--json", "--output", "run"))
      workspace.write(Self.input, to: "new.csv")
    }

    /// What every command that reads `bad.safetensors` says. None may take much memory.
    private func outcomes() -> [Outcome] {
      [
        ["summary", "bad.safetensors"], ["evaluate", "bad.safetensors", "iris"],
        ["predict", "bad.safetensors", "--input", "new.csv"],
      ].map { workspace.run([Workspace.executable] + $0, megabytes: 2000) }
    }

    private func expectRefusal(_ part: String = "bad.safetensors", sourceLocation: SourceLocation = #_sourceLocation) {
      for outcome in outcomes() { expectFailure(outcome, 65, part, "bad.safetensors", sourceLocation: sourceLocation) }
    }

    @Test func noModelAtAll() {
      expectFailure(workspace.apus("summary", "absent"), 65, "absent: there is no such file")
      expectFailure(workspace.apus("summary", "."), 65, "./model.safetensors: there is no such file")
      expectFailure(workspace.apus("predict", "new.csv", "--input", "new.csv"), 65, "new.csv")
      expectFailure(workspace.apus("summary", "/dev/zero"), 65, "/dev/zero")
    }

    @Test func truncated() {
      let bytes = workspace.bytes("run/model.safetensors")
      for tenth in 0..<10 {
        workspace.write(Array(bytes.prefix(bytes.count * tenth / 10)), to: "bad.safetensors")
        expectRefusal()
      }
      workspace.write(Array(bytes.dropLast()), to: "bad.safetensors")
      expectRefusal()
      workspace.write(bytes + [0], to: "bad.safetensors")
      expectRefusal()
    }

    /// A changed byte may make another model, but nothing else.
    @Test func mutated() {
      let bytes = workspace.bytes("run/model.safetensors")
      var random = RandomSource(seed: 1)
      var refused = 0
      for i in 0..<300 {
        var changed = bytes
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          // Mostly in the header.
          let end = i % 4 == 0 ? bytes.count : bytes.count * 9 / 10
          changed[Int.random(in: 0..<end, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        workspace.write(changed, to: "bad.safetensors")
        let outcome = outcomes()[i % 3]
        if outcome.code != 0 {
          refused += 1
          expectFailure(outcome, 65)
        }
      }
      #expect(refused > 100)
    }

    /// The model with other metadata.
    private func save(_ preprocessing: String?) throws {
      let file = try ModelFile(path: workspace.path + "/run/model.safetensors")
      try file.model.save(
        to: workspace.path + "/bad.safetensors", metadata: preprocessing.map { [Self.key: $0] } ?? [:])
    }

    private var preprocessing: String {
      get throws { try #require(try ModelFile(path: workspace.path + "/run/model.safetensors").metadata[Self.key]) }
    }

    @Test func noPreprocessing() throws {
      try save(nil)
      expectRefusal("this model was not trained on a table")
      try save(preprocessing)
      for outcome in outcomes() { expectSuccess(outcome) }
    }

    @Test func otherPreprocessing() throws {
      let text = try preprocessing
      let json = try JSON(parsing: text)
      func changed(_ key: String, _ inner: String, _ value: JSON) throws -> String {
        // Of the steps, the only one is changed.
        let isList = json[key]?.array != nil
        guard case .object(var members)? = isList ? json[key]?[0] : json[key] else { return "" }
        members.removeAll { $0.key == inner }
        members.append(JSON.Member(inner, value))
        let new = isList ? JSON.array([.object(members)]) : .object(members)
        return try #require(json.object).map { $0.key == key ? JSON.Member(key, new) : $0 }
          .reduce(into: "{") { $0 += ($0 == "{" ? "" : ",") + JSON.object([$1]).text().dropFirst().dropLast() } + "}"
      }
      for (preprocessing, part) in [
        ("", "the text ends"), ("{}", "'features'"), ("[]", "'features'"), ("null", "'features'"),
        (String(repeating: "[", count: 100_000), ""), (text + "x", ""),
        (try changed("steps", "offsets", [1, 2, 3]), "do not fit each other"),
        (try changed("steps", "factors", [1, 2, 3, 0]), "do not fit each other"),
        (try changed("steps", "factors", [1, 2, 3, "a"]), "not numbers"),
        (try changed("steps", "method", "magic"), "'magic'"),
        (try changed("steps", "step", "magic"), "'magic'"), (try changed("steps", "step", 1), "'step' is absent"),
        (try changed("target", "classes", ["a", "b"]), "does not fit its targets"),
        (try changed("target", "classes", ["a", "b", "a"]), "different"),
        (try changed("target", "classes", []), "different"),
        (try changed("target", "classes", 3), "not an array of texts"),
        (try changed("target", "name", "petal width (cm)"), "the preprocessing's target is one of its features"),
        (text.replacing("petal width", with: "petal length"), "feature column twice"),
        (text.replacing("{\"name\":\"petal width (cm)\"}", with: "{\"name\":\"w\",\"categories\":[\"a\",\"b\"]}"), ""),
        (text.replacing(",{\"name\":\"petal width (cm)\"}", with: ""), ""),
      ] {
        try save(preprocessing)
        expectRefusal(part)
      }
    }

    /// Sizes that only the header claims: no memory is taken for them.
    @Test(arguments: ["16777216", "16777217", "9223372036854775807", "0", "-4", "1e3", "\"4\""])
    func sizesThatAreNotThere(size: String) {
      var bytes = workspace.bytes("run/model.safetensors")
      let length = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
      let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
        .replacing("\\\"outputs\\\":4", with: "\\\"outputs\\\":" + size.replacing("\"", with: "\\\""))
      #expect(header.utf8.count != length || size == "0")
      let count = header.utf8.count
      bytes.replaceSubrange(0..<8 + length, with: (0..<8).map { UInt8(count >> (8 * $0) & 0xFF) } + Array(header.utf8))
      workspace.write(bytes, to: "bad.safetensors")
      expectRefusal()
    }

    @Test func otherElementTypes() throws {
      for types in [[DType.bfloat16], [.float32, .float64], [.float64, .float32]] {
        let model = Sequential(types.enumerated().map { Dense($0 == 0 ? 4 : 3, 3, weights: .zeros, dtype: $1) })
        try model.save(to: workspace.path + "/bad.safetensors", metadata: [Self.key: preprocessing])
        expectRefusal("tables are float32")
      }
      // Classics are float64.
      let model = Sequential([Dense(4, 3, weights: .zeros, dtype: .float64)])
      try model.save(to: workspace.path + "/bad.safetensors", metadata: [Self.key: preprocessing])
      for outcome in outcomes() { expectSuccess(outcome) }
    }

    @Test func otherOutputs() throws {
      let model = Sequential([Dense(4, 3, weights: .zeros)])
      for (name, part) in [("magic", "the unknown 'magic'"), ("perceptron", nil), ("adaline", nil)]
        as [(String, String?)]
      {
        try model.save(
          to: workspace.path + "/bad.safetensors", metadata: [Self.key: preprocessing, "apus.outputs": name])
        if let part { expectRefusal(part) } else { for outcome in outcomes() { expectSuccess(outcome) } }
      }
    }

    @Test func otherNetworks() throws {
      let networks: [(any ConfigurableLayer, String)] = [
        (Dense(4, 3), "expected a Sequential"),
        (Sequential([Dense(5, 3)]), "does not fit the preprocessing's 4 inputs"),
        (Sequential([Dense(4, 2)]), "does not fit its targets"),
        (Sequential([Dense(4, 1)]), "does not fit its targets"),
        (Sequential([]), "does not fit its targets"),
      ]
      for (network, part) in networks {
        try network.save(to: workspace.path + "/bad.safetensors", metadata: [Self.key: preprocessing])
        expectRefusal(part)
      }
    }

    @Test func parametersThatAreNoNumbers() throws {
      let layer = Dense(4, 3)
      layer.weight.value = Tensor(Array(repeating: Float.nan, count: 12), shape: [3, 4])
      try Sequential([layer]).save(to: workspace.path + "/bad.safetensors", metadata: [Self.key: preprocessing])
      expectSuccess(workspace.apus("summary", "bad.safetensors"))
      expectFailure(workspace.apus("predict", "bad.safetensors", "--input", "new.csv"), 65, "new.csv, line 2")
      let evaluated = workspace.apus("evaluate", "bad.safetensors", "iris", "--json")
      expectFailure(evaluated, 65, "iris")
    }

    /// A terminal must not obey what a file from a stranger says.
    @Test func controlCharactersAreNotPrinted() throws {
      let text = try preprocessing.replacing("setosa", with: "\\u001b[31mset\\u0007osa")
      try save(text)
      for outcome in [workspace.apus("summary", "bad.safetensors")] {
        expectSuccess(outcome)
        #expect(!outcome.output.unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
      }
    }
  }
}
