import ApusCore
import Testing

@testable import ApusData

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

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

  /// Runs `body` in a directory with these files.
  private func withDirectory(_ files: [String: [UInt8]], _ body: (String) throws -> Void) throws {
    var template = Array("/tmp/apus-mnist-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for (name, bytes) in files {
      let file = try #require(fopen("\(directory)/\(name)", "w"))
      fwrite(bytes, 1, bytes.count, file)
      fclose(file)
    }
    defer {
      for name in files.keys { unlink("\(directory)/\(name)") }
      rmdir(directory)
    }
    try body(directory)
  }

  @Test func readsImagesAndLabels() throws {
    try withDirectory(Self.files) { directory in
      let (training, test) = try Dataset.mnist(directory: directory)
      #expect(training.name == "\(directory)/\(Self.trainingImages)")
      #expect(training.features.shape == [3, 2] && training.features.dtype == .float32)
      #expect(training.features.floats == [0, 0.2, 0.4, 0.6, 0.8, 1])
      #expect(training.targets.ints == [7, 0, 9])
      #expect(training.classNames == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
      #expect(test.features.floats == [1, 0] && test.targets.ints == [5])
    }
  }

  /// Files in place of the right ones (nil: none), and the sentence after the directory.
  private static let damaged: [(name: String, bytes: [UInt8]?, sentence: String)] = [
    (trainingImages, nil, ": there is no file train*-images-idx3-ubyte"),
    ("t10k-labels-idx1-ubyte", nil, ": there is no file t10k*-labels-idx1-ubyte"),
    (trainingImages, [], "/train3-images-idx3-ubyte: this is not an IDX file of bytes; it begins with []"),
    (
      trainingImages, [31, 139, 8, 0, 1],
      "/train3-images-idx3-ubyte: this is not an IDX file of bytes; it begins with [31, 139, 8, 0]"
    ),
    (
      trainingImages, [0, 0, 13, 1, 0, 0, 0, 0],
      "/train3-images-idx3-ubyte: this is not an IDX file of bytes; it begins with [0, 0, 13, 1]"
    ),
    (trainingImages, [0, 0, 8, 3, 0, 0], "/train3-images-idx3-ubyte: the file ends within the extents of its axes"),
    (
      trainingImages, images.dropLast(),
      "/train3-images-idx3-ubyte: the extents [3, 1, 2] do not fit 5 bytes of elements"
    ),
    (trainingImages, images + [0], "/train3-images-idx3-ubyte: the extents [3, 1, 2] do not fit 7 bytes of elements"),
    (
      trainingImages, [0, 0, 8, 3] + [UInt8](repeating: 255, count: 12),
      "/train3-images-idx3-ubyte: the extents [4294967295, 4294967295, 4294967295] do not fit 0 bytes of elements"
    ),
    (trainingImages, labels, "/train3-images-idx3-ubyte: there are 1 axes; images need 3"),
    (
      trainingLabels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 0],
      "/train3-labels-idx1-ubyte: the extents are [2]; expected a label for each image, [3]"
    ),
    (
      trainingLabels, images,
      "/train3-labels-idx1-ubyte: the extents are [3, 1, 2]; expected a label for each image, [3]"
    ),
    (
      trainingLabels, [0, 0, 8, 1, 0, 0, 0, 3, 7, 10, 9], "/train3-labels-idx1-ubyte: the label 10 is outside 0 to 9"
    ),
  ]

  @Test(arguments: damaged.indices) func namesWhatIsWrong(_ number: Int) throws {
    let (name, bytes, sentence) = Self.damaged[number]
    var files = Self.files
    files[name] = bytes
    try withDirectory(files) { directory in
      let error = try #require(throws: DatasetError.self) { try Dataset.mnist(directory: directory) }
      #expect(error.description == directory + sentence)
    }
  }

  @Test func asksToUnpack() throws {
    var files = Self.files
    files[Self.trainingImages + ".gz"] = files.removeValue(forKey: Self.trainingImages)
    try withDirectory(files) { directory in
      let error = try #require(throws: DatasetError.self) { try Dataset.mnist(directory: directory) }
      #expect(error.description == "\(directory): there is no file train*-images-idx3-ubyte; unpack it with gunzip")
    }
    #expect(throws: DatasetError("/no/such: there is no such directory")) {
      try Dataset.mnist(directory: "/no/such")
    }
  }
}
