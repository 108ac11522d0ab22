import CBenchmark

/// Seconds on the monotonic clock.
func now() -> Double { Double(bench_now()) * 1e-9 }

/// A sample of times, in ascending order.
struct Sample {
  private let sorted: [Double]

  init(_ times: [Double]) { sorted = times.sorted() }

  var count: Int { sorted.count }
  var least: Double { sorted.first ?? .nan }
  var median: Double { quantile(0.5) }

  /// Linear between neighbours, as in NumPy's `percentile`.
  func quantile(_ fraction: Double) -> Double {
    guard !sorted.isEmpty else { return .nan }
    let position = fraction * Double(sorted.count - 1)
    let below = Int(position)
    let above = Swift.min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }
}

/// How one measurement went.
struct StepTimes {
  /// In milliseconds, in the order in which the steps were run.
  var milliseconds: [Double] = []
  var startup = 0.0
  var firstLoss = Double.nan
  var tenthLoss = Double.nan
  var lastLoss = Double.nan
  /// The average numbers of processors that this process and all others were busy on.
  var ownProcessors = 0.0
  var otherProcessors = 0.0
  /// The most memory that the process has held, in MiB: before anything is made of the times.
  var peakMemory = 0.0
}

private let greatestStepCount = 200_000

/// Times `step`, which runs one complete step and returns something that `value` reads the loss from.
///
/// The warm-up takes at least 10 steps and a tenth of the time (at least 0.3 s), or 3 steps when steps are very slow; then every
/// step is timed on its own.
func measure<Handle>(
  seconds: Double, step: () throws -> Handle, value: (Handle) -> Double
) rethrows -> StepTimes {
  var result = StepTimes()
  var handle = try step()
  result.firstLoss = value(handle)
  result.startup = bench_process_age()
  let warmUpStart = now()
  var count = 1
  while count < 10 || now() - warmUpStart < max(0.3, 0.1 * seconds) {
    if count >= 3 && now() - warmUpStart > 12 { break }
    handle = try step()
    count += 1
    if count == 10 { result.tenthLoss = value(handle) }
  }
  result.milliseconds.reserveCapacity(greatestStepCount)
  let busy = bench_machine_seconds()
  let own = bench_processor_seconds()
  let start = bench_now()
  let end = start + Int64(seconds * 1e9)
  while result.milliseconds.count < greatestStepCount {
    let before = bench_now()
    handle = try step()
    let after = bench_now()
    result.milliseconds.append(Double(after - before) * 1e-6)
    if after > end && (result.milliseconds.count >= 5 || after > end + 15_000_000_000) { break }
  }
  let wall = Double(bench_now() - start) * 1e-9
  result.ownProcessors = (bench_processor_seconds() - own) / wall
  result.otherProcessors = max(0, (bench_machine_seconds() - busy) / wall - result.ownProcessors)
  result.lastLoss = value(handle)
  result.peakMemory = bench_peak_memory()
  return result
}
