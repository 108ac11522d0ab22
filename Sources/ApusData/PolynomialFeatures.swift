import ApusCore

/// Products of features: with degree 2 of a and b these are a, b, a², ab, b², in scikit-learn's order. A linear model of them is a curved
/// one of the features.
public struct PolynomialFeatures: Sendable, Hashable {
  /// The largest number of factors, at least 1.
  public let degree: Int
  /// Whether no feature is multiplied with itself.
  public let isInteractionOnly: Bool
  /// Whether there is a first column of ones (notes A2: x₀).
  public let hasBias: Bool
  /// The number of features.
  public let inputs: Int
  /// For each number of factors, the products: each the one with a factor less that it continues, and its last factor.
  private let levels: [[Product]]

  private struct Product: Sendable, Hashable {
    let prefix: Int
    let last: Int
  }

  /// More columns than this are a mistake.
  private static let mostOutputs = 100_000

  /// - Throws: `DatasetError` for a degree or a number of features that is less than 1, or more than 100,000 columns.
  public init(
    degree: Int, isInteractionOnly: Bool = false, hasBias: Bool = false, inputs: Int
  ) throws(DatasetError) {
    guard degree >= 1, inputs >= 1 else {
      throw DatasetError("polynomial features of degree \(degree) of \(inputs) columns; expected at least 1 of both")
    }
    guard inputs <= Self.mostOutputs else {
      throw DatasetError("polynomial features of \(inputs) columns are more than \(Self.mostOutputs) columns")
    }
    self.degree = degree
    self.isInteractionOnly = isInteractionOnly
    self.hasBias = hasBias
    self.inputs = inputs
    var levels = [(0..<inputs).map { Product(prefix: 0, last: $0) }]
    var count = inputs
    for factors in stride(from: 2, through: degree, by: 1) {
      guard !(isInteractionOnly && factors > inputs) else { break }
      var level: [Product] = []
      for (number, product) in levels[factors - 2].enumerated() {
        let first = product.last + (isInteractionOnly ? 1 : 0)
        guard first < inputs else { continue }
        guard count + level.count + inputs - first <= Self.mostOutputs else {
          throw DatasetError(
            "polynomial features of degree \(degree) of \(inputs) columns are more than \(Self.mostOutputs) columns")
        }
        for last in first..<inputs { level.append(Product(prefix: number, last: last)) }
      }
      count += level.count
      levels.append(level)
    }
    self.levels = levels
  }

  /// The number of columns that come out.
  public var outputs: Int { levels.reduce(hasBias ? 1 : 0) { $0 + $1.count } }

  /// The names of what comes out, such as "a^2" and "a * b", of the names of what goes in.
  public func names(_ names: [String]) -> [String] {
    var result = hasBias ? ["1"] : []
    var previous: [[Int]] = [[]]
    for level in levels {
      previous = level.map { previous[$0.prefix] + [$0.last] }
      result += previous.map { factors in
        var powers: [(factor: Int, power: Int)] = []
        for factor in factors {
          if powers.last?.factor == factor { powers[powers.count - 1].power += 1 } else { powers.append((factor, 1)) }
        }
        return powers.map { names[$0.factor] + ($0.power > 1 ? "^\($0.power)" : "") }.joined(separator: " * ")
      }
    }
    return result
  }

  /// The products of the features (n, inputs), of shape (n, outputs).
  public func callAsFunction(_ x: Tensor) -> Tensor {
    var columns = hasBias ? [Tensor(filledWith: 1, shape: [x.shape[0], 1], dtype: x.dtype)] : []
    columns.append(x)
    var previous = x
    for level in levels.dropFirst() where !level.isEmpty {
      let left = previous.gathering(Tensor(level.map { Int64($0.prefix) }), axis: 1)
      previous = left * x.gathering(Tensor(level.map { Int64($0.last) }), axis: 1)
      columns.append(previous)
    }
    return columns.count == 1 ? x : concatenate(columns, axis: 1)
  }

  /// The features that products were made of: they are among them.
  public func inverted(_ x: Tensor) -> Tensor {
    let first = hasBias ? 1 : 0
    return x[0..., first..<first + inputs]
  }
}
