import ApusCore

/// t-distributed stochastic neighbour embedding (van der Maaten and Hinton, 2008): points in the plane whose neighbours are those of the
/// data. Exact, with all pairs: for up to a few thousand points.
///
/// ```swift
/// let plane = TSNE(perplexity: 30).embed(features)      // (n, 2)
/// ```
public struct TSNE: Sendable {
  /// How many neighbours a point has, about; smaller than the number of points.
  public var perplexity: Double
  public var iterations: Int
  /// nil: max(n / 48, 50).
  public var learningRate: Double?
  /// How much stronger points attract each other in the first quarter of the iterations, at most 250: so clusters form.
  public var earlyExaggeration: Double
  /// nil: the points start as the first two principal components; otherwise as small random numbers from this seed.
  public var seed: UInt64?

  public init(
    perplexity: Double = 30, iterations: Int = 1000, learningRate: Double? = nil, earlyExaggeration: Double = 12,
    seed: UInt64? = nil
  ) {
    self.perplexity = perplexity
    self.iterations = iterations
    self.learningRate = learningRate
    self.earlyExaggeration = earlyExaggeration
    self.seed = seed
  }

  /// The points in the plane, float64 of shape (n, 2), for data of shape (n, features).
  /// - Parameter progress: called every 50 iterations with the number of iterations done and the divergence KL(P ‖ Q) so far.
  public func embed(_ x: Tensor, progress: (_ iteration: Int, _ divergence: Double) -> Void = { _, _ in }) -> Tensor {
    let p = affinities(x)
    let n = x.shape[0]
    let rate = learningRate ?? max(Double(n) / 4 / earlyExaggeration, 50)
    let exaggerated = min(250, iterations / 4)
    var y = start(x)
    var velocity = Tensor.zeros(y.shape, dtype: .float64)
    var gains = Tensor.ones(y.shape, dtype: .float64)
    for iteration in 1...max(1, iterations) {
      let exaggeration = iteration <= exaggerated ? earlyExaggeration : 1
      let gradient = Self.gradient(p, y, exaggeration: exaggeration)
      // A number's steps grow while they go on in one direction (Jacobs, 1988).
      gains = Self.gain(gains, gradient, velocity)
      velocity = velocity * (iteration <= exaggerated ? 0.5 : 0.8) - rate * (gains * gradient)
      y = y + velocity
      y = y - y.mean(axes: [0])
      if iteration % 50 == 0 || iteration == iterations { progress(iteration, Self.divergence(p, y)) }
    }
    return y
  }

  /// The gradient of KL(P ‖ Q) with respect to y, with `exaggeration` times P: 4 Σⱼ (pᵢⱼ − qᵢⱼ) (yᵢ − yⱼ) / (1 + ‖yᵢ − yⱼ‖²).
  static func gradient(_ p: Tensor, _ y: Tensor, exaggeration: Double = 1) -> Tensor {
    let (kernel, sum) = similarities(y)
    let w = force.call([p, kernel], [exaggeration, 1 / sum])
    return 4 * (w.sum(axes: [1], keepsAxes: true) * y - (w • y))
  }
  private static let force = Elementwise("tsneForce", inputs: 2, scalars: 2) { x, s in
    let (p, kernel, exaggeration, scale) = (x[0], x[1], s[0], s[1])
    return (exaggeration * p - scale * kernel) * kernel
  }
  private static let gain = Elementwise("tsneGain", inputs: 3) { x, _ in
    let (gain, gradient, velocity) = (x[0], x[1], x[2])
    return maximum(0.01, select(gradient * velocity < 0, gain + 0.2, 0.8 * gain))
  }

  private func start(_ x: Tensor) -> Tensor {
    guard let seed else {
      let x = x.cast(to: .float64)
      let points = PrincipalComponents(x, count: min(2, x.shape[1]))(x)
      let plane =
        points.shape[1] == 2 ? points : concatenate([points, .zeros([x.shape[0], 1], dtype: .float64)], axis: 1)
      let deviation = plane[.all, 0].standardDeviation().item
      return deviation > 0 ? plane * (1e-4 / deviation) : plane
    }
    var random = RandomSource(seed: seed)
    return .randomNormal([x.shape[0], 2], standardDeviation: 1e-4, dtype: .float64, using: &random)
  }

  // MARK: Probabilities

  /// P: how close the points are, symmetric, with sum 1; float64 of shape (n, n).
  ///
  /// pⱼ|ᵢ is proportional to exp(−βᵢ ‖xᵢ − xⱼ‖²), with βᵢ such that the distribution's perplexity is the wanted one, and
  /// pᵢⱼ = (pⱼ|ᵢ + pᵢ|ⱼ) / 2n.
  /// - Precondition: there are more points than the perplexity.
  public func affinities(_ x: Tensor) -> Tensor {
    guard x.rank == 2, x.shape[1] > 0, perplexity >= 1, Double(x.shape[0]) > perplexity + 1 else {
      stop(
        ShapeError(
          "TSNE",
          "data of shape \(x.shape) were found; expected (points, features) with more than \(perplexity) + 1 points"))
    }
    let n = x.shape[0]
    let x = x.stopGradient().cast(to: .float64)
    var rows: [Double] = []
    rows.reserveCapacity(n * n)
    for i in 0..<n { rows += conditional(square(x - x[i]).sum(axes: [1]).doubles, of: i) }
    let p = Tensor(rows, shape: [n, n])
    return (p + p.transposed()) * (0.5 / Double(n))
  }

  /// The distribution of point `i`'s neighbours, from its squared distances to all points; bisection for β.
  private func conditional(_ distances: [Double], of i: Int) -> [Double] {
    let nearest = distances.indices.filter { $0 != i }.map { distances[$0] }.min()!
    let wanted = naturalLogarithm(perplexity)
    var (low, high, beta) = (0.0, Double.infinity, 1.0)
    var shares: [Double] = []
    for _ in 0..<200 {
      // The nearest point has weight 1, so that the sum cannot vanish.
      shares = distances.indices.map { $0 == i ? 0 : exponential(-beta * (distances[$0] - nearest)) }
      let sum = shares.reduce(0, +)
      let mean = zip(shares, distances).reduce(0) { $0 + $1.0 * ($1.1 - nearest) } / sum
      let entropy = naturalLogarithm(sum) + beta * mean
      shares = shares.map { $0 / sum }
      if abs(entropy - wanted) < 1e-12 { break }
      if entropy > wanted { low = beta } else { high = beta }
      let next = high.isInfinite ? 2 * beta : (low + high) / 2
      // Points in one place have no β: their entropy stays.
      guard next != beta, next.isFinite else { break }
      beta = next
    }
    return shares
  }

  /// 1 / (1 + ‖yᵢ − yⱼ‖²) with zeros on the diagonal, and its sum: q is their quotient.
  static func similarities(_ y: Tensor) -> (kernel: Tensor, sum: Double) {
    let n = y.shape[0]
    let (a, b) = (y[.all, 0], y[.all, 1])
    let kernel = cauchy.call(
      [
        a.reshaped([n, 1]), b.reshaped([n, 1]), a.reshaped([1, n]), b.reshaped([1, n]), .identity(n, dtype: .float64),
      ], [])
    return (kernel, kernel.sum().item)
  }
  private static let cauchy = Elementwise("tsneSimilarity", inputs: 5) { x, _ in
    let (dx, dy) = (x[0] - x[2], x[1] - x[3])
    return 1 / (1 + dx * dx + dy * dy) - x[4]
  }

  /// KL(P ‖ Q) = Σ pᵢⱼ ln(pᵢⱼ / qᵢⱼ): what the points in the plane lose.
  static func divergence(_ p: Tensor, _ y: Tensor) -> Double {
    let (kernel, sum) = similarities(y)
    return surprise.call([p, kernel], [1 / sum]).sum().item
  }
  private static let surprise = Elementwise("tsneSurprise", inputs: 2, scalars: 1) { x, s in
    let (p, q) = (x[0], x[1] * s[0])
    return select(p > 0, p * log(maximum(p, 1e-300) / maximum(q, 1e-300)), 0)
  }
}
