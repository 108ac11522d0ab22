/// Image data sets that are known by name.
public enum ImageData: String, Sendable, Hashable, CaseIterable {
  case mnist
  case fashionMNIST = "fashion-mnist"
  case cifar10
  case cifar100

  /// Training and test images (n, height, width, channels), from the files in `directory`; without one, from the cache, into which they
  /// are downloaded once.
  /// - Throws: `DatasetError` or `FileFormatError` if they are not there or not as they should be.
  public func load(directory: String?) throws -> (training: Dataset, test: Dataset) {
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
