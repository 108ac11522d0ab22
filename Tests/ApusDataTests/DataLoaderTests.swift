import ApusCore
import ApusTestSupport
import Synchronization
import Testing

@testable import ApusData

/// Order, batches, preparing ahead.
@Suite struct DataLoaderTests {
  /// Examples whose features and targets tell their number.
  private func numbers(_ count: Int, dtype: DType = .float32) -> Dataset {
    let x = Tensor.range(0..<count).reshaped([count, 1]) * Tensor([1, 2, 3] as [Int64])
    return Dataset(
      "numbers", features: x.cast(to: dtype), targets: Tensor((0..<count).map { Float($0) }, shape: [count, 1]),
      kind: .numbers(["y"]))
  }

  /// Images whose elements are random.
  private func images(_ count: Int) -> Dataset {
    var random = RandomSource(seed: 5)
    return Dataset(
      "images", features: .randomUniform([count, 6, 5, 2], using: &random),
      targets: Tensor((0..<count).map { Int32($0 % 3) }), kind: .classes(["a", "b", "c"]))
  }

  private func all(_ loader: DataLoader, epoch: Int) throws -> [(features: Tensor, targets: Tensor)] {
    let batches = loader.batches(epoch: epoch)
    var result: [Batch] = []
    while let batch = try batches.next() { result.append(batch) }
    #expect(result.count == loader.batchCount)
    #expect(try batches.next() == nil)
    return result
  }

  private static let augmentations: [Augmentation] = [
    .flipHorizontally(), .crop(padding: 1, outside: .reflected), .rotate(upTo: 20),
    .shift(upTo: 1.5, byWholePixels: false),
    .zoom(in: 0.8...1.25), .contrast(in: 0.5...2), .brightness(upTo: 0.1), .cutout(size: 2),
    .normalize(mean: [0.5], deviation: [0.25, 0.5]),
  ]

  @Test(arguments: [0, 2]) func everyExampleOnce(prefetchCount: Int) throws {
    let data = numbers(50)
    var loader = DataLoader(data, batchSize: 8, prefetchCount: prefetchCount, seed: 3)
    let batches = try all(loader, epoch: 4)
    #expect(batches.map { $0.features.shape[0] } == [8, 8, 8, 8, 8, 8, 2])
    let order = batches.flatMap(\.targets.ints)
    #expect(order == loader.order(epoch: 4) && order.sorted() == Array(0..<50) && order != Array(0..<50))
    for (x, y) in batches { #expect(x.floats == y.floats.flatMap { [$0, 2 * $0, 3 * $0] }) }
    loader.dropsLast = true
    #expect(loader.exampleCount == 48 && loader.batchCount == 6)
    #expect(try all(loader, epoch: 4).flatMap(\.targets.ints) == Array(order.prefix(48)))
    loader.isShuffled = false
    #expect(try all(loader, epoch: 4).flatMap(\.targets.ints) == Array(0..<48))
    loader.batchSize = 51
    #expect(try all(loader, epoch: 0).isEmpty)
    loader.dropsLast = false
    #expect(try all(loader, epoch: 0).flatMap(\.targets.ints) == Array(0..<50))
    loader.batchSize = .max
    #expect(try all(loader, epoch: 0).count == 1 && data.batches(of: .max).count == 1)
  }

  @Test func seedAndEpochDecideTheOrder() {
    let loader = DataLoader(numbers(100), seed: 1)
    var other = loader
    other.seed = 2
    #expect(loader.order(epoch: 0) == loader.order(epoch: 0))
    #expect(
      Set([loader.order(epoch: 0), loader.order(epoch: 1), loader.order(epoch: -1), other.order(epoch: 0)]).count == 4)
    // Written down, so that a change of the order shows.
    #expect(DataLoader(numbers(10), seed: 1).order(epoch: 1) == [8, 2, 1, 5, 0, 7, 6, 3, 4, 9])
  }

  @Test func bytesBecomeNumbersFromZeroToOne() throws {
    let data = Dataset(
      "bytes", features: Tensor((0..<256).map { UInt8($0) }, shape: [64, 2, 2, 1]), targets: .zeros([64, 1]),
      kind: .numbers(["y"]))
    let loader = DataLoader(data, batchSize: 64, isShuffled: false)
    #expect(try loader.featureType() == TensorType([2, 2, 1], .float32))
    let x = try all(loader, epoch: 0)[0].features
    #expect(x.shape == [64, 2, 2, 1] && x.floats == (0..<256).map { Float($0) / 255 })
    var random = RandomSource(seed: 1)
    for batches in [data.batches(of: 64), data.batches(of: 64, shuffledBy: &random)] {
      #expect(batches.allSatisfy { $0.features.type == x.type && $0.features.floats.sorted() == x.floats })
    }
    #expect(numbers(4, dtype: .int32).batch([2, 0]).features.type == TensorType([2, 3], .int32))
    #expect(try Dataset(loading: numbers(5)).features.floats == numbers(5).features.floats)
  }

  // MARK: Ahead

  /// The same bits, whoever prepares the batches, on however many threads operations run.
  @Test func preparingAheadChangesNothing() throws {
    var loader = DataLoader(images(45), batchSize: 7, augmentations: Self.augmentations, prefetchCount: 0, seed: 9)
    func bits(_ loader: DataLoader) throws -> [[UInt32]] {
      try (0..<3).flatMap { epoch in
        try all(loader, epoch: epoch).map { $0.features.floats.map(\.bitPattern) + [UInt32($0.targets.ints[0])] }
      }
    }
    let expected = try bits(loader)
    #expect(Set(expected).count == expected.count)
    for ahead in [1, 2, 5, 100] {
      loader.prefetchCount = ahead
      #expect(try bits(loader) == expected)
    }
  }

  /// What is drawn for an example depends on seed, epoch and its number alone.
  @Test func drawsDoNotDependOnTheBatch() throws {
    func rows(batchSize: Int, isShuffled: Bool, seed: UInt64 = 9, epoch: Int = 2) throws -> [Int: [Float]] {
      let data = images(20)
      let tagged = Dataset(
        "tagged", features: data.features, targets: Tensor((0..<20).map { Int32($0) }),
        kind: .classes((0..<20).map(String.init)))
      let loader = DataLoader(
        tagged, batchSize: batchSize, isShuffled: isShuffled, augmentations: Self.augmentations, seed: seed)
      var rows: [Int: [Float]] = [:]
      for (x, y) in try all(loader, epoch: epoch) {
        for (i, number) in y.ints.enumerated() { rows[number] = x[i].floats }
      }
      return rows
    }
    let expected = try rows(batchSize: 20, isShuffled: false)
    #expect(try rows(batchSize: 3, isShuffled: true) == expected)
    let (otherSeed, otherEpoch) = (
      try rows(batchSize: 3, isShuffled: true, seed: 8), try rows(batchSize: 3, isShuffled: true, epoch: 3)
    )
    #expect((0..<20).allSatisfy { otherSeed[$0] != expected[$0] && otherEpoch[$0] != expected[$0] })
  }

  /// A source that counts, and fails at some example.
  private final class Watched: ExampleSource {
    struct Failure: Error, Equatable {}
    let made = Mutex(0)
    let failing: Int?
    init(failing: Int? = nil) { self.failing = failing }
    let name = "watched"
    let count = 1000
    let featureType = TensorType([1], .float32)
    let targetType = TensorType([], .float32)
    let kind = Dataset.Targets.numbers(["y"])
    func batch(_ indices: [Int]) throws -> Batch {
      made.withLock { $0 += 1 }
      if let failing, indices.contains(failing) { throw Failure() }
      let x = Tensor(indices.map { Float($0) })
      return (x.reshaped([-1, 1]), x)
    }
  }

  @Test func stoppingEarlyEndsTheThread() throws {
    weak var gone: Watched?
    for taken in [0, 1, 5] {
      let source = Watched()
      gone = source
      do {
        let batches = DataLoader(source, batchSize: 1, isShuffled: false, prefetchCount: 2).batches()
        for i in 0..<taken { #expect(try batches.next()?.targets.item == Double(i)) }
      }
      // No more than were taken, fit into the queue, or waited for room.
      #expect(source.made.withLock { $0 } <= taken + 3)
    }
    // The thread would still hold it.
    #expect(gone == nil)
  }

  @Test(arguments: [0, 1, 3]) func errorsComeThroughInTheirPlace(prefetchCount: Int) throws {
    let loader = DataLoader(Watched(failing: 57), batchSize: 10, isShuffled: false, prefetchCount: prefetchCount)
    let batches = loader.batches()
    for i in 0..<5 { #expect(try batches.next()?.targets.ints[0] == 10 * i) }
    #expect(throws: Watched.Failure()) { try batches.next() }
    #expect(try batches.next() == nil)
  }

  @Test func manyLoadersAtOnce() async throws {
    let data = images(30)
    let loader = DataLoader(data, batchSize: 4, augmentations: Self.augmentations, prefetchCount: 2)
    let expected = try all(loader, epoch: 0).map(\.features.floats)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<40 {
        group.addTask {
          let batches = loader.batches()
          var found: [[Float]] = []
          while let batch = try? batches.next() { found.append(batch.features.floats) }
          return found == expected
        }
      }
      for await isEqual in group { #expect(isEqual) }
    }
  }

  @Test func wrongIndicesAndAmountsStop() async {
    let outside = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Dataset("x", features: .zeros([3, 2]), targets: .zeros([3, 1]), kind: .numbers(["y"])).batch([0, 3])
    }
    let outsideMessage = String(decoding: outside?.standardErrorContent ?? [], as: UTF8.self)
    #expect(outsideMessage.contains("the index 3 is outside the 3"))
    let negative = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = Augmentation.rotate(upTo: -5)
    }
    let negativeMessage = String(decoding: negative?.standardErrorContent ?? [], as: UTF8.self)
    #expect(negativeMessage.contains("rotate: up to -5.0; expected"))
  }

  @Test func augmentationsMustFit() throws {
    let small = DataLoader(images(4), augmentations: [.crop(height: 9, width: 3)])
    #expect(throws: ShapeError.self) { try small.featureType() }
    #expect(throws: ShapeError.self) { try small.batches().next() }
    let vectors = DataLoader(numbers(4), augmentations: [.flipVertically()])
    #expect {
      try vectors.featureType()
    } throws: { "\($0)".contains("float32(3,) was found; expected an image, float32 (height, width, channels)") }
    let loader = DataLoader(
      images(4), batchSize: 4, augmentations: [.crop(height: 3, width: 2), .centerCrop(height: 1, width: 2)])
    #expect(try loader.featureType() == TensorType([1, 2, 2], .float32))
    #expect(try all(loader, epoch: 0)[0].features.shape == [4, 1, 2, 2])
    #expect(throws: ShapeError.self) {
      try DataLoader(images(4), augmentations: [.normalize(mean: [1, 2, 3], deviation: [1])]).featureType()
    }
  }
}
