import ApusCore
import ApusFiles
import ApusTestSupport
import Testing

@testable import ApusData

@Suite struct MNISTTests {
  private static let trainingImages = "train3-images-idx3-ubyte"
  private static let trainingLabels = "train3-labels-idx1-ubyte"
  private static let images: [UInt8] = [0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 51, 102, 153, 204, 255]
  private static let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]
  private static let files: [String: [UInt8]] = [
    trainingImages: images, trainingLabels: labels,
    "t10k-images-idx3-ubyte": [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 255, 0],
    "t10k-labels-idx1-ubyte": [0, 0, 8, 1, 0, 0, 0, 1, 5],
  ]
  /// `images` as gzip packs them: header, DEFLATE, CRC-32, size.
  private static let packedImages: [UInt8] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 99, 96, 224, 96, 102, 96, 96, 0, 97, 70, 32, 102, 98, 48, 78, 155, 121, 230, 63, 0,
    82, 219, 139, 145, 22, 0, 0, 0,
  ]

  private func directory(_ files: [String: [UInt8]]) -> ScratchDirectory {
    let directory = ScratchDirectory()
    for (name, bytes) in files { directory.file(name, bytes) }
    return directory
  }

  @Test("M9: images and labels of MNIST's files") func readsImagesAndLabels() throws {
    let directory = directory(Self.files)
    let (training, test) = try Dataset.mnist(directory: directory.path)
    #expect(training.name == directory.file(Self.trainingImages))
    #expect(training.features.shape == [3, 1, 2, 1] && training.features.dtype == .float32)
    #expect(training.features.floats == [0, 0.2, 0.4, 0.6, 0.8, 1])
    #expect(training.targets.ints == [7, 0, 9])
    #expect(training.classNames == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
    #expect(test.features.floats == [1, 0] && test.targets.ints == [5])
    let clothes = try Dataset.fashionMNIST(directory: directory.path).training
    #expect(clothes.features.floats == training.features.floats && clothes.classNames[9] == "ankle boot")
  }

  @Test func readsPackedFiles() throws {
    var files = Self.files
    files[Self.trainingImages] = nil
    files[Self.trainingImages + ".gz"] = Self.packedImages
    let directory = directory(files)
    let training = try Dataset.mnist(directory: directory.path).training
    #expect(training.features.floats == [0, 0.2, 0.4, 0.6, 0.8, 1])
  }

  /// Files in place of the right ones (nil: none), and the sentence after the directory.
  private static let damaged: [(name: String, bytes: [UInt8]?, sentence: String)] = [
    (trainingImages, nil, ": there is no file train*-images-idx3-ubyte or train*-images-idx3-ubyte.gz"),
    ("t10k-labels-idx1-ubyte", nil, ": there is no file t10k*-labels-idx1-ubyte or t10k*-labels-idx1-ubyte.gz"),
    (trainingImages, [], "/train3-images-idx3-ubyte: this is not an IDX file; it begins with []."),
    (trainingImages, [31, 139, 8, 0, 1], "/train3-images-idx3-ubyte: the packed bytes end too early."),
    (
      trainingImages, [0, 0, 10, 1, 0, 0, 0, 0],
      "/train3-images-idx3-ubyte: this is not an IDX file; it begins with [0, 0, 10, 1]."
    ),
    (trainingImages, [0, 0, 8, 9], "/train3-images-idx3-ubyte: there are 9 axes; tensors have at most 8."),
    (
      trainingImages, [0, 0, 8, 3, 0, 0], "/train3-images-idx3-ubyte: the file ends where 10 bytes more were expected."
    ),
    (
      trainingImages, images.dropLast(),
      "/train3-images-idx3-ubyte: the extents [3, 1, 2] need more bytes than the file holds."
    ),
    (trainingImages, images + [0], "/train3-images-idx3-ubyte: more bytes follow where the file should end."),
    (
      trainingImages, [0, 0, 8, 3] + [UInt8](repeating: 255, count: 12),
      "/train3-images-idx3-ubyte: the extents [4294967295, 4294967295, 4294967295] need more bytes than the file holds."
    ),
    (
      trainingImages, labels,
      "/train3-images-idx3-ubyte: there are elements of type uint8(3,); expected images, uint8 with 3 axes"
    ),
    (
      trainingLabels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 0],
      "/train3-labels-idx1-ubyte: there are elements of type uint8(2,); expected uint8(3,), a label for each image"
    ),
    (
      trainingLabels, images,
      "/train3-labels-idx1-ubyte: there are elements of type uint8(3, 1, 2); expected uint8(3,), a label for each image"
    ),
    (
      trainingLabels, [0, 0, 8, 1, 0, 0, 0, 3, 7, 10, 9], "/train3-labels-idx1-ubyte: the label 10 is outside 0 to 9"
    ),
  ]

  @Test(arguments: damaged.indices) func namesWhatIsWrong(_ number: Int) throws {
    let (name, bytes, sentence) = Self.damaged[number]
    var files = Self.files
    files[name] = bytes
    let directory = directory(files)
    let error = #expect(throws: (any Error).self) { try Dataset.mnist(directory: directory.path) }
    #expect("\(try #require(error))" == directory.path + sentence)
  }

  @Test func packedFilesThatAreDamaged() throws {
    var random = TestRandom(seed: 3)
    let directory = ScratchDirectory()
    for round in 0..<2000 {
      var bytes = Self.packedImages
      if round < bytes.count {
        bytes.removeLast(bytes.count - round)
      } else {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          bytes[Int.random(in: 2..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
        }
      }
      let path = directory.file("images.gz", bytes)
      // The checksum finds all damage but that of gzip's own header, which changes nothing.
      if let tensor = try? IDXFile.read(path) { #expect(tensor.ints == [0, 51, 102, 153, 204, 255]) }
    }
    // Files may be joined, and nothing else may follow.
    let joined = directory.file("joined.gz", Self.packedImages + Self.packedImages)
    #expect(try ByteStream(reading: joined).rest(atMost: 100) == Self.images + Self.images)
    #expect(throws: FileFormatError.self) { try IDXFile.read(joined) }
    #expect(throws: FileFormatError.self) {
      try ByteStream(reading: directory.file("more.gz", Self.packedImages + [1])).rest(atMost: 100)
    }
    #expect(throws: FileFormatError.self) { try ByteStream(reading: joined).rest(atMost: 43) }
  }

  @Test func elementTypes() throws {
    let directory = ScratchDirectory()
    func read(_ type: UInt8, _ bytes: [UInt8]) throws -> Tensor {
      try IDXFile.read(directory.file("a", [0, 0, type, 1, 0, 0, 0, 2] + bytes))
    }
    #expect(try read(9, [0x80, 0x7f]).ints == [-128, 127] && read(9, [0, 0]).dtype == .int32)
    #expect(try read(11, [0xff, 0xfe, 0x01, 0x00]).ints == [-2, 256])
    #expect(try read(12, [0x80, 0, 0, 0, 0, 0, 1, 0]).ints == [Int(Int32.min), 256])
    #expect(try read(13, [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0]).floats == [1, -2.5])
    #expect(try read(14, [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0x04, 0, 0, 0, 0, 0, 0]).doubles == [1, -2.5])
    #expect(try IDXFile.read(directory.file("number", [0, 0, 8, 0, 7])).item == 7)
  }

  @Test func missingDirectory() {
    #expect(throws: FileFormatError(.notFound, path: "/no/such", "there is no such directory")) {
      try Dataset.mnist(directory: "/no/such")
    }
  }

  @Test(.enabled(if: sharedPath("mnist") != nil, "the data are not on this machine")) func realFiles() throws {
    let (training, test) = try Dataset.mnist(directory: try #require(sharedPath("mnist")))
    #expect(training.features.shape == [10_000, 28, 28, 1] && test.features.shape == [10_000, 28, 28, 1])
    // The published test set: its first labels and the mean of its pixels, by NumPy.
    #expect(test.targets[0..<10].ints == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    #expect(abs(test.features.cast(to: .float64).mean().item - 0.132514) < 1e-6)
    let counts = (0..<10).map { label in test.targets.ints.count { $0 == label } }
    #expect(counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
  }
}
