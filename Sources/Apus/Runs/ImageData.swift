/// Image data sets that are known by name.
public enum ImageData: String, Sendable, Hashable, CaseIterable {
  case mnist
  case fashionMNIST = "fashion-mnist"
  case cifar10
  case cifar100

  /// Training and test images (n, height, width, channels), from the files in `directory`; without one, from the cache, into which they
  /// are downloaded once. There is at least one of each, and all have the same size.
  /// - Throws: `DatasetError` or `FileFormatError` if they are not there or not as they should be.
  public func load(directory: String?) throws -> (training: Dataset, test: Dataset) {
    let (training, test) = try read(directory: directory)
    for part in [training, test] where part.features.count == 0 {
      throw DatasetError(
        "\(part.name): there are no images, or none with pixels: their shape is \(part.features.shape)")
    }
    let (size, other) = (Shape(training.features.shape.dropFirst()), Shape(test.features.shape.dropFirst()))
    guard size == other else {
      throw DatasetError("\(test.name): the test images are of \(other), the training images of \(size)")
    }
    return (training, test)
  }

  private func read(directory: String?) throws -> (training: Dataset, test: Dataset) {
    guard let directory else {
      return switch self {
      case .mnist: try Dataset.mnist()
      case .fashionMNIST: try Dataset.fashionMNIST()
      case .cifar10: try Dataset.cifar10()
      case .cifar100: try Dataset.cifar100()
      }
    }
    return switch self {
    case .mnist: try Dataset.mnist(directory: directory)
    case .fashionMNIST: try Dataset.fashionMNIST(directory: directory)
    case .cifar10: try Dataset.cifar10(directory: directory)
    case .cifar100: try Dataset.cifar100(directory: directory)
    }
  }
}

extension Dataset {
  /// Some of the images, as networks take them: float32 from 0 to 1.
  func pixels(_ range: Range<Int>) -> Tensor {
    let part = features[range]
    return part.dtype == .uint8 ? part.cast(to: .float32) / 255 : part
  }

  /// Ranges that cover all examples, `size` at a time.
  func parts(of size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }
}
