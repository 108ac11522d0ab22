import CApus
import Synchronization
import Testing

/// Runs `body` for every chunk on the team.
private func parallel(_ chunks: Int, _ body: (Int) -> Void) {
  withoutActuallyEscaping(body) { body in
    withUnsafePointer(to: body) { body in
      apus_parallel(
        Int64(chunks),
        { pointer, chunk in pointer!.assumingMemoryBound(to: ((Int) -> Void).self).pointee(Int(chunk)) },
        UnsafeMutableRawPointer(mutating: UnsafeRawPointer(body)))
    }
  }
}

/// How often each chunk ran.
private final class Counts: Sendable {
  let counts: [Atomic<Int>.Box]
  init(_ count: Int) { counts = (0..<count).map { _ in Atomic<Int>.Box() } }
  func count(_ chunk: Int) { counts[chunk].value.add(1, ordering: .relaxed) }
  func allAre(_ expected: Int) -> Bool { counts.allSatisfy { $0.value.load(ordering: .relaxed) == expected } }
}

extension Atomic where Value == Int {
  fileprivate final class Box: Sendable { let value = Atomic<Int>(0) }
}

/// A sum that takes about `steps` additions.
private func busy(_ steps: Int) -> Int {
  var (sum, i) = (0, 0)
  while i < steps { (sum, i) = (sum ^ i &* 7, i + 1) }
  return sum
}

@Suite(.serialized) struct ParallelTests {
  @Test(arguments: [1, 2, 3, 5, 16]) func everyChunkRunsOnce(threads: Int) {
    apus_set_threads(Int32(threads))
    defer { apus_set_threads(0) }
    for chunks in [0, 1, 2, 3, 7, 64, 1000] {
      let counts = Counts(chunks)
      for _ in 0..<20 { parallel(chunks) { counts.count($0) } }
      #expect(counts.allAre(20), "\(chunks) chunks on \(threads) threads")
    }
  }

  @Test func unevenChunks() {
    apus_set_threads(4)
    defer { apus_set_threads(0) }
    let counts = Counts(50)
    for _ in 0..<20 {
      parallel(50) { chunk in
        if busy(chunk < 5 ? 100_000 : 10) != -1 { counts.count(chunk) }
      }
    }
    #expect(counts.allAre(20))
  }

  @Test func withinARegionChunksRunInOrder() {
    apus_set_threads(3)
    defer { apus_set_threads(0) }
    let counts = Counts(6 * 5)
    let inOrder = Atomic(true)
    for _ in 0..<50 {
      parallel(6) { outer in
        var last = -1
        parallel(5) { inner in
          if inner != last + 1 { inOrder.store(false, ordering: .relaxed) }
          last = inner
          counts.count(outer * 5 + inner)
        }
      }
    }
    #expect(inOrder.load(ordering: .relaxed) && counts.allAre(50))
  }

  @Test func manyThreadsAtOnce() async {
    apus_set_threads(3)
    defer { apus_set_threads(0) }
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 {
        group.addTask {
          let counts = Counts(17)
          for _ in 0..<300 { parallel(17) { counts.count($0) } }
          return counts.allAre(300)
        }
      }
      // The size may change between regions, whoever runs them.
      for threads in [1, 4, 2, 6, 3] as [Int32] {
        apus_set_threads(threads)
        await Task.yield()
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  /// A child process has no workers, and makes its own.
  @Test func afterAFork() {
    apus_set_threads(3)
    defer { apus_set_threads(0) }
    parallel(3) { _ in }
    #expect(apus_testing_parallel_in_child(1000) == 1000)
    let counts = Counts(10)
    parallel(10) { counts.count($0) }
    #expect(counts.allAre(1))
  }

  @Test func workersSleepAndWake() async throws {
    apus_set_threads(4)
    defer { apus_set_threads(0) }
    let counts = Counts(8)
    // Pauses below and above the time that a worker spins for.
    for pause in [1, 20, 80, 95, 100, 105, 150, 300, 2000] {
      for _ in 0..<20 {
        parallel(8) { counts.count($0) }
        try await Task.sleep(for: .microseconds(pause))
      }
    }
    #expect(counts.allAre(180))
  }
}
