import ApusCore

extension Dataset {
  /// Handwritten digits, or what else comes in MNIST's four files (LeCun et al., 1998): float32 of shape (n, 28, 28, 1), from 0 to 1.
  ///
  /// The files are `train*-images-idx3-ubyte`, `train*-labels-idx1-ubyte`, and the same with `t10k`, plain or packed (`.gz`); `*`
  /// stands for anything. See ``mnist()`` for where to get them.
  /// - Throws: `DatasetError` if one of them is missing or they do not fit each other, `FileFormatError` if one cannot be read.
  public static func mnist(directory: String) throws -> (training: Dataset, test: Dataset) {
    try mnist(directory: directory, classNames: (0...9).map(String.init))
  }

  /// Clothes in ten classes, in files and shapes like MNIST's (Xiao et al., 2017).
  /// - Throws: as ``mnist(directory:)``.
  public static func fashionMNIST(directory: String) throws -> (training: Dataset, test: Dataset) {
    try mnist(
      directory: directory,
      classNames: [
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
      ])
  }

  private static func mnist(directory: String, classNames: [String]) throws -> (training: Dataset, test: Dataset) {
    let names = try FileSystem.names(in: directory)
    func part(_ prefix: String) throws -> Dataset {
      func path(_ suffix: String) throws -> String {
        guard
          let name = names.first(where: {
            $0.hasPrefix(prefix) && ($0.hasSuffix(suffix) || $0.hasSuffix(suffix + ".gz"))
          })
        else { throw DatasetError("\(directory): there is no file \(prefix)*\(suffix) or \(prefix)*\(suffix).gz") }
        return "\(directory)/\(name)"
      }
      return try Dataset(
        mnistImages: path("-images-idx3-ubyte"), labels: path("-labels-idx1-ubyte"), classNames: classNames)
    }
    return (try part("train").marked(.training), try part("t10k").marked(.heldOut))
  }

  private init(mnistImages path: String, labels labelPath: String, classNames: [String]) throws {
    let images = try IDXFile.read(path)
    guard images.dtype == .uint8, images.rank == 3 else {
      throw DatasetError("\(path): there are elements of type \(images.type); expected images, uint8 with 3 axes")
    }
    let labels = try IDXFile.read(labelPath)
    guard labels.type == TensorType([images.shape[0]], .uint8) else {
      throw DatasetError(
        "\(labelPath): there are elements of type \(labels.type); expected \(TensorType([images.shape[0]], .uint8)), a label for each image"
      )
    }
    let numbers = labels.elements(as: UInt8.self)
    if let wrong = numbers.first(where: { $0 >= classNames.count }) {
      throw DatasetError("\(labelPath): the label \(wrong) is outside 0 to \(classNames.count - 1)")
    }
    self.init(
      path, features: images.reshaped(Array(images.shape) + [1]).cast(to: .float32) / 255,
      targets: Tensor(numbers.map(Int32.init)), kind: .classes(classNames))
  }
}
