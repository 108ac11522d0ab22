import CBenchmark

/// What this machine can do at best, each figure as median and best: arithmetic in registers (GFLOP/s) and memory traffic (GB/s) at
/// the sizes of the caches and beyond, on one thread and on all. What kernels reach is a share of this.
func ceilingsBenchmark(seconds: Double, threads: Int, into line: inout JSONLine) {
  let teams = threads > 1 ? [1, threads] : [1]
  let vectors = VectorRegisters.available
  let levels = CacheLevel.allCases
  let share = seconds / Double(teams.count * (vectors.count + levels.count * streams.count))
  var arithmetic = JSONLine()
  for registers in vectors {
    var byTeam = JSONLine()
    for team in teams { byTeam.add("\(team)", registers.rates(threads: team, seconds: share), digits: 1) }
    arithmetic.add(registers.name, byTeam)
  }
  line.add("arithmetic_gflops", arithmetic)
  var bandwidth = JSONLine()
  for level in levels {
    var byTeam = JSONLine()
    for team in teams {
      var byStream = JSONLine()
      let count = level.elementsPerThread(threads: team, arrays: 3)
      Arrays.with(count: count * team, number: 3) { arrays in
        for stream in streams {
          let rates = rates(stream.traffic, arrays, count: count * team, threads: team, seconds: share)
          byStream.add(stream.name, rates.map { $0 * stream.passes }, digits: 1)
        }
      }
      byStream.add("kib_per_thread", 3 * count / 256)
      byTeam.add("\(team)", byStream)
    }
    bandwidth.add(level.rawValue, byTeam)
  }
  line.add("bandwidth_gbs", bandwidth)
}

/// The traffic patterns, and how many arrays each reads or writes.
private let streams: [(name: String, traffic: bench_traffic, passes: Double)] = [
  ("read", BENCH_READ, 1), ("copy", BENCH_COPY, 2), ("triad", BENCH_ADD, 3),
]

/// Registers that arithmetic can use, the widest last.
struct VectorRegisters {
  let name: String
  private let kind: bench_vectors

  static let available = [
    VectorRegisters(name: "baseline", kind: BENCH_BASELINE), VectorRegisters(name: "AVX2", kind: BENCH_AVX2),
    VectorRegisters(name: "AVX-512", kind: BENCH_AVX512),
  ].filter { bench_has_vectors($0.kind) }

  static let widest = available[available.count - 1]

  /// Runs for some fifty microseconds, on all threads at once.
  /// - Returns: the number of floating-point operations.
  @discardableResult
  func run(threads: Int) -> Double { bench_arithmetic(kind, 30_000, Int32(threads)) }

  fileprivate func rates(threads: Int, seconds: Double) -> [Double] {
    medianAndBest(seconds: seconds) { run(threads: threads) }
  }
}

/// A level of the memory, the fastest first.
enum CacheLevel: String, CaseIterable {
  case l1 = "L1"
  case l2 = "L2"
  case l3 = "L3"
  case memory

  /// How many floats each of so many arrays may have for each thread, so that all of them lie in this level with room to spare, and
  /// not in the one before. The first two levels belong to one core, the others to all.
  func elementsPerThread(threads: Int, arrays: Int) -> Int {
    let bytes =
      switch self {
      case .l1: bench_cache_size(1) / 2
      case .l2: bench_cache_size(2) / 2
      case .l3: min(bench_cache_size(3) / 2, 16 << 20) / Int64(threads)
      case .memory: min(4 * bench_cache_size(3), 1 << 30) / Int64(threads)
      }
    // Whole cache lines.
    return Int(bytes) / 4 / arrays / 16 * 16
  }
}

/// Bytes of one array moved in each nanosecond.
private func rates(
  _ traffic: bench_traffic, _ arrays: [UnsafeMutablePointer<Float>], count: Int, threads: Int, seconds: Double
) -> [Double] {
  let pointers = arrays.map { Optional($0) }
  func stream(_ repeats: Int) {
    bench_stream(traffic, pointers, arrays[2], Int64(count), Int64(repeats), Int32(threads))
  }
  // So many repeats that starting the team does not count.
  var repeats = 1
  while repeats < 1 << 20 {
    let start = bench_now()
    stream(repeats)
    if bench_now() - start > 500_000 { break }
    repeats *= 2
  }
  return medianAndBest(seconds: seconds) {
    stream(repeats)
    return Double(4 * count * repeats)
  }
}

/// The median and the best rate of `run`, which returns how much work it did, per nanosecond.
private func medianAndBest(seconds: Double, _ run: () -> Double) -> [Double] {
  _ = run()
  var times: [Double] = []
  var work = 0.0
  let end = now() + seconds
  while now() < end || times.count < 5 {
    let start = bench_now()
    work = run()
    times.append(Double(bench_now() - start))
  }
  let sample = Sample(times)
  return [work / sample.median, work / sample.least]
}
