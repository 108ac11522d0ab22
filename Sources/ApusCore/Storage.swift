import CApus
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A block of memory on a device, given back to the device's pool when the last tensor lets go of it.
///
/// Immutable once a second tensor can see it: that is what makes tensors `Sendable`. Only kernels that fill a fresh output, and
/// an optimiser that owns its parameter alone, write into it.
package final class Storage: @unchecked Sendable {
  /// Set once, before a kernel can see it: there is nothing for run-time exclusivity checks to find.
  @exclusivity(unchecked) package private(set) var pointer: UnsafeMutableRawPointer
  package let byteCount: Int
  package let backend: any Backend
  /// Whose memory this is, if it is not this object's own.
  @exclusivity(unchecked) private var owner: AnyObject?
  /// Whether there is memory. A recorder gives none to what a step makes as long as nothing runs.
  @exclusivity(unchecked) private(set) var isBacked = true

  init(pointer: UnsafeMutableRawPointer, byteCount: Int, backend: any Backend) {
    self.pointer = pointer
    self.byteCount = byteCount
    self.backend = backend
    owner = nil
  }

  /// A part of the memory of `owner`, which lives as long as this object.
  init(pointer: UnsafeMutableRawPointer, byteCount: Int, backend: any Backend, of owner: AnyObject) {
    self.pointer = pointer
    self.byteCount = byteCount
    self.backend = backend
    self.owner = owner
  }

  /// A block without memory, which ``back()`` gives it.
  init(unbacked byteCount: Int, backend: any Backend) {
    pointer = UnsafeMutableRawPointer(bitPattern: 64)!  // nobody may look there
    self.byteCount = byteCount
    self.backend = backend
    owner = nil
    isBacked = false
  }

  /// Gives this block memory, if it has none.
  func back() {
    guard !isBacked else { return }
    let memory = backend.allocate(byteCount)
    (pointer, owner, isBacked) = (memory.pointer, memory, true)
  }

  deinit { if owner == nil && isBacked { backend.release(pointer, byteCount: byteCount) } }
}

/// Counts of live memory, for tests and tools.
public struct MemoryUse: Sendable, Hashable {
  /// Bytes that live tensors hold.
  public var live: Int
  /// Bytes that the pool keeps for reuse.
  public var pooled: Int
}

/// The caching pool of host memory: blocks of a few size classes, aligned to 64 bytes, kept for reuse.
///
/// A fresh 16 MB block costs a page fault for every 4 KB that is touched; a reused one costs a few nanoseconds.
final class HostPool: Sendable {
  static let shared = HostPool()

  /// What the pool keeps at most, in bytes; blocks beyond go back to the system at once.
  private static let limit = 1 << 30

  private struct State {
    /// Free blocks by size class, each a stack linked through the blocks' own first word. Addresses as numbers: 0 ends a stack.
    var free: [UInt] = Array(repeating: 0, count: 256)
    var live = 0
    var pooled = 0
  }
  private let state = Mutex(State())

  /// Four classes to each doubling, at least 64 bytes: at most a quarter of a block is wasted.
  private static func sizeClass(_ byteCount: Int) -> (index: Int, size: Int) {
    let units = max(1, (byteCount + 63) >> 6)
    if units <= 4 { return (units, units << 6) }
    let top = Int.bitWidth - 1 - (units - 1).leadingZeroBitCount
    let quarter = 1 << (top - 2)
    let steps = (units - 1) / quarter + 1
    return (top * 4 + steps - 8 + 5, (steps * quarter) << 6)
  }

  private static func size(ofClass index: Int) -> Int {
    guard index > 4 else { return index << 6 }
    let top = (index - 2) / 4
    return ((index + 3 - 4 * top) << (top - 2)) << 6
  }

  /// From this size on, blocks are the system's own pages: what the C library keeps of large blocks it gives back late or never.
  private static let leastMapped = 1 << 17

  private static func obtain(_ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= leastMapped else { return apus_allocate(size) }
    let block = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
    return block == MAP_FAILED ? nil : block
  }

  private static func giveBack(_ block: UnsafeMutableRawPointer, _ size: Int) {
    if size >= leastMapped { munmap(block, size) } else { apus_free(block) }
  }

  func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let (index, size) = Self.sizeClass(byteCount)
    let reused: UInt = state.withLock { state in
      state.live += size
      let address = state.free[index]
      guard let block = UnsafePointer<UInt>(bitPattern: address) else { return 0 }
      state.free[index] = block.pointee
      state.pooled -= size
      return address
    }
    if let block = UnsafeMutableRawPointer(bitPattern: reused) { return block }
    if let block = Self.obtain(size) { return block }
    trim()  // what is kept for reuse may be what is missing
    guard let block = Self.obtain(size) else { fatalError("out of memory: \(size) bytes were asked for") }
    return block
  }

  func release(_ block: UnsafeMutableRawPointer, byteCount: Int) {
    let (index, size) = Self.sizeClass(byteCount)
    let address = UInt(bitPattern: block)
    let isKept = state.withLock { state in
      state.live -= size
      guard state.pooled + size <= Self.limit else { return false }
      UnsafeMutablePointer<UInt>(bitPattern: address)!.pointee = state.free[index]
      state.free[index] = address
      state.pooled += size
      return true
    }
    if !isKept { Self.giveBack(block, size) }
  }

  var use: MemoryUse { state.withLock { MemoryUse(live: $0.live, pooled: $0.pooled) } }

  /// Gives every pooled block back to the system.
  func trim() {
    let blocks: [(address: UInt, size: Int)] = state.withLock { state in
      var blocks: [(address: UInt, size: Int)] = []
      for index in state.free.indices {
        while let block = UnsafePointer<UInt>(bitPattern: state.free[index]) {
          blocks.append((state.free[index], Self.size(ofClass: index)))
          state.free[index] = block.pointee
        }
      }
      state.pooled = 0
      return blocks
    }
    for (address, size) in blocks { Self.giveBack(UnsafeMutableRawPointer(bitPattern: address)!, size) }
  }
}
