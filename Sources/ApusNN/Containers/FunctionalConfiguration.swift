import ApusCore

// How files hold a functional model: its inputs, and for every tensor a line that says how it comes about.

extension FunctionalModel: ConfigurableLayer {
  public static var kind: String { "FunctionalModel" }

  /// - Precondition: every layer inside is configurable.
  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(kind: Self.kind, layers: layers.map(LayerConfiguration.inner))
    result.settings["inputs"] = .integer(inputs.count)
    for (i, input) in inputs.enumerated() {
      result.settings["input.\(i).name"] = .text(input.name)
      result.settings["input.\(i).isWhole"] = .flag(input.isWhole)
      result.set("input.\(i).extents", list: Array(input.extents))
    }
    result.settings["steps"] = .integer(steps.count)
    for (i, step) in steps.enumerated() { result.settings["step.\(i)"] = .text(step.text) }
    result.settings["outputs"] = .integer(results.count)
    for (i, output) in results.enumerated() {
      result.settings["output.\(i).name"] = .text(output.name)
      result.settings["output.\(i).step"] = .integer(output.step)
    }
    return result
  }

  public convenience init(configuration: LayerConfiguration) throws {
    let layers = try configuration.inner(count: 0...Self.most)
    var inputs: [FunctionalInput] = []
    for i in 0..<(try configuration.integer("inputs", in: 1...Self.most)) {
      let extents = try configuration.list("input.\(i).extents", in: LayerConfiguration.extents)
      guard extents.count < Shape.maximumRank, let size = Shape.checkedElementCount(extents), size <= Self.largest
      else { throw ConfigurationError("FunctionalModel: 'input.\(i).extents' is \(extents), which is no shape") }
      inputs.append(
        FunctionalInput(
          name: try configuration.text("input.\(i).name"), extents: Shape(extents),
          isWhole: try configuration.flag("input.\(i).isWhole")))
    }
    var steps: [Step] = []
    for i in 0..<(try configuration.integer("steps", in: 1...Self.most)) {
      let text = try configuration.text("step.\(i)")
      guard let step = Step(text, inputs: inputs.count, layers: layers.count, before: i) else {
        throw ConfigurationError("FunctionalModel: 'step.\(i)' is '\(text)', which is no step")
      }
      steps.append(step)
    }
    var results: [(name: String, step: Int)] = []
    for i in 0..<(try configuration.integer("outputs", in: 1...Self.most)) {
      let name = try configuration.text("output.\(i).name")
      results.append((name, try configuration.integer("output.\(i).step", in: 0...steps.count - 1)))
    }
    // As the initialiser numbers them: other parts rely on it.
    let used = steps.compactMap { if case .layer(let number, _) = $0 { number } else { nil } }
    guard used.reduce(into: 0, { if $1 == $0 { $0 += 1 } }) == layers.count,
      Set(inputs.map(\.name)).count == inputs.count, Set(results.map(\.name)).count == results.count
    else { throw ConfigurationError("FunctionalModel: a layer is not used, or two inputs or outputs have one name") }
    self.init(inputs: inputs, layers: layers, steps: steps, results: results)
  }

  private static let most = 1 << 12
  private static let largest = 1 << 32
}

extension FunctionalModel.Step {
  /// "input 0", "layer 2 5": layer 2 on tensor 5, "concatenate 3 4".
  var text: String {
    switch self {
    case .input(let number): "input \(number)"
    case .layer(let number, let source): "layer \(number) \(source)"
    case .joined(let joining, let sources): ([joining.rawValue] + sources.map(String.init)).joined(separator: " ")
    }
  }

  /// - Parameters:
  ///   - inputs: how many inputs there are.
  ///   - layers: how many layers.
  ///   - number: of this step; it may only read earlier ones.
  init?(_ text: String, inputs: Int, layers: Int, before number: Int) {
    let words = text.split(separator: " ")
    guard let word = words.first else { return nil }
    let numbers = words.dropFirst().compactMap { Int($0) }
    guard numbers.count == words.count - 1, !numbers.isEmpty else { return nil }
    func areTensors(_ numbers: some Sequence<Int>) -> Bool { numbers.allSatisfy { (0..<number).contains($0) } }
    switch word {
    case "input":
      guard numbers.count == 1, (0..<inputs).contains(numbers[0]) else { return nil }
      self = .input(numbers[0])
    case "layer":
      guard numbers.count == 2, (0..<layers).contains(numbers[0]), areTensors(numbers[1...]) else { return nil }
      self = .layer(numbers[0], from: numbers[1])
    default:
      guard let joining = Parallel.Joining(rawValue: String(word)), areTensors(numbers) else { return nil }
      self = .joined(joining, numbers)
    }
  }
}
