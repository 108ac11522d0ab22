import ApusCore
import ApusFiles
import ApusTestSupport
import Testing

@testable import ApusData

@Suite struct CIFARTests {
  /// An image whose pixel p has the channels p, p + 1 and p + 2 times `seed`, wrapped, as the files hold it.
  private func record(_ labels: [UInt8], seed: Int) -> [UInt8] {
    labels + (0..<3).flatMap { channel in (0..<1024).map { UInt8(truncatingIfNeeded: ($0 + channel) * seed) } }
  }

  private func expectImage(_ image: Tensor, seed: Int) {
    #expect(image.dtype == .uint8 && image.shape == [32, 32, 3])
    let expected = (0..<1024).flatMap { p in (0..<3).map { (p + $0) * seed & 255 } }
    #expect(image.ints == expected)
  }

  @Test func tenClasses() throws {
    let directory = ScratchDirectory()
    for i in 1...5 {
      directory.file(
        "cifar-10-batches-bin/data_batch_\(i).bin", record([UInt8(i)], seed: i) + record([9], seed: i + 10))
    }
    directory.file("cifar-10-batches-bin/test_batch.bin", record([0], seed: 77))
    let (training, test) = try Dataset.cifar10(directory: directory.path)
    #expect(training.count == 10 && training.targets.ints == [1, 9, 2, 9, 3, 9, 4, 9, 5, 9])
    #expect(training.classNames.count == 10 && training.classNames[9] == "truck")
    for i in 0..<5 {
      expectImage(training.features[2 * i], seed: i + 1)
      expectImage(training.features[2 * i + 1], seed: i + 11)
    }
    #expect(test.count == 1 && test.targets.ints == [0])
    expectImage(test.features[0], seed: 77)
    // Batches hand the bytes out as numbers from 0 to 1.
    #expect(training.featureType == TensorType([32, 32, 3], .float32))
    let batch = training.batch([3, 0]).features
    #expect(batch.type == TensorType([2, 32, 32, 3], .float32))
    #expect(
      batch.floats == training.features.gathering(Tensor([3, 0])).elements(as: UInt8.self).map { Float($0) / 255 })
    let (mean, deviation) = training.channelMoments
    let x = training.features.cast(to: .float64).reshaped([-1, 3]) / 255
    #expect(firstDifference(mean, x.mean(axes: [0]).doubles, tolerance: 1e-12) == nil)
    #expect(firstDifference(deviation, x.standardDeviation(axes: [0]).doubles, tolerance: 1e-12) == nil)
  }

  @Test func hundredClasses() throws {
    let directory = ScratchDirectory()
    directory.file("train.bin", record([3, 99], seed: 5) + record([0, 7], seed: 6))
    directory.file("test.bin", record([1, 50], seed: 8))
    let path = directory.file("fine_label_names.txt", (0..<100).map { "name\($0)\n" }.joined().utf8)
    let (training, test) = try Dataset.cifar100(directory: directory.path)
    #expect(training.targets.ints == [99, 7] && test.targets.ints == [50] && test.classNames[50] == "name50")
    expectImage(training.features[1], seed: 6)
    directory.file("fine_label_names.txt", "a\nb\n".utf8)
    #expect(throws: DatasetError("\(path): there are 2 names of classes; expected 100")) {
      try Dataset.cifar100(directory: directory.path)
    }
  }

  @Test func damagedFiles() throws {
    let directory = ScratchDirectory()
    for i in 1...5 { directory.file("data_batch_\(i).bin", record([1], seed: 1)) }
    #expect(throws: FileFormatError(system: 2, .read, path: directory.file("test_batch.bin"))) {
      try Dataset.cifar10(directory: directory.path)
    }
    for (bytes, sentence) in [
      ([], "the file has 0 bytes; expected a multiple of 3073, the size of an image"),
      (record([1], seed: 1).dropLast(), "the file has 3072 bytes; expected a multiple of 3073, the size of an image"),
      (record([1], seed: 1) + record([10], seed: 1), "byte 3073 is the label 10; expected 0 to 9"),
    ] {
      let path = directory.file("test_batch.bin", bytes)
      #expect(throws: DatasetError("\(path): \(sentence)")) { try Dataset.cifar10(directory: directory.path) }
    }
  }
}
