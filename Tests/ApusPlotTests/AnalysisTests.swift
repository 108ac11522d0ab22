import Apus
import ApusTestSupport
import Testing

@testable import ApusPlot

/// The numbers behind pictures, against scikit-learn, NumPy and SciPy.
@Suite struct AnalysisTests {
  private let fixture: PictureFixture

  init() throws { fixture = try PictureFixture.load() }

  private func tensor(_ elements: [Double], _ shape: [Int]) -> Tensor { Tensor(elements, shape: Shape(shape)) }

  private func expectClose(
    _ found: [Double], _ expected: [Double], _ tolerance: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let difference = firstDifference(found, expected, tolerance: tolerance)
    #expect(difference == nil, "\(difference ?? "")", sourceLocation: sourceLocation)
  }

  // MARK: Curves of all thresholds

  @Test func rocCurvesWithTies() {
    for case let ranking in fixture.rankings {
      let curve = ROCCurve(scores: ranking.scores, labels: ranking.labels)
      expectClose(curve.falsePositiveRates, ranking.fpr, 1e-14)
      expectClose(curve.truePositiveRates, ranking.tpr, 1e-14)
      #expect(curve.thresholds == [.infinity] + ranking.thresholds)
      #expect(abs(curve.area - ranking.area) < 1e-14)
    }
  }

  @Test func precisionRecallCurvesWithTies() {
    for case let ranking in fixture.rankings {
      let curve = PrecisionRecallCurve(scores: ranking.scores, labels: ranking.labels)
      // scikit-learn leaves out what follows after all positives are found; the rest must be equal.
      #expect(curve.thresholds.prefix(ranking.cuts.count) == ranking.cuts[...])
      expectClose(Array(curve.precisions.prefix(ranking.precision.count)), ranking.precision, 1e-14)
      expectClose(Array(curve.recalls.prefix(ranking.recall.count)), ranking.recall, 1e-14)
      #expect(curve.recalls.dropFirst(ranking.recall.count).allSatisfy { $0 == 1 })
      #expect(abs(curve.averagePrecision - ranking.averagePrecision) < 1e-14)
    }
  }

  @Test func curvesDoNotDependOnTheOrder() {
    var random = RandomSource(seed: 4)
    let pairs = zip(fixture.rankings[1].scores, fixture.rankings[1].labels).shuffled(using: &random)
    #expect(
      ROCCurve(scores: pairs.map(\.0), labels: pairs.map(\.1))
        == ROCCurve(scores: fixture.rankings[1].scores, labels: fixture.rankings[1].labels))
  }

  @Test func curvesOfOneClass() {
    let curve = ROCCurve(scores: [1, 2], labels: [true, true])
    #expect(curve.area.isNaN && curve.truePositiveRates == [0, 0.5, 1])
    #expect(PrecisionRecallCurve(scores: [1, .nan], labels: [false, true]).thresholds == [1, -.infinity])
    #expect(ROCCurve(scores: [], labels: []).thresholds == [.infinity])
  }

  // MARK: Principal components

  @Test func principalComponentsAreThoseOfTheSVD() {
    for expected in fixture.components {
      let x = tensor(expected.x, expected.shape)
      let found = PrincipalComponents(x, count: expected.count)
      expectClose(found.components.doubles, expected.components, 1e-9)
      expectClose(found.variances, expected.variances, 1e-10)
      expectClose(found.varianceShares, expected.shares, 1e-10)
      expectClose(found(x).doubles, expected.coordinates, 1e-8)
    }
  }

  @Test func allComponentsGiveTheDataBack() {
    let expected = fixture.components[0]
    let x = tensor(expected.x, expected.shape)
    let found = PrincipalComponents(x, count: 5)
    expectClose(found.inverted(found(x)).doubles, expected.x, 1e-11)
    let product = found.components • found.components.transposed()
    expectClose(product.doubles, Tensor.identity(5, dtype: .float64).doubles, 1e-12)
  }

  @Test func componentsOfDataWithoutVariance() {
    let flat = PrincipalComponents(Tensor.ones([4, 3]), count: 2)
    #expect(flat.variances == [0, 0] && flat.varianceShares.allSatisfy { $0.isNaN })
    #expect(flat(Tensor.ones([4, 3])).doubles.allSatisfy { $0 == 0 })
    // On a line in many dimensions the second component is any direction across.
    let line = (0..<20).flatMap { i in (0..<40).map { Double(i * ($0 % 3)) } }
    let found = PrincipalComponents(tensor(line, [20, 40]), count: 2)
    #expect(abs(found.varianceShares[0] - 1) < 1e-12 && found.variances[1] < 1e-10)
    let product = found.components • found.components.transposed()
    expectClose(product.doubles, [1, 0, 0, 1], 1e-10)
  }

  @Test func eigenvectorsOfASymmetricMatrix() {
    var random = RandomSource(seed: 8)
    let a = Tensor.randomNormal([9, 9], dtype: .float64, using: &random)
    let matrix = a + a.transposed()
    let (values, vectors) = symmetricEigenvectors(matrix)
    #expect(values == values.sorted(by: >))
    expectClose((matrix • vectors).doubles, (vectors * Tensor(values)).doubles, 1e-12)
    expectClose((vectors.transposed() • vectors).doubles, Tensor.identity(9, dtype: .float64).doubles, 1e-13)
  }

  // MARK: t-SNE

  @Test func affinitiesHaveThePerplexity() {
    for expected in fixture.tsne {
      let p = TSNE(perplexity: expected.perplexity).affinities(tensor(expected.x, expected.shape))
      expectClose(p.doubles, expected.affinities, 1e-11)
      #expect(abs(p.sum().item - 1) < 1e-14)
      let y = tensor(expected.y, [expected.shape[0], 2])
      #expect(abs(TSNE.divergence(p, y) - expected.divergence) < 1e-10)
    }
  }

  @Test func theGradientIsThatOfTheDivergence() {
    let expected = fixture.tsne[1]
    let p = TSNE(perplexity: expected.perplexity).affinities(tensor(expected.x, expected.shape))
    let y = expected.y
    let found = TSNE.gradient(p, tensor(y, [15, 2])).doubles
    for i in y.indices {
      let step = 1e-5
      let sides = [step, -step].map { change -> Double in
        var moved = y
        moved[i] += change
        return TSNE.divergence(p, tensor(moved, [15, 2]))
      }
      #expect(abs((sides[0] - sides[1]) / (2 * step) - found[i]) < 1e-8)
    }
  }

  @Test func clustersStayTogether() {
    var random = RandomSource(seed: 2)
    let centers = [[0.0, 0, 0, 0, 0], [9, 0, 0, 0, 0], [0, 0, 9, 0, 9]]
    let noise = Tensor.randomNormal([60, 5], dtype: .float64, using: &random)
    let x = stack((0..<60).map { Tensor(centers[$0 % 3]) }) + noise
    var divergences: [Double] = []
    let y = TSNE(perplexity: 10, iterations: 500).embed(x) { divergences.append($1) }
    #expect(y.shape == [60, 2] && divergences.count == 10)
    // While neighbours attract each other more than they should the divergence is no measure; from then on it falls.
    let late = divergences.dropFirst(3)
    #expect(
      zip(late, late.dropFirst()).allSatisfy { $1 <= $0 + 1e-9 } && late.last! < 0.7 * divergences[0], "\(divergences)")
    let points = stride(from: 0, to: 120, by: 2).map { Point(y.doubles[$0], y.doubles[$0 + 1]) }
    for i in 0..<60 {
      let nearest = (0..<60).filter { $0 != i }.min { length(points[$0] - points[i]) < length(points[$1] - points[i]) }!
      #expect(nearest % 3 == i % 3)
    }
  }

  @Test func embeddingsAreDeterministic() {
    let x = tensor(fixture.tsne[0].x, fixture.tsne[0].shape)
    let tsne = TSNE(perplexity: 5, iterations: 60, seed: 3)
    let first = tsne.embed(x).doubles
    #expect(first == tsne.embed(x).doubles)
    #expect(first != TSNE(perplexity: 5, iterations: 60, seed: 4).embed(x).doubles)
    #expect(
      TSNE(perplexity: 5, iterations: 60).embed(x).doubles == TSNE(perplexity: 5, iterations: 60).embed(x).doubles)
    let threads = Threads.count
    defer { Threads.count = threads }
    Threads.count = 1
    #expect(first == tsne.embed(x).doubles)
  }

  @Test func equalPointsHaveAffinitiesToo() {
    let p = TSNE(perplexity: 3).affinities(.ones([8, 2]))
    expectClose(p.doubles, (0..<64).map { $0 / 8 == $0 % 8 ? 0 : 1.0 / 56 }, 1e-14)
    #expect(TSNE(perplexity: 3, iterations: 20).embed(.ones([8, 2])).doubles.allSatisfy { $0.isFinite })
  }

  // MARK: Attribution

  /// Of a linear model both are known: the weights, and what the covered inputs contribute.
  @Test("D21: how much each input counts") func attributionsOfALinearModel() throws {
    let model = Dense(16, 3, dtype: .float64)
    var random = RandomSource(seed: 6)
    let x = Tensor.randomNormal([2, 16], dtype: .float64, using: &random)
    let weight = model.weight.value
    #expect(saliency(of: model, at: x, class: 1).doubles == abs(weight[1]).doubles + abs(weight[1]).doubles)
    let predicted = model(x).argMax(axis: 1).ints
    #expect(saliency(of: model, at: x).doubles == predicted.flatMap { abs(weight[$0]).doubles })
    let drops = try occlusion(of: model, at: x[0], imageShape: [4, 4], class: 2, patch: 2)
    #expect(drops.shape == [3, 3])
    let share = (weight[2] * x[0]).reshaped([4, 4])
    for row in 0..<3 {
      for column in 0..<3 {
        let expected = share[row..<row + 2, column..<column + 2].sum().item
        #expect(abs(drops[row, column].item - expected) < 1e-12)
      }
    }
    let steps = try occlusion(of: model, at: x[0], imageShape: [2, 4, 2], patch: 1, step: 3, filling: 1)
    #expect(steps.shape == [1, 2])
    #expect(throws: TrainingError.self) { try occlusion(of: model, at: x[0][0..<9], imageShape: [3, 3]) }
  }

  @Test func attributionsOfASingleLogit() throws {
    let model = Dense(4, 1)
    let x = Tensor.ones([3, 4])
    let expected = abs(model.weight.value[0]).floats
    #expect(saliency(of: model, at: x).floats == expected + expected + expected)
    #expect(try occlusion(of: model, at: x[0], imageShape: [2, 2], patch: 2).shape == [1, 1])
  }

  // MARK: Surfaces

  @Test("F4, F6, F7: the cost of a line, and gradient descent over it by batch and by example") func theCostOfALine() {
    let x = [1.0, 2, 4]
    let y = [2.0, 1, 3]
    let model = Dense(1, 1, dtype: .float64)
    let data = Dataset("line", features: tensor(x, [3, 1]), targets: tensor(y, [3, 1]), kind: .numbers(["y"]))
    let before = [model.weight.value.doubles, model.bias!.value.doubles]
    let surface = CostSurface(model, loss: .meanSquaredError, data: data, x: (model.weight, 0), y: (model.bias!, 0))
    func cost(_ w: Double, _ b: Double) -> Double {
      zip(x, y).reduce(0) { $0 + (w * $1.0 + b - $1.1) * (w * $1.0 + b - $1.1) / 3 }
    }
    #expect(abs(surface(Point(0.5, -1)) - cost(0.5, -1)) < 1e-13)
    let field = surface.field(x: -1...1, y: 0...2, columns: 5, rows: 3)
    #expect(abs(field[4, 1] - cost(1, 1)) < 1e-13 && abs(field[0, 2] - cost(-1, 2)) < 1e-13)
    // Gradient descent by hand.
    var (w, b) = (2.0, -1.0)
    var expected = [Point(w, b)]
    for _ in 0..<4 {
      let errors = zip(x, y).map { w * $0 + b - $1 }
      let dw = zip(errors, x).reduce(0) { $0 + 2 * $1.0 * $1.1 / 3 }
      let db = errors.reduce(0) { $0 + 2 * $1 / 3 }
      (w, b) = (w - 0.05 * dw, b - 0.05 * db)
      expected.append(Point(w, b))
    }
    let path = surface.path(SGD(learningRate: 0.05), from: Point(2, -1), epochs: 4, batchSize: 3)
    #expect(path.count == 5 && zip(path, expected).allSatisfy { length($0 - $1) < 1e-12 })
    #expect(surface.path(SGD(learningRate: 0.05), from: Point(2, -1), epochs: 2, batchSize: 1).count == 7)
    #expect([model.weight.value.doubles, model.bias!.value.doubles] == before)
  }

  @Test("J4: standardised features make the contours round, and gradient descent quick") func scaledFeatures() throws {
    var random = RandomSource(seed: 2)
    let x = Tensor.randomNormal([200, 1], mean: 3, dtype: .float64, using: &random)
    let both = concatenate([x, Tensor.randomNormal([200, 1], dtype: .float64, using: &random) * 30], axis: 1)
    let y = both • Tensor([[2.0], [-0.1]])
    let data = Dataset("two scales", features: both, targets: y, kind: .numbers(["y"]))
    func surface(_ data: Dataset, _ model: Dense) -> CostSurface {
      CostSurface(model, loss: .meanSquaredError, data: data, x: (model.weight, 0), y: (model.weight, 1))
    }
    let model = Dense(2, 1, hasBias: false, dtype: .float64)
    let raw = surface(data, model).conditionNumber(at: Point(0, 0))
    // The curvature of a mean of squares is 2 XᵀX / m: its eigenvalues by hand.
    let product = ((both.transposed() • both) * (2.0 / 200)).doubles
    let (trace, determinant) = (product[0] + product[3], product[0] * product[3] - product[1] * product[2])
    let root = (trace * trace / 4 - determinant).squareRoot()
    #expect(abs(raw / ((trace / 2 + root) / (trace / 2 - root)) - 1) < 1e-9 && raw > 50)
    let scaled = data.replacing(features: Scaling(.standardize, fittedTo: both)(both))
    let round = surface(scaled, model).conditionNumber(at: Point(0, 0))
    #expect(round >= 1 && round < 1.5)
    // Twenty steps at the best rate for each: 2 / (λmax + λmin).
    func error(_ surface: CostSurface, rate: Double) -> Double {
      surface(surface.path(SGD(learningRate: rate), from: Point(0, 0), epochs: 20, batchSize: 200).last!)
    }
    #expect(error(surface(data, model), rate: 2 / trace) > 1)
    let centred = Dataset("centred", features: scaled.features, targets: y - y.mean(), kind: .numbers(["y"]))
    #expect(error(surface(centred, model), rate: 0.5) < 1e-9)
  }
}
