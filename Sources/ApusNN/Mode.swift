import ApusCore
import Synchronization

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
