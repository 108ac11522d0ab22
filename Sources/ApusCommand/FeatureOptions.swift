import Apus
import ArgumentParser

/// How the features of a table are prepared, in this order: filled, multiplied, scaled. All is fitted to training data alone.
struct FeatureOptions: ParsableArguments {
  @Option(
    help: """
      What missing values become: mean, median, mode or a number, of the training data (missing categories: the most frequent; \
      default: a missing value is an error).
      """,
    transform: Self.method)
  var impute: Imputation.Method?
  @Option(help: "Add the products of up to so many features (default: 1, none).")
  var polynomial: Int?
  @Option(help: "standardize, minMax, robust, maxAbs or none (default: minMax for digits, else standardize).")
  var scaling: Scaling.Method?
  @Option(help: "Standardise by the population's or the sample's deviation (default: population).")
  var deviation: Scaling.Deviation?

  private static func method(_ text: String) throws -> Imputation.Method {
    guard let method = Imputation.Method(text) else {
      throw ValidationError("'\(text)' is none of mean, median, mode or a number")
    }
    return method
  }

  func check() throws {
    if let polynomial { try require((1...20).contains(polynomial), "--polynomial \(polynomial): expected 1 to 20.") }
    try require(
      deviation == nil || scaling == nil || scaling == .standardize,
      "--deviation: this is for --scaling standardize.")
  }

  /// The options with whether they are given.
  var given: [(option: String, isGiven: Bool)] {
    [
      ("--impute", impute != nil), ("--polynomial", polynomial != nil), ("--scaling", scaling != nil),
      ("--deviation", deviation != nil),
    ]
  }

  func apply(to run: inout RunConfiguration) {
    run.imputation = impute
    if let polynomial { run.polynomialDegree = polynomial }
    run.scaling = scaling
    if let deviation { run.deviation = deviation }
  }
}
