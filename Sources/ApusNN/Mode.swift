import ApusCore
import Synchronization

/// What is true while code trains: dropout drops, and takes its random numbers from here.
package final class TrainingMode: Sendable {
  private let random: Mutex<RandomSource>

  @TaskLocal package static var current: TrainingMode?

  init(random: RandomSource) { self.random = Mutex(random) }

  /// Draws from the mode's source of random numbers.
  package func withRandom<R: Sendable>(_ body: (inout RandomSource) -> R) -> R {
    random.withLock { source in body(&source) }
  }

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

/// The source that layers draw their initial weights from.
private final class InitializationSource: Sendable {
  let random: Mutex<RandomSource>
  init(seed: UInt64) { random = Mutex(RandomSource(seed: seed)) }

  @TaskLocal static var current = InitializationSource(seed: 0)
}

/// Runs `body` so that the layers made in it draw their initial weights from `seed`. Without it, a program starts from
/// seed 0: the same program makes the same weights at every run.
public func withSeed<R>(_ seed: UInt64, _ body: () throws -> R) rethrows -> R {
  try InitializationSource.$current.withValue(InitializationSource(seed: seed)) { try body() }
}

/// A stream of its own for a layer's initial weights.
package func initializationStream() -> RandomSource {
  InitializationSource.current.random.withLock { $0.split() }
}
