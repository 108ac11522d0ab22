import ApusCore
import ApusData

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Scores of a model that was trained anew for each fold (notes P5).
public struct CrossValidation: Sendable, Hashable, CustomStringConvertible {
  /// One score for each fold.
  public let scores: [Double]

  /// Trains and scores for each fold of `data`.
  /// - Parameter score: trains a new model on the first data set and measures it on the second. Whatever is fitted to data, also the
  ///   scaling of features, belongs in here.
  /// - Throws: `DatasetError` if the data do not allow so many folds; what `score` throws.
  public init(
    _ data: Dataset, folds: Folds, score: (_ training: Dataset, _ test: Dataset) throws -> Double
  ) throws {
    scores = try data.folds(folds).map { try score($0.training, $0.test) }
  }

  public init(scores: [Double]) { self.scores = scores }

  public var mean: Double { scores.reduce(0, +) / Double(scores.count) }
  /// The standard deviation over the folds, with n - 1; NaN of one.
  public var deviation: Double {
    (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count - 1)).squareRoot()
  }

  public var description: String {
    "\(mean.formatted(precision: 4)) ± \(deviation.formatted(precision: 4)) over \(scores.count) folds: "
      + scores.map { $0.formatted(precision: 4) }.joined(separator: ", ")
  }
}

/// A search among choices, such as learning rates and sizes: every one is scored, the best is kept (notes P5).
public struct ModelSearch<Choice> {
  /// All choices with their scores, the best first; equal ones in the order of the search.
  public let results: [(choice: Choice, score: Double)]

  /// The best choice; nil only of no choices.
  public var best: (choice: Choice, score: Double)? { results.first }

  /// Scores every one of `choices`.
  /// - Parameter score: the larger, the better; NaN is worst. Never measured on the data that the final result is measured on.
  public init(_ choices: some Sequence<Choice>, score: (Choice) throws -> Double) rethrows {
    let all = try choices.enumerated().map { (number: $0.offset, choice: $0.element, score: try score($0.element)) }
    func rank(_ score: Double) -> Double { score.isNaN ? -.infinity : score }
    results = all.sorted { (rank($1.score), $0.number) < (rank($0.score), $1.number) }.map { ($0.choice, $0.score) }
  }
}

/// Every combination of two lists, the last changing fastest: a grid to search. For more lists, combine again.
public func grid<A, B>(_ first: [A], _ second: [B]) -> [(A, B)] { first.flatMap { a in second.map { (a, $0) } } }

/// Every combination of three lists.
public func grid<A, B, C>(_ first: [A], _ second: [B], _ third: [C]) -> [(A, B, C)] {
  first.flatMap { a in second.flatMap { b in third.map { (a, b, $0) } } }
}

extension RandomSource {
  /// A number between `range`'s bounds whose logarithm is uniform, as learning rates and penalties are searched at random (Bergstra and
  /// Bengio, 2012). The bounds are positive.
  public mutating func logUniform(in range: ClosedRange<Double>) -> Double {
    guard range.lowerBound > 0 else { fatalError("logUniform: the bounds \(range) must be positive") }
    let share = Double.random(in: 0...1, using: &self)
    let logarithm = log(range.lowerBound) * (1 - share) + log(range.upperBound) * share
    return min(max(exp(logarithm), range.lowerBound), range.upperBound)
  }
}

/// Scores on the training and the test part for growing settings: sizes of the training data (a learning curve; notes M8) or
/// values of a choice (a validation curve).
public struct ScoreSeries: Sendable, Hashable {
  public struct Point: Sendable, Hashable {
    public let setting: Double
    public let training: Double
    public let test: Double
  }
  public let points: [Point]

  /// How the scores grow with the number of training examples: the first `sizes[i]` of `training`, which should be in random order.
  /// - Parameter score: trains on the first data set and measures on that and on the second.
  public static func learningCurve(
    _ training: Dataset, test: Dataset, sizes: [Int],
    score: (_ training: Dataset, _ test: Dataset) throws -> (training: Double, test: Double)
  ) rethrows -> ScoreSeries {
    ScoreSeries(
      points: try sizes.map { size in
        let part = training.selecting(Array(0..<min(max(size, 0), training.count)))
        let found = try score(part, test)
        return Point(setting: Double(part.count), training: found.training, test: found.test)
      })
  }

  /// How the scores change with a choice, such as the strength of a penalty.
  public static func validationCurve(
    of settings: [Double], score: (Double) throws -> (training: Double, test: Double)
  ) rethrows -> ScoreSeries {
    ScoreSeries(
      points: try settings.map { setting in
        let found = try score(setting)
        return Point(setting: setting, training: found.training, test: found.test)
      })
  }
}
