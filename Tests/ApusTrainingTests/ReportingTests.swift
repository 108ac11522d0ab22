import Testing

@testable import ApusCore
@testable import ApusNN
@testable import ApusTraining

/// Metrics, histories and what is printed while training.
@Suite struct ReportingTests {
  // MARK: Metrics

  @Test("P3: accuracy by the largest logit") func accuracyOfClasses() {
    let logits = Tensor([[1, 3, 2], [0, -1, -2], [5, 5.5, 5.25], [-3, -2, -1]] as [[Float]])
    #expect(Metric.accuracy(logits, target: Tensor([1, 0, 2, 2] as [Int32])) == 0.75)
    #expect(Metric.accuracy(logits, target: Tensor([0, 1, 0, 0] as [Int64])) == 0)
    // Of equal logits the first is taken, as by NumPy.
    #expect(Metric.accuracy(Tensor([[2, 2]] as [[Float]]), target: Tensor([0] as [Int32])) == 1)
  }

  @Test func accuracyOfOneLogit() {
    // A logit of 0 is a probability of one half, which counts as class 1.
    let logits = Tensor([-1, 0, 2, 0.5, -0.1] as [Float])
    for shape in [[5], [5, 1]] {
      for target in [Tensor([0, 1, 0, 1, 0] as [Int32]), Tensor([0, 1, 0, 1, 0] as [Float])] {
        #expect(abs(Metric.accuracy(logits.reshaped(shape), target: target) - 0.8) < 1e-6)
        #expect(abs(Metric.accuracy(logits.reshaped(shape), target: target.reshaped([5, 1])) - 0.8) < 1e-6)
      }
    }
    #expect(Metric.accuracy(.zeros([0, 3]), target: Tensor([] as [Int32])).isNaN)
  }

  @Test func accuracyOfSequences() {
    let logits = Tensor([1, 0, 0, 1, 1, 0, 0, 1] as [Float], shape: [2, 2, 2])
    #expect(Metric.accuracy(logits, target: Tensor([[0, 1], [1, 1]] as [[Int32]])) == 0.75)
  }

  @Test func meanAbsoluteError() {
    let prediction = Tensor([[1], [2], [4]] as [[Float]])
    #expect(Metric.meanAbsoluteError(prediction, target: Tensor([[0], [2], [6]] as [[Float]])) == 1)
    // A vector of targets stands for a column; it must not broadcast to a table.
    #expect(Metric.meanAbsoluteError(prediction, target: Tensor([0, 2, 6] as [Int32])) == 1)
  }

  @Test func ownMetric() {
    let metric = Metric("largest") { prediction, _ in prediction.max() }
    #expect(metric(Tensor([1, 5, 2] as [Float]), target: Tensor([0] as [Float])) == 5)
    #expect(metric.description == ".largest" && Metric.accuracy.description == ".accuracy")
  }

  @Test("P2: precision, recall and F1 of a confusion matrix") func classificationReport() {
    let report = ClassificationReport(
      labels: [0, 0, 0, 0, 1, 1, 1, 2], predictions: [0, 0, 1, 1, 1, 1, 0, 0], classNames: ["a", "b", "c", "d"])
    #expect(report.confusion == [[2, 2, 0, 0], [1, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    #expect(report.count == 8 && report.accuracy == 0.5)
    let counts = report.counts
    #expect(counts[0] == .init(truePositives: 2, falsePositives: 2, falseNegatives: 2, trueNegatives: 2))
    #expect(counts.map(\.precision) == [0.5, 0.5, nil, nil])
    #expect(counts.map(\.recall) == [0.5, 2.0 / 3, 0, nil])
    #expect(counts.map(\.f1) == [0.5, 4.0 / 7, 0, nil])
    #expect(counts.map(\.support) == [4, 3, 1, 0])
    #expect(
      report.description.hasPrefix("accuracy 0.5000 on 8 examples\n\nclass  precision  recall      F1  examples\n"))
  }

  // MARK: History

  private func epoch(_ number: Int, validation: Double?) -> Epoch {
    Epoch(
      number: number, loss: 0.5 / Double(number), metrics: ["accuracy": 0.25 * Double(number)],
      validationLoss: validation, validationMetrics: validation == nil ? [:] : ["accuracy": 0.125], seconds: 1.5)
  }

  @Test func historyAsCSV() {
    var history = History(metricNames: ["accuracy"])
    #expect(history.csv == "epoch,loss,accuracy,validation_loss,validation_accuracy,seconds\n")
    history.epochs = [epoch(1, validation: nil), epoch(2, validation: 0.75)]
    #expect(
      history.csv == """
        epoch,loss,accuracy,validation_loss,validation_accuracy,seconds
        1,0.5,0.25,,,1.5
        2,0.25,0.5,0.75,0.125,1.5

        """)
    #expect(history.losses == [0.5, 0.25])
    #expect(History(metricNames: []).csv == "epoch,loss,validation_loss,seconds\n")
  }

  @Test func evaluationInWords() {
    let evaluation = Evaluation(loss: 0.125, metrics: ["b": 0.5, "accuracy": 1], count: 30)
    #expect(evaluation.description == "loss 0.1250, accuracy 1.0000, b 0.5000 on 30 examples")
  }

  // MARK: Progress

  @Test(arguments: [
    (0, "0 ms"), (0.0004, "0 ms"), (0.35, "350 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (1, "1 s"), (12.4, "12 s"),
    (59.4, "59 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3599.7, "1 h 0 min"), (7500, "2 h 5 min"),
    (360_000, "100 h 0 min"),
  ])
  func durations(seconds: Double, text: String) {
    #expect(ProgressReporter.duration(seconds) == text)
  }

  /// What is written to standard error, and nothing to standard output, by a process that has no terminal.
  @Test func oneLineForEachEpoch() async {
    let result = await #expect(
      processExitsWith: .success, observing: [\.standardErrorContent, \.standardOutputContent]
    ) {
      var reporter = ProgressReporter(.automatic, epochs: 3)
      for number in 1...3 {
        for step in 1...10 { reporter.batch(epoch: number, fraction: Double(step) / 10) }
        let epoch = Epoch(
          number: number, loss: 0.5, metrics: ["accuracy": 0.25], validationLoss: number == 3 ? 0.75 : nil,
          validationMetrics: number == 3 ? ["accuracy": 0.125] : [:], seconds: 0.02)
        reporter.epoch(epoch, metricNames: ["accuracy"])
      }
    }
    #expect(
      standardError(of: result) == """
        epoch 1/3  loss 0.5000, accuracy 0.2500  (20 ms)
        epoch 2/3  loss 0.5000, accuracy 0.2500  (20 ms)
        epoch 3/3  loss 0.5000, accuracy 0.2500, validation loss 0.7500, validation accuracy 0.1250  (20 ms)

        """)
    #expect(result?.standardOutputContent.isEmpty == true)
  }

  @Test func aboutTwentyLinesForManyEpochs() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      var reporter = ProgressReporter(.lines, epochs: 1000)
      for number in 1...1000 {
        reporter.epoch(
          Epoch(number: number, loss: 1, metrics: [:], validationLoss: nil, validationMetrics: [:], seconds: 0),
          metricNames: [])
      }
    }
    let lines = standardError(of: result).split(separator: "\n")
    let numbers = lines.compactMap { line in Int(line.dropFirst(6).prefix { $0 != "/" }) }
    #expect(numbers == [1] + stride(from: 50, through: 1000, by: 50))
  }

  @Test func silenceAndBar() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let epoch = Epoch(number: 1, loss: 1, metrics: [:], validationLoss: nil, validationMetrics: [:], seconds: 0)
      var silent = ProgressReporter(.silent, epochs: 1)
      silent.batch(epoch: 1, fraction: 0.5)
      silent.epoch(epoch, metricNames: [])
      var bar = ProgressReporter(.bar, epochs: 1)
      bar.epoch(epoch, metricNames: [])
    }
    #expect(standardError(of: result) == "\r\u{1B}[Kepoch 1/1  loss 1.0000\n")
  }
}
