import ApusCore

extension Dataset {
  /// 60,000 colour photographs in ten classes (Krizhevsky, 2009): uint8 of shape (n, 32, 32, 3).
  ///
  /// The directory, or `cifar-10-batches-bin` in it, holds the "binary version": `data_batch_1.bin` to `data_batch_5.bin`,
  /// `test_batch.bin`. The pixels stay bytes (184 MB instead of 737); batches give them as float32 from 0 to 1.
  /// - Throws: `DatasetError` if a file is missing or is not what its name says, `FileFormatError` if it cannot be read.
  public static func cifar10(directory: String) throws -> (training: Dataset, test: Dataset) {
    let names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    let directory = subdirectory("cifar-10-batches-bin", of: directory)
    let training = (1...5).map { "data_batch_\($0).bin" }
    return (
      try Dataset(cifar: training, in: directory, labelBytes: 1, classNames: names).marked(.training),
      try Dataset(cifar: ["test_batch.bin"], in: directory, labelBytes: 1, classNames: names).marked(.heldOut)
    )
  }

  /// 60,000 colour photographs in 100 classes (Krizhevsky, 2009): uint8 of shape (n, 32, 32, 3).
  ///
  /// The directory, or `cifar-100-binary` in it, holds the "binary version": `train.bin`, `test.bin`, `fine_label_names.txt`.
  /// - Throws: as ``cifar10(directory:)``.
  public static func cifar100(directory: String) throws -> (training: Dataset, test: Dataset) {
    let directory = subdirectory("cifar-100-binary", of: directory)
    let path = "\(directory)/fine_label_names.txt"
    let text = String(decoding: try ByteStream(reading: path).rest(atMost: 1 << 16), as: UTF8.self)
    let names = text.split(whereSeparator: \.isNewline).map(String.init)
    guard names.count == 100 else {
      throw DatasetError("\(path): there are \(names.count) names of classes; expected 100")
    }
    // Each image has a coarse label first, one of 20, and then the fine one.
    return (
      try Dataset(cifar: ["train.bin"], in: directory, labelBytes: 2, classNames: names).marked(.training),
      try Dataset(cifar: ["test.bin"], in: directory, labelBytes: 2, classNames: names).marked(.heldOut)
    )
  }

  private static func subdirectory(_ name: String, of directory: String) -> String {
    FileSystem.isDirectory("\(directory)/\(name)") ? "\(directory)/\(name)" : directory
  }

  /// - Parameter labelBytes: how many bytes of labels each image begins with; the last of them counts.
  private init(cifar files: [String], in directory: String, labelBytes: Int, classNames: [String]) throws {
    let (side, channels) = (32, 3)
    let pixels = side * side
    let record = labelBytes + channels * pixels
    let images = try files.map { name in
      let path = "\(directory)/\(name)"
      let file = try LocalFile(reading: path)
      guard file.size > 0, file.size % record == 0, file.size < Machine.memory else {
        throw DatasetError(
          "\(path): the file has \(file.size) bytes; expected a multiple of \(record), the size of an image")
      }
      return (path: path, bytes: try file.bytes(at: 0, count: file.size))
    }
    let count = images.reduce(0) { $0 + $1.bytes.count / record }
    var labels: [Int32] = []
    labels.reserveCapacity(count)
    for (path, bytes) in images {
      for start in stride(from: 0, to: bytes.count, by: record) {
        let label = Int(bytes[start + labelBytes - 1])
        guard label < classNames.count else {
          throw DatasetError(
            "\(path): byte \(start + labelBytes - 1) is the label \(label); expected 0 to \(classNames.count - 1)")
        }
        labels.append(Int32(label))
      }
    }
    // The files hold all red pixels of an image first, then the green ones, then the blue ones.
    let features = Tensor(type: TensorType([count, side, side, channels], .uint8)) { target in
      var place = target.baseAddress!.assumingMemoryBound(to: UInt8.self)
      for (_, bytes) in images {
        bytes.withUnsafeBufferPointer { bytes in
          for start in stride(from: labelBytes, to: bytes.count, by: record) {
            let planes = bytes.baseAddress! + start
            for pixel in 0..<pixels {
              place[0] = planes[pixel]
              place[1] = planes[pixels + pixel]
              place[2] = planes[2 * pixels + pixel]
              place += channels
            }
          }
        }
      }
    }
    let name = files.count == 1 ? "\(directory)/\(files[0])" : directory
    self.init(name, features: features, targets: Tensor(labels), kind: .classes(classNames))
  }
}
