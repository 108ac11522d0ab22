import Apus
import CBenchmark

/// One element-wise operation, and the memory traffic that it cannot do without.
private struct Operation {
  let name: String
  let traffic: bench_traffic
  /// How many arrays are read or written.
  let passes: Int
  let run: (Inputs) -> Void
}

/// What the operations run on.
private final class Inputs {
  let a, b, c: Tensor
  let layer: SingleParameter
  let gradients: Gradients
  let optimizer = Adam()
  /// Keeps the result until the next one is there, as a network does.
  var result: Tensor

  init(count: Int) {
    var random = RandomSource(seed: 1)
    a = .randomNormal([count], using: &random)
    b = .randomNormal([count], using: &random)
    c = .randomNormal([count], using: &random)
    result = a
    layer = SingleParameter(a)
    gradients = layer.gradients(b)
  }
}

/// Element-wise operations in GB/s (bytes that must be read and written), beside a plain loop with the same traffic and beside
/// `memcpy`, in alternation: on 16M elements, which lie in memory, and on sizes that lie in a cache.
func elementwiseBenchmark(seconds: Double, threads: Int, into line: inout JSONLine) {
  let multiplyAdd = Elementwise("multiplyAdd") { a, b, c in a * b + c }
  let operations = [
    Operation(name: "add", traffic: BENCH_ADD, passes: 3) { $0.result = $0.a + $0.b },
    Operation(name: "multiplyAdd", traffic: BENCH_MULTIPLY_ADD, passes: 4) {
      $0.result = multiplyAdd($0.a, $0.b, $0.c)
    },
    Operation(name: "swish", traffic: BENCH_COPY, passes: 2) { $0.result = Activation.silu($0.a) },
    Operation(name: "gelu", traffic: BENCH_COPY, passes: 2) { $0.result = Activation.gelu($0.a) },
    Operation(name: "adam", traffic: BENCH_ADAM, passes: 7) { $0.optimizer.update($0.layer, $0.gradients) },
  ]
  let sizes = [16_384, 131_072, 16_777_216]
  let share = seconds / Double(sizes.count * operations.count)
  var bySize = JSONLine()
  for count in sizes {
    let inputs = Inputs(count: count)
    var byName = JSONLine()
    Arrays.with(count: count, number: 5) { arrays in
      for operation in operations {
        byName.add(operation.name, measure(operation, inputs, arrays, count: count, threads: threads, seconds: share))
      }
    }
    bySize.add("\(count)", byName)
    inputs.result = inputs.a
    Tensor.trimMemory()
  }
  line.add("elementwise", bySize)
}

private func measure(
  _ operation: Operation, _ inputs: Inputs, _ arrays: [UnsafeMutablePointer<Float>], count: Int, threads: Int,
  seconds: Double
) -> JSONLine {
  // Several runs at a time where one takes little longer than reading the clock.
  let repeats = max(1, 100_000 / count)
  var times: (apus: [Double], stream: [Double], memcpy: [Double]) = ([], [], [])
  let pointers = arrays.map { Optional($0) }
  func timed(_ body: () -> Void) -> Double {
    let start = bench_now()
    for _ in 0..<repeats { body() }
    return Double(bench_now() - start) / Double(repeats)
  }
  func round() -> (Double, Double, Double) {
    (
      timed { operation.run(inputs) },
      timed { bench_move(operation.traffic, pointers, arrays[4], Int64(count), Int32(threads)) },
      timed { bench_move(BENCH_MEMCPY, pointers, arrays[4], Int64(count), Int32(threads)) }
    )
  }
  for _ in 0..<2 { _ = round() }
  let end = now() + max(0.05, seconds)
  while now() < end || times.apus.count < 5 {
    let (apus, stream, memcpy) = round()
    times.apus.append(apus)
    times.stream.append(stream)
    times.memcpy.append(memcpy)
  }
  let bytes = Double(operation.passes * count * MemoryLayout<Float>.stride)
  let copied = Double(2 * count * MemoryLayout<Float>.stride)
  let apus = bytes / Sample(times.apus).median
  let stream = bytes / Sample(times.stream).median
  let memcpy = copied / Sample(times.memcpy).median
  var line = JSONLine()
  line.add("gbs", apus, digits: 1)
  line.add("stream_gbs", stream, digits: 1)
  line.add("memcpy_gbs", memcpy, digits: 1)
  line.add("share", apus / stream, digits: 3)
  line.add("share_memcpy", apus / memcpy, digits: 3)
  return line
}
