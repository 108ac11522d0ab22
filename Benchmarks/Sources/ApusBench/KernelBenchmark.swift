import CBenchmark

/// One kernel at one size, and the work of the machine that limits it.
struct Kernel {
  let name: String
  /// Floating-point operations, or bytes that must be read and written.
  let work: Double
  let run: () -> Void
  /// A short run of the limit itself, which returns its work.
  let ceiling: () -> Double
}

/// Apus' kernels at the sizes that training the dense networks uses them at, each as a share of what the machine can do: of the
/// arithmetic in registers for matrix products, of a plain loop with the same memory traffic for everything else. Kernel and limit run
/// in alternation, because processors change their speed.
func kernelBenchmark(seconds: Double, threads: Int, into line: inout JSONLine) {
  let groups = [
    ("products", productKernels(threads: threads)), ("elementwise", elementwiseKernels(threads: threads)),
    ("reductions", reductionKernels(threads: threads)), ("updates", updateKernels(threads: threads)),
    ("others", otherKernels(threads: threads)),
  ]
  let share = seconds / Double(groups.reduce(0) { $0 + $1.1.count })
  var byGroup = JSONLine()
  for (name, kernels) in groups {
    var byName = JSONLine()
    for kernel in kernels { byName.add(kernel.name, measure(kernel, seconds: share)) }
    byGroup.add(name, byName)
  }
  line.add("kernels", byGroup)
}

private func measure(_ kernel: Kernel, seconds: Double) -> JSONLine {
  func time(_ body: () -> Void) -> Double {
    let start = bench_now()
    body()
    return Double(bench_now() - start)
  }
  for _ in 0..<3 { kernel.run() }
  // So many runs at a time that reading the clock does not count, and that most of them find the caches as they left them.
  let once = Sample((0..<5).map { _ in time(kernel.run) }).median
  let repeats = max(3, min(10_000, Int(100_000 / max(once, 1))))
  var (times, limits): ([Double], [Double]) = ([], [])
  var work = 0.0
  let end = now() + seconds
  while now() < end || times.count < 5 {
    times.append(time { for _ in 0..<repeats { kernel.run() } } / Double(repeats))
    _ = kernel.ceiling()
    limits.append(time { work = kernel.ceiling() })
  }
  let (rate, limit) = (kernel.work / Sample(times).median, work / Sample(limits).median)
  var line = JSONLine()
  line.add("us", Sample(times).median / 1000, digits: 3)
  line.add("rate", rate, digits: 1)
  line.add("ceiling", limit, digits: 1)
  line.add("share", rate / limit, digits: 3)
  return line
}
