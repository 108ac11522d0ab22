import ApusCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How the next token is chosen from a model's logits.
///
/// First the `topK` likeliest tokens are kept, then of these the likeliest whose probabilities at the given temperature add up to `topP`
/// (Holtzman et al., 2020); one of them is drawn by its probability.
public struct Sampler: Sendable, Hashable {
  /// Divides the logits: below 1 the likely becomes likelier, above 1 all become more equal; 0 takes the likeliest, the first of equals.
  public var temperature: Double
  /// How many of the likeliest tokens are kept; nil: all.
  public var topK: Int?
  /// The least probability that those kept have together, in (0, 1]; nil: all are kept.
  public var topP: Double?

  /// - Precondition: the temperature is not negative, `topK` at least 1, `topP` in (0, 1].
  public init(temperature: Double = 1, topK: Int? = nil, topP: Double? = nil) {
    guard temperature >= 0, temperature.isFinite, (topK ?? 1) >= 1, (topP ?? 1) > 0, (topP ?? 1) <= 1 else {
      fatalError(
        "Sampler: temperature \(temperature), topK \(topK ?? 1), topP \(topP ?? 1); expected ≥ 0, ≥ 1, in (0, 1]")
    }
    (self.temperature, self.topK, self.topP) = (temperature, topK, topP)
  }

  /// Always the likeliest token.
  public static let greedy = Sampler(temperature: 0)

  /// The probability with which each token is chosen. Logits that are NaN count as -infinity.
  public func probabilities(_ logits: [Double]) -> [Double] {
    let logits = logits.map { $0.isNaN ? -.infinity : $0 }
    var result = [Double](repeating: 0, count: logits.count)
    // Stable, so that of equals the first comes first.
    var order = logits.indices.sorted { logits[$0] == logits[$1] ? $0 < $1 : logits[$0] > logits[$1] }
    guard let best = order.first else { return [] }
    if temperature == 0 || logits[best] == .infinity || logits[best] == -.infinity {
      result[best] = 1
      return result
    }
    if let topK { order = Array(order.prefix(topK)) }
    for token in order { result[token] = exp((logits[token] - logits[best]) / temperature) }
    func total() -> Double { order.reduce(0) { $0 + result[$1] } }
    if let topP {
      var (sum, kept) = (0.0, 0)
      let wanted = topP * total()
      while kept < order.count && (sum < wanted || kept == 0) {
        sum += result[order[kept]]
        kept += 1
      }
      for token in order[kept...] { result[token] = 0 }
      order.removeLast(order.count - kept)
    }
    let scale = 1 / total()
    for token in order { result[token] *= scale }
    return result
  }

  /// One token for each row of the logits (n, tokens), or one for a vector of logits. Each row takes one number from `random`.
  public func callAsFunction(_ logits: Tensor, using random: inout RandomSource) -> [Int] {
    guard logits.rank == 1 || logits.rank == 2, let tokens = logits.shape.last, tokens > 0 else {
      stop(ShapeError("Sampler", "logits of shape \(logits.shape) were found; expected (tokens) or (n, tokens)"))
    }
    let all = logits.doubles
    return stride(from: 0, to: all.count, by: tokens).map { start in
      choose(probabilities(Array(all[start..<(start + tokens)])), .random(in: 0..<1, using: &random))
    }
  }

  /// The token at which the running sum of probabilities passes `point`.
  private func choose(_ probabilities: [Double], _ point: Double) -> Int {
    var (sum, last) = (0.0, 0)
    for (token, probability) in probabilities.enumerated() where probability > 0 {
      sum += probability
      last = token
      if point < sum { break }
    }
    return last
  }
}
