import CApus

/// A source of random numbers that is reproducible everywhere: Philox 4x32-10 (Salmon et al., 2011), counter-based.
///
/// A generator is a seed, a stream and a position. Give each consumer its own stream (`split()`), and a run can be repeated, or
/// resumed from a saved position, bit for bit. It also serves Swift's `shuffle`, `random(in:using:)` and so on.
public struct RandomSource: RandomNumberGenerator, Sendable, Hashable {
  /// The seed: equal seeds and streams give equal numbers.
  public let seed: UInt64
  /// Streams of one seed are independent.
  public let stream: UInt64
  /// How many 64-bit words have been used; tensors take whole blocks of two.
  public private(set) var position: UInt64

  public init(seed: UInt64, stream: UInt64 = 0, position: UInt64 = 0) {
    self.seed = seed
    self.stream = stream
    self.position = position
  }

  public mutating func next() -> UInt64 {
    var words: (UInt64, UInt64) = (0, 0)
    withUnsafeMutableBytes(of: &words) {
      apus_philox_block(seed, position >> 1, stream, $0.baseAddress!.assumingMemoryBound(to: UInt32.self))
    }
    defer { position &+= 1 }
    return position & 1 == 0 ? words.0 : words.1
  }

  /// A source of its own for another consumer: independent of what this one gives from now on.
  public mutating func split() -> RandomSource { RandomSource(seed: seed ^ next(), stream: stream &+ 1) }

  /// The first block that nothing has used yet.
  var nextBlock: UInt64 { (position &+ 1) >> 1 }

  /// Reserves the blocks that a tensor of random numbers uses, and returns the first.
  mutating func take(_ blocks: UInt64) -> UInt64 {
    let first = nextBlock
    position = (first &+ blocks) << 1
    return first
  }
}

extension Distribution {
  /// The blocks of four words that `count` elements use.
  func blocks(_ dtype: DType, count: Int) -> UInt64 {
    switch self {
    case .uniform: apus_random_blocks_uniform(dtype.c, Int64(count))
    case .normal: apus_random_blocks_normal(dtype.c, Int64(count))
    case .bernoulli: apus_random_blocks_uniform(APUS_F32, Int64(count))
    }
  }
}

extension Tensor {
  private init(_ distribution: Distribution, _ shape: Shape, _ dtype: DType, using random: inout RandomSource) {
    self.init(uninitialized: shape, dtype)
    let counter = random.take(distribution.blocks(dtype, count: shape.elementCount))
    backend.random(distribution, key: random.seed, stream: random.stream, counter: counter, into: self)
  }

  private static func requireFloat(_ dtype: DType) {
    guard dtype == .float32 || dtype == .float64 else {
      stop(ShapeError("random", "\(dtype) was asked for; random real numbers are float32 or float64"))
    }
  }

  /// Numbers drawn evenly from `range`; its upper bound does not occur.
  public static func randomUniform(
    _ shape: Shape, in range: Range<Double> = 0..<1, dtype: DType = .float32, using random: inout RandomSource
  ) -> Tensor {
    requireFloat(dtype)
    return Tensor(.uniform(low: range.lowerBound, high: range.upperBound), shape, dtype, using: &random)
  }

  /// Normally distributed numbers.
  public static func randomNormal(
    _ shape: Shape, mean: Double = 0, standardDeviation: Double = 1, dtype: DType = .float32,
    using random: inout RandomSource
  ) -> Tensor {
    requireFloat(dtype)
    return Tensor(.normal(mean: mean, deviation: standardDeviation), shape, dtype, using: &random)
  }

  /// 1 with the given probability, else 0.
  /// - Parameter dtype: float32, float64, int32, uint8 or bool.
  public static func randomBernoulli(
    _ shape: Shape, probability: Double, dtype: DType = .float32, using random: inout RandomSource
  ) -> Tensor {
    guard dtype != .int64 && dtype != .bfloat16 else {
      stop(ShapeError("random", "\(dtype) was asked for; expected float32, float64, int32, uint8 or bool"))
    }
    return Tensor(.bernoulli(probability: probability), shape, dtype, using: &random)
  }

  /// The numbers 0..<count in random order, as int64.
  public static func randomPermutation(_ count: Int, using random: inout RandomSource) -> Tensor {
    Tensor((0..<Int64(count)).shuffled(using: &random))
  }
}
