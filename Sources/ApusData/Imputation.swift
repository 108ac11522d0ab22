import ApusCore

/// Fills what is missing, by numbers fitted on training data. Missing values are NaN: a number's own, and all columns of a category.
public struct Imputation: Sendable, Hashable {
  /// What a missing number becomes. A missing category always becomes the most frequent one, of equals the first.
  public enum Method: Sendable, Hashable, LosslessStringConvertible {
    case mean
    case median
    /// The most frequent value; of equals the smallest.
    case mode
    case constant(Double)

    /// "mean", "median", "mode" or a finite number.
    public init?(_ text: String) {
      switch text {
      case "mean": self = .mean
      case "median": self = .median
      case "mode": self = .mode
      default:
        guard let value = Double(text), value.isFinite else { return nil }
        self = .constant(value)
      }
    }

    public var description: String {
      switch self {
      case .mean: "mean"
      case .median: "median"
      case .mode: "mode"
      case .constant(let value): "\(value)"
      }
    }
  }

  public let method: Method
  /// What NaN becomes in each column.
  public let fills: [Double]

  /// An imputation by known numbers, one for each column.
  public init(method: Method, fills: [Double]) {
    self.method = method
    self.fills = fills
  }

  /// Fits the numbers to a training part.
  /// - Parameter encoder: says which columns are those of a category; nil: none.
  /// - Throws: `DatasetError` for anything else than a training part, or if a column holds no value at all.
  public init(
    _ method: Method, fittedTo training: Dataset, encoder: FeatureEncoder? = nil
  ) throws(DatasetError) {
    try self.init(
      method, fittedTo: try training.featuresToFit(mayBeMissing: true),
      encoder: encoder ?? FeatureEncoder(names: training.featureNames), source: training.name)
  }

  /// Fits the numbers to the columns of `x`, float64 (n, columns), which `encoder` has made.
  package init(
    _ method: Method, fittedTo x: Tensor, encoder: FeatureEncoder, source: String
  ) throws(DatasetError) {
    let (values, width) = (x.doubles, x.shape[1])
    func known(_ column: Int) -> [Double] {
      stride(from: column, to: values.count, by: width).map { values[$0] }.filter { !$0.isNaN }
    }
    var fills = [Double](repeating: 0, count: width)
    let blocks = encoder.blocks
    // Columns that have no names are numbers.
    let named = blocks.last?.range.upperBound ?? 0
    let unnamed = (named..<max(width, named)).map { (name: "\($0 + 1)", range: $0..<$0 + 1, isCategory: false) }
    for (name, range, isCategory) in blocks + unnamed {
      let present = known(range.lowerBound)
      if present.isEmpty {
        if !isCategory, case .constant(let value) = method {
          fills[range.lowerBound] = value
          continue
        }
        throw DatasetError("\(source): column '\(name)' holds no value in the training part; remove it")
      }
      if isCategory {
        let counts = range.map { known($0).reduce(0, +) }
        fills[range.lowerBound + counts.firstIndex(of: counts.max()!)!] = 1
      } else {
        fills[range.lowerBound] = Self.fill(method, present.sorted())
      }
    }
    self.init(method: method, fills: fills)
  }

  /// Of sorted values, at least one.
  private static func fill(_ method: Method, _ sorted: [Double]) -> Double {
    switch method {
    case .mean: return sorted.reduce(0, +) / Double(sorted.count)
    case .median:
      let (a, b) = (sorted[(sorted.count - 1) / 2], sorted[sorted.count / 2])
      return a + (b - a) / 2
    case .constant(let value): return value
    case .mode:
      var best = (value: sorted[0], count: 0)
      var start = 0
      for i in sorted.indices where i + 1 == sorted.count || sorted[i + 1] != sorted[i] {
        if i + 1 - start > best.count { best = (sorted[i], i + 1 - start) }
        start = i + 1
      }
      return best.value
    }
  }

  /// `x` (n, columns) with every NaN replaced.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    `where`(isNaN(x), Tensor(fills).cast(to: x.dtype), x)
  }
}
