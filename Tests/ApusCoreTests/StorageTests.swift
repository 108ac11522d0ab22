import Testing

@testable import ApusCore

@Suite struct StorageTests {
  @Test func sizeClassesWasteAtMostAQuarter() {
    let large: [Int] = (11...24).flatMap { power -> [Int] in
      let size = 1 << power
      return [size - 1, size, size + 1, size + size / 4]
    }
    let sizes = Array(0...1025) + large
    for size in sizes {
      let pool = HostPool()
      let block = pool.allocate(size)
      #expect(Int(bitPattern: block) % 64 == 0)
      let granted = pool.use.live
      let whole = (size + 63) / 64 * 64
      #expect(granted >= size && granted <= max(64, whole + whole / 4), "\(size): \(granted)")
      // The last byte that was granted is ours.
      block.storeBytes(of: 1, toByteOffset: granted - 1, as: UInt8.self)
      pool.release(block, byteCount: size)
      #expect(pool.use == MemoryUse(live: 0, pooled: granted))
      pool.trim()
    }
  }

  @Test func blocksAreUsedAgainWithinTheirClass() {
    let pool = HostPool()
    let first = pool.allocate(1000)
    let second = pool.allocate(1000)
    #expect(first != second)
    pool.release(first, byteCount: 1000)
    pool.release(second, byteCount: 1000)
    #expect(pool.allocate(1020) == second)
    #expect(pool.allocate(990) == first)
    let third = pool.allocate(5000)
    #expect(third != first && third != second)
    #expect(pool.use.pooled == 0)
    for (block, size) in [(first, 1000), (second, 1000), (third, 5000)] { pool.release(block, byteCount: size) }
    #expect(pool.use.live == 0)
    pool.trim()
    #expect(pool.use == MemoryUse(live: 0, pooled: 0))
  }

  @Test func storageReturnsToItsPool() async {
    await #expect(processExitsWith: .success) {
      let before = Tensor.memoryUse
      do {
        let x = Tensor.zeros([1000])
        let view = x.reshaped([10, 100])[2]
        #expect(Tensor.memoryUse.live == before.live + 4096)
        #expect(view.count == 100)
      }
      #expect(Tensor.memoryUse.live == before.live)
      #expect(Tensor.memoryUse.pooled == before.pooled + 4096)
      Tensor.trimMemory()
      #expect(Tensor.memoryUse.pooled == 0)
    }
  }
}
