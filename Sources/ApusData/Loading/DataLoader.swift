import ApusCore

/// Examples in batches: in which order, how many, changed in which way, and prepared ahead of their use.
///
/// ```swift
/// let loader = DataLoader(
///   training, batchSize: 128, augmentations: [.flipHorizontally(), .crop(padding: 4), .normalize(mean: m, deviation: d)])
/// try trainer.fit(loader, epochs: 20)
/// ```
/// What comes out depends on the source, these settings and the number of the epoch alone: not on the number of threads, on what was
/// loaded before or on whether it was prepared ahead. What is drawn for an example does not depend on the batch it is in either.
public struct DataLoader: Sendable {
  public var source: any ExampleSource
  /// The examples of a batch, at least 1; the last may have fewer.
  public var batchSize: Int
  /// Whether every epoch has an order of its own; otherwise the source's.
  public var isShuffled: Bool
  /// Whether a smaller batch at the end is left out.
  public var dropsLast: Bool
  /// What is done to the features, images of shape (height, width, channels), one after the other.
  public var augmentations: [Augmentation]
  /// How many batches another thread prepares ahead; 0 for none, with the same results.
  public var prefetchCount: Int
  /// Decides the order and what augmentations draw.
  public var seed: UInt64

  public init(
    _ source: any ExampleSource, batchSize: Int = 32, isShuffled: Bool = true, dropsLast: Bool = false,
    augmentations: [Augmentation] = [], prefetchCount: Int = 2, seed: UInt64 = 0
  ) {
    self.source = source
    self.batchSize = batchSize
    self.isShuffled = isShuffled
    self.dropsLast = dropsLast
    self.augmentations = augmentations
    self.prefetchCount = prefetchCount
    self.seed = seed
  }

  /// The number of examples in an epoch.
  public var exampleCount: Int { dropsLast ? batchCount * batchSize : source.count }

  /// The number of batches in an epoch.
  public var batchCount: Int {
    let (whole, rest) = source.count.quotientAndRemainder(dividingBy: batchSize)
    return whole + (rest > 0 && !dropsLast ? 1 : 0)
  }

  /// What the features of one example are in a batch.
  /// - Throws: `ShapeError` if an augmentation does not fit them.
  public func featureType() throws(ShapeError) -> TensorType {
    var type = source.featureType
    for augmentation in augmentations { type = try augmentation.outputType(for: type) }
    return type
  }

  /// The positions of the examples in an epoch, in their order.
  public func order(epoch: Int) -> [Int] {
    guard isShuffled else { return Array(0..<source.count) }
    var random = RandomSource(seed: seed, stream: Self.stream(0x6f_7264_65, epoch))  // "orde"
    return (0..<source.count).shuffled(using: &random)
  }

  /// The batches of an epoch.
  /// - Precondition: the batch size is at least 1.
  public func batches(epoch: Int = 0) -> LoadedBatches { LoadedBatches(self, epoch: epoch) }

  /// A stream of random numbers for each purpose and epoch.
  static func stream(_ purpose: UInt64, _ epoch: Int) -> UInt64 {
    UInt64(truncatingIfNeeded: epoch) << 32 | purpose
  }
}

/// The batches of one epoch, one after the other.
///
/// ```swift
/// let batches = loader.batches(epoch: 3)
/// while let (x, y) = try batches.next() { … }
/// ```
/// Whoever stops early need not do anything: the thread that prepares batches ends with this object.
public final class LoadedBatches {
  private let plan: EpochPlan
  private let producer: BackgroundProducer<Batch>?
  private var position = 0

  init(_ loader: DataLoader, epoch: Int) {
    guard loader.batchSize > 0 else {
      fatalError("DataLoader: the batch size is \(loader.batchSize); expected at least 1")
    }
    let plan = EpochPlan(loader: loader, epoch: epoch, order: loader.order(epoch: epoch))
    self.plan = plan
    // A single batch has nobody to be prepared beside.
    producer =
      loader.prefetchCount > 0 && loader.batchCount > 1
      ? BackgroundProducer(count: loader.batchCount, ahead: loader.prefetchCount) { try plan.batch($0) } : nil
  }

  /// The next batch; nil after the last.
  /// - Throws: what the source throws; `ShapeError` if an augmentation does not fit the features.
  public func next() throws -> Batch? {
    let count = plan.loader.batchCount
    guard position < count else { return nil }
    do {
      defer { position += 1 }
      return try producer?.next() ?? plan.batch(position)
    } catch {
      position = count
      throw error
    }
  }
}

/// Everything that decides the batches of an epoch.
private struct EpochPlan: Sendable {
  let loader: DataLoader
  let epoch: Int
  let order: [Int]

  func batch(_ number: Int) throws -> Batch {
    let start = number * loader.batchSize
    let end = start + min(loader.batchSize, order.count - start)
    let indices = end - start == order.count ? order : Array(order[start..<end])
    let (features, targets) = try loader.source.batch(indices)
    guard !loader.augmentations.isEmpty else { return (features, targets) }
    let stream = DataLoader.stream(0x61_7567_6d, epoch)  // "augm"
    let changed = try Augmentation.apply(loader.augmentations, to: features) { row in
      // Each example has words of its own, more than any list of augmentations draws.
      RandomSource(seed: loader.seed, stream: stream, position: UInt64(indices[row]) << 20)
    }
    return (changed, targets)
  }
}
