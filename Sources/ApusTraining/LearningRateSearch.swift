import ApusCore
import ApusData
import ApusNN

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The losses of a few training steps with rising learning rates (Smith, 2017): a good rate is one at which the loss falls steeply.
public struct LearningRateSearch: Sendable, Hashable {
  /// The rates of the steps, each larger than the one before by the same factor.
  public let rates: [Double]
  /// The losses, smoothed.
  public let losses: [Double]

  /// The rate at which the loss falls most steeply, in the units of the logarithm of the rate; nil if it never falls.
  public var suggestion: Double? {
    // The first steps are those of a moving average that has seen little.
    let first = min(rates.count / 10, 10)
    var best: (slope: Double, rate: Double)?
    for i in stride(from: first + 1, to: losses.count - 1, by: 1) {
      let slope = losses[i + 1] - losses[i - 1]
      if slope < best?.slope ?? 0 { best = (slope, rates[i]) }
    }
    return best?.rate
  }
}

extension Trainer {
  /// Tries learning rates: trains with a rate that rises at every step, until the loss is four times the lowest one. Afterwards the
  /// model, the optimiser and the random numbers are as before.
  /// - Parameters:
  ///   - range: from a rate that is surely too small to one that is surely too large.
  ///   - steps: how many rates are tried at most; at least 3.
  /// - Throws: `TrainingError` if the data do not fit the model.
  public func searchLearningRate(
    on data: Dataset, in range: ClosedRange<Double> = 1e-6...10, steps: Int = 100, batchSize: Int = 32
  ) throws -> LearningRateSearch {
    try check(DataLoader(data, batchSize: batchSize))
    guard steps >= 3, range.lowerBound > 0, range.upperBound.isFinite else {
      throw TrainingError("\(steps) learning rates from \(range.lowerBound) to \(range.upperBound) cannot be tried")
    }
    return try leavingNoTrace { try triedRates(on: data, in: range, steps: steps, batchSize: batchSize) }
  }

  private func triedRates(
    on data: Dataset, in range: ClosedRange<Double>, steps: Int, batchSize: Int
  ) throws -> LearningRateSearch {
    var (rates, losses): ([Double], [Double]) = ([], [])
    let factor = pow(range.upperBound / range.lowerBound, 1 / Double(steps - 1))
    var (mean, weight) = (0.0, 0.0)
    while rates.count < steps {
      let shuffled = data.batches(of: batchSize, shuffledBy: &random)
      for (x, y) in shuffled {
        guard rates.count < steps else { break }
        optimizer.learningRate = range.lowerBound * pow(factor, Double(rates.count))
        guard let loss = try? withTraining(random: &random, { try searchStep([x, y]) }) else {
          return LearningRateSearch(rates: rates, losses: losses)  // not a number any more
        }
        // A moving average over the last ten or so.
        (mean, weight) = (0.9 * mean + 0.1 * loss, 0.9 * weight + 0.1)
        rates.append(optimizer.learningRate)
        losses.append(mean / weight)
        if mean / weight > 4 * losses.min()! { return LearningRateSearch(rates: rates, losses: losses) }
      }
    }
    return LearningRateSearch(rates: rates, losses: losses)
  }

  /// Runs `body`, which trains; afterwards the model, the optimiser and the random numbers are as before.
  func leavingNoTrace<R>(_ body: () throws -> R) rethrows -> R {
    let (snapshot, before) = (ModelSnapshot(of: model), state)
    defer {
      snapshot.restore()
      do { try restore(before) } catch { fatalError("leavingNoTrace: \(error)") }
    }
    return try body()
  }
}
