import Apus
import ApusTestSupport
import CBenchmark

/// Square float32 products, each size in turn: Apus' `a • b` and, in alternation, the plain `dnnl_sgemm` that a C program would
/// call, into memory of its own. Each has its turn of some milliseconds after a rest: both keep threads spinning for a while.
func gemmBenchmark(seconds: Double, into line: inout JSONLine) {
  let sizes = [64, 128, 256, 512, 1024, 2048]
  var ours = JSONLine()
  var plain = JSONLine()
  var ratios = JSONLine()
  for n in sizes {
    var random = NumPyRandomState(seed: 0)
    let left = (0..<n * n).map { _ in Float(random.randn()) }
    let right = (0..<n * n).map { _ in Float(random.randn()) }
    let (a, b) = (Tensor(left, shape: [n, n]), Tensor(right, shape: [n, n]))
    // Kept until the next one is there, as a network does.
    var kept: Tensor?
    var times: (apus: [Double], plain: [Double]) = ([], [])
    Arrays.with(count: n * n, number: 3) { arrays in
      arrays[0].update(from: left, count: n * n)
      arrays[1].update(from: right, count: n * n)
      /// Times calls for some milliseconds, after a rest and a first call that does not count.
      func turn(_ body: () -> Void) -> [Double] {
        bench_rest(5_000_000)
        body()
        var times: [Double] = []
        let end = bench_now() + 10_000_000
        repeat {
          let start = bench_now()
          body()
          times.append(Double(bench_now() - start))
        } while bench_now() < end
        return times
      }
      let end = now() + max(0.4, seconds / Double(sizes.count))
      while now() < end || times.apus.count < 5 {
        times.apus += turn { kept = matmul(a, b) }
        times.plain += turn {
          bench_sgemm(Int64(n), arrays[0], arrays[1], arrays[2], Int32(Threads.count))
        }
      }
    }
    withExtendedLifetime(kept) {}
    let operations = 2 * Double(n * n * n)
    let (apus, other) = (Sample(times.apus), Sample(times.plain))
    ours.add("\(n)", [operations / apus.median, operations / apus.least], digits: 1)
    plain.add("\(n)", [operations / other.median, operations / other.least], digits: 1)
    ratios.add("\(n)", other.median / apus.median, digits: 3)
  }
  line.add("gflops_median_best", ours)
  line.add("sgemm_gflops_median_best", plain)
  line.add("ratio_to_sgemm", ratios)
}
