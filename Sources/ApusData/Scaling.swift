import ApusCore

/// A scaling of features, fitted on training data and applied to everything else: x becomes (x - offset) * factor,
/// column by column.
public struct Scaling: Sendable, Hashable {
  public enum Method: String, Sendable, Hashable, CaseIterable {
    /// Nothing is changed.
    case none
    /// Mean 0 and standard deviation 1 (notes J1).
    case standardize
    /// The smallest value becomes 0, the largest 1 (notes J3).
    case minMax
    /// Median 0, and 1 between the quartiles: a few extreme values do not matter.
    case robust
    /// The largest magnitude becomes 1; 0 stays 0.
    case maxAbs
  }

  /// What a standard deviation divides the squares by.
  public enum Deviation: String, Sendable, Hashable, CaseIterable {
    /// n, as in the notes.
    case population
    /// n - 1, which is unbiased of a sample.
    case sample
  }

  public let method: Method
  /// Subtracted from each column.
  public let offsets: [Double]
  /// Multiplied with each column then; 1 for a column whose values are all equal.
  public let factors: [Double]

  /// A scaling by known numbers, one pair for each column.
  public init(method: Method, offsets: [Double], factors: [Double]) {
    guard offsets.count == factors.count else {
      fatalError("Scaling: there are \(offsets.count) offsets and \(factors.count) factors; expected as many of both")
    }
    self.method = method
    self.offsets = offsets
    self.factors = factors
  }

  /// Fits a scaling to the features of a training part: nothing may be known about the data that the model is tested on (notes J2).
  /// - Throws: `DatasetError` for anything else than a training part, and for features that are no finite numbers.
  public init(
    _ method: Method, deviation: Deviation = .population, fittedTo training: Dataset
  ) throws(DatasetError) {
    self.init(method, deviation: deviation, fittedTo: try training.featuresToFit())
  }

  /// Fits a scaling to the columns of `training` (n, columns), n at least 1.
  package init(_ method: Method, deviation: Deviation = .population, fittedTo training: Tensor) {
    guard training.rank == 2 && training.shape[0] > 0 else {
      fatalError("Scaling: data of shape \(training.shape) were found; expected (rows, columns) with at least one row")
    }
    self.method = method
    let x = training.cast(to: .float64)
    let (rows, columns) = (training.shape[0], training.shape[1])
    switch method {
    case .none:
      offsets = Array(repeating: 0, count: columns)
      factors = Array(repeating: 1, count: columns)
    case .standardize:
      offsets = x.mean(axes: [0]).doubles
      // Of one row there is no sample's deviation; it is a row of constants.
      let correction =
        deviation == .sample && rows > 1 ? (Double(rows) / Double(rows - 1)).squareRoot() : 1
      let deviations = x.standardDeviation(axes: [0]).doubles.map { $0 * correction }
      factors = Self.factors(deviations, offsets: offsets)
    case .minMax:
      offsets = x.min(axes: [0]).doubles
      factors = zip(x.max(axes: [0]).doubles, offsets).map { $0 > $1 ? 1 / ($0 - $1) : 1 }
    case .robust:
      let sorted = x.sorted(axis: 0)
      offsets = Self.quantile(0.5, sorted)
      let ranges = zip(Self.quantile(0.75, sorted), Self.quantile(0.25, sorted)).map { $0 - $1 }
      factors = Self.factors(ranges, offsets: offsets)
    case .maxAbs:
      offsets = Array(repeating: 0, count: columns)
      factors = abs(x).max(axes: [0]).doubles.map { $0 > 0 ? 1 / $0 : 1 }
    }
  }

  /// 1 / spread. A spread that is only rounding error counts as none.
  private static func factors(_ spreads: [Double], offsets: [Double]) -> [Double] {
    zip(spreads, offsets).map { $0 > 1e-12 * abs($1) ? 1 / $0 : 1 }
  }

  /// The value below which `share` of each column lies, between two values in proportion; the columns are sorted.
  static func quantile(_ share: Double, _ sorted: Tensor) -> [Double] {
    let place = share * Double(sorted.shape[0] - 1)
    let low = Int(place)
    let (a, b) = (sorted[low].doubles, sorted[min(low + 1, sorted.shape[0] - 1)].doubles)
    return zip(a, b).map { $0 + (place - Double(low)) * ($1 - $0) }
  }

  /// The scaled features; the number of columns is that of the training data.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    if method == .none { return x }
    return ((x.cast(to: .float64) - Tensor(offsets)) * Tensor(factors)).cast(to: x.dtype)
  }

  /// The original values of scaled ones.
  public func inverted(_ x: Tensor) -> Tensor {
    if method == .none { return x }
    return (x.cast(to: .float64) / Tensor(factors) + Tensor(offsets)).cast(to: x.dtype)
  }
}
