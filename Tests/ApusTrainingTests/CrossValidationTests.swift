import Apus
import Testing

@Suite("P5: cross-validation and searches") struct CrossValidationTests {
  @Test("P5: a model is trained anew for each fold") func crossValidation() throws {
    let data = try Dataset.iris()
    var parts: [(Int, Int)] = []
    let found = try CrossValidation(data, folds: .stratified(5, seed: 1)) { training, test in
      parts.append((training.count, test.count))
      // The nearest mean: enough for irises.
      let means = (0..<3).map { label in
        training.selecting(training.targets.ints.indices.filter { training.targets.ints[$0] == label }).features
          .mean(axes: [0])
      }
      let distances = stack(means.map { square(test.features - $0).sum(axes: [1]) }, axis: 1)
      return Metric.accuracy(-distances, target: test.targets)
    }
    #expect(parts.count == 5 && parts.allSatisfy { $0 == (120, 30) })
    #expect(found.scores.count == 5 && found.mean > 0.88 && found.mean < 0.97)
    #expect(CrossValidation(scores: [1, 2, 3]).mean == 2 && CrossValidation(scores: [1, 2, 3]).deviation == 1)
    #expect(CrossValidation(scores: [0.5, 1]).description == "0.7500 ± 0.3536 over 2 folds: 0.5000, 1.0000")
  }

  @Test("P5: the best of a grid; NaN is never best, the first of equals is") func search() {
    let search = ModelSearch(grid([1.0, 2, 3], ["a", "b"])) { $0.0 == 1 ? .nan : -abs($0.0 - 2.2) }
    #expect(search.best?.choice.0 == 2 && search.best?.choice.1 == "a")
    #expect(search.results.count == 6 && search.results.suffix(2).allSatisfy(\.score.isNaN))
    #expect(ModelSearch([Int]()) { _ in 0 }.best == nil)
    #expect(
      grid([1, 2], [3], [4, 5]).map { [$0.0, $0.1, $0.2] } == [[1, 3, 4], [1, 3, 5], [2, 3, 4], [2, 3, 5]])
  }

  @Test("P5: random choices spread over all magnitudes") func randomSearch() {
    var random = RandomSource(seed: 3)
    let values = (0..<3000).map { _ in random.logUniform(in: 1e-4...1e-1) }
    #expect(values.allSatisfy { (1e-4...1e-1).contains($0) })
    for decade in [1e-4, 1e-3, 1e-2] {
      let share = Double(values.filter { $0 >= decade && $0 < 10 * decade }.count) / 3000
      #expect(abs(share - 1.0 / 3) < 0.04)
    }
  }

  @Test("M8: a learning curve over sizes, a validation curve over settings") func series() throws {
    let (train, test) = try Dataset.digits().split(testFraction: 0.2, seed: 1)
    let curve = ScoreSeries.learningCurve(train, test: test, sizes: [10, 100, 5000]) {
      (Double($0.count), Double($1.count))
    }
    #expect(curve.points.map(\.setting) == [10, 100, Double(train.count)])
    #expect(curve.points.map(\.training) == [10, 100, Double(train.count)])
    let learnt = try ScoreSeries.learningCurve(train, test: test, sizes: [20, 200, 1200]) { part, test in
      let model = try SoftmaxRegression(l2: 1).fitted(to: part)
      return (try model.score(part), try model.score(test))
    }
    let scores = learnt.points.map(\.test)
    #expect(scores[0] < scores[1] && scores[1] < scores[2] && scores[2] > 0.9, "more data, better: \(scores)")
    let settings = ScoreSeries.validationCurve(of: [0.1, 1]) { ($0, 1 - $0) }
    #expect(settings.points.map(\.test) == [0.9, 0])
  }
}
