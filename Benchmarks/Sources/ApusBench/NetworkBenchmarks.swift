import Apus
import ApusTestSupport
import CBenchmark

extension JSONLine {
  /// Adds what every timed workload reports.
  mutating func add(_ times: StepTimes, parameters: Int, expected: Int) {
    let sample = Sample(times.milliseconds)
    let half = times.milliseconds.count / 2
    let first = Sample(Array(times.milliseconds[..<half])).median
    let second = Sample(Array(times.milliseconds[half...])).median
    add("ms_per_step_median", sample.median, digits: 5)
    add("ms_per_step_min", sample.least, digits: 5)
    add("ms_p10", sample.quantile(0.1), digits: 5)
    add("ms_p90", sample.quantile(0.9), digits: 5)
    add("ms_mean", times.milliseconds.reduce(0, +) / Double(sample.count), digits: 5)
    add("drift", second / first, digits: 3)
    add("steps", sample.count)
    add("loss_first", times.firstLoss)
    add("loss_10", times.tenthLoss)
    add("loss_last", times.lastLoss)
    add("peak_rss_mb", times.peakMemory, digits: 1)
    add("startup_s", times.startup, digits: 4)
    add("params", parameters)
    add("params_expected", expected)
    add("own_cpus", times.ownProcessors, digits: 2)
    add("other_cpus", times.otherProcessors, digits: 2)
  }
}

/// Times whole training steps: forward, loss, backward, update.
func trainingBenchmark(
  _ workload: Workload, mode: Mode, data: String?, seconds: Double, into line: inout JSONLine
) throws {
  let model = try workload.makeModel(from: data)
  let step = try mode.trainingStep(workload, model, try workload.makeBatch(from: data))
  let times = try measure(seconds: seconds, step: step, value: \.item)
  line.add(times, parameters: model.parameterCount, expected: workload.parameterCount)
}

/// Where the time of a training step goes.
func trainingProfile(_ workload: Workload, data: String?) throws -> ProgramProfile {
  let (model, batch) = (try workload.makeModel(from: data), try workload.makeBatch(from: data))
  let optimizer = workload.makeOptimizer()
  let step = Program(workload.name) { [workload.step(model, optimizer, ($0[0], $0[1]))] }
  var random = RandomSource(seed: 7)
  return try withTraining(random: &random) { try step.profile([batch.x, batch.y], runs: workload.isLarge ? 8 : 20) }
}

/// Times the prediction of one sample by the network of `workload`. What is reported as the loss is the sum of the ten outputs.
func predictionBenchmark(
  of workload: Workload = .mlp784, mode: Mode, data: String?, seconds: Double, into line: inout JSONLine
) throws {
  let (model, x) = try predictor(of: workload, data: data)
  let times = measure(
    seconds: seconds, step: try mode.prediction(model, x), value: { Double($0.reduce(0, +)) })
  line.add(times, parameters: model.parameterCount, expected: workload.parameterCount)
}

/// Measures from the start of the process to the first prediction.
func coldStartBenchmark(mode: Mode, data: String?, into line: inout JSONLine) throws {
  let atEntry = bench_process_age()
  let (model, x) = try predictor(data: data)
  let built = bench_process_age()
  let output = try mode.prediction(model, x)()
  line.add("startup_s", bench_process_age(), digits: 6)
  line.add("out", Double(output[0]))
  line.add("peak_rss_mb", bench_peak_memory(), digits: 1)
  line.add("params", model.parameterCount)
  line.add("params_expected", Workload.mlp784.parameterCount)
  // How the time was spent: loading libraries, then drawing the parameters.
  line.add("loaded_s", atEntry, digits: 6)
  line.add("built_s", built, digits: 6)
}

/// The network of `workload` and one sample.
func predictor(of workload: Workload = .mlp784, data: String?) throws -> (model: Sequential, x: Tensor) {
  (try workload.makeModel(from: data), try workload.makeSample(from: data))
}
