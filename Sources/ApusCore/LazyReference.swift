import Synchronization

/// An object that is made when it is first asked for, from any thread; afterwards reading it costs one load.
///
/// (`AtomicLazyReference` is the same idea behind a function call that is not inlined: it cost a tenth of a small training step.)
struct LazyReference<Instance: AnyObject & Sendable>: ~Copyable, Sendable {
  private let address = Atomic<UInt>(0)

  func load(orMake make: () -> Instance) -> Instance {
    let known = address.load(ordering: .acquiring)
    if let pointer = UnsafeRawPointer(bitPattern: known) {
      return Unmanaged<Instance>.fromOpaque(pointer).takeUnretainedValue()
    }
    // Two threads may both make one; the first to store it wins.
    let made = Unmanaged.passRetained(make())
    let (isStored, winner) = address.compareExchange(
      expected: 0, desired: UInt(bitPattern: made.toOpaque()), ordering: .acquiringAndReleasing)
    if isStored { return made.takeUnretainedValue() }
    made.release()
    return Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(bitPattern: winner)!).takeUnretainedValue()
  }

  deinit {
    if let pointer = UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring)) {
      Unmanaged<Instance>.fromOpaque(pointer).release()
    }
  }
}
