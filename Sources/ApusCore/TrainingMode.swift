import Synchronization

/// What is true while code trains: dropout drops, and takes its random numbers from here.
package final class TrainingMode: Sendable {
  private let random: Mutex<RandomSource>

  /// Whether a checkpoint computes once more what was computed before: what layers remember of a batch, they remember already.
  package let isRecomputing: Bool

  @TaskLocal package static var current: TrainingMode?

  init(random: RandomSource, isRecomputing: Bool = false) {
    self.random = Mutex(random)
    self.isRecomputing = isRecomputing
  }

  /// Draws from the mode's source of random numbers.
  package func withRandom<R: Sendable>(_ body: (inout RandomSource) -> R) -> R {
    random.withLock { source in body(&source) }
  }

  /// The source as it stands now.
  var source: RandomSource { random.withLock { $0 } }
}

/// Whether the running code trains; outside of ``withTraining(random:_:)`` it does not.
public var isTraining: Bool { TrainingMode.current != nil }

/// Runs `body` in training mode: dropout drops units, normalisation uses the batch's statistics. Everywhere else layers
/// predict, so there is no switch to forget.
/// - Parameter random: where dropout takes its random numbers from; advanced by as much as was used.
public func withTraining<R>(random: inout RandomSource, _ body: () throws -> R) rethrows -> R {
  let mode = TrainingMode(random: random)
  defer { random = mode.source }
  return try TrainingMode.$current.withValue(mode) { try body() }
}

/// Runs `body` as outside of training, for instance to measure something between two training steps.
public func withInference<R>(_ body: () throws -> R) rethrows -> R {
  try TrainingMode.$current.withValue(nil) { try body() }
}
