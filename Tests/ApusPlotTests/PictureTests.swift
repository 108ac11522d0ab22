import Apus
import Testing

@testable import ApusPlot

@Suite struct PictureTests {
  private func history(_ losses: [Double], validation: [Double]? = nil) throws -> History {
    let accuracies = [0.6, 0.61, 0.62]
    let lines = losses.indices.map { i in
      let checked = validation.map { "\($0[i]),0.7" } ?? ","
      return "\(i + 1),\(losses[i]),\(accuracies[i]),\(checked),0.1"
    }
    let header = "epoch,loss,accuracy,validation_loss,validation_accuracy,seconds"
    return try History(csv: ([header] + lines).joined(separator: "\n"), source: "history")
  }

  @Test("M8: scores over the number of examples, over a setting") func scoreSeries() throws {
    let series = ScoreSeries.validationCurve(of: [0.01, 1, 100]) { (1 - $0 / 200, 0.8) }
    let chart = Chart.scores(series, title: "Penalty", setting: "λ", score: "accuracy", scale: .logarithmic)
    let lines = chart.marks.compactMap { $0 as? LineMark }
    #expect(lines.map(\.name) == ["training", "test"])
    #expect(lines[0].points.map(\.x) == [0.01, 1, 100] && lines[0].points.map(\.y) == [0.99995, 0.995, 0.5])
    #expect(texts(chart).contains("λ") && texts(chart).contains("accuracy"))
  }

  @Test func lossCurvesShowBothLosses() throws {
    let chart = Chart.lossCurves(try history([2, 1.5, 1.2], validation: [2.1, .nan, 1.3]))
    let lines = chart.marks.compactMap { $0 as? LineMark }
    #expect(lines.map(\.name) == ["training", "validation"])
    #expect(lines[0].points == [Point(1, 2), Point(2, 1.5), Point(3, 1.2)] && lines[1].points[1].y.isNaN)
    #expect(chart.y.scale == .linear)
    let shown = texts(chart)
    for text in ["Loss", "epoch", "loss", "training", "validation", "1.4", "2", "3"] {
      #expect(shown.contains(text), "\(text)")
    }
    #expect(!texts(Chart.lossCurves(try history([2, 1]))).contains("validation"))
    // Over several powers of ten.
    #expect(Chart.lossCurves(try history([2, 0.5, 0.01])).y.scale == .logarithmic)
    #expect(Chart.lossCurves(try history([2, 0.5, 0])).y.scale == .linear)
    #expect(Chart.lossCurves(try history([.nan])).svg.contains("Loss"))
  }

  @Test func metricsEndAtOne() throws {
    let chart = Chart.metricCurves(try history([2, 1, 1]), metric: "accuracy")
    #expect(chart.title == "Accuracy" && chart.y.range == 0.5...1)
    #expect(chart.marks.compactMap { $0 as? LineMark }[0].points.map(\.y) == [0.6, 0.61, 0.62])
  }

  @Test func confusionMatrixHoldsTheNumbers() throws {
    let report = ClassificationReport(
      labels: [0, 0, 0, 1, 1, 2], predictions: [0, 0, 2, 1, 0, 2], classNames: ["cat", "dog", "eel"])
    let chart = Chart.confusionMatrix(report)
    let elements = try #require(SVGElement.all(chart.svg))
    let space = ChartLayout(chart, in: Rectangle(x: 0, y: 0, width: chart.width, height: chart.height)).space
    // The true class goes down, the predicted one to the right: of 3 cats one was taken for an eel.
    let two = try #require(elements.first { $0.text == "2" && $0.attributes["font-size"] == "13" })
    #expect(abs(two.number("x") - (space.frame.x + space.frame.width / 6)) < 0.02)
    #expect(abs(two.number("y") - (space.frame.y + space.frame.height / 6)) < 6)
    #expect(elements.contains { $0.text == "accuracy 0.6667 on 6 examples" })
    for text in ["cat", "dog", "eel"] { #expect(elements.filter { $0.text == text }.count == 2) }
    let cells = try #require(chart.marks[0] as? CellMark)
    let key = try #require(cells.colorKey)
    #expect(cells.colors[0] == key.map(2.0 / 3) && cells.colors[2] == key.map(1.0 / 3) && cells.colors[1] == key.map(0))
  }

  @Test func curvesOfAllThresholds() {
    let (scores, labels) = ([0.9, 0.8, 0.4, 0.3], [true, false, true, false])
    #expect(texts(Chart.rocCurve(ROCCurve(scores: scores, labels: labels))).contains("area 0.7500"))
    let curve = PrecisionRecallCurve(scores: scores, labels: labels)
    let chart = Chart.precisionRecallCurve([("mine", curve)])
    #expect(texts(chart).contains("mine, average precision 0.8333"))
    let line = chart.marks.compactMap { $0 as? LineMark }.last!
    #expect(line.points.prefix(4) == [Point(0, 1), Point(0.5, 1), Point(0.5, 0.5), Point(0.5, 0.5)])
  }

  @Test func theBoundaryOfALinearClassifierIsItsLine() throws {
    let model = Dense(2, 1)
    model.weight.value = Tensor([[1, -2]] as [[Float]])
    model.bias!.value = Tensor([0.25] as [Float])
    var random = RandomSource(seed: 1)
    let x = Tensor.randomUniform([40, 2], in: -1..<1, using: &random)
    let labels = (model(x)[.all, 0] .> 0).cast(to: .int32)
    let data = Dataset(
      "points", features: x, targets: labels, kind: .classes(["no", "yes"]), featureNames: ["u", "v"])
    let chart = try Chart.decisionBoundary(of: model, data)
    let contour = try #require(chart.marks.compactMap { $0 as? ContourMark }.first)
    let line = contour.field.contours(at: 0)
    // σ(z) − (1 − σ(z)) is close to a straight line between neighbours.
    #expect(line.count == 1 && line[0].allSatisfy { abs($0.x - 2 * $0.y + 0.25) < 1e-4 })
    #expect(chart.marks.compactMap { $0 as? PointMark }.map(\.name) == ["no", "yes"])
    #expect(texts(chart).contains("u") && texts(chart).contains("v"))
    // Far from the line the ground has the class's colour.
    let cells = try #require(chart.marks[0] as? CellMark)
    #expect(
      cells.colors[219].red > cells.colors[219].blue && cells.colors[159 * 220].blue > cells.colors[159 * 220].red)
  }

  @Test func threeClassesHaveBoundaries() throws {
    let data = try Dataset(named: "spiral")
    let model = withSeed(1) { Dense(2, 3) }
    let chart = try Chart.decisionBoundary(of: model, data)
    #expect(chart.marks.compactMap { $0 as? ContourMark }.count == 3 && chart.marks.count == 7)
  }

  @Test func gradientFlowShowsNorms() throws {
    let model = withSeed(1) {
      Sequential {
        Dense(3, 4, activation: .tanh)
        Dense(4, 2, hasBias: false)
      }
    }
    let (_, gradients) = valueWithGradient(of: model) { square($0(Tensor.ones([2, 3]))).mean() }
    let chart = Chart.gradientFlow(of: model, gradients)
    let bars = chart.marks.compactMap { $0 as? BarMark }
    #expect(bars.map(\.name) == ["weight", "bias"] && chart.x.categories == ["0", "1"])
    let norms = gradients.tensors.map { $0.cast(to: .float64).norm().item }
    #expect(bars[0].values == [norms[0], norms[2]] && bars[1].values[0] == norms[1] && bars[1].values[1].isNaN)
    #expect(chart.y.range!.contains(norms.min()!) && chart.y.range!.contains(norms.max()!))
  }

  @Test func everyActivationWithItsDerivative() throws {
    for activation in Activation.all {
      let chart = Chart.activation(activation)
      let lines = chart.marks.compactMap { $0 as? LineMark }
      #expect(lines.map(\.name) == ["f(x)", "f′(x)"] && lines[0].points.count >= 1001, "\(activation)")
      // The slope of the curve, away from kinks and jumps.
      let (f, slope) = (lines[0].points.filter { !$0.y.isNaN }, lines[1].points.filter { !$0.y.isNaN })
      for i in [40, 150, 333, 444, 620, 760, 940] {
        let found = (f[i + 1].y - f[i - 1].y) / (f[i + 1].x - f[i - 1].x)
        #expect(abs(found - slope[i].y) < 1e-4 * max(1, abs(slope[i].y)), "\(activation) at \(f[i].x)")
      }
    }
    let step = Chart.activation(.step).marks.compactMap { $0 as? LineMark }[0]
    #expect(step.points.filter { $0.y.isNaN }.count == 1)
    #expect(
      texts(Chart.activation(.gelu)).contains("x Φ(x)")
        && texts(Chart.activation(.tanh)).contains("(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"))
    #expect(Sheet.activations().pictures.count == Activation.all.count)
  }

  @Test("F7: contours of a cost with the ways of optimisers") func costContoursWithPaths() throws {
    let field = Field(x: -1...1, y: -1...1) { x, y in 1 + x * x + 10 * y * y }
    let chart = Chart.costContours(field, x: "w", y: "b", paths: [("batch", [Point(0.9, 0.5), Point(0, 0)])])
    let contours = try #require(chart.marks.compactMap { $0 as? ContourMark }.first)
    #expect(contours.levels.count >= 8 && contours.levels.allSatisfy { $0 > 1 && $0 < 12 })
    #expect(texts(chart).contains("batch") && texts(chart).contains("cost") && texts(chart).contains("w"))
  }

  // MARK: Images

  @Test func weightsAreShownUnitByUnit() throws {
    let model = Sequential {
      Dense(9, 4, activation: .relu)
      Dense(4, 2)
    }
    let weight = Tensor((0..<36).map { Float($0) - 10 }, shape: [4, 9])
    (model[0] as? Dense)?.weight.value = weight
    let grid = try #require(ImageGrid.weights(of: model))
    #expect(grid.images.count == 4 && grid.images[0].width == 3 && grid.subtitle == "0.weight")
    let key = try #require(grid.key)
    #expect(key.range == -25...25)
    #expect(grid.images[3][2, 2] == ColorMap.diverging(1) && grid.images[1][1, 0] == ColorMap.diverging(0.5))
    #expect(ImageGrid.weights(of: model, most: 3)?.subtitle == "0.weight, 3 of 4")
    #expect(ImageGrid.weights(of: model, imageShape: [1, 9])?.images[0].width == 9)
    #expect(ImageGrid.weights(of: model, imageShape: [2, 4]) == nil && ImageGrid.weights(of: Dense(10, 2)) == nil)
    #expect(ImageGrid.weights(of: Dropout(0.1)) == nil)
  }

  @Test("M2: filters of convolutions as pictures") func filtersOfConvolutions() {
    #expect(ImageGrid.filters(.ones([6, 3, 5, 1])).images.count == 6)
    let colored = ImageGrid.filters(.ones([6, 3, 5, 3]))
    #expect(colored.images.count == 6 && colored.key == nil && colored.images[0].height == 3)
    #expect(ImageGrid.filters(.ones([4, 3, 3, 8]), most: 20).subtitle == "20 of 32")
    // Weights from a file may be no numbers.
    let odd = Tensor([.nan, .infinity, 0, 2] as [Float], shape: [1, 2, 2, 1])
    #expect(
      ImageGrid.filters(odd).key?.range == -2...2 && ImageGrid.filters(.zeros([1, 2, 2, 1])).key?.range == -1...1)
    _ = Chart.weightMatrix(odd.reshaped([2, 2]), inputs: ["a", "b"]).svg
  }

  @Test func imagesOfTensors() {
    let gray = Bitmap(Tensor([[0, 1], [2, 4]] as [[Float]]))
    #expect(gray[0, 0] == .black && gray[1, 1] == .white && gray[0, 1] == Color(gray: 0.5))
    let colored = Bitmap(Tensor([0, 0.5, 1, 2, -1, .nan] as [Float], shape: [1, 2, 3]), range: 0...1)
    #expect(colored[0, 0] == Color(0x0080FF) && colored[1, 0] == Color(0xFF0000))
    #expect(Bitmap(Tensor.ones([1, 1, 1]))[0, 0] == Color(gray: 0.5))
  }

  @Test func gridsOfImages() throws {
    let images = Tensor((0..<32).map { Float($0) }, shape: [8, 2, 2])
    let grid = ImageGrid.samples(images, captions: (0..<8).map { "c\($0)" }, columns: 4)
    let elements = try #require(SVGElement.all(grid.svg))
    #expect(elements.filter { $0.name == "image" }.count == 8 && elements.contains { $0.text == "c7" })
    #expect(elements.filter { $0.name == "image" }.allSatisfy { $0.number("x") + $0.number("width") < grid.width })
    // One range for all of them.
    #expect(grid.images[0][0, 0] == .black && grid.images[7][1, 1] == .white)
    let pairs = ImageGrid.reconstructions(images, images * 2)
    #expect(pairs.images.count == 16 && pairs.columns == 8 && pairs.images[15][0, 0] == .white)
    let maps = ImageGrid.attributions(images, maps: images - 8)
    #expect(maps.images[8][0, 0] == ColorMap.diverging(0) && maps.images[8 + 2][0, 0] == ColorMap.diverging(0.5))
  }

  @Test func featureMapsOfEveryLayer() throws {
    let model = withSeed(1) {
      Sequential {
        Dense(3, 5, activation: .relu)
        ActivationLayer(.tanh)
        Flatten()
        Dense(20, 2)
      }
    }
    // The first layers see (1, 2, 2, 3): a picture of 2 x 2 with 5 channels.
    let sheet = Sheet.featureMaps(of: model, .ones([1, 2, 2, 3]))
    let grids = sheet.pictures.compactMap { $0 as? ImageGrid }
    #expect(grids.map(\.images.count) == [5, 5, 1, 1] && grids[0].title == "0: Dense(3, 5, activation: .relu)")
    #expect(grids[0].images[0].width == 2 && grids[2].images[0].width == 20)
    #expect(SVGElement.all(sheet.svg) != nil)
  }

  @Test("M7: projections of representations by class") func projectionsByClass() {
    let chart = Chart.projection(
      Tensor([[0, 0], [1, 1], [2, 0]] as [[Double]]), labels: [0, 2, 2], classNames: ["a", "b", "c"], title: "plane")
    let marks = chart.marks.compactMap { $0 as? PointMark }
    #expect(marks.map(\.name) == ["a", "c"] && marks[1].points == [Point(1, 1), Point(2, 0)])
    // A class keeps its colour, whoever else is there.
    #expect(marks[1].marker == .series(2) && marks[1].color.hexadecimal == Color.series(2).hexadecimal)
  }

  @Test func sheetsPlaceTheirPictures() {
    let chart = Chart.activation(.relu, width: 200, height: 150)
    let sheet = Sheet([chart, chart, chart], title: "three", columns: 2)
    #expect(sheet.width == 400 && sheet.height == 334 && texts(sheet).filter { $0 == "relu" }.count == 3)
    #expect(Sheet([]).svg.contains("<svg"))
  }
}
