import ApusCore

// The data sets that need no file, by name.

extension Dataset {
  init(_ name: String, _ points: LabelledPoints, classNames: [String]? = nil) {
    self.init(
      name, features: Tensor(points.features, shape: [points.count, points.featureCount]),
      targets: Tensor(points.labels),
      kind: .classes(classNames ?? (0..<points.classCount).map(String.init)),
      featureNames: (1...points.featureCount).map { "x\($0)" })
  }

  /// A bundled or generated set by name; see ``names``.
  public init(named name: String, seed: UInt64 = 0) throws {
    guard let set = try Self.make(name, seed: seed) else {
      throw DatasetError("there is no data set '\(name)'; there are \(Self.names.joined(separator: ", "))")
    }
    self = set
  }

  /// The names of the bundled sets and generators. "parity-4" stands for any number of bits up to 16, and a number from 0 to 50 after a
  /// name of the playground is its noise, as in "playground-spiral-25".
  public static let names =
    ["iris", "wine", "breast-cancer", "digits", "houses"] + ["xor", "and", "or", "nand", "parity-4"]
    + ["moons", "circles", "spiral", "gaussians"] + Playground.allCases.map { "playground-\($0.rawValue)" }

  /// Whether there is a bundled or generated set of this name.
  public static func isNamed(_ name: String) -> Bool {
    names.contains(name) || bits(name) != nil || playground(name) != nil
  }

  /// One line about a bundled set.
  public static func summary(of name: String) -> String {
    switch name {
    case "iris": "irises of three species, by the lengths and widths of sepals and petals"
    case "wine": "wines of three cultivars, by chemical analysis"
    case "breast-cancer": "tumours, malignant or benign, by measurements of cell nuclei"
    case "digits": "handwritten digits, 8 x 8 pixels"
    case "houses": "the lecture notes' four houses: prices by size, bedrooms, floors and age"
    case "xor", "and", "or", "nand": "the truth table of \(name.uppercased())"
    case "moons": "two interleaving half circles (generated)"
    case "circles": "a circle inside another (generated)"
    case "spiral": "three arms of a spiral (generated)"
    case "gaussians": "two normal clouds (generated)"
    default:
      if let bits = bits(name) {
        "whether the number of ones among \(bits) bits is odd; parity-N for other numbers"
      } else if let (set, _) = playground(name) {
        "TensorFlow Playground's \(set.summary) (generated); NAME-25 with noise 25"
      } else {
        ""
      }
    }
  }

  private static func make(_ name: String, seed: UInt64) throws -> Dataset? {
    var random = RandomSource(seed: seed, stream: 0x64_6174_61)  // "data"
    switch name {
    case "iris": return try Dataset(BundledData.iris.table)
    case "wine": return try Dataset(BundledData.wine.table)
    case "breast-cancer": return try Dataset(BundledData.breastCancer.table)
    case "digits": return try Dataset(BundledData.digits.table)
    case "houses": return houses()
    case "xor": return Dataset(name, .xor)
    case "and": return Dataset(name, .and)
    case "or": return Dataset(name, .or)
    case "nand": return Dataset(name, .nand)
    case "moons": return Dataset(name, .moons(count: 400, noise: 0.1, using: &random))
    case "circles": return Dataset(name, .circles(count: 400, noise: 0.05, using: &random))
    case "spiral": return Dataset(name, .spiral(count: 600, arms: 3, noise: 0.02, using: &random))
    case "gaussians": return Dataset(name, .gaussians(count: 400, blobs: 2, using: &random))
    default:
      if let bits = bits(name) { return Dataset(name, .parity(bits)) }
      guard let (set, noise) = playground(name) else { return nil }
      return set.dataset(name, noise: noise, using: &random)
    }
  }

  /// The number of bits of "parity-4".
  private static func bits(_ name: String) -> Int? {
    guard name.hasPrefix("parity-"), let bits = Int(name.dropFirst(7)), (1...16).contains(bits),
      name == "parity-\(bits)"
    else { return nil }
    return bits
  }

  /// The set and the noise of "playground-spiral" and "playground-spiral-25".
  private static func playground(_ name: String) -> (set: Playground, noise: Double)? {
    guard name.hasPrefix("playground-") else { return nil }
    let rest = name.dropFirst("playground-".count)
    if let set = Playground(rawValue: String(rest)) { return (set, 0) }
    guard let dash = rest.lastIndex(of: "-"), let set = Playground(rawValue: String(rest[..<dash])),
      let noise = Int(rest[rest.index(after: dash)...]), (0...50).contains(noise), rest.hasSuffix("-\(noise)")
    else { return nil }
    return (set, Double(noise))
  }

  /// 150 irises of three species, 4 measurements each.
  public static func iris() throws -> Dataset { try Dataset(named: "iris") }
  /// 178 wines of three cultivars, 13 chemical measurements each.
  public static func wine() throws -> Dataset { try Dataset(named: "wine") }
  /// 569 tumours, malignant or benign, 30 measurements each.
  public static func breastCancer() throws -> Dataset { try Dataset(named: "breast-cancer") }
  /// 1,797 handwritten digits of 8 x 8 pixels from 0 to 16.
  public static func digits() throws -> Dataset { try Dataset(named: "digits") }

  /// The notes' four houses (A14): size, bedrooms, floors and age, and the price.
  /// - Parameter hasBias: whether a first column x₀ holds ones, as where Θ includes θ₀ (A2).
  public static func houses(hasBias: Bool = false) -> Dataset {
    let rows: [[Float]] = [[125, 3, 2, 20], [220, 5, 2, 15], [400, 7, 3, 5], [250, 4, 2, 10]]
    return Dataset(
      "houses", features: Tensor(rows.map { (hasBias ? [1] : []) + $0 }),
      targets: Tensor([0.8, 1.2, 4, 2] as [Float], shape: [4, 1]), kind: .numbers(["price"]),
      featureNames: (hasBias ? ["x0"] : []) + ["size", "bedrooms", "floors", "age"])
  }
}
