import Apus
import ApusTestSupport
import CBenchmark

/// One, two and eight threads that call the same network of `mlp784` on one sample each, as a server's do: predictions a second, and
/// how long one takes.
func concurrentBenchmark(mode: Mode, data: String?, seconds: Double, into line: inout JSONLine) throws {
  let (model, x) = try predictor(data: data)
  let prediction = try mode.prediction(model, x)
  let clients = [1, 2, 8]
  var byClients = JSONLine()
  for count in clients {
    let start = now()
    let callers = (0..<count).map { _ in Caller(prediction, seconds: seconds / Double(clients.count)) }
    let pointers = callers.map { Unmanaged.passUnretained($0).toOpaque() }
    pointers.withUnsafeBufferPointer { pointers in
      bench_on_threads(
        Int32(count),
        { context, index in
          let pointers = context.assumingMemoryBound(to: UnsafeMutableRawPointer.self)
          Unmanaged<Caller>.fromOpaque(pointers[Int(index)]).takeUnretainedValue().run()
        }, UnsafeMutableRawPointer(mutating: pointers.baseAddress!))
    }
    let wall = now() - start
    let sample = Sample(callers.flatMap(\.microseconds))
    var fields = JSONLine()
    fields.add("predictions_per_s", Double(sample.count) / wall, digits: 0)
    fields.add("p50_us", sample.median, digits: 2)
    fields.add("p99_us", sample.quantile(0.99), digits: 2)
    byClients.add("\(count)", fields)
    let sums = Set(callers.map(\.sum))
    guard sums.count == 1 else { throw BenchmarkError("\(count) threads computed different sums: \(sums)") }
  }
  line.add("clients", byClients)
  line.add("peak_rss_mb", bench_peak_memory(), digits: 1)
}

/// What one thread does and finds.
private final class Caller {
  private let prediction: @Sendable () -> [Float]
  private let seconds: Double
  private(set) var microseconds: [Double] = []
  /// The sum of the first prediction's outputs.
  private(set) var sum: Float = 0

  init(_ prediction: @escaping @Sendable () -> [Float], seconds: Double) {
    self.prediction = prediction
    self.seconds = seconds
    microseconds.reserveCapacity(1 << 18)
  }

  func run() {
    sum = prediction().reduce(0, +)
    let end = bench_now() + Int64(seconds * 1e9)
    var before = bench_now()
    while before < end {
      _ = prediction()
      let after = bench_now()
      microseconds.append(Double(after - before) * 1e-3)
      before = after
    }
  }
}
