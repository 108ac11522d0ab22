#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The random numbers of NumPy's `RandomState(seed)`, bit for bit, so that a test can start from the parameters and the
/// data that a Python script started from.
///
/// The generator is the 32-bit Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998); the distributions are those that
/// NumPy froze in its legacy interface. The only inexact step is the logarithm in `randn`: with a C library whose `log`
/// rounds differently, a sample may differ in the last bit of a `Double`.
public struct NumPyRandomState: Sendable {
  private var words: [UInt32]
  private var position: Int
  private var sparedGaussian: Double?

  private static let length = 624
  private static let middle = 397

  /// The state of `numpy.random.RandomState(seed)`: one integer seeds by `init_genrand`, not by `init_by_array`.
  public init(seed: UInt32) {
    words = [seed]
    words.reserveCapacity(Self.length)
    for index in 1..<Self.length {
      let previous = words[index - 1]
      words.append(1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(index))
    }
    position = Self.length
  }

  // MARK: Words

  /// The next 32 random bits.
  public mutating func nextWord() -> UInt32 {
    if position == Self.length { twist() }
    var word = words[position]
    position += 1
    word ^= word >> 11
    word ^= (word << 7) & 0x9d2c_5680
    word ^= (word << 15) & 0xefc6_0000
    word ^= word >> 18
    return word
  }

  private mutating func twist() {
    for index in 0..<Self.length {
      let next = words[(index + 1) % Self.length]
      let joined = (words[index] & 0x8000_0000) | (next & 0x7fff_ffff)
      let mixed = (joined >> 1) ^ (joined & 1 == 0 ? 0 : 0x9908_b0df)
      words[index] = words[(index + Self.middle) % Self.length] ^ mixed
    }
    position = 0
  }

  // MARK: Real numbers

  /// One sample from [0, 1) with 53 random bits: `random_sample()`, `rand()`.
  public mutating func randomSample() -> Double {
    let high = nextWord() >> 5
    let low = nextWord() >> 6
    return (Double(high) * 67_108_864 + Double(low)) / 9_007_199_254_740_992
  }

  /// `random_sample(count)`, in row-major order.
  public mutating func randomSample(count: Int) -> [Double] {
    (0..<count).map { _ in randomSample() }
  }

  /// One sample from [low, high): `uniform(low, high)`.
  public mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * randomSample()
  }

  /// `uniform(low, high, count)`, in row-major order.
  public mutating func uniform(_ low: Double, _ high: Double, count: Int) -> [Double] {
    (0..<count).map { _ in uniform(low, high) }
  }

  /// One sample of the standard normal distribution: `randn()`. Marsaglia's polar method makes two samples at a time; the
  /// spare one is kept for the next call.
  public mutating func randn() -> Double {
    if let spare = sparedGaussian {
      sparedGaussian = nil
      return spare
    }
    var first = 0.0
    var second = 0.0
    var squaredRadius = 0.0
    repeat {
      first = 2 * randomSample() - 1
      second = 2 * randomSample() - 1
      squaredRadius = first * first + second * second
    } while squaredRadius >= 1 || squaredRadius == 0
    let factor = (-2 * log(squaredRadius) / squaredRadius).squareRoot()
    sparedGaussian = factor * first
    return factor * second
  }

  /// `randn(count)`, in row-major order.
  public mutating func randn(count: Int) -> [Double] {
    (0..<count).map { _ in randn() }
  }

  // MARK: Whole numbers

  /// One sample from `range`: `randint(range.lowerBound, range.upperBound)` with NumPy's default 64-bit integers on Linux
  /// and macOS. Takes the low bits under the smallest mask that covers the range and draws again while they exceed it;
  /// ranges below 2^32 take one word per draw, larger ones two (the first is the high half).
  public mutating func randint(_ range: Range<Int>) -> Int {
    precondition(!range.isEmpty, "randint: the range \(range) is empty")
    let largest = UInt64(bitPattern: Int64(range.upperBound &- 1 &- range.lowerBound))
    if largest == 0 { return range.lowerBound }
    let mask = UInt64.max >> UInt64(largest.leadingZeroBitCount)
    var value: UInt64
    repeat {
      if largest <= UInt64(UInt32.max) {
        value = UInt64(nextWord()) & mask
      } else {
        let high = UInt64(nextWord())
        value = (high << 32 | UInt64(nextWord())) & mask
      }
    } while value > largest
    return range.lowerBound &+ Int(bitPattern: UInt(value))
  }

  /// `randint(range.lowerBound, range.upperBound, count)`.
  public mutating func randint(_ range: Range<Int>, count: Int) -> [Int] {
    (0..<count).map { _ in randint(range) }
  }
}
