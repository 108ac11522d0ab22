import Apus
import ApusTestSupport
import ArgumentParser
import CBenchmark

@main
struct ApusBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apus-bench",
    abstract: "Measures one workload and prints one line of JSON.",
    discussion: """
      Networks (one step is forward, loss, backward and update on one fixed batch): \
      \(Workload.all.map(\.shortName).joined(separator: ", ")).
      Prediction of one sample: infer1-mlp, infer1-lenet, coldstart from the start of the process, concurrent-mlp on many threads.
      The machine: ceilings. Kernels beside it: kernels, gemm, elementwise, optimizers.
      Accuracy and speed of bfloat16 products beside float32: precision.
      """)

  @Option(help: "What to measure.")
  var workload: String
  @Option(help: "How networks run.")
  var mode = Mode.eager
  @Option(help: "The number of threads.")
  var threads = 2
  @Option(help: "How long to measure.")
  var seconds = 4.0
  @Option(
    help: """
      A directory with initial parameters and data, WORKLOAD/fc1.w.npy and so on; drawn if not given. For precision: with MNIST's \
      files.
      """)
  var data: String?

  @Flag(help: "Print where the time of a network's step goes, instead of JSON.")
  var profile = false

  private static let others = [
    "infer1-mlp", "infer1-lenet", "coldstart", "concurrent-mlp", "ceilings", "kernels", "gemm", "elementwise",
    "optimizers",
    "precision",
  ]

  func run() throws {
    guard threads > 0 else { throw BenchmarkError("\(threads) threads are too few; expected at least 1.") }
    guard seconds > 0, seconds.isFinite else { throw BenchmarkError("\(seconds) seconds cannot be measured.") }
    Threads.count = threads
    var line = JSONLine()
    line.add("framework", "apus")
    line.add("version", apusVersion)
    line.add("mode", mode.rawValue)
    line.add("workload", workload)
    line.add("threads", Threads.count)
    switch workload {
    case "ceilings": ceilingsBenchmark(seconds: seconds, threads: threads, into: &line)
    case "kernels": kernelBenchmark(seconds: seconds, threads: threads, into: &line)
    case "gemm": gemmBenchmark(seconds: seconds, into: &line)
    case "elementwise": elementwiseBenchmark(seconds: seconds, threads: threads, into: &line)
    case "optimizers": optimizerBenchmark(seconds: seconds, threads: threads, into: &line)
    case "coldstart": try coldStartBenchmark(mode: mode, data: data, into: &line)
    case "infer1-mlp": try predictionBenchmark(mode: mode, data: data, seconds: seconds, into: &line)
    case "infer1-lenet":
      try predictionBenchmark(of: .lenet, mode: mode, data: data, seconds: seconds, into: &line)
    case "concurrent-mlp": try concurrentBenchmark(mode: mode, data: data, seconds: seconds, into: &line)
    case "precision": try precisionBenchmark(mode: mode, data: data, seconds: seconds, into: &line)
    default:
      guard let network = Workload.named(workload) else {
        let known = Workload.all.map(\.shortName) + Self.others
        throw BenchmarkError("There is no workload \"\(workload)\"; expected one of \(known.joined(separator: ", ")).")
      }
      if profile { return print(try trainingProfile(network, data: data)) }
      try trainingBenchmark(network, mode: mode, data: data, seconds: seconds, into: &line)
    }
    print(line.text)
    if workload == "coldstart" { bench_exit(0) }
  }
}
