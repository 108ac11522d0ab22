import Apus
import CBenchmark

/// A step of every optimiser in GB/s (bytes that must be read and written), beside a plain loop that reads two arrays and writes a third
/// (triad) and beside one that copies, in alternation: with everything in the caches of the cores, and with everything in memory.
func optimizerBenchmark(seconds: Double, threads: Int, into line: inout JSONLine) {
  let optimizers: [(name: String, make: () -> any Optimizer)] = [
    ("SGD", { SGD(learningRate: 1e-6) }),
    ("momentum", { SGD(learningRate: 1e-6, momentum: 0.9) }),
    ("Nesterov", { SGD(learningRate: 1e-6, momentum: 0.9, form: .nesterov) }),
    ("Lion", { Lion(learningRate: 1e-6) }),
    ("Adagrad", { Adagrad(learningRate: 1e-6) }),
    ("RMSprop", { RMSprop(learningRate: 1e-6) }),
    ("Adadelta", { Adadelta(learningRate: 1e-6) }),
    ("Adamax", { Adamax(learningRate: 1e-6) }),
    ("Adam", { Adam(learningRate: 1e-6) }),
    ("AdamW", { AdamW(learningRate: 1e-6) }),
    ("NAdam", { NAdam(learningRate: 1e-6) }),
    ("RAdam", { RAdam(learningRate: 1e-6) }),
    ("AMSGrad", { Adam(learningRate: 1e-6, isAMSGrad: true) }),
  ]
  let sizes = [65_536, 16_777_216]
  let share = seconds / Double(sizes.count * optimizers.count)
  var bySize = JSONLine()
  for count in sizes {
    var random = RandomSource(seed: 1)
    let layer = SingleParameter(.randomNormal([count], using: &random))
    let gradients = layer.gradients(.randomNormal([count], using: &random))
    var byName = JSONLine()
    Arrays.with(count: count, number: 3) { arrays in
      for (name, make) in optimizers {
        let optimizer = make()
        let states = optimizer.rule(step: 1, group: 1).update.stateCount
        // The parameter and its states are read and written, the gradient is read.
        let bytes = Double((3 + 2 * states) * count * MemoryLayout<Float>.stride)
        byName.add(
          name,
          measure(bytes: bytes, arrays, count: count, threads: threads, seconds: share) {
            optimizer.update(layer, gradients)
          })
      }
    }
    bySize.add("\(count)", byName)
    Tensor.trimMemory()
  }
  line.add("optimizers", bySize)
}

private func measure(
  bytes: Double, _ arrays: [UnsafeMutablePointer<Float>], count: Int, threads: Int, seconds: Double, _ step: () -> Void
) -> JSONLine {
  let repeats = max(1, 200_000 / count)
  let pointers = arrays.map { Optional($0) }
  func timed(_ body: () -> Void) -> Double {
    let start = bench_now()
    for _ in 0..<repeats { body() }
    return Double(bench_now() - start) / Double(repeats)
  }
  func move(_ traffic: bench_traffic) { bench_move(traffic, pointers, arrays[2], Int64(count), Int32(threads)) }
  var times: (step: [Double], triad: [Double], copy: [Double]) = ([], [], [])
  for _ in 0..<2 { _ = (timed(step), timed { move(BENCH_ADD) }) }
  let end = now() + max(0.05, seconds)
  while now() < end || times.step.count < 5 {
    times.step.append(timed(step))
    times.triad.append(timed { move(BENCH_ADD) })
    times.copy.append(timed { move(BENCH_COPY) })
  }
  let element = Double(count * MemoryLayout<Float>.stride)
  let (step, triad, copy) = (
    bytes / Sample(times.step).median, 3 * element / Sample(times.triad).median, 2 * element / Sample(times.copy).median
  )
  var line = JSONLine()
  line.add("ns", Sample(times.step).median / Double(count), digits: 3)
  line.add("gbs", step, digits: 1)
  line.add("triad_gbs", triad, digits: 1)
  line.add("copy_gbs", copy, digits: 1)
  line.add("share", step / triad, digits: 3)
  line.add("share_copy", step / copy, digits: 3)
  return line
}
