import ApusImages
import ApusTestSupport
import Testing

@testable import ApusCore
@testable import ApusData
@testable import ApusNN
@testable import ApusTraining

/// Training from loaders: the same bits however the batches are prepared.
@Suite struct LoaderTrainingTests {
  private static func network() -> Sequential {
    withSeed(3) { Sequential([Flatten(), Dense(64, 32, activation: .relu), Dropout(0.2), Dense(32, 10)]) }
  }

  private static func digits() throws -> (training: Dataset, test: Dataset) {
    let digits = try Dataset.digits()
    let images = digits.replacing(features: (digits.features / 16).reshaped([-1, 8, 8, 1]))
    let (training, test) = images.split(testFraction: 0.2, seed: 1)
    return (training, test)
  }

  private func bits(_ loader: DataLoader, _ test: DataLoader, runsEagerly: Bool = false, threads: Int = 0) throws
    -> [UInt64]
  {
    Threads.count = threads
    defer { Threads.count = 0 }
    let model = Self.network()
    let trainer = Trainer(
      model, loss: .softmaxCrossEntropy, optimizer: Adam(learningRate: 0.01), metrics: [.accuracy], seed: 5,
      runsEagerly: runsEagerly)
    let history = try trainer.fit(loader, validation: test, epochs: 3, progress: .silent)
    return history.numbers.flatMap { $0.map { ($0 ?? 0).bitPattern } }
      + model.parameters.flatMap { $0.value.doubles.map(\.bitPattern) }
  }

  @Test func preparingAheadChangesNothing() throws {
    let (training, test) = try Self.digits()
    var loader = DataLoader(
      training, batchSize: 100,
      augmentations: [.shift(upTo: 1), .rotate(upTo: 10), .normalize(mean: [0.3], deviation: [0.4])],
      prefetchCount: 0, seed: 2)
    var validation = DataLoader(
      test, batchSize: 128, isShuffled: false, augmentations: [.normalize(mean: [0.3], deviation: [0.4])],
      prefetchCount: 0)
    let expected = try bits(loader, validation)
    #expect(try bits(loader, validation, runsEagerly: true) == expected)
    for ahead in [1, 2, 8] {
      (loader.prefetchCount, validation.prefetchCount) = (ahead, ahead)
      #expect(try bits(loader, validation, threads: ahead % 3 + 1) == expected)
    }
    loader.seed = 3
    #expect(try bits(loader, validation) != expected)
  }

  /// A data set is a loader without augmentation whose seed is the trainer's.
  @Test func dataSetsAreLoaders() throws {
    let (training, test) = try Self.digits()
    var results: [[[Double?]]] = []
    for isLoader in [false, true] {
      let trainer = Trainer(
        Self.network(), loss: .softmaxCrossEntropy, optimizer: Adam(), metrics: [.accuracy], seed: 7)
      let history =
        isLoader
        ? try trainer.fit(
          DataLoader(training, batchSize: 64, seed: 7),
          validation: DataLoader(test, batchSize: 1024, isShuffled: false), epochs: 2,
          progress: .silent)
        : try trainer.fit(training, validation: test, epochs: 2, batchSize: 64, progress: .silent)
      results.append(history.numbers)
    }
    #expect(results[0] == results[1])
  }

  @Test func bytesTrainLikeNumbers() throws {
    let digits = try Dataset.digits()
    let bytes = digits.replacing(features: (digits.features * 15).cast(to: .uint8))
    let floats = digits.replacing(features: bytes.features.cast(to: .float32) / 255)
    let parameters = try [bytes, floats].map { data in
      let model = Self.network()
      try Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam()).fit(data, epochs: 2, progress: .silent)
      #expect(try Trainer(model, loss: .softmaxCrossEntropy, optimizer: Adam()).evaluate(data).count == 1797)
      return Small.parameters(model)
    }
    #expect(parameters[0] == parameters[1])
  }

  @Test func whatCannotBeTrained() throws {
    let trainer = Trainer(Self.network(), loss: .softmaxCrossEntropy, optimizer: Adam())
    let (training, _) = try Self.digits()
    func sentence(_ loader: DataLoader) -> String {
      do {
        try trainer.fit(loader, epochs: 1, progress: .silent)
        return "nothing was thrown"
      } catch { return "\(error)" }
    }
    #expect(sentence(DataLoader(training, batchSize: 0)).contains("the batch size is 0"))
    let few = training.selecting(Array(0..<20))
    #expect(sentence(DataLoader(few, dropsLast: true)).contains("20 examples are less than a batch of 32"))
    let cropped = sentence(DataLoader(training, augmentations: [.centerCrop(height: 7, width: 7)]))
    #expect(cropped.contains("expected 64 along the last axis") && cropped.contains("49"), "\(cropped)")
    #expect(
      sentence(DataLoader(training, augmentations: [.centerCrop(height: 9, width: 9)])).contains("does not fit images"))
    #expect(trainer.optimizer.memory.step == 0)
  }

  /// An error of the source comes through as it is, in its place.
  @Test func errorsOfTheSourceComeThrough() throws {
    let directory = ScratchDirectory()
    for i in 0..<6 {
      directory.file("class\(i % 2)/\(i).pgm", Array("P5 8 8 255\n".utf8) + Array(repeating: UInt8(i), count: 64))
    }
    let broken = directory.file("class1/5.pgm", Array("P5 8 8 255\n".utf8))
    let images = try ImageFolder(directory.path, channels: 1)
    let model = withSeed(1) { Sequential([Flatten(), Dense(64, 2)]) }
    let trainer = Trainer(model, loss: .softmaxCrossEntropy, optimizer: SGD(learningRate: 0.1))
    let loader = DataLoader(images, batchSize: 1, isShuffled: false)
    #expect(throws: FileFormatError(.truncated, path: broken, "the PNM image ends too early")) {
      try trainer.fit(loader, epochs: 1, progress: .silent)
    }
    #expect(trainer.optimizer.memory.step == 5)
  }
}
