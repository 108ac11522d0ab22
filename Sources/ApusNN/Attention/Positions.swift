import ApusCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

// Attention does not see where a position stands: these tell it.

/// Adds waves of the position (Vaswani et al., 2017): y[…, p, 2i] = x + sin(p / 10000^(2i / width)), and the cosine at 2i + 1.
public final class SinusoidalPositions: Layer {
  /// The extent of the last axis of x.
  public let width: Int
  /// The waves of as many positions as were needed so far.
  private let known = KnownWaves()
  private final class KnownWaves: Sendable { let table = Mutex<Tensor?>(nil) }

  /// - Parameter width: the extent of the last axis of x; at least 1.
  public init(_ width: Int) {
    guard width > 0 else { fatalError("SinusoidalPositions(\(width)): the width must be at least 1") }
    self.width = width
  }

  /// `x`: (…, positions, width).
  public func forward(_ x: Tensor) -> Tensor {
    do throws(ShapeError) { _ = try outputShape(for: x.shape) } catch { stop(error) }
    return x + waves(x.shape[x.rank - 2]).cast(to: x.dtype)
  }

  private func waves(_ count: Int) -> Tensor {
    if let table = known.table.withLock({ $0 }), table.shape[0] >= count { return table[0..<count] }
    var elements: [Double] = []
    elements.reserveCapacity(count * width)
    for position in 0..<count {
      for j in 0..<width {
        let angle = Double(position) / pow(10_000, Double(j & ~1) / Double(width))
        elements.append(j % 2 == 0 ? sin(angle) : cos(angle))
      }
    }
    let table = Tensor(elements, shape: [count, width])
    known.table.withLock { $0 = table }
    return table
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 2, input.last == width else {
      throw ShapeError(description, "an input of shape \(input) was found; expected (…, positions, \(width))")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) {}
  public var description: String { "SinusoidalPositions(\(width))" }
}

/// Adds a learned vector for each position.
public final class LearnedPositions: Layer {
  /// The largest number of positions.
  public let context: Int
  /// The extent of the last axis of x.
  public let width: Int
  /// A row for every position, of shape (context, width).
  public let weight: Parameter

  /// - Parameters:
  ///   - context: the largest number of positions; at least 1.
  ///   - width: the extent of the last axis of x; at least 1.
  ///   - weights: how the vectors start.
  public init(
    _ context: Int, _ width: Int, weights: Initializer = .normal(standardDeviation: 0.02), dtype: DType = .float32
  ) {
    guard context > 0, width > 0 else {
      fatalError("LearnedPositions(\(context), \(width)): both numbers must be at least 1")
    }
    self.context = context
    self.width = width
    var random = initializationStream()
    weight = Parameter(weights([context, width], dtype: dtype, using: &random), name: "weight")
  }

  /// `x`: (…, positions, width).
  public func forward(_ x: Tensor) -> Tensor { added(to: x, from: 0) }

  /// The same where x begins at position `first`.
  public func callAsFunction(_ x: Tensor, from first: Int) -> Tensor {
    running { added(to: x, from: first) }
  }

  private func added(to x: Tensor, from first: Int) -> Tensor {
    do throws(ShapeError) {
      _ = try outputShape(for: x.shape)
      let count = x.shape[x.rank - 2]
      guard first >= 0, first + count <= context else {
        throw ShapeError(
          description, "positions \(first)..<\(first + count) were found; expected at most \(context) positions")
      }
      return x + (count == context ? weight.value : weight.value[first..<(first + count)])
    } catch { stop(error) }
  }

  public func outputShape(for input: Shape) throws(ShapeError) -> Shape {
    guard input.rank >= 2, input.last == width, input[input.rank - 2] <= context else {
      throw ShapeError(
        description, "an input of shape \(input) was found; expected (…, up to \(context) positions, \(width))")
    }
    return input
  }

  public func visit(_ visitor: inout LayerVisitor) { visitor.parameter("weight", weight) }
  public var description: String { "LearnedPositions(\(context), \(width))" }
}

/// Turns `x` (n, positions, heads, width) by its positions (Su et al., 2021): the elements j and j + width / 2 of a head are a point in the
/// plane, which position p turns by the angle p / base^(2j / width). Inner products of turned queries and keys then depend on the distance
/// between their positions alone.
/// - Parameters:
///   - first: the position at which x begins.
///   - base: greater than 1; larger for longer contexts.
/// - Precondition: the width is even.
public func rotaryEmbedding(_ x: Tensor, from first: Int = 0, base: Double = 10_000) -> Tensor {
  guard x.rank == 4, x.shape[3] % 2 == 0 else {
    stop(ShapeError("rotaryEmbedding", "shape \(x.shape) was found; expected (n, positions, heads, an even width)"))
  }
  let half = x.shape[3] / 2
  var angles: [Double] = []
  for position in first..<(first + x.shape[1]) {
    for j in 0..<half { angles.append(Double(position) / pow(base, Double(j) / Double(half))) }
  }
  let shape: Shape = [x.shape[1], 1, half]
  let cosine = Tensor(angles.map { cos($0) }, shape: shape).cast(to: x.dtype)
  let sine = Tensor(angles.map { sin($0) }, shape: shape).cast(to: x.dtype)
  let (a, b) = (x[.all, .all, .all, 0..<half], x[.all, .all, .all, half...])
  return concatenate([a * cosine - b * sine, b * cosine + a * sine], axis: 3)
}

extension SinusoidalPositions: ConfigurableLayer {
  public static var kind: String { "SinusoidalPositions" }
  public var configuration: LayerConfiguration {
    LayerConfiguration(kind: Self.kind, settings: ["width": .integer(width)])
  }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(try configuration.integer("width", in: LayerConfiguration.extents))
  }
}

extension LearnedPositions: ConfigurableLayer {
  public static var kind: String { "LearnedPositions" }
  public var configuration: LayerConfiguration {
    var result = LayerConfiguration(
      kind: Self.kind, settings: ["context": .integer(context), "width": .integer(width)])
    result.set(weight.dtype)
    return result
  }
  public convenience init(configuration: LayerConfiguration) throws {
    self.init(
      try configuration.integer("context", in: LayerConfiguration.extents),
      try configuration.integer("width", in: LayerConfiguration.extents), weights: .placeholder,
      dtype: try configuration.floatingPointType())
  }
}
