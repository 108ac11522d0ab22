/// What this machine can do at most, measured: what the speed of single instructions is to be compared with.
public struct MachinePeak: Sendable, Hashable, CustomStringConvertible {
  /// The float32 additions and multiplications per second in a large matrix product.
  public let flopsPerSecond: Double
  /// The bytes per second between memory and processor in a sum of arrays that no cache holds. Data that are in a cache come faster.
  public let bytesPerSecond: Double
  /// The number of threads that this was measured with.
  public let threads: Int

  /// Measures it with all threads, in about 0.2 seconds. Kept memory that is not in use goes back to the system.
  public static func measure() -> MachinePeak {
    defer { Tensor.trimMemory() }
    return Recorder.unrecorded {
      MachinePeak(
        flopsPerSecond: measureArithmetic(), bytesPerSecond: measureMemory(), threads: Threads.count)
    }
  }

  /// The better of two sizes: the larger keeps more threads at work, the smaller suffers less from other processes.
  private static func measureArithmetic() -> Double {
    let rates = [512, 1024].map { size in
      let matrix = Tensor.ones([size, size])
      return 2 * Double(size * size * size) / shortestTime { matrix • matrix }
    }
    return rates.max()!
  }

  /// Two arrays of 64 MB are read, and one is written.
  private static func measureMemory() -> Double {
    let (a, b) = (Tensor.ones([1 << 24]), Tensor.ones([1 << 24]))
    return Double(3 << 26) / shortestTime { a + b }
  }

  /// The shortest time of several runs in seconds: whatever else the machine does only makes runs longer.
  private static func shortestTime(_ body: () -> Tensor) -> Double {
    _ = body()  // the first run has to be given its memory by the system
    let clock = ContinuousClock()
    let end = clock.now + .milliseconds(50)
    var shortest = Double.infinity
    repeat {
      let (seconds, attoseconds) = clock.measure { _ = body() }.components
      shortest = min(shortest, Double(seconds) + Double(attoseconds) * 1e-18)
    } while clock.now < end
    return max(shortest, 1e-9)
  }

  /// "380 GFLOP/s, 41 GB/s with 2 threads".
  public var description: String {
    "\((flopsPerSecond * 1e-9).formatted(precision: 0)) GFLOP/s, \((bytesPerSecond * 1e-9).formatted(precision: 0)) GB/s "
      + "with \(threads) \(threads == 1 ? "thread" : "threads")"
  }
}
