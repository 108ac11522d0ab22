import ApusData
import ApusNN

extension Preprocessing {
  /// The preprocessing as model files hold it.
  public var json: JSON {
    var members: [JSON.Member] = [
      JSON.Member("features", .array(features.columns.map(\.json))),
      JSON.Member("steps", .array(steps.map(\.json))),
      JSON.Member("target", target.json),
    ]
    if let targetScaling { members.append(JSON.Member("target_scaling", targetScaling.json)) }
    return .object(members)
  }

  /// The preprocessing that `json` describes.
  /// - Throws: `ConfigurationError` if it describes none, or parts that do not fit each other.
  public init(json: JSON) throws(ConfigurationError) {
    var columns: [FeatureEncoder.Column] = []
    for column in try json.required("features", \.array, "an array") { columns.append(try .init(json: column)) }
    let features = FeatureEncoder(columns: columns)
    guard Set(columns.map(\.name)).count == columns.count else {
      throw ConfigurationError("the preprocessing names a feature column twice")
    }
    var steps: [FittedStep] = []
    if json["steps"] != nil {
      for step in try json.required("steps", \.array, "an array") { steps.append(try FittedStep(json: step)) }
    } else {
      // The first files had one scaling and nothing else.
      steps = [.scaling(try Scaling(json: try json.required("scaling", \.self, "an object")))]
    }
    let target = try TargetEncoding(json: try json.required("target", \.self, "an object"))
    guard !columns.contains(where: { $0.name == target.name }) else {
      throw ConfigurationError("the preprocessing's target is one of its features")
    }
    var targetScaling: Scaling?
    if let member = json["target_scaling"] { targetScaling = try Scaling(json: member) }
    var width = features.names.count
    for step in steps {
      guard step.inputs == width else {
        throw ConfigurationError("a step of the preprocessing takes \(step.inputs) columns, but there are \(width)")
      }
      width = step.outputs
    }
    if let targetScaling, targetScaling.offsets.count != 1 || target.classes != nil {
      throw ConfigurationError("the preprocessing's target scaling does not fit its target")
    }
    self.init(features: features, steps: steps, target: target, targetScaling: targetScaling)
  }
}

extension FeatureEncoder.Column {
  fileprivate var json: JSON {
    var members = [JSON.Member("name", .string(name))]
    if let categories { members.append(JSON.Member("categories", .array(categories.map { .string($0) }))) }
    return .object(members)
  }

  fileprivate init(json: JSON) throws(ConfigurationError) {
    let categories = try json.texts("categories")
    if let categories, categories.isEmpty || Set(categories).count != categories.count {
      throw ConfigurationError("the preprocessing's categories of a column are none or not all different")
    }
    self.init(name: try json.required("name", \.string, "a text"), categories: categories)
  }
}

extension TargetEncoding {
  fileprivate var json: JSON {
    var members = [JSON.Member("name", .string(name))]
    if let classes { members.append(JSON.Member("classes", .array(classes.map { .string($0) }))) }
    return .object(members)
  }

  fileprivate init(json: JSON) throws(ConfigurationError) {
    let classes = try json.texts("classes")
    if let classes, !(2...Self.mostClasses).contains(classes.count) || Set(classes).count != classes.count {
      throw ConfigurationError("the preprocessing's classes are not 2 to \(Self.mostClasses) different ones")
    }
    self.init(name: try json.required("name", \.string, "a text"), classes: classes)
  }
}

extension FittedStep {
  fileprivate var json: JSON {
    switch self {
    case .imputation(let imputation):
      .object([
        JSON.Member("step", "impute"), JSON.Member("method", .string(imputation.method.description)),
        JSON.Member("fills", .array(imputation.fills.map { .number($0) })),
      ])
    case .polynomial(let features):
      .object([
        JSON.Member("step", "polynomial"), JSON.Member("inputs", .integer(features.inputs)),
        JSON.Member("degree", .integer(features.degree)),
        JSON.Member("interaction_only", .bool(features.isInteractionOnly)),
        JSON.Member("bias", .bool(features.hasBias)),
      ])
    case .scaling(let scaling):
      .object([JSON.Member("step", "scale")] + (scaling.json.object ?? []))
    }
  }

  fileprivate init(json: JSON) throws(ConfigurationError) {
    switch try json.required("step", \.string, "a text") {
    case "scale": self = .scaling(try Scaling(json: json))
    case "impute":
      let text = try json.required("method", \.string, "a text")
      guard let method = Imputation.Method(text) else {
        throw ConfigurationError("the preprocessing names the unknown imputation '\(shown(text))'")
      }
      let fills = try json.numbers("fills")
      guard fills.allSatisfy(\.isFinite) else {
        throw ConfigurationError("the preprocessing's 'fills' are not all finite")
      }
      self = .imputation(Imputation(method: method, fills: fills))
    case "polynomial":
      do throws(DatasetError) {
        self = .polynomial(
          try PolynomialFeatures(
            degree: try Self.integer("degree", json), isInteractionOnly: json["interaction_only"]?.bool ?? false,
            hasBias: json["bias"]?.bool ?? false, inputs: try Self.integer("inputs", json)))
      } catch { throw ConfigurationError("the preprocessing cannot be used: \(error)") }
    case let name: throw ConfigurationError("the preprocessing names the unknown step '\(shown(name))'")
    }
  }

  private static func integer(_ key: String, _ json: JSON) throws(DatasetError) -> Int {
    guard let value = json[key]?.integer else { throw DatasetError("'\(key)' is absent or not a whole number") }
    return value
  }
}

extension Scaling {
  fileprivate var json: JSON {
    .object([
      JSON.Member("method", .string(method.rawValue)),
      JSON.Member("offsets", .array(offsets.map { .number($0) })),
      JSON.Member("factors", .array(factors.map { .number($0) })),
    ])
  }

  fileprivate init(json: JSON) throws(ConfigurationError) {
    let name = try json.required("method", \.string, "a text")
    guard let method = Method(rawValue: name) else {
      throw ConfigurationError("the preprocessing names the unknown scaling '\(shown(name))'")
    }
    let (offsets, factors) = (try json.numbers("offsets"), try json.numbers("factors"))
    guard offsets.count == factors.count, (offsets + factors).allSatisfy(\.isFinite), factors.allSatisfy({ $0 != 0 })
    else {
      throw ConfigurationError("the preprocessing's offsets and factors do not fit each other")
    }
    self.init(method: method, offsets: offsets, factors: factors)
  }
}

extension JSON {
  fileprivate func required<Value>(
    _ key: String, _ value: KeyPath<JSON, Value?>, _ expected: String
  ) throws(ConfigurationError) -> Value {
    guard let found = self[key]?[keyPath: value] else {
      throw ConfigurationError("the preprocessing's '\(key)' is absent or not \(expected)")
    }
    return found
  }

  fileprivate func required(_ key: String, _: KeyPath<JSON, JSON>, _ expected: String) throws(ConfigurationError)
    -> JSON
  {
    guard let found = self[key], found.object != nil else {
      throw ConfigurationError("the preprocessing's '\(key)' is absent or not \(expected)")
    }
    return found
  }

  /// The texts of an array; nil if there is no such member.
  fileprivate func texts(_ key: String) throws(ConfigurationError) -> [String]? {
    guard let member = self[key] else { return nil }
    let texts = member.array?.compactMap(\.string)
    guard let texts, texts.count == member.array?.count else {
      throw ConfigurationError("the preprocessing's '\(key)' is not an array of texts")
    }
    return texts
  }

  fileprivate func numbers(_ key: String) throws(ConfigurationError) -> [Double] {
    let array = try required(key, \.array, "an array")
    let numbers = array.compactMap(\.number)
    guard numbers.count == array.count else { throw ConfigurationError("the preprocessing's '\(key)' are not numbers") }
    return numbers
  }
}
