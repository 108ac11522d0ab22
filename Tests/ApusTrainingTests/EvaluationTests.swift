import Apus
import ApusTestSupport
import Foundation
import Testing

/// Scores against scikit-learn's of predictions that are hard to score; `Fixtures/make_evaluation.py` made them.
@Suite("P2: scores as scikit-learn computes them") struct EvaluationTests {
  private static let fixture: Result<ApusTestSupport.JSON, any Error> = Result {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/evaluation.json")
    return try ApusTestSupport.JSON(String(decoding: try Data(contentsOf: file), as: UTF8.self))
  }

  private func cases(_ family: String) throws -> [ApusTestSupport.JSON] {
    let cases = try #require(try Self.fixture.get()[family]?.array)
    #expect(cases.count >= 3)
    return cases
  }

  private func isNear(_ found: Double?, _ expected: ApusTestSupport.JSON?) -> Bool {
    guard let expected = expected?.number else { return found == nil || found!.isNaN }
    guard let found else { return false }
    return abs(found - expected) <= 1e-9 * max(1, abs(expected))
  }

  private func isNear(_ found: [Double], _ expected: ApusTestSupport.JSON?) -> Bool {
    guard let expected = expected?.array, expected.count == found.count else { return false }
    return zip(found, expected).allSatisfy { isNear($0, $1) }
  }

  @Test("P2: confusion matrix, averages, Matthews' correlation, kappa") func classification() throws {
    for test in try cases("classification") {
      let classes = try #require(test["classes"]?.int)
      let report = ClassificationReport(
        labels: try #require(test["labels"]?.array).compactMap(\.int),
        predictions: try #require(test["predictions"]?.array).compactMap(\.int),
        classNames: (0..<classes).map(String.init))
      #expect(isNear(report.accuracy, test["accuracy"]))
      #expect(abs(report.errorRate + report.accuracy - 1) < 1e-15)
      #expect(isNear(report.balancedAccuracy, test["balanced"]))
      #expect(isNear(report.matthewsCorrelation, test["mcc"]))
      #expect(isNear(report.kappa, test["kappa"]))
      for average in Average.allCases {
        let scores: [(BinaryCounts) -> Double?] = [
          \.precision, \.recall, \.f1, { $0.fScore(beta: 0.5) }, \.jaccard,
        ]
        #expect(isNear(scores.map { report.counts.average(average, of: $0) }, test[average.rawValue]), "\(average)")
      }
    }
  }

  @Test("P2: the receiver operating characteristic and average precision, with ties") func curves() throws {
    for test in try cases("curves") {
      let truth = try #require(test["truth"]?.array).compactMap(\.bool)
      let curve = ScoreCurve(scores: try #require(test["scores"]?.array).compactMap(\.number), isPositive: truth)
      #expect(isNear(curve.points.compactMap(\.falsePositiveRate), test["fpr"]))
      #expect(isNear(curve.points.compactMap(\.truePositiveRate), test["tpr"]))
      #expect(isNear(curve.points.dropFirst().map(\.threshold), test["thresholds"]))
      #expect(curve.points[0].threshold == .infinity)
      #expect(isNear(curve.areaUnderROC, test["auc"]) && isNear(curve.averagePrecision, test["ap"]))
    }
    let single = ScoreCurve(scores: [0.5, 0.25], isPositive: [true, true])
    #expect(single.areaUnderROC == nil && single.averagePrecision == 1)
    #expect(single.points.allSatisfy { $0.falsePositiveRate == nil })
    #expect(ScoreCurve(scores: [], isPositive: []).averagePrecision == nil)
  }

  @Test("P2: log-loss, Brier score, top-k, areas of several classes") func classScores() throws {
    for test in try cases("classScores") {
      let rows = try #require(test["scores"]?.array).map { $0.array!.compactMap(\.number) }
      let scores = ClassScores(rows, labels: try #require(test["labels"]?.array).compactMap(\.int))
      #expect(isNear(scores.logLoss(), test["logLoss"]) && isNear(scores.brierScore, test["brier"]))
      #expect(isNear((1..<scores.classCount).map { scores.topAccuracy($0) }, test["top"]))
      #expect(scores.topAccuracy(scores.classCount) == 1)
      for average in Average.allCases {
        #expect(isNear(scores.areaUnderROC(average), test["auc"]?[average.rawValue]), "\(average)")
        #expect(isNear(scores.averagePrecision(average), test["ap"]?[average.rawValue]), "\(average)")
      }
      #expect(isNear(scores.pairwiseAreaUnderROC, test["pairwise"]))
    }
    let absent = ClassScores([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], labels: [0, 1])
    #expect(absent.areaUnderROC() == nil && absent.pairwiseAreaUnderROC == nil)
  }

  @Test("P2: several labels at once") func multiLabel() throws {
    for test in try cases("multiLabel") {
      func rows(_ key: String) throws -> [[Bool]] {
        try #require(test[key]?.array).map { $0.array!.compactMap(\.bool) }
      }
      let report = MultiLabelReport(truth: try rows("truth"), predictions: try rows("predictions"))
      #expect(isNear(report.subsetAccuracy, test["subset"]) && isNear(report.hammingLoss, test["hamming"]))
      let scores: [(BinaryCounts) -> Double?] = [\.precision, \.recall, \.f1]
      for average in Average.allCases {
        #expect(isNear(scores.map { report.average(average, of: $0) }, test[average.rawValue]), "\(average)")
      }
      #expect(isNear(scores.map { report.exampleAverage(of: $0) }, test["samples"]))
    }
  }

  @Test("P2: errors of predicted numbers") func regression() throws {
    for test in try cases("regression") {
      let report = RegressionReport(
        truth: try #require(test["truth"]?.array).compactMap(\.number),
        predictions: try #require(test["predictions"]?.array).compactMap(\.number))
      #expect(isNear(report.meanSquaredError, test["mse"]) && isNear(report.meanAbsoluteError, test["mae"]))
      #expect(isNear(report.medianAbsoluteError, test["median"]) && isNear(report.maxError, test["max"]))
      #expect(isNear(report.meanAbsolutePercentageError, test["mape"]))
      #expect(isNear(report.r2, test["r2"]) && isNear(report.explainedVariance, test["explained"]))
      #expect(report.rootMeanSquaredError * report.rootMeanSquaredError >= 0.999999 * report.meanSquaredError)
    }
    #expect(RegressionReport(truth: [1], predictions: [2]).r2.isNaN)
  }

  @Test("P4: bias and variance in words, with numbers") func biasAndVariance() {
    let reading = BiasVarianceReading(trainingError: 0.01, validationError: 0.11)
    #expect(!reading.isBiasHigh && reading.isVarianceHigh)
    #expect(
      reading.description
        == "training error 1.0%, validation error 11.0%, attainable 0.0%: high variance: try more data, "
        + "regularisation or a smaller network")
    let both = BiasVarianceReading(trainingError: 0.15, validationError: 0.3)
    #expect(both.isBiasHigh && both.isVarianceHigh && both.description.contains("high bias and high variance"))
    // What people cannot do better is no bias.
    #expect(!BiasVarianceReading(trainingError: 0.15, validationError: 0.16, attainableError: 0.14).isBiasHigh)
  }
}
